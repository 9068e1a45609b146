"""Which bodies stay when there is no room for all, and which are not taken at all.

Implements `docs/protocol/storage.md`, section "Shares". A live machine that knows ids, posting
keys and neighbours, never whose mail it is: how near an author is says `Standings`. Only bodies are
a matter of policy; ids and stubs stay by rules that are equal at all nodes.

Theory of operation. Bodies lie in *pools*, one for each posting key, day and neighbour that
brought them, and in a pool by size, the oldest first. Every group of authors has a share of the
room: what nobody uses strangers may borrow, and lose first. Within a group bodies lie on *sides*:
strangers' on that of the neighbour that brought them, nearer authors' on that of their *sponsor*,
the contact who answers for the key. The side with the most bytes loses, of it the key with the
most, of that the heaviest body: so a flood pushes itself out, also a contact's, and one for whose
keys a contact vouches. What is ours, or is to be opened here, is *pinned* by who knows, and never
chosen.

A key with several sponsors lies on the side of the one for whom it is least, or who names a
friend's key would drag it along. That is looked at when the key is to lose something: it moves as
long as another sponsor has less.

An id costs a place in one dict and one in a list; all order is found when something has to go.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple, TypeVar

from mesh.ids import ContactId, EnvelopeId, PostingKey, UnixSeconds
from mesh.limits import (
    CONTACTS_SHARE_PERCENT,
    FRIENDS_SHARE_PERCENT,
    KEY_BODIES_BYTES_MAX,
    KEY_BODIES_CROWDED_BYTES_MAX,
    NEIGHBOURS_TOLD_APART_MAX,
    PINNED_SHARE_PERCENT,
    STORE_CROWDED_PERCENT,
    STRANGERS_SHARE_PERCENT,
    WEIGHT_AGE_SECONDS,
)
from mesh.posting.ranking import Rank, Ranking
from mesh.posting.standing import Depth

FORMER: Final = ""
"""The neighbour that stands for all who cannot be told apart any more, as after a restart."""

DepthOf = Callable[[PostingKey, int], Depth]
CreatedOf = Callable[[EnvelopeId], UnixSeconds]
SponsorsOf = Callable[[PostingKey, int], Sequence[ContactId]]
"""The contacts to whom a key owes its depth on a day."""

Name = TypeVar("Name", str, ContactId)

NOBODY: Final = ContactId(0)
"""On whose side keys lie for which nobody answers any more, until somebody looks again."""


class _Group(Enum):
    """Whose authors share room because contacts answer for them."""

    CONTACTS = 1
    FRIENDS = 2


_GROUP_OF: Final = {
    Depth.CONTACT: _Group.CONTACTS,
    Depth.VOUCHED: _Group.FRIENDS,
    Depth.FAR: _Group.FRIENDS,
}


class Usage(NamedTuple):
    """What is carried for a group of authors."""

    bodies_count: int
    bodies_bytes: int


@dataclass(slots=True, eq=False)
class _Key:
    """A posting key and its day, and where its bodies came from."""

    posting_key: PostingKey
    day: int
    depth: Depth
    sponsor: ContactId | None
    """On whose side its bodies lie; None of those who are strangers, or ours."""

    pools: dict[str, "_Pool"] = field(default_factory=dict)

    @property
    def bodies_bytes(self) -> int:
        return sum(pool.bodies_bytes for pool in self.pools.values())


@dataclass(slots=True, eq=False)
class _Pool:
    """The bodies of one key that one neighbour brought."""

    key: _Key
    neighbour: str
    bodies_count: int = 0
    bodies_bytes: int = 0
    queues: dict[int, "_Queue"] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Queue:
    """Bodies of one size in a pool. `ids` may name some that are gone; `is_sorted`: by age."""

    pool: _Pool
    body_bytes: int
    ids: list[EnvelopeId] = field(default_factory=list)
    first: int = 0
    count: int = 0
    newest: int = 0
    is_sorted: bool = True


@dataclass(slots=True, eq=False)
class _Side:
    """Strangers' mail that one neighbour brought, or a group's for which one contact answers."""

    ranking: Ranking[_Pool]
    bodies_bytes: int = 0


class Keeping:
    """All bodies that are here, by whose they are and who brought them."""

    def __init__(self, depth_of: DepthOf, created_of: CreatedOf, sponsors_of: SponsorsOf) -> None:
        self._depth_of = depth_of
        self._created_of = created_of
        self._sponsors_of = sponsors_of
        self._where: dict[EnvelopeId, _Queue] = {}
        self._pinned: dict[EnvelopeId, _Queue] = {}
        self._pinned_bytes = 0
        # What was chosen last, and may still turn out to be ours.
        self._chosen: dict[EnvelopeId, _Queue] = {}
        self._keys: dict[tuple[PostingKey, int], _Key] = {}
        self._counts = [0] * len(Depth)
        self._bytes = [0] * len(Depth)
        self._neighbours: dict[str, _Side] = {}
        self._sponsors: dict[_Group, dict[ContactId, _Side]] = {group: {} for group in _Group}

    def __len__(self) -> int:
        return len(self._where) + len(self._pinned)

    def __contains__(self, id_: EnvelopeId) -> bool:
        return id_ in self._where or id_ in self._pinned

    @property
    def bodies_bytes(self) -> int:
        """Bytes of all bodies."""
        return sum(self._bytes) + self._pinned_bytes

    @property
    def written_bytes(self) -> int:
        """Bytes of what was written here."""
        return self._bytes[Depth.OWN]

    def usage(self) -> dict[Depth, Usage]:
        """What is carried for whom; what is pinned is ours, whoever wrote it."""
        used = {depth: Usage(self._counts[depth], self._bytes[depth]) for depth in Depth}
        own = used[Depth.OWN]
        used[Depth.OWN] = Usage(
            own.bodies_count + len(self._pinned), own.bodies_bytes + self._pinned_bytes
        )
        return used

    def place_of(self, id_: EnvelopeId) -> tuple[Depth, str, PostingKey] | None:
        """How near a body's author is, who brought it and the key; None if it is not here.

        What is pinned for us is told by its author too, or a neighbour could tell it apart.
        """
        queue = self._where.get(id_) or self._pinned.get(id_)
        if queue is None:
            return None
        return queue.pool.key.depth, queue.pool.neighbour, queue.pool.key.posting_key

    def ids_near(self) -> list[EnvelopeId]:
        """The bodies of authors who are not strangers, and what is pinned."""
        near = [
            id_
            for key in self._keys.values()
            if key.depth is not Depth.STRANGER
            for pool in key.pools.values()
            for queue in pool.queues.values()
            for id_ in queue.ids
            if self._where.get(id_) is queue
        ]
        return near + list(self._pinned)

    # --- What enters and goes -----------------------------------------------------------------

    def find_refusal(
        self, posting_key: PostingKey, day: int, body_bytes: int, *, room_bytes: int
    ) -> str | None:
        """Why a body is not taken, though its stub is; None if it is welcome."""
        key = self._keys.get((posting_key, day))
        depth = self._depth_of(posting_key, day) if key is None else key.depth
        match depth:
            case Depth.OWN:
                return None
            case Depth.STRANGER:
                is_crowded = self.bodies_bytes * 100 > room_bytes * STORE_CROWDED_PERCENT
                most = KEY_BODIES_CROWDED_BYTES_MAX if is_crowded else KEY_BODIES_BYTES_MAX
            case _:
                most = KEY_BODIES_BYTES_MAX >> (depth - Depth.CONTACT)
        kept_bytes = 0 if key is None else key.bodies_bytes
        if kept_bytes + body_bytes > most:
            return "its author has enough here for a day"
        return None

    def add(
        self,
        id_: EnvelopeId,
        *,
        posting_key: PostingKey,
        day: int,
        body_bytes: int,
        created: UnixSeconds,
        neighbour: str = FORMER,
    ) -> None:
        """A body is here, brought by a neighbour; one that is here already stays where it is."""
        if id_ in self:
            return
        key = self._keys.get((posting_key, day))
        if key is None:
            key = _Key(posting_key, day, self._depth_of(posting_key, day), None)
            key.sponsor = self._find_sponsor(key)
            self._keys[posting_key, day] = key
        pool = key.pools.get(neighbour)
        if pool is None:
            self._make_room_for(neighbour)
            pool = key.pools[neighbour] = _Pool(key, neighbour)
        queue = pool.queues.setdefault(body_bytes, _Queue(pool, body_bytes))
        queue.is_sorted &= not queue.ids or (queue.newest, queue.ids[-1]) < (created, id_)
        queue.newest = max(queue.newest, created)
        queue.ids.append(id_)
        self._where[id_] = queue
        self._count(queue, 1)
        self._touch(pool)

    def remove(self, id_: EnvelopeId) -> None:
        """A body is gone: retired, lapsed, dropped or pushed out."""
        queue = self._where.pop(id_, None)
        if queue is not None:
            self._count(queue, -1)
            self._tidy(queue)
            return
        queue = self._pinned.pop(id_, None)
        if queue is not None:
            self._pinned_bytes -= queue.body_bytes

    def pin(self, id_: EnvelopeId, *, room_bytes: int) -> bool:
        """A body that is here, or was chosen to go, must stay, as what we wrote does anyway.

        False if too much is pinned already: who floods a locked node with copies of its tags must
        not fill its disk.
        """
        queue = self._where.get(id_) or self._chosen.get(id_)
        if queue is None or queue.pool.key.depth is Depth.OWN:
            return True
        pinned_bytes = self._pinned_bytes + queue.body_bytes
        if pinned_bytes * 100 > room_bytes * PINNED_SHARE_PERCENT:
            return False
        self.remove(id_)
        self._chosen.pop(id_, None)
        self._pinned[id_] = queue
        self._pinned_bytes = pinned_bytes
        return True

    def pinned(self) -> list[EnvelopeId]:
        """All that must stay."""
        return list(self._pinned)

    def unpin(self, ids: Iterable[EnvelopeId]) -> None:
        """These are mail like any other now, those that were pinned."""
        for id_ in ids:
            queue = self._pinned.get(id_)
            if queue is None:
                continue
            self.remove(id_)
            self.add(
                id_,
                posting_key=queue.pool.key.posting_key,
                day=queue.pool.key.day,
                body_bytes=queue.body_bytes,
                created=self._created_of(id_),
                neighbour=queue.pool.neighbour,
            )

    def look_again(self) -> None:
        """Authors may be nearer or further than they were: ask for the depth of every key."""
        for key in self._keys.values():
            depth = self._depth_of(key.posting_key, key.day)
            if depth is not key.depth:
                self._move(key, depth)

    # --- What has to go -----------------------------------------------------------------------

    def take_victims(
        self, room_bytes: int, mesh_now: UnixSeconds, *, count_max: int
    ) -> list[EnvelopeId]:
        """Choose bodies until the rest fits into the room, and forget them, in their order.

        One that turns out to be ours is pinned, before the next are chosen.
        """
        self._chosen = {}
        while self.bodies_bytes > room_bytes and len(self._chosen) < count_max:
            victim = self._find_victim(room_bytes, mesh_now)
            if victim is None:
                break
            self._chosen[victim] = self._where[victim]
            self.remove(victim)
        return list(self._chosen)

    def _find_victim(self, room_bytes: int, mesh_now: UnixSeconds) -> EnvelopeId | None:
        used = self._bytes
        friends_bytes = used[Depth.VOUCHED] + used[Depth.FAR]
        is_over = (
            (used[Depth.STRANGER] * 100 > room_bytes * STRANGERS_SHARE_PERCENT),
            (friends_bytes * 100 > room_bytes * FRIENDS_SHARE_PERCENT),
            (used[Depth.CONTACT] * 100 > room_bytes * CONTACTS_SHARE_PERCENT),
        )
        # If no group has more than its share, what is pinned has: then all shares shrink in turn.
        may_lose = is_over if any(is_over) else (True, True, True)
        if may_lose[0] and used[Depth.STRANGER]:
            return self._find_stranger(mesh_now)
        if may_lose[1] and friends_bytes:
            return self._find_near(_Group.FRIENDS, mesh_now)
        if may_lose[2] and used[Depth.CONTACT]:
            return self._find_near(_Group.CONTACTS, mesh_now)
        return None

    def _find_stranger(self, mesh_now: UnixSeconds) -> EnvelopeId:
        """Of the neighbour with the most bytes, of its key with the most, the heaviest."""
        worst = self._neighbours[_fullest(self._neighbours)]
        pool = worst.ranking.find_first()
        assert pool is not None
        return self._heaviest(pool.queues.values(), mesh_now)

    def _find_near(self, group: "_Group", mesh_now: UnixSeconds) -> EnvelopeId:
        """Of the sponsor with the most bytes, of the keys that have no other, the heaviest."""
        sides = self._sponsors[group]
        while True:
            pool = sides[_fullest(sides)].ranking.find_first()
            assert pool is not None
            key = pool.key
            sponsor = self._find_lighter_sponsor(key)
            if sponsor is None:
                queues = [queue for one in key.pools.values() for queue in one.queues.values()]
                return self._heaviest(queues, mesh_now)
            self._lean_on(key, sponsor)

    def _heaviest(self, queues: Iterable[_Queue], mesh_now: UnixSeconds) -> EnvelopeId:
        oldest = [
            (queue.body_bytes, rank) for queue in queues if (rank := self._find_oldest(queue))
        ]
        _, created_and_id = min(
            (-_weight(body_bytes, UnixSeconds(created), mesh_now), (created, id_))
            for body_bytes, (created, id_) in oldest
        )
        return EnvelopeId(created_and_id[1])

    # --- Below --------------------------------------------------------------------------------

    def _count(self, queue: _Queue, change: int) -> None:
        """One body more or less."""
        pool, size_bytes = queue.pool, change * queue.body_bytes
        queue.count += change
        pool.bodies_count += change
        pool.bodies_bytes += size_bytes
        self._weigh(pool, change, size_bytes)

    def _touch(self, pool: _Pool) -> None:
        """What is chosen next may be something of this pool."""
        side = self._find_side(pool)
        if side is not None:
            side.ranking.touch(pool)

    def _find_side(self, pool: _Pool) -> _Side | None:
        """Where a pool lies; None if it is ours."""
        key = pool.key
        if key.depth is Depth.STRANGER:
            return self._neighbour(pool.neighbour)
        if key.sponsor is None:
            return None
        return self._sponsored(_GROUP_OF[key.depth], key.sponsor)

    def _neighbour(self, name: str) -> _Side:
        side = self._neighbours.get(name)
        if side is None:
            side = _Side(Ranking[_Pool](lambda pool: _find_share(pool, name)))
            self._neighbours[name] = side
        return side

    def _sponsored(self, group: "_Group", sponsor: ContactId) -> _Side:
        side = self._sponsors[group].get(sponsor)
        if side is None:
            side = _Side(Ranking[_Pool](lambda pool: _find_near_share(pool, group, sponsor)))
            self._sponsors[group][sponsor] = side
        return side

    def _find_sponsor(self, key: _Key) -> ContactId | None:
        """Of those who answer for a key the one who has the least in its group."""
        group = _GROUP_OF.get(key.depth)
        if group is None:
            return None
        sponsors = self._sponsors_of(key.posting_key, key.day)
        return min(
            sponsors or (NOBODY,),
            key=lambda one: (self._sponsored(group, one).bodies_bytes, one),
        )

    def _find_lighter_sponsor(self, key: _Key) -> ContactId | None:
        """On whose side a key should lie rather than where it does."""
        assert key.sponsor is not None
        sponsors = self._sponsors_of(key.posting_key, key.day)
        least = min(sponsors, key=lambda one: (self._bytes_for(key, one), one), default=None)
        if least is None or least == key.sponsor:
            return None
        has_less = self._bytes_for(key, least) < self._bytes_for(key, key.sponsor)
        return least if has_less or key.sponsor not in sponsors else None

    def _bytes_for(self, key: _Key, sponsor: ContactId) -> int:
        """How much would lie on a side with this key."""
        side_bytes = self._sponsored(_GROUP_OF[key.depth], sponsor).bodies_bytes
        return side_bytes if sponsor == key.sponsor else side_bytes + key.bodies_bytes

    def _find_oldest(self, queue: _Queue) -> Rank | None:
        """The creation second and id of the oldest body in a queue."""
        if not queue.count:
            return None
        if not queue.is_sorted:
            alive = dict.fromkeys(id_ for id_ in queue.ids if self._where.get(id_) is queue)
            queue.ids = sorted(alive, key=lambda id_: (self._created_of(id_), id_))
            queue.first, queue.is_sorted = 0, True
        while self._where.get(queue.ids[queue.first]) is not queue:
            queue.first += 1
        if queue.first > len(queue.ids) // 2:
            del queue.ids[: queue.first]
            queue.first = 0
        oldest = queue.ids[queue.first]
        return self._created_of(oldest), oldest

    def _tidy(self, queue: _Queue) -> None:
        """Let go of what is empty, and of a list that is mostly of bodies which are gone."""
        pool = queue.pool
        if not queue.count:
            pool.queues.pop(queue.body_bytes, None)
        elif len(queue.ids) > 2 * queue.count + 16:
            queue.ids = [id_ for id_ in queue.ids if self._where.get(id_) is queue]
            queue.first = 0
        if not pool.bodies_count:
            pool.key.pools.pop(pool.neighbour, None)
        if not pool.key.pools:
            self._keys.pop((pool.key.posting_key, pool.key.day), None)

    def _move(self, key: _Key, depth: Depth) -> None:
        """The author of a key is nearer or further than before."""
        self._lift(key)
        key.depth = depth
        key.sponsor = None
        key.sponsor = self._find_sponsor(key)
        self._lay(key)

    def _lean_on(self, key: _Key, sponsor: ContactId) -> None:
        """From now on a key lies on this side."""
        self._lift(key)
        key.sponsor = sponsor
        self._lay(key)

    def _lift(self, key: _Key) -> None:
        """A key counts nowhere until it is laid down again."""
        for pool in key.pools.values():
            self._weigh(pool, -pool.bodies_count, -pool.bodies_bytes)

    def _lay(self, key: _Key) -> None:
        for pool in key.pools.values():
            self._weigh(pool, pool.bodies_count, pool.bodies_bytes)
            self._touch(pool)

    def _weigh(self, pool: _Pool, count: int, size_bytes: int) -> None:
        """So much more counts for the group of a pool, and on its side."""
        self._counts[pool.key.depth] += count
        self._bytes[pool.key.depth] += size_bytes
        side = self._find_side(pool)
        if side is not None:
            side.bodies_bytes += size_bytes

    def _make_room_for(self, neighbour: str) -> None:
        """So many neighbours are told apart; beyond it who brought least is one of the former."""
        if neighbour in self._neighbours or len(self._neighbours) < NEIGHBOURS_TOLD_APART_MAX:
            return
        named = [(one.bodies_bytes, name) for name, one in self._neighbours.items() if name]
        least = min(named)[1]
        del self._neighbours[least]
        for key in list(self._keys.values()):
            pool = key.pools.pop(least, None)
            if pool is not None:
                self._join_former(key, pool)

    def _join_former(self, key: _Key, pool: _Pool) -> None:
        """A neighbour is no longer told apart: its bodies lie with those of all former ones."""
        if key.depth is Depth.STRANGER:
            self._neighbour(FORMER).bodies_bytes += pool.bodies_bytes
        former = key.pools.get(FORMER)
        if former is None:
            pool.neighbour = FORMER
            key.pools[FORMER] = pool
        else:
            former.bodies_count += pool.bodies_count
            former.bodies_bytes += pool.bodies_bytes
            for body_bytes, queue in pool.queues.items():
                into = former.queues.setdefault(body_bytes, _Queue(former, body_bytes))
                ids = [id_ for id_ in queue.ids if self._where.get(id_) is queue]
                self._where.update(dict.fromkeys(ids, into))
                into.ids += ids
                into.count += queue.count
                into.is_sorted = False
                queue.count = 0
        self._touch(key.pools[FORMER])


def _find_share(pool: _Pool, neighbour: str) -> Rank | None:
    """The largest share first; a key that is no stranger's has none."""
    if pool.key.depth is not Depth.STRANGER or pool.neighbour != neighbour:
        return None
    if not pool.bodies_bytes:
        return None
    return -pool.bodies_bytes, pool.key.posting_key + pool.key.day.to_bytes(4)


def _find_near_share(pool: _Pool, group: _Group, sponsor: ContactId) -> Rank | None:
    """Of the keys on a side the one with the most first; what is one step further counts twice."""
    key = pool.key
    if _GROUP_OF.get(key.depth) is not group or key.sponsor != sponsor or not pool.bodies_bytes:
        return None
    counted_bytes = key.bodies_bytes << (key.depth - Depth.CONTACT)
    return -counted_bytes, key.posting_key + key.day.to_bytes(4)


def _fullest(sides: Mapping[Name, _Side]) -> Name:
    """Whose side has the most."""
    return min(sides.items(), key=lambda named: (-named[1].bodies_bytes, named[0]))[0]


def _weight(body_bytes: int, created: UnixSeconds, mesh_now: UnixSeconds) -> int:
    """How much is won by dropping a body: size times age, where the first days count as one."""
    return body_bytes * max(mesh_now - created, WEIGHT_AGE_SECONDS)
