"""The choice of the bodies that stay when there is no room for all, and of those not taken at all.

Implements `docs/protocol/storage.md`, section "Shares". A live machine that knows ids, posting
keys and peers, never whose mail it is: how near an author is says `Distances`. Only bodies are
a matter of policy; ids and stubs stay by rules that are equal at all nodes.

Theory of operation. Bodies lie in pools (`sides`), and in a pool by size, the oldest first. Every
group of authors has a share of the room: what nobody uses strangers may borrow, and lose first.
Within a group the side with the most bytes loses, of it the key with the most, of that the heaviest
body: so a flood pushes itself out, also a contact's, and one for whose keys a contact vouches. What
was written here is never chosen. Whom a body is for is not known here.

An id costs a place in one dict and one in a list; all order is found when something has to go.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from mesh.ids import EnvelopeId, PostingKey, UnixSeconds
from mesh.inputs import Shares
from mesh.limits.retention import (
    BODY_BYTES_PER_ENVELOPE,
    BODY_BYTES_PER_ENVELOPE_CROWDED,
    PEERS_TOLD_APART_MAX,
    STORE_CROWDED_PERCENT,
    WEIGHT_AGE_SECONDS,
)
from mesh.retention.ranking import Rank
from mesh.retention.sides import FORMER, Group, Key, Pool, Queue, Sides, SponsorsOf
from mesh.trust.distance import Depth
from mesh.wire.envelope import StampedKey

DepthOf = Callable[[PostingKey, int], Depth]
CreatedOf = Callable[[EnvelopeId], UnixSeconds]


class Usage(NamedTuple):
    """The mail that is carried for a group of authors."""

    bodies_count: int
    bodies_bytes: int


class Eviction:
    """All bodies that are here, by whose they are and who brought them."""

    def __init__(self, depth_of: DepthOf, created_of: CreatedOf, sponsors_of: SponsorsOf) -> None:
        self._depth_of = depth_of
        self._created_of = created_of
        self._where: dict[EnvelopeId, Queue] = {}
        self._keys: dict[StampedKey, Key] = {}
        self._sides = Sides(sponsors_of)
        self.shares = Shares()

    def __len__(self) -> int:
        return len(self._where)

    def __contains__(self, id_: EnvelopeId) -> bool:
        return id_ in self._where

    @property
    def bodies_bytes(self) -> int:
        """Bytes of all bodies."""
        return sum(self._sides.bytes)

    @property
    def written_bytes(self) -> int:
        """Bytes of what was written here."""
        return self._sides.bytes[Depth.OWN]

    def usage(self) -> dict[Depth, Usage]:
        """Return what is carried for whom."""
        counts, bytes_ = self._sides.counts, self._sides.bytes
        return {depth: Usage(counts[depth], bytes_[depth]) for depth in Depth}

    def place_of(self, id_: EnvelopeId) -> tuple[Depth, str, PostingKey] | None:
        """Return how near a body's author is, who brought it and the key; None if it is not
        here.
        """
        queue = self._where.get(id_)
        if queue is None:
            return None
        return queue.pool.key.depth, queue.pool.peer, queue.pool.key.name.posting_key

    def ids_near(self) -> list[EnvelopeId]:
        """The bodies of authors who are not strangers."""
        return [
            id_
            for key in self._keys.values()
            if key.depth is not Depth.STRANGER
            for pool in key.pools.values()
            for queue in pool.queues.values()
            for id_ in queue.ids
            if self._where.get(id_) is queue
        ]

    # --- What enters and goes -----------------------------------------------------------------

    def find_refusal(
        self, name: StampedKey, body_bytes: int, *, admitted_count: int, room_bytes: int
    ) -> str | None:
        """Say why a body is not taken, though its stub is; None if it is welcome.

        `admitted_count`: how many envelopes its stamp admits. Nearness counts where room is scarce
        only, as in what goes: with one bound for each, who writes as a contact's contact would read
        from an answer of an empty store that somebody vouches for him.
        """
        key = self._keys.get(name)
        depth = self._depth_of(name.posting_key, name.day) if key is None else key.depth
        if depth is Depth.OWN:
            return None
        is_crowded = self.bodies_bytes * 100 > room_bytes * STORE_CROWDED_PERCENT
        if not is_crowded:
            each = BODY_BYTES_PER_ENVELOPE
        elif depth is Depth.STRANGER:
            each = BODY_BYTES_PER_ENVELOPE_CROWDED
        else:
            each = BODY_BYTES_PER_ENVELOPE >> (depth - Depth.CONTACT)
        kept_bytes = 0 if key is None else key.bodies_bytes
        if kept_bytes + body_bytes > admitted_count * each:
            return "its author has enough here for a day"
        return None

    def add(
        self,
        id_: EnvelopeId,
        *,
        key: StampedKey,
        body_bytes: int,
        created: UnixSeconds,
        peer: str = FORMER,
    ) -> None:
        """A body is here, brought by a peer; one that is here already stays where it is."""
        if id_ in self:
            return
        known = self._keys.get(key)
        if known is None:
            known = self._keys[key] = Key(key, self._depth_of(key.posting_key, key.day))
            known.sponsor = self._sides.find_sponsor(known)
        pool = known.pools.get(peer)
        if pool is None:
            self._make_room_for(peer)
            pool = known.pools[peer] = Pool(known, peer)
        queue = pool.queues.setdefault(body_bytes, Queue(pool, body_bytes))
        queue.is_sorted &= not queue.ids or (queue.newest, queue.ids[-1]) < (created, id_)
        queue.newest = max(queue.newest, created)
        queue.ids.append(id_)
        self._where[id_] = queue
        self._sides.count(queue, 1)
        self._sides.touch(pool)

    def remove(self, id_: EnvelopeId) -> None:
        """A body is gone: retired, expired, dropped or pushed out."""
        queue = self._where.pop(id_, None)
        if queue is not None:
            self._sides.count(queue, -1)
            self._tidy(queue)

    def look_again(self) -> None:
        """Authors may be nearer or further than they were: ask for the depth of every key."""
        for key in self._keys.values():
            depth = self._depth_of(key.name.posting_key, key.name.day)
            if depth is not key.depth:
                self._sides.move(key, depth)

    # --- What has to go -----------------------------------------------------------------------

    def take_victims(
        self, room_bytes: int, expiry_now: UnixSeconds, *, count_max: int
    ) -> list[EnvelopeId]:
        """Choose bodies until the rest fits into the room, and forget them, in their order."""
        chosen: list[EnvelopeId] = []
        while self.bodies_bytes > room_bytes and len(chosen) < count_max:
            victim = self._find_victim(room_bytes, expiry_now)
            if victim is None:
                break
            chosen.append(victim)
            self.remove(victim)
        return chosen

    def _find_victim(self, room_bytes: int, expiry_now: UnixSeconds) -> EnvelopeId | None:
        strangers_bytes = self._sides.bytes[Depth.STRANGER]
        friends_bytes = self._sides.group_bytes(Group.FRIENDS)
        contacts_bytes = self._sides.group_bytes(Group.CONTACTS)
        is_over = (
            strangers_bytes * 100 > room_bytes * self.shares.strangers,
            friends_bytes * 100 > room_bytes * self.shares.friends,
            contacts_bytes * 100 > room_bytes * self.shares.contacts,
        )
        # If no group has more than its share, own mail has: then all shares shrink in turn.
        may_lose = is_over if any(is_over) else (True, True, True)
        if may_lose[0] and strangers_bytes:
            return self._heaviest([self._sides.fullest_stranger()], expiry_now)
        if may_lose[1] and friends_bytes:
            key = self._sides.fullest_near(Group.FRIENDS)
        elif may_lose[2] and contacts_bytes:
            key = self._sides.fullest_near(Group.CONTACTS)
        else:
            return None
        return self._heaviest(key.pools.values(), expiry_now)

    def _heaviest(self, pools: Iterable[Pool], expiry_now: UnixSeconds) -> EnvelopeId:
        oldest = [
            (queue.body_bytes, rank)
            for pool in pools
            for queue in pool.queues.values()
            if (rank := self._find_oldest(queue))
        ]
        _, created_and_id = min(
            (-_weight(body_bytes, UnixSeconds(created), expiry_now), (created, id_))
            for body_bytes, (created, id_) in oldest
        )
        return EnvelopeId(created_and_id[1])

    # --- Below --------------------------------------------------------------------------------

    def _find_oldest(self, queue: Queue) -> Rank | None:
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

    def _tidy(self, queue: Queue) -> None:
        """Let go of what is empty, and of a list that is mostly of bodies which are gone."""
        pool = queue.pool
        if not queue.count:
            pool.queues.pop(queue.body_bytes, None)
        elif len(queue.ids) > 2 * queue.count + 16:
            queue.ids = [id_ for id_ in queue.ids if self._where.get(id_) is queue]
            queue.first = 0
        if not pool.bodies_count:
            pool.key.pools.pop(pool.peer, None)
        if not pool.key.pools:
            self._keys.pop(pool.key.name, None)

    def _make_room_for(self, peer: str) -> None:
        """So many peers are told apart; beyond it who brought least is one of the former."""
        if self._sides.has_room_for(peer, count_max=PEERS_TOLD_APART_MAX):
            return
        least = self._sides.remove_least_peer()
        for key in list(self._keys.values()):
            pool = key.pools.pop(least, None)
            if pool is not None:
                self._join_former(key, pool)

    def _join_former(self, key: Key, pool: Pool) -> None:
        """A peer is no longer told apart: its bodies lie with those of all former ones."""
        self._sides.add_former(pool)
        former = key.pools.get(FORMER)
        if former is None:
            pool.peer = FORMER
            key.pools[FORMER] = pool
        else:
            former.bodies_count += pool.bodies_count
            former.bodies_bytes += pool.bodies_bytes
            for body_bytes, queue in pool.queues.items():
                into = former.queues.setdefault(body_bytes, Queue(former, body_bytes))
                ids = [id_ for id_ in queue.ids if self._where.get(id_) is queue]
                self._where.update(dict.fromkeys(ids, into))
                into.ids += ids
                into.count += queue.count
                into.is_sorted = False
                queue.count = 0
        self._sides.touch(key.pools[FORMER])


def _weight(body_bytes: int, created: UnixSeconds, expiry_now: UnixSeconds) -> int:
    """Return how much is won by dropping a body: size times age, where the first days count as
    one.
    """
    return body_bytes * max(expiry_now - created, WEIGHT_AGE_SECONDS)
