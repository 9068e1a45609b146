"""One identity on several machines: a backup that was put back, and the one it was made of."""

import pytest

from mesh.commands.identity import TakenOver, TakeOver
from mesh.commands.invites import CreateInvite
from mesh.errors import UserError
from mesh.events import NoticeRaised
from mesh.limits.backup import FORMER_TOLD_SECONDS, NOTE_REPEATED_SECONDS
from mesh.messenger.onboarding.machines import FORMER, OTHER_RUNS
from mesh.storage.vault.portable import taken_up
from mesh.wire.controls import READ, RESTORED
from tests.messenger.people import (
    DAY_S,
    Clock,
    Person,
    acquainted,
    exchange,
    exchange_tokens,
    notes,
)
from tests.storage.test_portable import put_into_another

_instances = iter(range(1, 1_000))


def restored(person: Person) -> Person:
    """The same person on another machine, from a backup that is made now; its store is empty."""
    vault = put_into_another(person.connection)
    taken_up(vault, instance=next(_instances), restored=person.now.mesh)
    other = Person(person.name, person.clock, seed=person.seed + 100)
    other.connection = vault
    other.events = []
    other.restart()
    return other


def settle(*people: Person) -> None:
    """All that there is to say comes to everybody, and what they then do too."""
    for _ in range(4):
        for person in people:
            person.tend()
        exchange(*people)
    people[0].clock.pass_by(660)
    exchange_tokens(*people)


def start_again(person: Person, neighbour: Person) -> None:
    """A machine starts with what it had, and hears the mesh."""
    person.restart()
    person.tend()
    person.receive(list(neighbour.store.envelopes.values()))


def told(person: Person) -> list[str]:
    return [event.sentence for event in person.take_events() if isinstance(event, NoticeRaised)]


def test_after_a_restore_both_hear_each_other_and_what_was_on_its_way_arrives() -> None:
    ann, bob = acquainted(Clock())
    ann.send("Bob", "before")
    exchange(ann, bob)
    ann.send("Bob", "never left")
    ann.send("Bob", "left and lost")
    ann.post()
    other = restored(ann)
    assert other.texts("Bob") == ["before", "never left", "left and lost"]
    settle(other, bob)
    assert bob.texts("Ann") == ["before", "never left", "left and lost"]
    states = [message.state for message in other.messages("Bob")]
    assert states == ["delivered"] * 3
    other.send("Bob", "from the other")
    bob.send("Ann", "to the other")
    settle(other, bob)
    assert "from the other" in bob.texts("Ann")
    assert "to the other" in other.texts("Bob")
    # New keys began once, and nobody thinks that anything is wrong later on.
    assert len([note for note in notes(bob, "Ann") if "new keys" in note.sentence]) == 1


def test_a_message_that_arrived_meanwhile_is_not_shown_twice() -> None:
    ann, bob = acquainted(Clock())
    ann.send("Bob", "arrived")
    other = restored(ann)
    exchange(ann, bob)
    assert bob.texts("Ann") == ["arrived"]
    settle(other, bob)
    assert bob.texts("Ann") == ["arrived"]
    assert [message.state for message in other.messages("Bob")] == ["delivered"]


def test_a_contact_who_has_not_answered_yet_is_asked_again() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    ann.add(bob.invite().link, "Bob")
    ann.send("Bob", "hello")
    ann.post()
    other = restored(ann)
    settle(other, bob)
    assert bob.texts("Ann") == ["hello"]
    bob.send("Ann", "welcome")
    settle(other, bob)
    assert "welcome" in other.texts("Bob")


def test_what_a_contact_wrote_on_the_former_keys_comes_after_all() -> None:
    ann, bob = acquainted(Clock())
    other = restored(ann)
    bob.send("Ann", "on the former keys")
    lost = bob.post()
    other.receive(lost)
    settle(other, bob)
    assert other.texts("Bob") == ["on the former keys"]
    assert [message.state for message in bob.messages("Ann")] == ["delivered"]
    # However often it is said, it is done once.
    count = len(bob.store.envelopes)
    for _ in range(3):
        other.send_control("Bob", RESTORED, b"")
    settle(other, bob)
    assert len(bob.store.envelopes) == count + 3
    other.send_control("Bob", RESTORED, b"x")
    settle(other, bob)
    assert bob.dropped()["malformed word of a restored backup"] == 1


def test_invites_of_before_are_closed() -> None:
    ann, _ = acquainted(Clock())
    ann.invite(uses_max=3)
    other = restored(ann)
    rows = other.connection.execute(
        "SELECT secret, prekey, is_revoked, uses < uses_max FROM invites"
    ).fetchall()
    assert [row[:2] for row in rows] == [(None, None)] * len(rows)
    assert all(is_revoked == is_open for _, _, is_revoked, is_open in rows)


