"""A name that changes, and when somebody was last heard."""

import pytest

from mesh.commands.contacts import RenameContact
from mesh.commands.identity import AskIdentity, ChangeIdentity, IdentityAnswer
from mesh.errors import UserError
from mesh.events import ContactNoted, IdentityChanged
from tests.messenger.people import START_S, Clock, Person, acquainted, exchange, notes


def rename(person: Person, name: str) -> IdentityAnswer:
    answer = person.ask(ChangeIdentity(name))
    assert isinstance(answer, IdentityAnswer)
    return answer


def test_a_new_name_is_told_with_the_next_message_and_noted_in_the_stream() -> None:
    ann, bob = acquainted(Clock())
    bob.take_events()
    answer = rename(bob, " Robert ")
    assert answer.name == "Robert"
    assert bob.take_events() == [IdentityChanged(answer)]
    exchange(ann, bob)
    assert [contact.name for contact in ann.contacts()] == ["Bob"]
    ann.take_events()
    bob.send("Ann", "hello")
    exchange(ann, bob)
    # The label is ours, and stays.
    assert [(one.label, one.name) for one in ann.contacts()] == [("Bob", "Robert")]
    told = [event for event in ann.take_events() if isinstance(event, ContactNoted)]
    assert [(event.note.kind, event.contact.name) for event in told] == [("renamed", "Robert")]
    assert told[0].note.sentence == "They call themselves Robert now, and Bob before."
    assert notes(ann, "Bob")[0] == told[0].note


def test_the_name_outlives_a_restart_and_stands_in_invites() -> None:
    ann, _ = acquainted(Clock())
    rename(ann, "Anna")
    ann.restart()
    answer = ann.ask(AskIdentity())
    assert isinstance(answer, IdentityAnswer)
    assert answer.name == "Anna"
    eve = Person("Eve", ann.clock, seed=9)
    assert eve.add(ann.invite().link).name == "Anna"


def test_the_same_name_changes_nothing_and_a_bad_one_is_refused() -> None:
    ann, _ = acquainted(Clock())
    ann.take_events()
    rename(ann, "Ann")
    with pytest.raises(UserError, match="name"):
        rename(ann, "An\u202en")
    assert ann.take_events() == []


def test_an_older_message_that_comes_late_brings_no_former_name_back() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    bob.send("Ann", "on its way for long")
    slow = bob.post()
    clock.pass_by(60)
    rename(bob, "Robert")
    bob.send("Ann", "quick")
    ann.receive(bob.post())
    assert ann.contacts()[0].name == "Robert"
    ann.take_events()
    ann.receive(slow)
    assert "on its way for long" in ann.texts("Bob")
    assert ann.contacts()[0].name == "Robert"
    assert not [event for event in ann.take_events() if isinstance(event, ContactNoted)]


def test_the_first_name_of_somebody_is_no_new_one() -> None:
    ann, bob = Person("Ann", Clock(), seed=1), Person("Bob", Clock(), seed=2)
    bob.add(ann.invite().qr)
    exchange(ann, bob)
    assert bob.contacts()[0].name == "Ann"
    assert notes(bob, "Ann") == []


def test_when_somebody_was_heard_is_when_they_wrote_the_newest_that_came() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    first = ann.contacts()[0].heard
    assert START_S <= first <= START_S + 1
    clock.pass_by(3_600)
    bob.send("Ann", "slow")
    slow = bob.post()
    clock.pass_by(3_600)
    assert ann.contacts()[0].heard == first
    bob.send("Ann", "quick")
    ann.receive(bob.post())
    heard = ann.contacts()[0].heard
    # An envelope says its time in steps of ten seconds.
    assert START_S + 7_200 - 10 <= heard <= START_S + 7_200
    clock.pass_by(86_400)
    ann.receive(slow)
    assert ann.contacts()[0].heard == heard
    ann.restart()
    assert ann.contacts()[0].heard == heard
    ann.ask(RenameContact("Bob", "Bobby"))
    assert ann.contacts()[0].heard == heard


def test_whoever_claims_to_write_from_the_future_is_heard_now() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    bob.wall_error_s = 5_000
    bob.send("Ann", "tomorrow")
    ann.receive(bob.post())
    assert ann.contacts()[0].heard <= clock.now.unix_seconds
