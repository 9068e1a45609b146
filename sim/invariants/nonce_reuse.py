"""Keys and nonces, tags and nonces: nothing meets twice (S8).

Every box that any node seals passes `mesh.crypto.aead`; of each it is remembered, while a world
runs, (key, nonce) -> what was sealed. The same pair for the same content is a
repetition and harmless (a first contact repeats its box); for other content it breaks S8.

Every envelope that a node makes is a row of its vault's outbox; a temporary trigger, which dies
with the connection and is in no schema, keeps them until they are collected. A node whose vault
was put back, or that runs twice, uses some tags again: that is counted. A tag with the same nonce
in another envelope breaks S8 whatever faults there were, and so does a tag that is used again by a
node that had none. But for the tags of a link into a group, and of a member's entrance: all who
write there draw one of the same ones, and it is the key of a letter that is its own.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from mesh.crypto import aead
from mesh.database import Connection
from mesh.group.entrance import entrance_of, entrance_tags
from mesh.ids import Tag
from mesh.messenger.groups.link_door import link_tags
from mesh.wire.envelope import decode_envelope
from sim.invariants.invariants import S8, BrokenInvariant

_OBSERVING: Final = (
    "CREATE TEMP TABLE sealed (number INTEGER PRIMARY KEY, data BLOB)",
    "CREATE TEMP TRIGGER sealing AFTER INSERT ON outbox WHEN new.data IS NOT NULL "
    "BEGIN INSERT INTO sealed (data) VALUES (new.data); END",
)
_HAS_LINKS: Final = "SELECT 1 FROM sqlite_schema WHERE name = 'group_links'"
_LINKS: Final = "SELECT secret FROM group_links WHERE secret IS NOT NULL"
_SEEDS: Final = "SELECT seed FROM groups"


def observe_outbox(vault: Connection) -> None:
    """Keep what is sealed from now on until `collect`."""
    vault.execute("BEGIN")
    for statement in _OBSERVING:
        vault.execute(statement)
    vault.execute("COMMIT")


@dataclass(slots=True)
class NonceReuse:
    """The boxes that were sealed in one run, by whatever node."""

    tags_repeated: int = 0
    _boxes: dict[bytes, dict[bytes, bytes]] = field(default_factory=dict)
    _by_tag: dict[bytes, dict[bytes, bytes]] = field(default_factory=dict)
    _repeating: dict[int, None] = field(default_factory=dict)
    _doors: dict[bytes, frozenset[Tag]] = field(default_factory=dict)

    def sealed(self, key: bytes, nonce: bytes, associated: bytes, plaintext: bytes) -> None:
        """A box is sealed."""
        boxes = self._boxes.get(key)
        if boxes is None:
            boxes = self._boxes[key] = {}
        content = _short(associated, plaintext)
        if boxes.setdefault(nonce, content) != content:
            raise BrokenInvariant(S8, f"a key meets the nonce {nonce.hex()} again")

    def may_repeat_tags(self, node: int) -> None:
        """A node's vault was put back or copied."""
        self._repeating[node] = None

    def learn_link(self, secret: bytes) -> None:
        """Somebody expects knocks at a link that they gave into a group."""
        self._learn(secret, link_tags)

    def learn_entrance(self, seed: bytes) -> None:
        """Somebody is in a group, by the seed of their key there."""
        self._learn(seed, _own_entrance_tags)

    def learn_doors(self, vaults: Iterable[Connection]) -> None:
        """Learn at which tags many may write from the vaults of nodes whose engines nobody sees:
        those of the links that they gave, and of their own entrances into groups.

        An older release may have no groups.
        """
        for vault in vaults:
            if vault.execute(_HAS_LINKS).fetchone() is None:
                continue
            for query, learn in ((_LINKS, self.learn_link), (_SEEDS, self.learn_entrance)):
                for (secret,) in vault.execute(query).fetchall():
                    assert isinstance(secret, bytes)
                    learn(secret)

    def collect(self, node: int, owner: int, vault: Connection) -> None:
        """Look at what a node sealed since the last call."""
        rows = vault.execute("SELECT data FROM sealed ORDER BY number").fetchall()
        if not rows:
            return
        for (data,) in rows:
            assert isinstance(data, bytes)
            self._made(node, owner, data)
        # No transaction of its own: a planted bug may have left one open.
        vault.execute("SAVEPOINT collecting")
        vault.execute("DELETE FROM sealed")
        vault.execute("RELEASE collecting")

    def _made(self, node: int, owner: int, data: bytes) -> None:
        envelope = decode_envelope(data)
        tag, nonce = bytes(envelope.header.tag), envelope.body[: aead.NONCE_BYTES]
        nonces = self._by_tag.setdefault(tag, {})
        known = nonces.setdefault(nonce, bytes(envelope.id))
        if known != envelope.id:
            raise BrokenInvariant(S8, f"the tag {tag.hex()} meets the same nonce again", node)
        if len(nonces) > 1 and not self._is_at_door(envelope.header.tag):
            self.tags_repeated += 1
            if owner not in self._repeating:
                detail = f"the tag {tag.hex()} is used again, though no disk was put back"
                raise BrokenInvariant(S8, detail, node)

    def _learn(self, secret: bytes, tags_of: Callable[[bytes], Sequence[tuple[int, Tag]]]) -> None:
        if secret not in self._doors:
            self._doors[secret] = frozenset(tag for _, tag in tags_of(secret))

    def _is_at_door(self, tag: Tag) -> bool:
        return any(tag in tags for tags in self._doors.values())


def _own_entrance_tags(seed: bytes) -> list[tuple[int, Tag]]:
    """Return all (index, tag) of the entrance of a member whose key has this seed."""
    return entrance_tags(entrance_of(seed))


def _short(one: bytes, other: bytes) -> bytes:
    """Sixteen bytes for two strings; the first is hashed with its length."""
    length = len(one).to_bytes(4, "big")
    return hashlib.blake2b(length + one + other, digest_size=16).digest()
