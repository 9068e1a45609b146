"""The order of eviction, against a list that is searched from end to end."""

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mesh.ids import ContactId, EnvelopeId, PostingKey, UnixSeconds
from mesh.retention.eviction import Eviction
from mesh.retention.sides import NOBODY
from mesh.trust.distance import Depth
from mesh.wire.envelope import StampedKey

DAY_S = 86_400
NOW = UnixSeconds(20_000 * DAY_S)
KIB = 1024
SIZES = [KIB, 4 * KIB, 16 * KIB]
FRIENDS = [Depth.VOUCHED, Depth.FAR]
CONTACTS = [ContactId(1), ContactId(2), ContactId(3)]
NEAR = [Depth.CONTACT, *FRIENDS]


@dataclass
class Body:
    """All that is known of one body."""

    key: int
    day: int
    size: int
    created: UnixSeconds
    peer: str


class Model:
    """The rules, as they stand in the docs, over a dict of bodies."""

    def __init__(self) -> None:
        self.bodies: dict[EnvelopeId, Body] = {}
        self.depths: dict[tuple[PostingKey, int], Depth] = {}
        self.sponsors: dict[tuple[PostingKey, int], list[ContactId]] = {}
        self.seen_depths: dict[tuple[int, int], Depth] = {}
        # On whose side each key lies of which a body is kept, in the order in which they came.
        self.sides: dict[tuple[int, int], ContactId | None] = {}

    def depth_of(self, posting_key: PostingKey, day: int) -> Depth:
        return self.depths.get((posting_key, day), Depth.STRANGER)

    def sponsors_of(self, posting_key: PostingKey, day: int) -> list[ContactId]:
        return self.sponsors.get((posting_key, day), [])

    def kept(self) -> list[Body]:
        return list(self.bodies.values())

    def see(self, key: int, day: int) -> None:
        """A key is new here, or its depth has changed."""
        self.seen_depths[key, day] = depth = self.depth_of(key_of(key), day)
        self.sides[key, day] = None
        if depth in NEAR:
            self.sides[key, day] = self.lightest(key, day)[0]

    def lightest(self, key: int, day: int) -> tuple[ContactId, int]:
        """Of those who answer for a key the one who would have the least with it, and how much."""
        sponsors = self.sponsors_of(key_of(key), day) or [NOBODY]
        return min(
            ((one, self.on_side(one, key, day)) for one in sponsors), key=lambda one: one[::-1]
        )

    def on_side(self, sponsor: ContactId, key: int, day: int) -> int:
        """Return how much lies on a side, with a key."""
        group = group_of(self.seen_depths[key, day])
        return sum(
            body.size
            for body in self.kept()
            if group_of(self.seen_depths[body.key, body.day]) == group
            and ((key, day) == (body.key, body.day) or self.sides[body.key, body.day] == sponsor)
        )

    def tidy(self) -> None:
        """Forget on whose side keys lay of which nothing is left."""
        left = {(body.key, body.day) for body in self.kept()}
        self.sides = {key: one for key, one in self.sides.items() if key in left}

    def used(self, *depths: Depth) -> int:
        return sum(
            body.size for body in self.kept() if self.seen_depths[body.key, body.day] in depths
        )

    @property
    def total(self) -> int:
        return sum(body.size for body in self.bodies.values())

    def victim(self, room: int) -> EnvelopeId | None:
        groups = [(20, [Depth.STRANGER]), (35, FRIENDS), (25, [Depth.CONTACT])]
        over = [group for group in groups if self.used(*group[1]) * 100 > room * group[0]]
        for _, depths in over or groups:
            chosen = [
                (id_, body)
                for id_, body in self.bodies.items()
                if self.seen_depths[body.key, body.day] in depths
            ]
            if chosen and depths == [Depth.STRANGER]:
                return self.heaviest_stranger(chosen)
            if chosen:
                return self.heaviest_sponsored(chosen)
        return None

    def heaviest_sponsored(self, chosen: list[tuple[EnvelopeId, Body]]) -> EnvelopeId:
        while True:
            of_side: dict[ContactId, int] = {}
            of_key: dict[tuple[int, int], int] = {}
            for _, body in chosen:
                side = self.sides[body.key, body.day]
                assert side is not None
                of_side[side] = of_side.get(side, 0) + body.size
                of_key[body.key, body.day] = of_key.get((body.key, body.day), 0) + body.size
            worst = min(of_side, key=lambda side: (-of_side[side], side))
            key = min(
                (key for key in of_key if self.sides[key] == worst),
                key=lambda key: (
                    -of_key[key] * (2 if self.seen_depths[key] is Depth.FAR else 1),
                    key,
                ),
            )
            lightest, most = self.lightest(*key)
            answers = worst in (self.sponsors_of(key_of(key[0]), key[1]) or [worst])
            if lightest == NOBODY or (answers and most >= of_side[worst]):
                return heaviest([one for one in chosen if (one[1].key, one[1].day) == key])
            self.sides[key] = lightest

    def heaviest_stranger(self, chosen: list[tuple[EnvelopeId, Body]]) -> EnvelopeId:
        of_peer: dict[str, int] = {}
        for _, body in chosen:
            of_peer[body.peer] = of_peer.get(body.peer, 0) + body.size
        worst = min(of_peer, key=lambda name: (-of_peer[name], name))
        chosen = [one for one in chosen if one[1].peer == worst]
        of_key: dict[tuple[int, int], int] = {}
        for _, body in chosen:
            of_key[body.key, body.day] = of_key.get((body.key, body.day), 0) + body.size
        largest = min(of_key, key=lambda key: (-of_key[key], key))
        return heaviest([one for one in chosen if (one[1].key, one[1].day) == largest])


