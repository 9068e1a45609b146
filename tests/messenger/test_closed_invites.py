"""Invites that are closed, or that nobody answers: what is told of them, to whom, and when."""

from dataclasses import replace

import pytest

from mesh.commands.contacts import BlockContact, RemoveContact, ReplaceIdentity
from mesh.commands.invites import AskInvites, InviteAnswer, InvitesAnswer, RevokeInvite
from mesh.errors import UserError
from mesh.events import ContactChanged, ContactNoted, MessageStateChanged, NoticeRaised
from mesh.ids import EnvelopeId
from mesh.limits.invites import CLOSED_ANSWERS_MAX, UNANSWERED_AFTER_SECONDS
from mesh.limits.retirements import RETIRE_DELAY_MS
from mesh.storage.connection import transaction
from mesh.wire.envelope import Envelope
from tests.messenger.people import (
    DAY_S,
    WITH_STAMPS,
    Clock,
    Person,
    exchange,
    exchange_tokens,
    notes,
    one_contact,
)

LATEST_S = RETIRE_DELAY_MS[1] / 1000


def people(*names: str) -> tuple[Clock, list[Person]]:
    clock = Clock()
    return clock, [Person(name, clock, seed=seed) for seed, name in enumerate(names, 1)]


def second_comer(lifetime_s: int = 30 * DAY_S) -> tuple[Clock, Person, Person, Person]:
    """Ann, whose invite Bob has used up, and Cem who has the same link."""
    clock, (ann, bob, cem) = people("Ann", "Bob", "Cem")
    link = ann.invite(lifetime_s=lifetime_s).link
    bob.add(link)
    exchange(ann, bob)
    cem.add(link)
    return clock, ann, bob, cem


def answers_of(ann: Person, clock: Clock, *, after_s: float = LATEST_S) -> list[Envelope]:
    """Envelopes of Ann to those she refused until all that she tells by herself has left."""
    clock.pass_by(after_s)
    ann.tend()
    posted = ann.post()
    rows = ann.connection.execute("SELECT public FROM posting_keys WHERE audience = 2").fetchall()
    return [one for one in posted if (one.header.posting_key,) in rows]


# --- Nobody answers -----------------------------------------------------------------------------


def test_that_nobody_answers_is_told_after_a_day_once_and_with_its_time() -> None:
    clock, (ann, bob) = people("Ann", "Bob")
    began = clock.now.mesh
    bob.add(ann.invite().link)
    bob.send("Ann", "are you there?")
    bob.carried_by(b"n" * 32, bob.post())
    clock.pass_by(UNANSWERED_AFTER_SECONDS - 1)
    bob.tend()
    assert one_contact(bob, "Ann").unanswered_since == 0
    bob.take_events()
    clock.pass_by(1)
    for _ in range(2):
        bob.tend()
    contact, (message,) = one_contact(bob, "Ann"), bob.messages("Ann")
    assert (contact.state, contact.unanswered_since) == ("invited", began)
    assert (message.state, message.carriers, message.unanswered_since) == ("carried", 1, began)
    assert not contact.is_invite_closed
    events = bob.take_events()
    (noted,) = [event for event in events if isinstance(event, ContactNoted)]
    assert noted.note.kind == "not answered"
    assert noted.note.sentence == (
        "Ann has not answered since 2023-11-14 22:13 UTC: the invite may be used or taken back; "
        "ask for a new one."
    )
    assert [e.contact.unanswered_since for e in events if isinstance(e, ContactChanged)] == [began]
    told = [event.message for event in events if isinstance(event, MessageStateChanged)]
    assert [one.unanswered_since for one in told] == [began]
    bob.restart()
    bob.tend()
    assert len(notes(bob, "Ann")) == 1
    # An answer ends it.
    exchange(ann, bob)
    ann.receive(bob.store.envelopes.values())
    exchange(ann, bob)
    assert one_contact(bob, "Ann").unanswered_since == 0