def test_a_former_machine_finds_the_note_and_harms_nothing() -> None:
    ann, bob = acquainted(Clock())
    other = restored(ann)
    settle(other, bob)
    bob.send("Ann", "for the present machine")
    exchange(other, bob)
    start_again(ann, bob)
    assert told(ann) == [FORMER]
    assert ann.messenger.summary().is_former_machine
    assert ann.messenger.summary().notices == (FORMER,)
    with pytest.raises(UserError) as refused:
        ann.send("Bob", "from the former")
    assert refused.value.kind == "former-machine"
    with pytest.raises(UserError):
        ann.ask(CreateInvite())
    settle(ann, other, bob)
    assert OTHER_RUNS in told(other)
    assert other.messenger.summary().notices == (OTHER_RUNS,)
    assert not other.messenger.summary().is_former_machine
    noted = []
    for day in range(10):
        ann.clock.pass_by(DAY_S)
        other.send("Bob", f"day {day}")
        bob.send("Ann", f"back {day}")
        settle(ann, other, bob)
        noted.append(len(notes(bob, "Ann")))
    assert bob.texts("Ann").count("day 9") == 1
    assert "back 9" in other.texts("Bob")
    assert not [text for text in ann.texts("Bob") if text.startswith("back")]
    # What it wrote before it heard the mesh may have begun new keys, once.
    assert noted[-1] == noted[1] <= 3
    # After a week it is no news any more.
    assert NOTE_REPEATED_SECONDS < FORMER_TOLD_SECONDS < 10 * DAY_S
    assert other.messenger.summary().notices == ()
    ann.restart()
    assert ann.messenger.summary().is_former_machine


def test_a_former_machine_opens_nothing_so_that_the_present_one_gets_it() -> None:
    ann, bob = acquainted(Clock())
    other = restored(ann)
    # Bob is away, and knows nothing of it.
    other.tend()
    posted = other.post()
    ann.tend()
    ann.receive(posted)
    assert ann.messenger.summary().is_former_machine
    bob.send("Ann", "on the former keys")
    sent = bob.post()
    ann.receive(sent)
    other.receive(sent)
    assert ann.texts("Bob") == []
    bob.receive(posted)
    settle(ann, other, bob)
    assert ann.texts("Bob") == []
    assert other.texts("Bob") == ["on the former keys"]
    assert [message.state for message in bob.messages("Ann")] == ["delivered"]


def test_a_former_machine_writes_nothing_by_itself_and_piles_nothing_up() -> None:
    ann, bob = acquainted(Clock())
    other = restored(ann)
    settle(other, bob)
    start_again(ann, bob)
    ann.post()
    ann.send_control("Bob", READ, bytes(32))
    waiting = ann.connection.execute("SELECT count(*) FROM payloads").fetchall()
    for _ in range(40):
        ann.clock.pass_by(DAY_S)
        ann.tend()
        assert ann.post() == []
    assert ann.connection.execute("SELECT count(*) FROM payloads").fetchall() == waiting


def test_a_former_machine_that_is_started_after_months_finds_a_note_too() -> None:
    ann, bob = acquainted(Clock())
    other = restored(ann)
    settle(other, bob)
    for _ in range(30):
        ann.clock.pass_by(3 * DAY_S)
        other.tend()
        exchange(other, bob)
        for person in (other, bob):
            person.store.expire(person.now.mesh)
    start_again(ann, bob)
    assert ann.messenger.summary().is_former_machine


def test_a_note_that_was_left_under_a_wrong_clock_is_left_again() -> None:
    clock = Clock()
    ann, _ = acquainted(clock)
    other = restored(ann)
    clock.pass_by(3_650 * DAY_S)
    other.tend()
    other.post()
    clock.pass_by(-3_650 * DAY_S)
    other.tend()
    ann.tend()
    ann.receive(other.post())
    assert ann.messenger.summary().is_former_machine


def test_a_former_machine_may_go_on_and_then_the_other_one_stops() -> None:
    ann, bob = acquainted(Clock())
    other = restored(ann)
    settle(other, bob)
    start_again(ann, bob)
    assert ann.messenger.summary().is_former_machine
    answer = ann.ask(TakeOver())
    assert isinstance(answer, TakenOver)
    assert answer.was_former
    settle(ann, bob)
    # Bob has gone on to newer keys with the other machine: what this one has looks stolen to him.
    ann.send("Bob", "I am here again")
    settle(ann, bob)
    assert "I am here again" not in bob.texts("Ann")
    assert ann.contacts()[0].unreached
    bob.clock.pass_by(1)
    bob.add(ann.invite().link)
    settle(ann, bob)
    bob.send("Ann", "so am I")
    settle(ann, bob)
    assert "I am here again" in bob.texts("Ann")
    assert not ann.contacts()[0].unreached
    assert "so am I" in ann.texts("Bob")
    other.receive(list(bob.store.envelopes.values()))
    assert other.messenger.summary().is_former_machine
    again = ann.ask(TakeOver())
    assert isinstance(again, TakenOver)
    assert not again.was_former


def test_who_goes_on_opens_what_was_left_closed() -> None:
    ann, bob = acquainted(Clock())
    other = restored(ann)
    other.tend()
    ann.tend()
    ann.receive(other.post())
    bob.send("Ann", "left closed")
    ann.receive(bob.post())
    assert ann.texts("Bob") == []
    ann.ask(TakeOver())
    ann.receive([])
    assert ann.texts("Bob") == ["left closed"]


def test_of_two_machines_from_one_backup_one_stops() -> None:
    ann, bob = acquainted(Clock())
    one = restored(ann)
    ann.clock.pass_by(DAY_S)
    other = restored(ann)
    settle(one, other, bob)
    assert one.messenger.summary().is_former_machine
    assert not other.messenger.summary().is_former_machine


def test_who_was_never_restored_leaves_no_note() -> None:
    ann, bob = acquainted(Clock())
    settle(ann, bob)
    for _ in range(3):
        ann.clock.pass_by(NOTE_REPEATED_SECONDS)
        ann.tend()
    posted = ann.post()
    mine = {tag for _, tag in ann.wired.machines._expected}
    assert not [one for one in [*posted, *ann.store.envelopes.values()] if one.header.tag in mine]
