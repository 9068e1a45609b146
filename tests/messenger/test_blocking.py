"""Blocking and requests: nothing more of theirs is opened than may be."""

import pytest

from mesh.commands.contacts import (
    AcceptRequest,
    BlockContact,
    ContactAnswer,
)
from mesh.commands.conversations import AskConversations, ConversationsAnswer
from mesh.commands.messages import AskMessages, MessagesAnswer
from mesh.commands.verification import Compare
from mesh.errors import UserError
from mesh.events import ContactAdded, ContactChanged, MessageReceived
from mesh.limits.contacts import OPENED_BYTES_PER_DAY_MAX, REQUEST_MESSAGES_MAX
from mesh.storage.connection import transaction
from tests.messenger.mallory import Mallory, payload
from tests.messenger.people import Clock, Person, acquainted, exchange, one_contact

# --- Blocking -----------------------------------------------------------------------------------


def test_of_who_is_blocked_nothing_is_opened_answered_or_retired_until_unblocked() -> None:
    ann, bob = acquainted(Clock())
    ann.ask(BlockContact("Bob"))
    ann.take_events()
    retirements = ann.connection.execute("SELECT * FROM retirements").fetchall()
    bob.send("Ann", "one")
    bob.send("Ann", "two")
    arrived = bob.post()
    ann.receive(arrived)
    for envelope in arrived:
        assert envelope.header.tag not in ann.messenger.parts.tag_index
    assert ann.texts() == []
    assert ann.take_events() == []
    assert ann.post() == []
    assert ann.connection.execute("SELECT * FROM retirements").fetchall() == retirements
    ann.restart()
    bob.send("Ann", "three")
    ann.receive(bob.post())
    assert ann.texts() == []
    answer = ann.ask(BlockContact("Bob", is_blocked=False))
    assert isinstance(answer, ContactAnswer)
    assert answer.sealed_count == 3
    ann.receive([])
    assert ann.texts("Bob") == []
    bob.send("Ann", "four")
    ann.receive(bob.post())
    assert ann.texts("Bob") == ["four"]


def blocked_meanwhile(count: int) -> tuple[Person, Person]:
    """Ann, and Bob of whom so many messages came while he was blocked, and one after it."""
    ann, bob = acquainted(Clock())
    bob.send("Ann", "before")
    exchange(ann, bob)
    ann.ask(BlockContact("Bob"))
    for number in range(count):
        bob.send("Ann", f"meanwhile {number}")
    ann.receive(bob.post())
    ann.ask(BlockContact("Bob", is_blocked=False))
    bob.send("Ann", "after")
    ann.receive(bob.post())
    return ann, bob


@pytest.mark.parametrize("count", [3, 30, 600])
def test_what_came_during_a_block_stays_sealed_until_it_is_asked_for(count: int) -> None:
    ann, _ = blocked_meanwhile(count)
    assert ann.texts("Bob") == ["before", "after"]
    assert one_contact(ann, "Bob").sealed_count == count
    ann.restart()
    ann.receive([])
    assert ann.texts("Bob") == ["before", "after"]
    ann.ask(BlockContact("Bob", is_blocked=False, opens_sealed=True))
    ann.receive([])
    assert len(ann.texts("Bob")) == count + 2
    assert one_contact(ann, "Bob").sealed_count == 0


def test_what_came_during_a_block_stays_sealed_when_the_store_is_looked_through_again() -> None:
    """So it is after a crash: the vault's mark may stand before what came, as if that were new."""
    ann, bob = acquainted(Clock())
    ann.ask(BlockContact("Bob"))
    bob.send("Ann", "meanwhile")
    came = bob.post()
    ann.receive(came)
    ann.restart()
    ann.ask(BlockContact("Bob", is_blocked=False))
    ann.receive(came)
    assert ann.texts("Bob") == []
    assert one_contact(ann, "Bob").sealed_count == 1
    ann.ask(BlockContact("Bob", is_blocked=False, opens_sealed=True))
    ann.receive([])
    assert ann.texts("Bob") == ["meanwhile"]