def test_who_awaits_the_keys_of_a_qr_code_is_told_too() -> None:
    clock, (ann, bob) = people("Ann", "Bob")
    bob.add(ann.invite().qr, "Ann")
    clock.pass_by(UNANSWERED_AFTER_SECONDS)
    bob.tend()
    assert [note.kind for note in notes(bob, "Ann")] == ["not answered"]


def test_nobody_is_told_before_anything_has_left() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2, parameters=WITH_STAMPS)
    link = ann.invite().link
    assert link
    other = Person("Cem", clock, seed=3, parameters=WITH_STAMPS)
    bob.add(other.invite().link)
    clock.pass_by(2 * UNANSWERED_AFTER_SECONDS)
    bob.tend()
    assert notes(bob, "Cem") == []
    bob.mint_all()
    assert [note.kind for note in notes(bob, "Cem")] == ["not answered"]


# --- The issuer says that it is closed ----------------------------------------------------------


def test_the_second_comer_of_an_invite_for_one_is_told_that_it_is_closed() -> None:
    clock, ann, _, cem = second_comer()
    cem.send("Ann", "it is me")
    ann.receive(cem.post())
    (notice,) = [event for event in ann.take_events() if isinstance(event, NoticeRaised)]
    assert "was not let in. They will be told that it is closed." in notice.sentence
    answers = answers_of(ann, clock)
    assert len(answers) == 1
    cem.take_events()
    cem.receive(answers)
    contact = one_contact(cem, "Ann")
    assert (contact.state, contact.is_invite_closed) == ("invited", True)
    assert [message.is_invite_closed for message in cem.messages("Ann")] == [True]
    (noted,) = [event for event in cem.take_events() if isinstance(event, ContactNoted)]
    assert noted.note.kind == "invite closed"
    assert "can no longer be used" in noted.note.sentence
    assert "Ask for a new one and add it" in noted.note.sentence
    with pytest.raises(UserError) as caught:
        cem.send("Ann", "hello?")
    assert caught.value.kind == "invite-closed"
    assert [contact.name for contact in ann.contacts()] == ["Bob"]


def test_the_answer_is_late_and_outlives_a_restart() -> None:
    clock, ann, _, cem = second_comer()
    ann.receive(cem.post())
    assert answers_of(ann, clock, after_s=RETIRE_DELAY_MS[0] / 1000 - 1) == []
    ann.restart()
    ann.tend()
    deadline = ann.messenger.deadline()
    assert deadline is not None
    remaining_s = (deadline - clock.now.monotonic) / 1_000_000
    assert 0 < remaining_s <= LATEST_S
    clock.pass_by(remaining_s + 0.001)
    ann.tend()
    (answer,) = ann.post()
    cem.receive([answer])
    assert one_contact(cem, "Ann").is_invite_closed
    # And its key is gone.
    assert ann.connection.execute("SELECT key FROM closed_answers").fetchall() == [(None,)]


def test_the_answer_looks_like_the_hello_that_an_open_invite_gets() -> None:
    clock, (ann, bob, cem, dora) = people("Ann", "Bob", "Cem", "Dora")
    link = ann.invite().link
    bob.add(link)
    ann.receive(bob.post())
    hello = ann.post()[-1]
    for late in (cem, dora):
        late.add(link)
        ann.receive(late.post())
    answers = answers_of(ann, clock)
    assert len(answers) == 2
    for answer in answers:
        assert len(answer.data) == len(hello.data)
        assert answer.header.lifetime_class == hello.header.lifetime_class
    # Nothing joins the two, or joins them to what Ann writes to others.
    keys = [one.header.posting_key for one in (*answers, hello)]
    assert len(set(keys)) == 3
    # It is retired as all that was opened is.
    is_on_its_way = ann.messenger.parts.transit.is_on_its_way
    cem.receive(answers)
    assert [is_on_its_way(answer.id) for answer in answers] == [True, True]
    clock.pass_by(2 * LATEST_S)
    exchange_tokens(cem, ann)
    assert sorted(is_on_its_way(answer.id) for answer in answers) == [False, True]


