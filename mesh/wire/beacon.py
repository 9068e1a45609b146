"""The beacon: twenty bytes that say a node is here, where multicast DNS is blocked.

Implements `docs/protocol/discovery.md`, section "The beacon". It holds what an announcement over
multicast DNS holds and nothing else: the instance name of this hour, a port, the hint of a closed
mesh. Whoever sent it is told by the packet's source, and proves nothing.
"""

import struct
from dataclasses import dataclass
from typing import Final

from mesh.crypto.hashing import blake2b
from mesh.errors import PeerError

BEACON_BYTES: Final = 20
BEACON_PORT: Final = 41_730
GROUP_V4: Final = "224.0.0.254"
"""The group that RFC 4727 leaves to experiments; no switch filters 224.0.0.0/24."""
BROADCAST_V4: Final = "255.255.255.255"

_MAGIC: Final = b"MshB"
_VERSION: Final = 1
_LAYOUT: Final = struct.Struct("!4sB8sH4sB")
_NO_HINT: Final = bytes(4)
_GROUP_V6_PREFIX: Final = bytes.fromhex("ff120000000000000000")


@dataclass(frozen=True, slots=True)
class Beacon:
    """A node's instance name and port; `is_reply_wanted` asks others to say who they are.

    Port 0 is a goodbye: the name ends.
    """

    instance: str
    port: int
    mesh_hint: str | None
    is_reply_wanted: bool


def encode_beacon(beacon: Beacon) -> bytes:
    """The packet of a beacon."""
    hint = _NO_HINT if beacon.mesh_hint is None else bytes.fromhex(beacon.mesh_hint)
    nonce = bytes.fromhex(beacon.instance)
    return _LAYOUT.pack(_MAGIC, _VERSION, nonce, beacon.port, hint, beacon.is_reply_wanted)


def decode_beacon(packet: bytes) -> Beacon:
    """The beacon in a packet; PeerError if it is anything else."""
    if len(packet) != BEACON_BYTES:
        raise PeerError("not a beacon")
    magic, version, nonce, port, hint, reply = _LAYOUT.unpack(packet)
    if magic != _MAGIC or version != _VERSION or reply > 1:
        raise PeerError("not a beacon")
    mesh_hint = None if hint == _NO_HINT else hint.hex()
    return Beacon(nonce.hex(), port, mesh_hint, is_reply_wanted=bool(reply))


def group_v6() -> bytes:
    """The packed IPv6 group: transient, of one link, named by a hash."""
    return _GROUP_V6_PREFIX + blake2b(b"", b"", b"mesh/beacon", 6)