def test_what_is_sealed_is_told_as_long_as_it_is_here() -> None:
    ann, _ = blocked_meanwhile(3)
    ann.clock.pass_by(8 * 86_400)
    ann.store.expire(ann.now.mesh)
    ann.tend()
    assert one_contact(ann, "Bob").sealed_count == 0
    ann.ask(BlockContact("Bob", is_blocked=False, opens_sealed=True))
    ann.receive([])
    assert ann.texts("Bob") == ["before", "after"]


def test_what_was_written_during_a_block_and_is_posted_again_after_it_is_opened() -> None:
    ann, bob = acquainted(Clock())
    ann.ask(BlockContact("Bob"))
    bob.send("Ann", "meanwhile")
    exchange(ann, bob)
    ann.ask(BlockContact("Bob", is_blocked=False))
    exchange(ann, bob)
    assert ann.texts("Bob") == []
    ann.clock.pass_by(8 * 86_400)
    bob.tend()
    exchange(ann, bob)
    assert ann.texts("Bob") == ["meanwhile"]


def summary_counts(person: Person) -> tuple[int, int]:
    summary = person.messenger.summary()
    return summary.contacts_count, summary.requests_count


def shown_in_lists(person: Person) -> list[object]:
    """All that any list shows or counts of others."""
    answer = person.ask(AskConversations())
    assert isinstance(answer, ConversationsAnswer)
    found = [one for one in answer.conversations if one.kind == "direct"]
    return [
        page(person, requests=False),
        page(person, requests=True),
        *((one.is_request, one.unread_count, one.last_item) for one in found),
        *((one.is_request, one.unread_count, one.sealed_count) for one in person.contacts()),
        summary_counts(person),
    ]


def test_of_who_is_blocked_no_list_shows_or_counts_anything() -> None:
    ann, bob = acquainted(Clock())
    bob.send("Ann", "hello")
    exchange(ann, bob)
    assert summary_counts(ann) == (1, 0)
    ann.ask(BlockContact("Bob"))
    nothing = (False, 0, None)
    assert shown_in_lists(ann) == [[], [], nothing, (False, 0, 0), (0, 0)]
    # Whoever asks for them by name sees what was there before the block.
    assert ann.texts("Bob") == ["hello"]


def test_of_a_request_that_is_blocked_no_list_shows_or_counts_anything() -> None:
    ann, _ = requesting()
    assert summary_counts(ann) == (0, 1)
    ann.ask(BlockContact("Bob"))
    assert shown_in_lists(ann) == [[], [], (False, 0, None), (False, 0, 0), (0, 0)]
    ann.ask(BlockContact("Bob", is_blocked=False))
    assert page(ann, requests=True) == ["may I?"]
    assert summary_counts(ann) == (0, 1)


def test_who_is_blocked_is_not_accepted() -> None:
    ann, _ = requesting()
    ann.ask(BlockContact("Bob"))
    with pytest.raises(UserError, match="unblock them first: mesh contact unblock") as caught:
        ann.ask(AcceptRequest("Bob"))
    assert caught.value.kind == "blocked"
    ann.ask(BlockContact("Bob", is_blocked=False))
    assert one_contact(ann, "Bob").is_request


def test_a_repetition_of_a_first_contact_by_who_is_blocked_is_not_opened() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    bob.add(ann.invite(uses_max=5).link)
    ann.receive(bob.post())
    ann.ask(BlockContact("Bob"))
    # He has heard nothing yet, and repeats his first contact with each message.
    bob.send("Ann", "let me in")
    ann.receive(bob.post())
    assert ann.texts("Bob") == []
    assert ann.dropped() == {"a first contact by somebody who is blocked": 1}


def test_to_who_is_blocked_nothing_is_sent() -> None:
    ann, bob = acquainted(Clock())
    answer = ann.ask(BlockContact("Bob"))
    assert isinstance(answer, ContactAnswer)
    assert answer.is_blocked
    with pytest.raises(UserError, match="Bob is blocked") as caught:
        ann.send("Bob", "no")
    assert caught.value.kind == "blocked"
    with pytest.raises(UserError):
        ann.ask(Compare("Bob"))
    with pytest.raises(UserError):
        ann.add(bob.invite().link)
    assert ann.texts("Bob") == []
    ann.ask(BlockContact("Bob", is_blocked=False))
    ann.send("Bob", "yes")
    exchange(ann, bob)
    assert bob.texts("Ann") == ["yes"]


