"""The rules that are equal at every node of one mesh; nodes with other rules are another mesh.

Implements `docs/protocol/link.md`, section "Mesh id".
"""

from dataclasses import dataclass, field

from mesh.crypto.hashing import blake2b
from mesh.ids import MeshId

STAMP_BITS_DEFAULT = 6
FORMER_STAMP_BITS = 9
"""What was usual while all stamps of a mesh had the same bits."""
KEY_QUOTA_DEFAULT = 512
OPEN_PSK = blake2b(b"", b"", b"mesh/psk/open", 32)


@dataclass(frozen=True, slots=True)
class MeshParameters:
    """A mesh: its name, its rules, and the pre-shared key that keeps outsiders out.

    `stamp_bits`: the least that a stamp must have; 0 means no stamps at all, and only then
    `key_quota` counts. The psk is not part of the id: it separates meshes by itself.
    """

    name: str = "mesh"
    stamp_bits: int = STAMP_BITS_DEFAULT
    key_quota: int = KEY_QUOTA_DEFAULT
    psk: bytes = field(default=OPEN_PSK, repr=False)

    @property
    def is_closed(self) -> bool:
        """Say whether the psk is a secret of this mesh's members."""
        return self.psk != OPEN_PSK

    @property
    def mesh_id(self) -> MeshId:
        """16 bytes that both ends of a link mix into their handshake."""
        name = self.name.encode()
        data = (
            len(name).to_bytes(1, "big")
            + name
            + self.stamp_bits.to_bytes(1, "big")
            + self.key_quota.to_bytes(4, "big")
        )
        return MeshId(blake2b(b"", data, b"mesh/id", 16))
