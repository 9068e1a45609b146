"""The trace of a run, folded into one hash.

Every input that a node is given, with its bytes, and every event that it emits is a record
[t, seq, kind, node, peer, bytes]. Two runs with the same hash did the same things in the same
order to the microsecond; that is what "replays" means.
"""

import hashlib
import struct
from typing import Final

HASH_BYTES: Final = 16

PARTS_WAITING_MAX: Final = 192
"""Parts of records, three each, that are hashed at once: a call costs as much as 500 bytes."""

_HEAD: Final = struct.Struct("<QIIi")
NOBODY: Final = -1


class Trace:
    """A running hash over records, and how many there were."""

    is_recording = False
    """Whether somebody wants to hear of what nodes write to streams."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=HASH_BYTES, person=b"sim/trace")
        self._waiting: list[bytes] = []
        self.records_count = 0

    def record(self, now: int, kind: str, node: int, peer: int = NOBODY, body: bytes = b"") -> None:
        """Fold one record in."""
        head = _HEAD.pack(now, self.records_count, node, peer)
        self._waiting += (head, b"%b %d " % (kind.encode(), len(body)), body)
        self.records_count += 1
        if len(self._waiting) >= PARTS_WAITING_MAX:
            self._fold()

    def sent(self, node: int, link: int, peer: int, peer_link: int, size: int) -> None:
        """A node writes to a stream: no record, but the cause of one."""

    def hexdigest(self) -> str:
        """The hash of everything recorded so far."""
        self._fold()
        return self._hash.hexdigest()

    def _fold(self) -> None:
        self._hash.update(b"".join(self._waiting))
        self._waiting.clear()
