"""The ways in which a recorded first message is not answered when it is played again.

An answer tells a prober that a node of the mesh stands here. The node that heard a first message
remembers its ephemeral key; and in a closed mesh the message says for whom it is and when it was
made, so that no other node answers it either. Implements `docs/protocol/link.md`, section "Replay".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from mesh.crypto.hashing import blake2b
from mesh.errors import PeerError
from mesh.ids import UnixSeconds
from mesh.limits.link import FIRST_MESSAGES_REMEMBERED

NAME_BYTES: Final = 8
_TIME_BYTES: Final = 4
FIRST_PAYLOAD_BYTES: Final = 1 + NAME_BYTES + _TIME_BYTES


class MeantBy(IntEnum):
    """The way in which the initiator knows whom it calls."""

    INSTANCE = 1
    HOST = 2
    NOTHING = 3
    """A host name, or an address beyond a router, which may not know it by that."""


@dataclass(frozen=True, slots=True)
class MeantFor:
    """For whom a first message in a closed mesh is, and when it was made, by mesh time."""

    by: MeantBy
    name: bytes
    mesh_time: UnixSeconds

    def __post_init__(self) -> None:
        assert len(self.name) == NAME_BYTES

    @classmethod
    def anybody(cls, mesh_time: UnixSeconds) -> "MeantFor":
        """Return what is said by who does not know whom he calls."""
        return cls(MeantBy.NOTHING, bytes(NAME_BYTES), mesh_time)

    def encode(self) -> bytes:
        """The payload of a first message."""
        return bytes([self.by]) + self.name + self.mesh_time.to_bytes(_TIME_BYTES)


def decode_meant_for(data: bytes) -> MeantFor:
    """Read the payload of a first message; PeerError on anything else."""
    if len(data) != FIRST_PAYLOAD_BYTES or data[0] not in list(MeantBy):
        raise PeerError("a first message for nobody")
    time = int.from_bytes(data[1 + NAME_BYTES :])
    return MeantFor(MeantBy(data[0]), data[1 : 1 + NAME_BYTES], UnixSeconds(time))


def host_name_of(packed: bytes) -> bytes:
    """Return what stands for an IP address in a first message, by its bytes."""
    return blake2b(b"", packed, b"mesh/link/host", NAME_BYTES)


class FirstMessages:
    """The last valid first messages, by ephemeral key; the oldest is forgotten first."""

    def __init__(self, ephemerals: Iterable[bytes] = ()) -> None:
        self._seen: dict[bytes, None] = dict.fromkeys(ephemerals)
        self._unsaved: list[bytes] = []

    def is_fresh(self, ephemeral: bytes) -> bool:
        """Remember a key and return whether it is new."""
        if ephemeral in self._seen:
            return False
        self._seen[ephemeral] = None
        self._unsaved.append(ephemeral)
        # While there is no room to store them, the oldest are forgotten here too.
        del self._unsaved[:-FIRST_MESSAGES_REMEMBERED]
        if len(self._seen) > FIRST_MESSAGES_REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return True

    def take_unsaved(self) -> list[bytes]:
        """The keys to store, so that a restart forgets nothing."""
        unsaved, self._unsaved = self._unsaved, []
        return unsaved
