"""Somebody is away for longer than an envelope lives: what is there can be opened all the same."""

import pytest

from mesh.commands.contacts import RenewSession
from mesh.limits.sessions import POSTS_ON_WORD_MAX
from mesh.storage.connection import transaction
from mesh.wire.controls import UNOPENED
from mesh.wire.envelope import SIZE_BYTES
from mesh.wire.payload import Payload
from tests.messenger.people import DAY_S, Clock, Person, acquainted, exchange, exchange_tokens

SHORT_BYTES = SIZE_BYTES[0]


def in_step(clock: Clock) -> tuple[Person, Person]:
    """Ann and Bob, whose next chain begins with a post-quantum step."""
    ann, bob = acquainted(clock)
    bob.send("Ann", "hello")
    exchange(ann, bob)
    clock.pass_by(DAY_S)
    ann.send("Bob", "still there?")
    exchange(ann, bob)
    clock.pass_by(660)
    exchange_tokens(ann, bob)
    return ann, bob


def tend(person: Person) -> None:
    person.store.expire(person.now.mesh)
    person.tend()
    person.tend()
    person.post()


def awaiting_count(person: Person) -> int:
    ((count,),) = person.connection.execute("SELECT count(*) FROM awaiting").fetchall()
    assert isinstance(count, int)
    return count


def waited_for(clock: Clock, *, days: float, per_day: float) -> tuple[Person, Person, list[str]]:
    """Bob writes, and Ann is away for so long; what he wrote."""
    ann, bob = in_step(clock)
    written: list[str] = []
    for number in range(int(days * per_day)):
        written.append(f"{number}")
        bob.send("Ann", written[-1])
        bob.post()
        clock.pass_by(DAY_S / per_day)
        tend(bob)
    return ann, bob, written


@pytest.mark.parametrize("days, per_day", [(10, 1.3), (8, 4), (12, 0.5), (9, 3), (20, 1.3)])
def test_all_that_is_there_after_days_away_can_be_opened(days: float, per_day: float) -> None:
    clock = Clock()
    ann, bob, written = waited_for(clock, days=days, per_day=per_day)
    shown = ann.texts("Bob")
    ann.store.expire(ann.now.mesh)
    ann.receive(list(bob.store.envelopes.values()))
    assert sorted(ann.texts("Bob")[len(shown) :], key=int) == written
    assert awaiting_count(ann) == 0


def test_the_author_was_gone_too_and_what_he_left_can_be_opened() -> None:
    clock = Clock()
    ann, bob = in_step(clock)
    for number in range(9):
        bob.send("Ann", f"{number}")
        bob.post()
        clock.pass_by(DAY_S)
    # His node is off from now on; others carry what he wrote.
    clock.pass_by(2 * DAY_S)
    left = [one for one in bob.store.envelopes.values() if one.header.lapses > clock.now.mesh]
    shown = ann.texts("Bob")
    ann.receive(left)
    assert ann.texts("Bob")[len(shown) :] == [f"{number}" for number in range(5, 9)]


def test_who_writes_all_day_sends_no_more_long_ones_than_before() -> None:
    clock = Clock()
    _, bob = in_step(clock)
    posted = []
    for number in range(40):
        bob.send("Ann", f"{number}")
        posted += bob.post()
        clock.pass_by(DAY_S / 50)
    long = [number for number, one in enumerate(posted) if one.header.size_class]
    assert long == [0, 1, 2, 3, 16, 32]


def test_who_writes_slowly_sends_one_long_one_a_day() -> None:
    clock = Clock()
    _, bob = in_step(clock)
    posted = []
    for number in range(15):
        bob.send("Ann", f"{number}")
        posted += bob.post()
        clock.pass_by(DAY_S / 3)
    long = [number for number, one in enumerate(posted) if one.header.size_class]
    assert long == [0, 1, 2, 3, 6, 9, 12]