def test_who_comes_again_is_told_once_in_the_life_of_an_answer() -> None:
    clock, ann, _, cem = second_comer()
    for _ in range(3):
        cem.send("Ann", "again")
        ann.receive(cem.post())
    assert len(answers_of(ann, clock)) == 1
    cem.send("Ann", "and again")
    ann.receive(cem.post())
    assert answers_of(ann, clock) == []
    clock.pass_by(8 * DAY_S)
    ann.tend()
    cem.send("Ann", "a week later")
    ann.receive(cem.post())
    assert len(answers_of(ann, clock)) == 1


def test_a_crowd_that_comes_by_one_link_gets_so_many_answers() -> None:
    clock, (ann, bob) = people("Ann", "Bob")
    link = ann.invite().link
    bob.add(link)
    exchange(ann, bob)
    for seed in range(10, 12 + CLOSED_ANSWERS_MAX):
        other = Person(f"P{seed}", clock, seed=seed)
        other.add(link)
        ann.receive(other.post())
    answers = answers_of(ann, clock)
    assert len(answers) == CLOSED_ANSWERS_MAX
    assert len({one.header.posting_key for one in answers}) == CLOSED_ANSWERS_MAX


def test_an_answer_that_waits_for_its_stamp_leaves_when_that_comes_and_wakes_nobody() -> None:
    clock = Clock()
    ann, bob, cem = (
        Person(name, clock, seed=seed, parameters=WITH_STAMPS)
        for seed, name in enumerate(("Ann", "Bob", "Cem"), 1)
    )
    link = ann.invite().link
    for other in (ann, bob, cem):
        other.mint_all()
    bob.add(link)
    exchange(ann, bob)
    cem.add(link)
    ann.receive(cem.post())
    ann.mint_all()
    assert ann.mints == []
    assert answers_of(ann, clock) == []
    deadline = ann.messenger.deadline()
    assert deadline is not None
    assert deadline - clock.now.monotonic > LATEST_S * 1_000_000
    # One key for one answer of today.
    assert len(ann.mints) == 1
    ann.mint_all()
    (answer,) = answers_of(ann, clock, after_s=0)
    cem.receive([answer])
    assert one_contact(cem, "Ann").is_invite_closed


# --- Silence ------------------------------------------------------------------------------------


def revoked(person: Person, invite: InviteAnswer, *, tells: bool = False) -> InviteAnswer:
    asked = RevokeInvite(invite.id, tells_closed=True) if tells else RevokeInvite(invite.id)
    answer = person.ask(asked)
    assert isinstance(answer, InviteAnswer)
    return answer


@pytest.mark.parametrize("tells", [False, True])
def test_who_comes_by_a_revoked_invite_hears_of_it_only_if_its_person_wished_so(
    tells: bool,
) -> None:
    clock, (ann, bob) = people("Ann", "Bob")
    invite = ann.invite()
    bob.add(invite.link)
    # On its way when it is revoked.
    first = bob.post()
    assert revoked(ann, invite, tells=tells).tells_closed == tells
    ann.receive(first)
    answers = answers_of(ann, clock)
    assert len(answers) == int(tells)
    bob.receive(answers)
    assert one_contact(bob, "Ann").is_invite_closed == tells
    # Nobody came in, and nothing was told as opened.
    assert ann.contacts() == []
    exchange_tokens(ann, bob)
    assert [message.state for message in bob.messages("Ann")] == []


def test_an_invite_that_is_used_up_can_be_silenced() -> None:
    clock, ann, _, cem = second_comer()
    ann.receive(cem.post())
    assert revoked(ann, first_invite(ann)).state == "revoked"
    assert answers_of(ann, clock) == []


