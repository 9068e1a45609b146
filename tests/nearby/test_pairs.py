"""Pairs of honest people whose links break, whose hours pass and who press what they like."""

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.errors import PeerError, UserError
from mesh.ids import LinkId
from mesh.limits.nearby import NEARBY_COMPARE_MS, NEARBY_KEY_MS
from mesh.nearby.boxes import HourKey, channel_between
from mesh.wire.frames import NearbyCard, NearbySealed
from mesh.wire.nearby import Compared, Declined, Proved, encode_step
from tests.entropy import SeededEntropy
from tests.nearby.tables import Seat, Table

acts = st.sampled_from(
    ["ask", "compare", "compare", "same", "same", "differ", "deliver", "deliver", "off", "on"]
)
turns = st.one_of(
    st.tuples(st.integers(0, 1), acts),
    st.tuples(st.integers(0, 1), st.sampled_from(["cut", "join", "run", "run", "minute", "hour"])),
)


class Agreements:
    """A count of how often a person said *the same* while looking at the same as the other."""

    def __init__(self) -> None:
        self.said: dict[tuple[int, str], None] = {}

    def say(self, index: int, seat: Seat) -> None:
        for person in seat.nearby.answers():
            if person.state == "compare":
                self.said[index, str(person.emoji)] = None

    @property
    def count(self) -> int:
        return sum((1, shown) in self.said for index, shown in self.said if index == 0)


def act(table: Table, index: int, what: str, agreements: Agreements) -> None:
    """One turn; what cannot be done now is refused in words and changes nothing."""
    seat = table.seats[index]
    people = seat.nearby.answers()
    number = people[-1].id if people else 0
    try:
        match what:
            case "ask":
                seat.nearby.ask(table.now)
            case "compare":
                seat.nearby.compare(number, table.now)
            case "same":
                agreements.say(index, seat)
                seat.nearby.confirm(number, table.now, is_equal=True)
            case "differ":
                seat.nearby.confirm(number, table.now, is_equal=False)
            case "deliver":
                table.step(index)
            case "off":
                seat.nearby.switch_off(table.now)
            case "on":
                seat.nearby.switch_on(seat.host, table.now)
            case "cut":
                table.cut()
            case "join":
                table.cut()
                table.join(0, 1)
            case "run":
                table.run()
            case "minute":
                table.pass_time(61)
                table.tend()
            case "hour":
                table.pass_time(NEARBY_KEY_MS / 1000)
                table.tend()
            case _:
                assert what == "", what
    except UserError:
        assert what in ("compare", "same", "differ")


@settings(max_examples=150)
@given(st.lists(turns, max_size=60))
def test_honest_people_never_fault_and_are_contacts_only_if_both_said_so(
    played: list[tuple[int, str]],
) -> None:
    table, agreements = Table("Ann", "Bob"), Agreements()
    table.switch_on()
    table.join(0, 1)
    ann, bob = table.seats
    for index, what in played:
        act(table, index, what, agreements)
        assert len(ann.contacts) + len(bob.contacts) <= agreements.count
    table.run()
    shown = [
        (person.emoji, person.numbers)
        for seat in (ann, bob)
        for person in seat.nearby.answers()
        if person.state == "compare"
    ]
    assert len(shown) in (0, 2)
    assert shown[:1] == shown[1:]
    assert all(key == ann.host.verify_key for key in bob.contacts)
    assert all(key == bob.host.verify_key for key in ann.contacts)
    table.pass_time(NEARBY_COMPARE_MS / 1000)
    table.tend()
    for seat in (ann, bob):
        for person in seat.nearby.answers():
            assert person.state in ("seen", "matched", "failed")


@settings(max_examples=30)
@given(st.lists(turns, max_size=40))
def test_after_anything_two_people_can_become_contacts(played: list[tuple[int, str]]) -> None:
    table, agreements = Table("Ann", "Bob"), Agreements()
    for index, what in played:
        act(table, index, what, agreements)
    act(table, 0, "join", agreements)
    table.pass_time(NEARBY_COMPARE_MS / 1000)
    table.tend()
    before = len(table.seats[0].contacts) + len(table.seats[1].contacts)
    for turn in ("on", "ask", "run"):
        for index in (0, 1):
            act(table, index, turn, agreements)
    for turn in ("compare", "same"):
        for index in (0, 1):
            act(table, index, turn, agreements)
            table.run()
    assert len(table.seats[0].contacts) + len(table.seats[1].contacts) == before + 1


# --- Hostile peers -----------------------------------------------------------------------

MALLORY = HourKey.draw(SeededEntropy(666))
steps = st.one_of(
    st.builds(Compared, st.integers(14, 21), st.binary(max_size=60), st.text(max_size=8)),
    st.builds(
        Compared,
        st.sampled_from([16, 17, 18, 19]),
        st.sampled_from([17, 36, 48, 52]).flatmap(lambda n: st.binary(min_size=n, max_size=n)),
        st.just("Mallory"),
    ),
    st.builds(Proved, st.binary(max_size=60)),
    st.builds(Declined),
).map(encode_step)
boxed = st.one_of(steps, st.binary(max_size=40))


@settings(max_examples=150)
@given(st.lists(st.tuples(boxed, st.sampled_from(["compare", "same", "differ", ""])), max_size=20))
def test_whoever_holds_a_link_is_passed_over_or_at_fault_and_makes_no_contact(
    played: list[tuple[bytes, str]],
) -> None:
    table, agreements = Table("Ann"), Agreements()
    (ann,) = table.seats
    table.switch_on()
    ann.nearby.link_up(LinkId(7), table.now)
    ann.nearby.ask(table.now)
    ann.nearby.received(LinkId(7), NearbyCard("Mallory", MALLORY.public), table.now)
    assert ann.nearby._on is not None
    own = ann.nearby._on.keys.current.public
    channel = channel_between(MALLORY, own)
    for data, what in played:
        box = channel.boxes.seal(data, SeededEntropy(1))
        try:
            frame = NearbySealed(MALLORY.public, own, box)
            ann.nearby.received(LinkId(7), frame, table.now)
        except PeerError:
            ann.nearby.link_down(LinkId(7), table.now)
            ann.nearby.link_up(LinkId(7), table.now)
        act(table, 0, what, agreements)
        ann.serve()
        assert ann.contacts == []
        assert ann.invites == []
        assert len(ann.nearby.answers()) <= 1


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=80))
def test_any_sealed_frame_is_passed_over_or_a_fault(sender: bytes, box: bytes) -> None:
    table = Table("Ann")
    (ann,) = table.seats
    table.switch_on()
    ann.nearby.link_up(LinkId(7), table.now)
    assert ann.nearby._on is not None
    own = ann.nearby._on.keys.current.public
    with contextlib.suppress(PeerError):
        ann.nearby.received(LinkId(7), NearbySealed(sender, own, box), table.now)
    assert ann.nearby.gathered.take_frames() == []
    assert ann.nearby.answers() == []
