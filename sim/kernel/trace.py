"""The trace of a run, folded into one hash.

Every input that a node is given, with its bytes, and every event that it emits is a record
[t, seq, kind, node, peer, bytes]. Two runs with the same hash did the same things in the same
order to the microsecond; that is what "replays" means.
"""

import hashlib
import struct
from typing import Final

HASH_BYTES: Final = 16

_HEAD: Final = struct.Struct("<QIIi")
NOBODY: Final = -1


class Trace:
    """A running hash over records, and how many there were."""

    is_recording = False
    """Whether somebody wants to hear of what nodes write to streams."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=HASH_BYTES, person=b"sim/trace")
        self.records_count = 0

    def record(self, now: int, kind: str, node: int, peer: int = NOBODY, body: bytes = b"") -> None:
        """Fold one record in."""
        head = _HEAD.pack(now, self.records_count, node, peer)
        self._hash.update(b"%b%b %d %b" % (head, kind.encode(), len(body), body))
        self.records_count += 1

    def sent(self, node: int, link: int, peer: int, peer_link: int, size: int) -> None:
        """A node writes to a stream: no record, but the cause of one."""

    def hexdigest(self) -> str:
        """The hash of everything recorded so far."""
        return self._hash.hexdigest()
