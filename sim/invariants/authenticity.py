"""The authenticity of what is shown: signed, and out of a box whose tag was right (S1).

Nothing of the node is believed: a signature is checked again with libsodium, and a box counts as
opened when the library has found its tag to be right at a machine of the user who is shown the
text.
"""

import re
from collections.abc import Callable, Sequence

from mesh.crypto.signing import is_signature_valid
from mesh.wire.envelope import Envelope, is_envelope_signature_valid
from sim.invariants.invariants import S1, BrokenInvariant


class Authenticity:
    """The proofs of one run. `working`: whose engine works now, if it is honest."""

    def __init__(
        self, *, marker: str, owners: Sequence[int], working: Callable[[], int | None]
    ) -> None:
        self._marker = marker.encode()
        self._text = re.compile(rb"(\d{7}) " + re.escape(self._marker))
        self._owners = owners
        self._working = working
        self._opened: dict[tuple[int, int], None] = {}
        self.signatures_count = 0
        """Those that were checked again."""

    def box_opened(self, plaintext: bytes) -> None:
        """The tag of a box was right, and this is in it."""
        if self._marker not in plaintext:
            return
        node = self._working()
        if node is not None:
            for found in self._text.finditer(plaintext):
                self._opened[self._owners[node], int(found[1])] = None

    def envelope_opened(self, envelope: Envelope) -> None:
        """An inbox takes what is in this envelope."""
        node = self._working()
        if node is None:
            return
        self.signatures_count += 1
        if not is_envelope_signature_valid(envelope, is_signature_valid):
            raise BrokenInvariant(S1, "an envelope is opened that nobody signed", node)

    def require_opened(self, user: int, message: int) -> None:
        """A user is shown a message: a box at one of their machines held it."""
        if (user, message) not in self._opened:
            detail = f"the message {message} is shown, and the tag of no box that held it was right"
            raise BrokenInvariant(S1, detail, user)