def first_invite(ann: Person) -> InviteAnswer:
    answer = ann.ask(AskInvites())
    assert isinstance(answer, InvitesAnswer)
    return answer.invites[-1]


@pytest.mark.parametrize("what", [BlockContact, RemoveContact])
def test_after_a_block_or_a_removal_no_invite_of_before_tells_that_the_node_is_alive(
    what: type[BlockContact] | type[RemoveContact],
) -> None:
    clock, ann, _, cem = second_comer()
    ann.receive(cem.post())
    ann.ask(what("Bob"))
    assert answers_of(ann, clock) == []
    # He comes under another name, by the link that he still has.
    cem.send("Ann", "guess who")
    ann.receive(cem.post())
    assert answers_of(ann, clock) == []
    # Invites that are made afterwards tell.
    assert ann.invite().tells_closed


def test_who_is_blocked_gets_no_answer_and_hears_none() -> None:
    clock, ann, _, cem = second_comer()
    ann.receive(cem.post())
    answers = answers_of(ann, clock)
    cem.ask(BlockContact("Ann"))
    cem.receive(answers)
    assert not one_contact(cem, "Ann").is_invite_closed
    assert cem.dropped() == {"mail of somebody who is blocked": 1}


# --- Forged -------------------------------------------------------------------------------------


def test_an_answer_that_was_changed_or_is_for_another_first_contact_closes_nothing() -> None:
    clock, ann, _, cem = second_comer()
    ann.receive(cem.post())
    (answer,) = answers_of(ann, clock)
    for place in (0, 20, len(answer.body) - 1):
        body = bytearray(answer.body)
        body[place] ^= 1
        cem.receive([replace(answer, id=EnvelopeId(bytes([place % 251]) * 32), body=bytes(body))])
    assert not one_contact(cem, "Ann").is_invite_closed
    assert cem.dropped() == {"a sealed box does not open": 3}
    cem.receive([answer])
    assert one_contact(cem, "Ann").is_invite_closed
    assert len(notes(cem, "Ann")) == 1


def test_who_was_refused_can_be_a_contact_and_go_again() -> None:
    clock, (ann, bob) = people("Ann", "Bob")
    with transaction(ann.connection):
        key = bob.wired.identity.keys.verify_key
        link, _ = ann.wired.nearby_contacts.invite(key, "Bob", ann.now.mesh)
    revoked(ann, first_invite(ann), tells=True)
    bob.add(link)
    ann.receive(bob.post())
    bob.add(ann.invite().link)
    exchange(ann, bob)
    assert one_contact(bob, "Ann").state == "answered"
    assert ann.connection.execute("SELECT count(*) FROM closed_answers").fetchall() == [(1,)]
    other = Person("Bob", clock, seed=7)
    other.add(ann.invite().link)
    exchange(ann, other)
    # The invite that was for him alone goes with his key, and what was to be said of it.
    ann.ask(ReplaceIdentity("Bob", "Bob 2"))
    assert ann.connection.execute("SELECT count(*) FROM closed_answers").fetchall() == [(0,)]
    assert [contact.label for contact in ann.contacts()] == ["Bob"]


# --- A newer invite -----------------------------------------------------------------------------


def live(person: Person, posted: list[Envelope], mesh_now: int) -> list[Envelope]:
    """Those of a person's envelopes that no token of theirs takes back."""
    due = person.messenger.parts.retirements.take_due(1_000, person.now)
    gone = {retirement.envelope for retirement in due}
    return [one for one in posted if one.id not in gone and one.header.lapses > mesh_now]