def heaviest(chosen: list[tuple[EnvelopeId, Body]]) -> EnvelopeId:
    return min(
        chosen,
        key=lambda one: (
            -one[1].size * max(NOW - one[1].created, 4 * DAY_S),
            one[1].created,
            one[0],
        ),
    )[0]


def group_of(depth: Depth) -> Depth:
    return Depth.VOUCHED if depth is Depth.FAR else depth


def key_of(number: int) -> PostingKey:
    return PostingKey(bytes([number]) * 32)


def stamped(number: int, day: int) -> StampedKey:
    return StampedKey(key_of(number), day, bytes(8))


class KeepingMachine(RuleBasedStateMachine):
    """Both are told the same, and must choose the same."""

    @initialize()
    def begin(self) -> None:
        self.model = Model()
        self.eviction = Eviction(
            self.model.depth_of,
            lambda id_: self.model.bodies[id_].created,
            self.model.sponsors_of,
        )
        self.gone: list[tuple[EnvelopeId, Body]] = []
        self.count = 0

    def add(self, id_: EnvelopeId, body: Body) -> None:
        if (body.key, body.day) not in self.model.sides:
            self.model.see(body.key, body.day)
        self.model.bodies[id_] = body
        self.eviction.add(
            id_,
            key=stamped(body.key, body.day),
            body_bytes=body.size,
            created=body.created,
            peer=body.peer,
        )

    @rule(
        key=st.integers(1, 5),
        age=st.integers(0, 29 * DAY_S),
        size=st.sampled_from(SIZES),
        peer=st.sampled_from(["", "left", "right"]),
    )
    def comes(self, key: int, age: int, size: int, peer: str) -> None:
        self.count += 1
        created = UnixSeconds(NOW - age)
        id_ = EnvelopeId((self.count * 7_919 % 65_521).to_bytes(32))
        day = created // DAY_S - created // DAY_S % 10
        self.add(id_, Body(key, day, size, created, peer))

    @rule(place=st.integers(0, 1_000))
    def goes(self, place: int) -> None:
        if self.model.bodies:
            id_ = sorted(self.model.bodies)[place % len(self.model.bodies)]
            self.eviction.remove(id_)
            self.gone.append((id_, self.model.bodies.pop(id_)))
            self.model.tidy()

    @rule(place=st.integers(0, 1_000))
    def comes_again(self, place: int) -> None:
        if self.gone:
            id_, body = self.gone.pop(place % len(self.gone))
            self.add(id_, body)

    @rule(
        key=st.integers(1, 5),
        day=st.integers(0, 3),
        depth=st.sampled_from(Depth),
        sponsors=st.lists(st.sampled_from(CONTACTS), unique=True),
    )
    def is_told(self, key: int, day: int, depth: Depth, sponsors: list[ContactId]) -> None:
        today = NOW // DAY_S
        of_day = today - today % 10 - 10 * day
        self.model.depths[key_of(key), of_day] = depth
        self.model.sponsors[key_of(key), of_day] = sponsors
        self.eviction.look_again()
        for number, known_day in list(self.model.sides):
            depth = self.model.depth_of(key_of(number), known_day)
            if depth is not self.model.seen_depths[number, known_day]:
                self.model.see(number, known_day)

    @rule(percent=st.integers(0, 100), count_max=st.integers(1, 50))
    def room_is_scarce(self, percent: int, count_max: int) -> None:
        room = self.model.total * percent // 100
        expected: list[EnvelopeId] = []
        before = dict(self.model.bodies)
        while self.model.total > room and len(expected) < count_max:
            victim = self.model.victim(room)
            if victim is None:
                break
            expected.append(victim)
            self.gone.append((victim, self.model.bodies.pop(victim)))
            self.model.tidy()
        after, self.model.bodies = self.model.bodies, before
        assert self.eviction.take_victims(room, NOW, count_max=count_max) == expected
        self.model.bodies = after

    @invariant()
    def both_hold_the_same(self) -> None:
        assert len(self.eviction) == len(self.model.bodies)
        assert self.eviction.bodies_bytes == self.model.total
        usage = self.eviction.usage()
        assert usage[Depth.FAR].bodies_bytes == self.model.used(Depth.FAR)
        assert usage[Depth.STRANGER].bodies_bytes == self.model.used(Depth.STRANGER)
        assert usage[Depth.OWN].bodies_bytes == self.model.used(Depth.OWN)
        assert sum(one.bodies_count for one in usage.values()) == len(self.model.bodies)


TestKeeping = KeepingMachine.TestCase
TestKeeping.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