def test_a_clock_that_was_years_ahead_for_a_while_hides_the_step_from_nobody() -> None:
    clock = Clock()
    ann, bob = in_step(clock)
    for number in range(3):
        bob.send("Ann", f"{number}, lost")
    bob.post()
    clock.pass_by(700 * DAY_S)
    bob.send("Ann", "3, lost")
    bob.post()
    clock.pass_by(-699 * DAY_S)
    bob.send("Ann", "4, by the right date")
    ann.receive(bob.post())
    assert ann.texts("Bob")[-1] == "4, by the right date"
    assert awaiting_count(ann) == 0


def stuck(clock: Clock, count: int) -> tuple[Person, Person]:
    """Ann holds messages of Bob that wait for a step which she never gets."""
    ann, bob = in_step(clock)
    for number in range(4 + count):
        bob.send("Ann", f"{number}")
    short = [one for one in bob.post() if not one.header.size_class]
    assert len(short) == count
    ann.receive(short)
    assert awaiting_count(ann) == count
    return ann, bob


def test_at_a_renewal_the_reader_tells_what_never_opens_and_it_comes_again() -> None:
    clock = Clock()
    ann, bob = stuck(clock, 8)
    shown = ann.texts("Bob")
    # Ann asks for new keys; those that bear the step are lost.
    ann.ask(RenewSession("Bob"))
    exchange(ann, bob)
    ann.send("Bob", "are they all here?")
    exchange(ann, bob)
    shown += ["are they all here?"]
    found = [text for text in ann.texts("Bob") if text not in shown]
    assert sorted(found, key=int) == [f"{number}" for number in range(4, 12)]
    for one in bob.messages("Ann"):
        assert one.posts_count <= 2
    clock.pass_by(660)
    exchange_tokens(ann, bob)
    states = {one.text: one.state for one in bob.messages("Ann") if one.is_mine}
    assert all(states[f"{number}"] == "delivered" for number in range(4, 12))


def test_what_was_told_is_told_once_and_makes_no_envelope_larger() -> None:
    clock = Clock()
    ann, _ = stuck(clock, 11)
    parts = ann.messenger.parts
    contact, unopened = parts.contacts.contact("Bob"), parts.sessions.unopened
    with transaction(ann.connection):
        for one in parts.sessions.of_contact(contact.id):
            parts.sessions.end(one)
        bare = Payload(1, 1, 1, [], "Ann", "x" * 700)
        assert unopened.added_to(contact.id, bare).controls != []
        full = Payload(1, 1, 1, [], "Ann", "x" * 745)
        assert unopened.added_to(contact.id, full).controls == []
        empty = Payload(1, 1, 1, [], "Ann", "")
        first = unopened.added_to(contact.id, empty).controls
        assert [kind for kind, _ in first] == [UNOPENED]
        assert unopened.added_to(contact.id, empty).controls == []


def test_who_claims_to_open_nothing_costs_a_bounded_number_of_envelopes() -> None:
    clock = Clock()
    ann, bob = in_step(clock)
    bob.send("Ann", "again and again")
    posted = bob.post()
    for _ in range(2 * POSTS_ON_WORD_MAX):
        ann.send_control("Bob", UNOPENED, posted[-1].id[:8])
        bob.receive(ann.post())
        posted += [one for one in bob.post() if one.header.read_hash]
    (message,) = [one for one in bob.messages("Ann") if one.text == "again and again"]
    assert message.posts_count == POSTS_ON_WORD_MAX
    ann.receive(posted)
    assert ann.texts("Bob").count("again and again") == 1


@pytest.mark.parametrize("data", [b"", b"1234567", b"x" * 4_096 + b"12345678"])
def test_malformed_words_of_what_never_opens_are_refused(data: bytes) -> None:
    clock = Clock()
    ann, bob = in_step(clock)
    if len(data) > 4_096:
        return
    ann.send_control("Bob", UNOPENED, data)
    bob.receive(ann.post())
    assert bob.dropped() == {"malformed ids of envelopes": 1}