def test_a_newer_invite_takes_along_what_was_not_answered_and_the_former_is_taken_back() -> None:
    clock, (ann, bob) = people("Ann", "Bob")
    old = ann.invite()
    revoked(ann, old)
    bob.add(old.link)
    sent = [bob.send("Ann", text) for text in ("one", "two", "three")]
    first = bob.post()
    bob.carried_by(b"n" * 32, first)
    assert [message.state for message in bob.messages("Ann")] == ["carried"] * 3
    clock.pass_by(2 * DAY_S)
    bob.tend()
    assert all(message.unanswered_since for message in bob.messages("Ann"))
    bob.add(ann.invite().link)
    told = bob.messages("Ann")
    assert [(message.state, message.carriers) for message in told] == [("queued", 0)] * 3
    assert [message.unanswered_since for message in told] == [0, 0, 0]
    second = bob.post()
    # The hello that goes with them too.
    assert live(bob, first, clock.now.mesh) == []
    assert len(second) == len(first)
    assert not {one.header.tag for one in first} & {one.header.tag for one in second}
    ann.receive(first + second)
    exchange(ann, bob)
    assert ann.texts("Bob") == ["one", "two", "three"]
    assert [message.id for message in ann.messages("Bob")] == [message.id for message in sent]
    assert [message.missing_count for message in ann.messages("Bob")] == [0, 0, 0]
    assert one_contact(bob, "Ann").state == "answered"
    clock.pass_by(2 * LATEST_S)
    exchange_tokens(ann, bob)
    assert [message.state for message in bob.messages("Ann")] == ["delivered"] * 3


def test_what_was_opened_under_the_former_invite_after_all_is_shown_once_and_delivered() -> None:
    clock, (ann, bob) = people("Ann", "Bob")
    bob.add(ann.invite().link)
    bob.send("Ann", "once")
    first = bob.post()
    bob.add(ann.invite().link)
    # Both invites are open, and what is under way by the former comes first.
    ann.receive(first)
    clock.pass_by(2 * LATEST_S)
    exchange_tokens(ann, bob)
    assert [message.state for message in bob.messages("Ann")] == ["delivered"]
    exchange(ann, bob)
    assert ann.texts("Bob") == ["once"]
    ann.send("Bob", "here I am")
    exchange(ann, bob)
    assert bob.texts("Ann") == ["once", "here I am"]


def test_once_the_invite_is_said_to_be_closed_nothing_is_posted_until_a_newer_one_is_here() -> None:
    clock, ann, _, cem = second_comer(3 * DAY_S)
    cem.send("Ann", "one")
    first = cem.post()
    cem.carried_by(b"n" * 32, first)
    ann.receive(first)
    cem.receive(answers_of(ann, clock))
    # No token that leaves now may tell who has read the answer: what is under way lapses.
    assert live(cem, first, clock.now.mesh) == first
    (message,) = cem.messages("Ann")
    assert (message.state, message.carriers, message.is_invite_closed) == ("carried", 1, True)
    for _ in range(20):
        clock.pass_by(DAY_S)
        cem.tend()
        assert cem.post() == []
    assert [message.state for message in cem.messages("Ann")] == ["queued"]
    cem.restart()
    cem.add(ann.invite().link)
    exchange(ann, cem)
    assert ann.texts("Cem") == ["one"]


def test_what_waits_under_a_closed_invite_is_told_as_expired_when_its_time_is_over() -> None:
    clock, ann, _, cem = second_comer()
    cem.send("Ann", "one")
    ann.receive(cem.post())
    cem.receive(answers_of(ann, clock))
    clock.pass_by(31 * DAY_S)
    cem.tend()
    assert [message.state for message in cem.messages("Ann")] == ["expired"]


@pytest.mark.parametrize("kind", ["link", "qr"])
def test_a_newer_qr_code_lets_everything_wait_for_its_keys(kind: str) -> None:
    _, (ann, bob) = people("Ann", "Bob")
    old = ann.invite()
    revoked(ann, old)
    bob.add(old.link if kind == "link" else old.qr, "Ann")
    bob.send("Ann", "one")
    bob.post()
    bob.add(ann.invite().qr)
    assert [message.state for message in bob.messages("Ann")] == ["awaiting-key"]
    assert bob.post() == []
    exchange(ann, bob)
    assert ann.texts("Bob") == ["one"]
