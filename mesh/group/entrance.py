"""The entrance of a member: the way in for welcomes, and the last way to who reads no epoch.

Implements `docs/protocol/group-keys.md`, section "Entrance". First contacts to the newest bundle of
its member stand under these tags, which he always expects.
"""

from typing import Final

from mesh.crypto.hashing import blake2b
from mesh.ids import Tag
from mesh.limits.group_keys import ENTRANCE_TAGS
from mesh.ratchet.tags import tag_of

ENTRANCE_BYTES: Final = 16


def entrance_of(seed: bytes) -> bytes:
    """Return the entrance of a member by the seed of his member key: who has one of them from a
    backup has both.
    """
    return blake2b(seed, b"", b"mesh/grp/entr", ENTRANCE_BYTES)


def entrance_key(entrance: bytes) -> bytes:
    """Return the tag key of the 16 bytes in a member's record."""
    assert len(entrance) == ENTRANCE_BYTES
    return blake2b(entrance, b"", b"mesh/grp/door", 32)


def entrance_tags(entrance: bytes) -> list[tuple[int, Tag]]:
    """Return all (index, tag) of an entrance; who writes begins at a random one, modulo 16."""
    key = entrance_key(entrance)
    return [(index, tag_of(key, index)) for index in range(ENTRANCE_TAGS)]
