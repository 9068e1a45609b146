"""Live comparisons over the mesh: what makes a contact verified, and what does not."""

import pytest

from mesh.commands.contacts import AskContact, ContactDetailsAnswer
from mesh.commands.conversations import AskConversation, ConversationAnswer
from mesh.commands.verification import Compare, ComparisonAnswer, ConfirmComparison
from mesh.errors import UserError
from mesh.events import ComparisonChanged, ContactChanged, ContactNoted
from mesh.limits.contacts import COMPARISON_SECONDS_MAX
from mesh.wire.controls import COMPARE_REVEAL, COMPARE_VERDICT
from tests.messenger.people import Clock, Person, acquainted, exchange


def compare(person: Person, contact: str) -> ComparisonAnswer:
    answer = person.ask(Compare(contact))
    assert isinstance(answer, ComparisonAnswer)
    return answer


def confirm(person: Person, contact: str, *, is_equal: bool = True) -> ComparisonAnswer:
    answer = person.ask(ConfirmComparison(contact, is_equal))
    assert isinstance(answer, ComparisonAnswer)
    return answer


def shown(person: Person, contact: str) -> ComparisonAnswer:
    answer = person.ask(AskContact(contact))
    assert isinstance(answer, ContactDetailsAnswer)
    return answer.comparison


def listed(person: Person, contact: str) -> str:
    answer = person.ask(AskConversation(contact))
    assert isinstance(answer, ConversationAnswer)
    return answer.comparison


def trust(person: Person) -> str:
    return person.contacts()[0].trust


def comparing() -> tuple[Person, Person]:
    ann, bob = acquainted(Clock())
    compare(ann, "Bob")
    exchange(ann, bob)
    compare(bob, "Ann")
    exchange(ann, bob)
    return ann, bob


def test_two_who_see_the_same_and_say_so_are_verified_on_both_sides() -> None:
    ann, bob = acquainted(Clock())
    assert shown(ann, "Bob").state == "none"
    assert compare(ann, "Bob").state == "asked by us"
    exchange(ann, bob)
    bob.restart()
    assert shown(bob, "Ann").state == "asked by them"
    assert (listed(ann, "Bob"), listed(bob, "Ann")) == ("asked by us", "asked by them")
    compare(bob, "Ann")
    ann.restart()
    exchange(ann, bob)
    at_ann, at_bob = shown(ann, "Bob"), shown(bob, "Ann")
    assert (at_ann.state, at_bob.state) == ("compare", "compare")
    assert at_ann.emoji == at_bob.emoji
    assert at_ann.numbers == at_bob.numbers
    assert len(at_ann.emoji) == 7
    ann.take_events()
    bob.take_events()
    confirm(ann, "Bob")
    exchange(ann, bob)
    assert (trust(ann), trust(bob)) == ("first seen", "known")
    confirm(bob, "Ann")
    exchange(ann, bob)
    assert (trust(ann), trust(bob)) == ("verified", "verified")
    for person in (ann, bob):
        events = person.take_events()
        stages = [one.comparison.state for one in events if isinstance(one, ComparisonChanged)]
        assert stages == ["matched"]
        assert [one.note.kind for one in events if isinstance(one, ContactNoted)] == ["verified"]
        assert any(isinstance(one, ContactChanged) for one in events)
        person.restart()
        assert trust(person) == "verified"


def test_who_sees_something_else_verifies_nobody() -> None:
    ann, bob = comparing()
    confirm(ann, "Bob")
    assert confirm(bob, "Ann", is_equal=False).state == "failed"
    exchange(ann, bob)
    assert (shown(ann, "Bob").state, listed(ann, "Bob")) == ("failed", "failed")
    assert (shown(ann, "Bob").failure, shown(bob, "Ann").failure) == ("said there", "said here")
    assert (trust(ann), trust(bob)) == ("first seen", "known")
    for person, label in ((ann, "Bob"), (bob, "Ann")):
        answer = person.ask(AskContact(label))
        assert isinstance(answer, ContactDetailsAnswer)
        assert [note.kind for note in answer.notes] == ["comparison failed"]
        # Only who said yes, and hears their no, is told more than they know already.
        is_warned = "do not trust this key until you have met" in answer.notes[0].sentence
        assert is_warned == (person is ann)
    # A word that comes afterwards is too late.
    with pytest.raises(UserError):
        confirm(ann, "Bob")


def test_who_is_refused_before_anything_was_seen_is_not_warned_of_a_key() -> None:
    ann, bob = acquainted(Clock())
    compare(ann, "Bob")
    exchange(ann, bob)
    confirm(bob, "Ann", is_equal=False)
    exchange(ann, bob)
    answer = ann.ask(AskContact("Bob"))
    assert isinstance(answer, ContactDetailsAnswer)
    assert answer.comparison.failure == "said there"
    assert answer.notes[0].sentence == "Bob ended a comparison without a match."


def test_both_may_begin_at_once() -> None:
    ann, bob = acquainted(Clock())
    compare(ann, "Bob")
    compare(bob, "Ann")
    exchange(ann, bob)
    assert shown(ann, "Bob").emoji == shown(bob, "Ann").emoji != []
    confirm(ann, "Bob")
    confirm(bob, "Ann")
    exchange(ann, bob)
    assert (trust(ann), trust(bob)) == ("verified", "verified")


def test_steps_may_come_twice_and_in_any_order() -> None:
    ann, bob = acquainted(Clock())
    compare(ann, "Bob")
    exchange(ann, bob)
    compare(bob, "Ann")
    exchange(ann, bob)
    confirm(ann, "Bob")
    confirm(bob, "Ann")
    for_ann, for_bob = bob.post(), ann.post()
    for envelopes, person in ((for_ann, ann), (for_bob, bob)):
        person.receive(list(reversed(envelopes)))
        person.receive(envelopes)
    exchange(ann, bob)
    assert (trust(ann), trust(bob)) == ("verified", "verified")


def test_a_comparison_that_nobody_goes_on_with_ends_after_a_day() -> None:
    ann, bob = comparing()
    ann.take_events()
    ann.clock.pass_by(COMPARISON_SECONDS_MAX)
    assert shown(bob, "Ann").state == "none"
    ann.tend()
    assert [type(event) for event in ann.take_events()] == [ComparisonChanged]
    with pytest.raises(UserError):
        confirm(ann, "Bob")
    compare(ann, "Bob")
    exchange(ann, bob)
    assert shown(bob, "Ann").state == "asked by them"


def test_a_step_that_is_malformed_changes_nothing_and_is_counted() -> None:
    ann, bob = comparing()
    before = shown(ann, "Bob")
    for kind in (COMPARE_REVEAL, COMPARE_VERDICT):
        bob.send_control("Ann", kind, b"short")
    exchange(ann, bob)
    assert shown(ann, "Bob") == before
    assert ann.dropped() == {"a step of a comparison of a wrong length": 2}
