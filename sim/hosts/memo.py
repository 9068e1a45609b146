"""Remembers the verdicts of signature checks across nodes.

Every node checks every envelope; in a run of a thousand nodes the same bytes get the same
verdict a thousand times. A check is a pure function of its bytes, so remembering it changes no
result, only the time. The report says whether a run remembered.
"""

from typing import Final

from mesh.crypto.signing import Verify

REMEMBERED_MAX: Final = 100_000
"""Verdicts remembered, oldest out first: about 50 MB, and envelopes spread in seconds."""


class RememberedVerify:
    """A `Verify` that asks another one once for the same bytes."""

    def __init__(self, verify: Verify) -> None:
        self._verify = verify
        self._verdicts: dict[tuple[bytes, bytes, bytes], bool] = {}

    def __call__(self, key: bytes, message: bytes, signature: bytes) -> bool:
        """(key, message, signature) -> whether it is valid."""
        asked = (key, message, signature)
        verdict = self._verdicts.get(asked)
        if verdict is None:
            verdict = self._verify(key, message, signature)
            if len(self._verdicts) >= REMEMBERED_MAX:
                del self._verdicts[next(iter(self._verdicts))]
            self._verdicts[asked] = verdict
        return verdict
