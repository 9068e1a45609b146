"""Two engines that dial each other more than once, over streams of unequal delay."""

import heapq
from collections.abc import Callable, Iterator
from itertools import count, islice
from random import Random

import pytest

from mesh.crypto.agreement import x25519_public
from mesh.effects import Disconnect, Effect, SendBytes
from mesh.events import LinkClosed
from mesh.ids import Address, DialId, LinkId, LinkKey
from mesh.inputs import (
    BytesReceived,
    BytesSent,
    Connected,
    Disconnected,
    Input,
    NetworkChanged,
    PeerSeen,
)
from mesh.limits.link import (
    HANDSHAKES_PENDING_MAX,
    LINK_CHECK_MS,
    LINK_WAITING_MS,
    LINKS_MAX,
    LINKS_WAITING_MAX,
)
from mesh.limits.peering import LINKS_ROOM_MAX
from mesh.wire.frames import CLOSE_GOING_AWAY, Close
from tests.engine.joined import Joined, Seat
from tests.engine.stranger import Stranger

SETTLED_S = 2 * LINK_CHECK_MS / 1_000


class Slow(Joined):
    """Streams whose bytes take a while, each stream a time of its own."""

    def __init__(self, *names: str, seed: int) -> None:
        super().__init__(*names, seed=seed)
        self.delays_us: dict[LinkId, int] = {}
        self._coming: list[tuple[int, int, str, Input]] = []
        self._count = 0

    def dial(self, left: str, right: str, delay_us: int) -> LinkId:
        """Begin a stream that takes so long one way; return the dialler's end of it."""
        link = LinkId(self._next_link)
        self._connect(left, right, DialId(0))
        self.delays_us |= {link: delay_us, LinkId(link + 1): delay_us}
        self.run()
        return link

    def pass_slowly(self, seconds: float) -> None:
        """Let time pass, with what arrives meanwhile."""
        end = self.now_us + int(seconds * 1_000_000)
        while self._coming and self._coming[0][0] <= end:
            at_us = self._coming[0][0]
            self.pass_time((at_us - self.now_us) / 1_000_000)
            while self._coming and self._coming[0][0] <= at_us:
                _, _, name, event = heapq.heappop(self._coming)
                self.seats[name].inbox.append(event)
            self.run()
        self.pass_time((end - self.now_us) / 1_000_000)

    def die(self, name: str, link: LinkId) -> None:
        """A stream ends for one side; what the other one sends into it is lost."""
        self.seats[name].streams.pop(link, None)
        self.seats[name].inbox.append(Disconnected(link))
        self.run()

    def links(self, name: str) -> list[int]:
        """Return which streams a node uses; both ends of one have the same number here."""
        return [(link + 1) // 2 for link in self.seats[name].engine._links.ready]

    def streams_count(self, name: str) -> int:
        """Return how many links a node keeps, in use or not."""
        return len(self.seats[name].engine._links.all)

    def _carry_out(self, seat: Seat, effect: Effect) -> None:
        match effect:
            case SendBytes(link, data) if link in self.delays_us:
                seat.inbox.append(BytesSent(link, len(data)))
                self._later(seat, link, lambda far: BytesReceived(far, data))
            case Disconnect(link) if link in self.delays_us:
                self._later(seat, link, Disconnected)
                seat.streams.pop(link, None)
            case _:
                super()._carry_out(seat, effect)

    def _later(self, seat: Seat, link: LinkId, event: Callable[[LinkId], Input]) -> None:
        if link in seat.streams:
            other, far = seat.streams[link]
            if far in self.seats[other].streams:
                self._count += 1
                at_us = self.now_us + self.delays_us[link]
                heapq.heappush(self._coming, (at_us, self._count, other, event(far)))


def closed_count(table: Slow, name: str) -> int:
    return sum(isinstance(event, LinkClosed) for event in table.seats[name].events)


@pytest.mark.parametrize("seed", range(24))
def test_of_links_that_cross_one_lives_and_both_ends_mean_the_same(seed: int) -> None:
    random = Random(seed)
    table = Slow("ada", "bob", seed=seed)
    for _ in range(random.randint(2, 4)):
        dialler = random.choice(["ada", "bob"])
        other = "bob" if dialler == "ada" else "ada"
        table.dial(dialler, other, random.randint(1_000, 80_000))
        table.pass_slowly(random.choice([0, 0.01, 0.05, 0.1]))
    table.pass_slowly(SETTLED_S)
    assert len(table.links("ada")) == 1
    assert table.links("ada") == table.links("bob")
    assert (table.streams_count("ada"), table.streams_count("bob")) == (1, 1)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("dialler", ["ada", "bob"])
def test_a_link_that_lives_is_not_replaced_by_a_newer_one(dialler: str, seed: int) -> None:
    table = Slow("ada", "bob", seed=seed)
    table.dial("ada", "bob", 20_000)
    table.pass_slowly(1)
    (first,) = table.links("ada")
    other = "bob" if dialler == "ada" else "ada"
    for delay_us in (1_000, 5_000, 60_000):
        table.dial(dialler, other, delay_us)
    table.pass_slowly(SETTLED_S)
    assert table.links("ada") == table.links("bob") == [first]
    assert (closed_count(table, "ada"), closed_count(table, "bob")) == (0, 0)
    assert (table.streams_count("ada"), table.streams_count("bob")) == (1, 1)


@pytest.mark.parametrize("seed", range(12))
def test_a_link_that_died_for_one_end_is_replaced_within_seconds(seed: int) -> None:
    """Before the newer one is dialled or while it shakes hands, and whoever dials it."""
    random = Random(seed)
    table = Slow("ada", "bob", seed=seed)
    first = table.dial("ada", "bob", random.randint(1_000, 50_000))
    table.pass_slowly(random.choice([0.5, 20]))
    dialler, other = random.sample(["ada", "bob"], 2)
    ends = {"ada": first, "bob": LinkId(first + 1)}
    knowing = random.choice(["ada", "bob"])
    is_before = random.random() < 0.5
    if is_before:
        table.die(knowing, ends[knowing])
    delay_us = random.randint(1_000, 50_000)
    second = table.dial(dialler, other, delay_us)
    # A handshake is three messages, and the first frame is another one.
    table.pass_slowly(3 * delay_us / 1_000_000 * random.random())
    if not is_before:
        table.die(knowing, ends[knowing])
    table.pass_slowly(SETTLED_S)
    assert table.links("ada") == table.links("bob") == [(second + 1) // 2]


def private_keys(table: Joined, name: str, *, chooses: bool) -> Iterator[bytes]:
    """Of link keys that are smaller than an engine's, or greater."""
    ours = table.seats[name].engine._links.keys.current
    for number in count(1):
        private = number.to_bytes(2, "big") * 16
        if (LinkKey(x25519_public(private)) < ours) is chooses:
            yield private


def private_key(table: Joined, name: str, *, chooses: bool) -> bytes:
    return next(private_keys(table, name, chooses=chooses))


@pytest.mark.parametrize("chooses", [False, True])
def test_a_peer_that_answers_over_two_links_holds_one(chooses: bool) -> None:
    """It never closes any itself: at once if it is for us to choose, and after a while if not."""
    table = Joined("ada")
    private = private_key(table, "ada", chooses=chooses)
    links = [Stranger(table, "ada", private=private) for _ in range(2)]
    links[0].flush()
    peers = table.seats["ada"].engine._links
    assert len(peers.all) == (2 if chooses else 1)
    table.pass_time(LINK_WAITING_MS / 1_000)
    assert list(peers.all) == list(peers.ready) == [links[0].link_id]


def test_a_peer_that_dials_without_end_holds_a_bounded_number_of_links() -> None:
    table = Joined("ada")
    private = private_key(table, "ada", chooses=True)
    links = [Stranger(table, "ada", private=private) for _ in range(3 * LINKS_WAITING_MAX)]
    peers = table.seats["ada"].engine._links
    assert len(peers.all) == 1 + LINKS_WAITING_MAX
    assert list(peers.ready) == [links[0].link_id]


def crowded(*, callers_count: int) -> tuple[Joined, list[Stranger]]:
    """A node that sees so many that it has all its room, and callers of one link each."""
    table = Joined("ada", "bob")
    seat = table.seats["ada"]
    keys = seat.engine._links.keys
    for number in range(3 * LINKS_ROOM_MAX):
        instance = f"{number + 1:016x}"
        address = Address(f"10.0.7.{number + 1}", 41_730)
        seat.inbox.append(PeerSeen(instance, (address,), keys.hint(instance)))
    table.run()
    privates = islice(private_keys(table, "ada", chooses=True), callers_count)
    hosts = [f"10.0.9.{number + 1}" for number in range(callers_count)]
    callers = [
        Stranger(table, "ada", host=host, private=private)
        for host, private in zip(hosts, privates, strict=True)
    ]
    for host, caller in zip(hosts, callers, strict=True):
        assert caller.is_open
        for _ in range(LINKS_WAITING_MAX):
            Stranger(table, "ada", host=host, private=caller.private)
    return table, callers


def test_who_call_over_many_links_each_shut_nobody_out() -> None:
    """They hold all the links of a node but a few, and each has as many beside it as it may."""
    table, callers = crowded(callers_count=LINKS_ROOM_MAX - 4)
    peers = table.seats["ada"].engine._links
    honest = Stranger(table, "ada", host="10.0.5.1")
    assert honest.is_open
    table._connect("ada", "bob", DialId(0))
    table.run()
    assert table.seats["bob"].address in [peer.address for peer in peers.ready.values()]
    assert all(caller.is_open for caller in callers)


def test_a_full_node_lets_go_of_who_proves_nothing_for_who_comes() -> None:
    table, _ = crowded(callers_count=LINKS_ROOM_MAX - 4)
    seat = table.seats["ada"]
    peers = seat.engine._links
    for number in range(HANDSHAKES_PENDING_MAX):
        mute = LinkId(2_000_000 + number)
        table.strangers[mute] = lambda data: None
        seat.inbox.append(Connected(mute, None, Address("10.0.6.6", number), ""))
    table.run()
    assert len(peers.all) == LINKS_MAX
    table._connect("ada", "bob", DialId(0))
    table.run()
    assert len(peers.all) == LINKS_MAX
    at_bob = table.seats["bob"].engine._links.ready.values()
    assert seat.address in [peer.address for peer in at_bob]


def test_who_is_given_up_is_given_up_with_all_his_links() -> None:
    """Midnight comes, and nothing is left under the key of yesterday."""
    table = Joined("ada")
    private = private_key(table, "ada", chooses=True)
    links = [Stranger(table, "ada", private=private) for _ in range(3)]
    table.seats["ada"].inbox.append(NetworkChanged())
    table.run()
    assert not table.seats["ada"].engine._links.all
    assert [Close(CLOSE_GOING_AWAY) in link.heard for link in links] == [True] * 3