def test_what_waited_for_somebody_who_is_blocked_waits_on() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    invite = ann.invite()
    bundle = ann.post()
    bob.add(invite.qr, "Ann")
    bob.send("Ann", "when your key is here")
    bob.ask(BlockContact("Ann"))
    bob.receive(bundle)
    bob.restart()
    bob.receive(bundle)
    assert (one_contact(bob, "Ann").state, bob.post()) == ("waiting for their key", [])
    bob.ask(BlockContact("Ann", is_blocked=False))
    bob.receive([])
    exchange(ann, bob)
    assert ann.texts("Bob") == ["when your key is here"]


def test_who_is_blocked_cannot_come_back_by_another_invite() -> None:
    clock = Clock()
    ann = Person("Ann", clock, seed=1)
    invite = ann.invite(uses_max=5)
    mallory = Mallory(invite.link)
    ann.receive([mallory.first_contact(payload("first"), index=1)])
    ann.ask(BlockContact("Mallory"))
    ann.receive([mallory.first_contact(payload("again"), index=2)])
    assert ann.texts("Mallory") == ["first"]
    assert ann.dropped() == {"a first contact by somebody who is blocked": 1}


# --- Requests -----------------------------------------------------------------------------------


def requesting(uses_max: int = 5) -> tuple[Person, Person]:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    bob.add(ann.invite(uses_max=uses_max).link)
    bob.send("Ann", "may I?")
    exchange(ann, bob)
    return ann, bob


def page(person: Person, *, requests: bool, contact: str = "") -> list[str]:
    answer = person.ask(AskMessages(contact, requests=requests))
    assert isinstance(answer, MessagesAnswer)
    return [message.text for message in answer.messages]


def test_who_came_by_an_invite_for_many_waits_apart() -> None:
    ann, bob = requesting()
    events = ann.take_events()
    assert not any(isinstance(event, MessageReceived) for event in events)
    added = [event.contact for event in events if isinstance(event, ContactAdded)]
    assert [(one.label, one.is_request) for one in added] == [("Bob", True)]
    changed = [event.contact for event in events if isinstance(event, ContactChanged)]
    assert changed[-1].unread_count == 1
    assert (page(ann, requests=False), page(ann, requests=True)) == ([], ["may I?"])
    assert page(ann, requests=False, contact="Bob") == ["may I?"]
    bob.send("Ann", "hello?")
    exchange(ann, bob)
    assert page(ann, requests=True) == ["may I?", "hello?"]
    # Beyond our hello they hear nothing.
    assert bob.texts() == ["may I?", "hello?"]
    with pytest.raises(UserError) as caught:
        ann.ask(Compare("Bob"))
    assert caught.value.kind == "request"


def test_who_is_accepted_is_a_contact_like_any_other() -> None:
    ann, bob = requesting()
    ann.take_events()
    for _ in range(2):
        answer = ann.ask(AcceptRequest("Bob"))
        assert isinstance(answer, ContactAnswer)
        assert not answer.is_request
    assert [type(event) for event in ann.take_events()] == [ContactChanged]
    assert (page(ann, requests=False), page(ann, requests=True)) == (["may I?"], [])
    bob.send("Ann", "thanks")
    exchange(ann, bob)
    assert any(isinstance(event, MessageReceived) for event in ann.take_events())


def test_writing_to_who_waits_accepts_them() -> None:
    ann, bob = requesting()
    ann.send("Bob", "you may")
    exchange(ann, bob)
    assert not one_contact(ann, "Bob").is_request
    assert bob.texts("Ann") == ["may I?", "you may"]


def test_who_came_by_an_invite_for_one_is_no_request() -> None:
    ann, _ = requesting(uses_max=1)
    assert not one_contact(ann, "Bob").is_request
    assert page(ann, requests=False) == ["may I?"]


@pytest.mark.parametrize("has_heard", [True, False])
def test_of_a_request_little_is_opened_and_the_rest_when_it_is_accepted(has_heard: bool) -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    bob.add(ann.invite(uses_max=5).link)
    ann.receive(bob.post())
    if has_heard:
        exchange(ann, bob)
    for number in range(50):
        bob.send("Ann", f"{number}")
    ann.receive(bob.post())
    request = one_contact(ann, "Bob")
    assert len(ann.texts("Bob")) == REQUEST_MESSAGES_MAX
    assert (request.unread_count, request.sealed_count) == (20, 30)
    ann.restart()
    ann.receive(list(ann.store.envelopes.values()))
    assert one_contact(ann, "Bob").sealed_count == 30
    ann.ask(AcceptRequest("Bob"))
    ann.receive([])
    accepted = one_contact(ann, "Bob")
    assert (accepted.messages_count, accepted.sealed_count) == (50, 0)


