"""The sides on which kept bodies count: whose share of the room they fill, and who loses first.

Implements `docs/protocol/storage.md`, section "Shares". Bodies lie in *pools*, one for each posting
key, day, stamp and peer that brought them. Pools lie on *sides*: strangers' on that of the peer
that brought them, nearer authors' on that of their *sponsor*, the contact who answers for the key.
The side with the most bytes loses, of it the key with the most.

A key with several sponsors lies on the side of the one for whom it is least, or who names a
friend's key would drag it along. That is looked at when the key is to lose something: it moves as
long as another sponsor has less.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeVar

from mesh.ids import ContactId, EnvelopeId, PostingKey
from mesh.retention.ranking import Rank, Ranking
from mesh.trust.distance import Depth
from mesh.wire.envelope import StampedKey

FORMER: Final = ""
"""The peer that stands for all who cannot be told apart any more, as after a restart."""

SponsorsOf = Callable[[PostingKey, int], Sequence[ContactId]]
"""The contacts to whom a key owes its depth on a day."""

Name = TypeVar("Name", str, ContactId)

NOBODY: Final = ContactId(0)
"""On whose side keys lie for which nobody answers any more, until somebody looks again."""


class Group(Enum):
    """The groups whose authors share room because contacts answer for them."""

    CONTACTS = 1
    FRIENDS = 2


_GROUP_OF: Final = {
    Depth.CONTACT: Group.CONTACTS,
    Depth.VOUCHED: Group.FRIENDS,
    Depth.FAR: Group.FRIENDS,
}


@dataclass(slots=True, eq=False)
class Key:
    """A posting key and its day, by one stamp, and where its bodies came from."""

    name: StampedKey
    depth: Depth
    sponsor: ContactId | None = None
    """On whose side its bodies lie; None of those who are strangers, or ours."""

    pools: dict[str, "Pool"] = field(default_factory=dict)

    @property
    def bodies_bytes(self) -> int:
        """Bytes of all its bodies."""
        return sum(pool.bodies_bytes for pool in self.pools.values())


@dataclass(slots=True, eq=False)
class Pool:
    """The bodies of one key that one peer brought."""

    key: Key
    peer: str
    bodies_count: int = 0
    bodies_bytes: int = 0
    queues: dict[int, "Queue"] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Queue:
    """Bodies of one size in a pool. `ids` may name some that are gone; `is_sorted`: by age."""

    pool: Pool
    body_bytes: int
    ids: list[EnvelopeId] = field(default_factory=list)
    first: int = 0
    count: int = 0
    newest: int = 0
    is_sorted: bool = True


@dataclass(slots=True, eq=False)
class _Side:
    """Strangers' mail that one peer brought, or a group's for which one contact answers."""

    ranking: Ranking[Pool]
    bodies_bytes: int = 0


class Sides:
    """All sides, and what counts on them. `counts` and `bytes`: of each `Depth`, on any side."""

    def __init__(self, sponsors_of: SponsorsOf) -> None:
        self._sponsors_of = sponsors_of
        self.counts = [0] * len(Depth)
        self.bytes = [0] * len(Depth)
        self._peers: dict[str, _Side] = {}
        self._sponsors: dict[Group, dict[ContactId, _Side]] = {group: {} for group in Group}

    # --- What lies where ----------------------------------------------------------------------

    def count(self, queue: Queue, change: int) -> None:
        """So many bodies more, or less, lie in a queue."""
        pool, size_bytes = queue.pool, change * queue.body_bytes
        queue.count += change
        pool.bodies_count += change
        pool.bodies_bytes += size_bytes
        self._weigh(pool, change, size_bytes)

    def touch(self, pool: Pool) -> None:
        """Note that what is chosen next may be something of this pool."""
        side = self._find_side(pool)
        if side is not None:
            side.ranking.touch(pool)

    def move(self, key: Key, depth: Depth) -> None:
        """The author of a key is nearer or further than before."""
        self._lift(key)
        key.depth = depth
        key.sponsor = None
        key.sponsor = self.find_sponsor(key)
        self._lay(key)

    def find_sponsor(self, key: Key) -> ContactId | None:
        """Of those who answer for a key the one who has the least in its group."""
        group = _GROUP_OF.get(key.depth)
        if group is None:
            return None
        sponsors = self._sponsors_of(key.name.posting_key, key.name.day)
        return min(
            sponsors or (NOBODY,),
            key=lambda one: (self._sponsored(group, one).bodies_bytes, one),
        )

    # --- Peers ---------------------------------------------------------------------------

    def has_room_for(self, peer: str, *, count_max: int) -> bool:
        """Say whether a peer is told apart, or may be beside no more than so many others."""
        return peer in self._peers or len(self._peers) < count_max

    def remove_least_peer(self) -> str:
        """Of the peers that are told apart take away who brought least, and name it."""
        named = [(one.bodies_bytes, name) for name, one in self._peers.items() if name]
        least = min(named)[1]
        del self._peers[least]
        return least

    def add_former(self, pool: Pool) -> None:
        """Bodies of strangers that such a peer brought count for all former ones."""
        if pool.key.depth is Depth.STRANGER:
            self._peer(FORMER).bodies_bytes += pool.bodies_bytes

    # --- Who loses ----------------------------------------------------------------------------

    def group_bytes(self, group: Group) -> int:
        """Bytes of all that counts for a group."""
        return sum(self.bytes[depth] for depth, one in _GROUP_OF.items() if one is group)

    def fullest_stranger(self) -> Pool:
        """Of the peer with the most bytes its key with the most."""
        pool = _fullest(self._peers).ranking.find_first()
        assert pool is not None
        return pool

    def fullest_near(self, group: Group) -> Key:
        """Of the sponsor with the most bytes the key with the most of those that have no other."""
        while True:
            pool = _fullest(self._sponsors[group]).ranking.find_first()
            assert pool is not None
            key = pool.key
            sponsor = self._find_lighter_sponsor(key)
            if sponsor is None:
                return key
            self._lift(key)
            key.sponsor = sponsor
            self._lay(key)

    # --- Below --------------------------------------------------------------------------------

    def _find_lighter_sponsor(self, key: Key) -> ContactId | None:
        """On whose side a key should lie rather than where it does."""
        assert key.sponsor is not None
        sponsors = self._sponsors_of(key.name.posting_key, key.name.day)
        least = min(sponsors, key=lambda one: (self._bytes_for(key, one), one), default=None)
        if least is None or least == key.sponsor:
            return None
        has_less = self._bytes_for(key, least) < self._bytes_for(key, key.sponsor)
        return least if has_less or key.sponsor not in sponsors else None

    def _bytes_for(self, key: Key, sponsor: ContactId) -> int:
        """Return how much would lie on a side with this key."""
        side_bytes = self._sponsored(_GROUP_OF[key.depth], sponsor).bodies_bytes
        return side_bytes if sponsor == key.sponsor else side_bytes + key.bodies_bytes

    def _lift(self, key: Key) -> None:
        """A key counts nowhere until it is laid down again."""
        for pool in key.pools.values():
            self._weigh(pool, -pool.bodies_count, -pool.bodies_bytes)

    def _lay(self, key: Key) -> None:
        for pool in key.pools.values():
            self._weigh(pool, pool.bodies_count, pool.bodies_bytes)
            self.touch(pool)

    def _weigh(self, pool: Pool, count: int, size_bytes: int) -> None:
        """So much more counts for the group of a pool, and on its side."""
        self.counts[pool.key.depth] += count
        self.bytes[pool.key.depth] += size_bytes
        side = self._find_side(pool)
        if side is not None:
            side.bodies_bytes += size_bytes

    def _find_side(self, pool: Pool) -> _Side | None:
        """Return where a pool lies; None if it is ours."""
        key = pool.key
        if key.depth is Depth.STRANGER:
            return self._peer(pool.peer)
        if key.sponsor is None:
            return None
        return self._sponsored(_GROUP_OF[key.depth], key.sponsor)

    def _peer(self, name: str) -> _Side:
        side = self._peers.get(name)
        if side is None:
            side = _Side(Ranking[Pool](lambda pool: _find_share(pool, name)))
            self._peers[name] = side
        return side

    def _sponsored(self, group: Group, sponsor: ContactId) -> _Side:
        side = self._sponsors[group].get(sponsor)
        if side is None:
            side = _Side(Ranking[Pool](lambda pool: _find_near_share(pool, group, sponsor)))
            self._sponsors[group][sponsor] = side
        return side


def _find_share(pool: Pool, peer: str) -> Rank | None:
    """The largest share first; a key that is no stranger's has none."""
    if pool.key.depth is not Depth.STRANGER or pool.peer != peer:
        return None
    if not pool.bodies_bytes:
        return None
    return -pool.bodies_bytes, _bytes_of(pool.key.name)


def _find_near_share(pool: Pool, group: Group, sponsor: ContactId) -> Rank | None:
    """Of the keys on a side the one with the most first; what is one step further counts twice."""
    key = pool.key
    if _GROUP_OF.get(key.depth) is not group or key.sponsor != sponsor or not pool.bodies_bytes:
        return None
    counted_bytes = key.bodies_bytes << (key.depth - Depth.CONTACT)
    return -counted_bytes, _bytes_of(key.name)


def _bytes_of(name: StampedKey) -> bytes:
    return name.posting_key + name.day.to_bytes(4) + name.nonce


def _fullest(sides: Mapping[Name, _Side]) -> _Side:
    """The side with the most."""
    return min(sides.items(), key=lambda named: (-named[1].bodies_bytes, named[0]))[1]