def test_of_a_request_no_more_bytes_are_opened_than_the_bound() -> None:
    ann, bob = requesting()
    for _ in range(4):
        bob.send("Ann", "x" * 30_000)
    exchange(ann, bob)
    request = one_contact(ann, "Bob")
    assert (request.messages_count, request.sealed_count) == (3, 2)
    ann.send("Bob", "you may")
    exchange(ann, bob)
    assert one_contact(ann, "Bob").messages_count == 6


def test_payloads_without_a_text_use_up_what_is_opened_of_a_request() -> None:
    ann, bob = requesting()
    for _ in range(70):
        bob.send_control("Ann", 250, b"")
    bob.send("Ann", "hidden")
    exchange(ann, bob)
    assert page(ann, requests=True) == ["may I?"]
    assert one_contact(ann, "Bob").sealed_count > 0


def flooded(more: int) -> tuple[Person, Person]:
    """Ann, and Bob of whom more came in one day than is opened in it."""
    ann, bob = acquainted(Clock())
    exchange(ann, bob)
    for _ in range(OPENED_BYTES_PER_DAY_MAX // 60_000 + more):
        bob.send("Ann", "x" * 59_900)
        ann.receive(bob.post())
    return ann, bob


def test_more_than_so_much_of_a_day_stays_sealed_until_it_is_over_or_asked_for() -> None:
    ann, bob = flooded(5)
    before = one_contact(ann, "Bob")
    assert before.sealed_count >= 5
    assert 0 < before.sealed_until - ann.now.mesh <= 86_400
    size = ann.connection.execute("SELECT sum(length(data)) FROM contents").fetchall()[0][0]
    assert isinstance(size, int)
    assert OPENED_BYTES_PER_DAY_MAX - 120_000 < size <= OPENED_BYTES_PER_DAY_MAX
    ann.restart()
    ann.receive([])
    assert one_contact(ann, "Bob").sealed_count == before.sealed_count
    ann.clock.pass_by(86_400)
    ann.tend()
    ann.receive([])
    after = one_contact(ann, "Bob")
    assert (after.sealed_count, after.sealed_until) == (0, 0)
    assert after.messages_count == before.messages_count + before.sealed_count
    bob.send("Ann", "and so on")
    exchange(ann, bob)
    assert ann.texts("Bob")[-1] == "and so on"


def test_a_clock_that_was_months_ahead_makes_no_day_longer() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    clock.pass_by(60 * 86_400)
    bob.send("Ann", "under a wrong clock")
    exchange(ann, bob)
    clock.pass_by(-60 * 86_400)
    for _ in range(OPENED_BYTES_PER_DAY_MAX // 60_000 + 2):
        bob.send("Ann", "x" * 59_900)
        ann.receive(bob.post())
    assert 0 < one_contact(ann, "Bob").sealed_until - ann.now.mesh <= 86_400
    # As it was written by an older Mesh.
    with transaction(ann.connection):
        ann.connection.execute("UPDATE sealed_mail SET opens = opens + 60 * 86400")
    ann.tend()
    ann.receive([])
    assert 0 < one_contact(ann, "Bob").sealed_until - ann.now.mesh <= 86_400


def test_what_is_asked_for_is_opened_at_once_and_a_block_stays_a_block() -> None:
    ann, bob = flooded(3)
    assert one_contact(ann, "Bob").sealed_count >= 3
    ann.ask(BlockContact("Bob"))
    bob.send("Ann", "blocked")
    ann.receive(bob.post())
    ann.ask(BlockContact("Bob", is_blocked=False))
    ann.clock.pass_by(86_400)
    ann.tend()
    ann.receive([])
    # What came during the block waits for our person, and for no day.
    assert one_contact(ann, "Bob").sealed_count == 1
    ann.ask(BlockContact("Bob", is_blocked=False, opens_sealed=True))
    ann.receive([])
    assert "blocked" in ann.texts("Bob")
