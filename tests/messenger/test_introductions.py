"""Introductions: two contacts come to know each other, and both know who vouched."""

import pytest

from mesh.commands.answer import Done
from mesh.commands.contacts import (
    AcceptRequest,
    AddContact,
    AskContact,
    BlockContact,
    ContactAnswer,
    ContactDetailsAnswer,
    RemoveContact,
)
from mesh.commands.introductions import (
    AnswerIntroduction,
    AskIntroductions,
    Introduce,
    IntroductionAnswer,
    IntroductionsAnswer,
)
from mesh.commands.invites import AskInvites, InvitesAnswer
from mesh.errors import UserError
from mesh.events import ContactAdded, IntroductionChanged
from mesh.limits.contacts import INTRODUCTION_SECONDS, INTRODUCTIONS_PER_CONTACT_MAX
from mesh.wire.controls import INTRODUCE, INTRODUCE_ASK, INTRODUCE_GRANT
from tests.messenger.people import DAY_S, Clock, Person, exchange


def three() -> tuple[Person, Person, Person]:
    """Ivy, who knows Ann and Bob; they do not know each other."""
    clock = Clock()
    ivy, ann, bob = (
        Person(name, clock, seed=seed) for seed, name in enumerate(("Ivy", "Ann", "Bob"), 1)
    )
    for other in (ann, bob):
        other.add(ivy.invite().link)
        exchange(ivy, other)
    return ivy, ann, bob


def introductions(person: Person) -> list[IntroductionAnswer]:
    answer = person.ask(AskIntroductions())
    assert isinstance(answer, IntroductionsAnswer)
    return answer.introductions


def answer_first(person: Person, *, is_accepted: bool = True) -> IntroductionAnswer:
    answer = person.ask(AnswerIntroduction(introductions(person)[0].id, is_accepted))
    assert isinstance(answer, IntroductionAnswer)
    return answer


def one_contact(person: Person, label: str) -> ContactAnswer:
    answer = person.ask(AskContact(label))
    assert isinstance(answer, ContactDetailsAnswer)
    return answer.contact


def granted() -> tuple[Person, Person, Person]:
    """Bob was asked and gave an invite; it lies with Ann."""
    ivy, ann, bob = three()
    assert ivy.ask(Introduce("Ann", "Bob")) == Done()
    exchange(ivy, ann, bob)
    answer_first(bob)
    exchange(ivy, ann, bob)
    return ivy, ann, bob


def test_two_who_are_introduced_become_contacts_and_know_who_vouched() -> None:
    ivy, ann, bob = three()
    ivy.ask(Introduce("Ann", "Bob"))
    exchange(ivy, ann, bob)
    (at_bob,) = introductions(bob)
    assert (at_bob.by, at_bob.name, at_bob.state) == ("Ivy", "Ann", "waiting")
    assert introductions(ann) == []
    assert any(isinstance(event, IntroductionChanged) for event in bob.take_events())
    bob.restart()
    assert answer_first(bob).state == "accepted"
    ivy.restart()
    exchange(ivy, ann, bob)
    (at_ann,) = introductions(ann)
    assert (at_ann.by, at_ann.name, at_ann.state) == ("Ivy", "Bob", "waiting")
    assert [contact.label for contact in ann.contacts()] == ["Ivy"]
    ann.restart()
    ann.take_events()
    assert answer_first(ann).state == "done"
    assert any(isinstance(event, ContactAdded) for event in ann.take_events())
    exchange(ivy, ann, bob)
    for person, label in ((ann, "Bob"), (bob, "Ann")):
        contact = one_contact(person, label)
        assert (contact.introduced_by, contact.trust, contact.is_request) == (
            "Ivy",
            "known",
            False,
        )
        assert introductions(person)[0].state == "done"
    ann.send("Bob", "Ivy says hello")
    exchange(ann, bob)
    assert bob.texts("Ann") == ["Ivy says hello"]
    # She who vouched learns nothing of what they write.
    assert ivy.texts() == []
    assert sorted(contact.label for contact in ivy.contacts()) == ["Ann", "Bob"]


def apart_for_eight_days(*people: Person) -> None:
    """Let all that they send lapse on its way to nobody."""
    for person in people:
        person.post()
    people[0].clock.pass_by(8 * DAY_S)
    for person in people:
        person.tend()


def test_each_step_that_lapsed_on_its_way_goes_again() -> None:
    ivy, ann, bob = three()
    ivy.ask(Introduce("Ann", "Bob"))
    apart_for_eight_days(ivy, ann, bob)
    exchange(ivy, ann, bob)
    assert answer_first(bob).state == "accepted"
    apart_for_eight_days(ivy, ann, bob)
    exchange(ivy, ann, bob)
    assert answer_first(ann).state == "done"
    apart_for_eight_days(ivy, ann, bob)
    exchange(ivy, ann, bob)
    for person, label in ((ann, "Bob"), (bob, "Ann")):
        contact = one_contact(person, label)
        assert (contact.state, contact.is_request) == ("answered", False)


def test_who_is_introduced_and_looks_like_a_contact_is_told_apart_from_them() -> None:
    ivy, ann, bob = three()
    twin = Person("\u0410nn", ann.clock, seed=9)
    twin.add(bob.invite().link)
    exchange(bob, twin)
    ivy.ask(Introduce("Ann", "Bob"))
    exchange(ivy, bob)
    (asked,) = introductions(bob)
    assert (asked.name, asked.looks_like) == ("Ann", ["\u0410nn"])
    answer_first(bob)
    exchange(ivy, ann, bob)
    answer_first(ann)
    exchange(ivy, ann, bob)
    # She is a contact herself now, and no double of herself.
    assert introductions(bob)[0].looks_like == ["\u0410nn"]
    assert introductions(ann)[0].looks_like == []


def test_of_who_is_blocked_no_introduction_is_shown_or_accepted() -> None:
    ivy, ann, bob = three()
    ivy.ask(Introduce("Ann", "Bob"))
    exchange(ivy, ann, bob)
    (asked,) = introductions(bob)
    bob.ask(BlockContact("Ivy"))
    assert introductions(bob) == []
    with pytest.raises(UserError, match="Ivy is blocked") as caught:
        bob.ask(AnswerIntroduction(asked.id, is_accepted=True))
    assert caught.value.kind == "blocked"
    bob.ask(BlockContact("Ivy", is_blocked=False))
    assert introductions(bob) == [asked]


def test_of_an_introduced_contact_who_is_removed_no_introduction_stays() -> None:
    ivy, ann, bob = granted()
    answer_first(ann)
    exchange(ivy, ann, bob)
    for person, label in ((ann, "Bob"), (bob, "Ann")):
        assert [one.state for one in introductions(person)] == ["done"]
        person.ask(RemoveContact(label))
        assert introductions(person) == []
    # She who vouched may do it again, and then it is asked again.
    ivy.ask(Introduce("Ann", "Bob"))
    exchange(ivy, bob)
    assert [one.state for one in introductions(bob)] == ["waiting"]


def test_nobody_is_asked_twice_by_what_comes_twice() -> None:
    ivy, ann, bob = three()
    for _ in range(3):
        ivy.ask(Introduce("Ann", "Bob"))
    exchange(ivy, ann, bob)
    assert len(introductions(bob)) == 1
    answer_first(bob)
    answer_first(bob)
    exchange(ivy, ann, bob)
    # What was lost is said again: the same invite, not another one.
    ivy.ask(Introduce("Ann", "Bob"))
    exchange(ivy, ann, bob)
    assert len(introductions(ann)) == 1
    invites = bob.ask(AskInvites())
    assert isinstance(invites, InvitesAnswer)
    assert len(invites.invites) == 1
    answer_first(ann)
    answer_first(ann)
    exchange(ivy, ann, bob)
    ivy.ask(Introduce("Ann", "Bob"))
    exchange(ivy, ann, bob)
    assert introductions(ann)[0].state == introductions(bob)[0].state == "done"


def test_a_refusal_is_told_to_nobody_and_may_be_thought_over() -> None:
    ivy, ann, bob = three()
    ivy.ask(Introduce("Ann", "Bob"))
    exchange(ivy, ann, bob)
    assert answer_first(bob, is_accepted=False).state == "declined"
    assert bob.post() == []
    ivy.ask(Introduce("Ann", "Bob"))
    exchange(ivy, ann, bob)
    assert introductions(bob)[0].state == "declined"
    assert introductions(ann) == []
    answer_first(bob)
    exchange(ivy, ann, bob)
    assert answer_first(ann, is_accepted=False).state == "declined"
    assert [contact.label for contact in ann.contacts()] == ["Ivy"]
    exchange(ivy, ann, bob)
    assert [contact.label for contact in bob.contacts()] == ["Ivy"]


def test_the_invite_is_for_the_guest_alone() -> None:
    ivy, ann, bob = granted()
    eve = Person("Eve", ivy.clock, seed=9)
    link = ann.connection.execute("SELECT link FROM introductions").fetchall()[0][0]
    assert isinstance(link, str)
    eve.ask(AddContact(link))
    exchange(ivy, ann, bob, eve)
    assert [contact.label for contact in bob.contacts()] == ["Ivy"]
    assert bob.dropped() == {"a first contact by an invite for somebody else": 1}
    answer_first(ann)
    exchange(ivy, ann, bob)
    assert one_contact(bob, "Ann").introduced_by == "Ivy"


def test_who_knows_whom_he_is_introduced_to_is_told_and_nothing_else_happens() -> None:
    ivy, ann, bob = three()
    ann.add(bob.invite().link)
    exchange(ann, bob)
    before = one_contact(bob, "Ann")
    ivy.ask(Introduce("Ann", "Bob"))
    exchange(ivy, ann, bob)
    assert one_contact(bob, "Ann") == before
    assert [one.state for one in introductions(bob)] == ["done"]
    answer = bob.ask(AskContact("Ann"))
    assert isinstance(answer, ContactDetailsAnswer)
    assert [note.kind for note in answer.notes] == ["introduced"]
    assert introductions(ann) == []


def test_only_contacts_of_both_sides_take_part() -> None:
    ivy, ann, bob = three()
    with pytest.raises(UserError) as caught:
        ivy.ask(Introduce("Ann", "Ann"))
    assert caught.value.kind == "same-contact"
    ivy.ask(BlockContact("Ann"))
    for guest, host in (("Ann", "Bob"), ("Bob", "Ann")):
        with pytest.raises(UserError) as caught:
            ivy.ask(Introduce(guest, host))
        assert caught.value.kind == "blocked"
    dora = Person("Dora", ivy.clock, seed=7)
    dora.add(ivy.invite(uses_max=2).link)
    exchange(ivy, dora)
    with pytest.raises(UserError) as caught:
        ivy.ask(Introduce("Dora", "Bob"))
    assert caught.value.kind == "request"
    ivy.ask(AcceptRequest("Dora"))
    ivy.ask(Introduce("Dora", "Bob"))
    exchange(ivy, bob)
    assert [one.name for one in introductions(bob)] == ["Dora"]
    with pytest.raises(UserError) as caught:
        ann.ask(AnswerIntroduction(99, True))
    assert caught.value.kind == "not-found"


def test_after_thirty_days_it_is_forgotten() -> None:
    ivy, ann, bob = granted()
    ivy.clock.pass_by(INTRODUCTION_SECONDS + DAY_S)
    with pytest.raises(UserError) as caught:
        answer_first(ann)
    assert caught.value.kind == "invite-expired"
    for person in (ivy, ann, bob):
        person.tend()
        assert introductions(person) == []
    made = ivy.connection.execute("SELECT count(*) FROM introductions_made").fetchall()
    assert made == [(0,)]


def test_with_who_vouched_goes_what_they_wished_but_not_whom_they_introduced() -> None:
    ivy, ann, bob = granted()
    answer_first(ann)
    exchange(ivy, ann, bob)
    ann.ask(RemoveContact("Ivy"))
    assert introductions(ann) == []
    contact = one_contact(ann, "Bob")
    assert (contact.introduced_by, contact.trust) == ("", "known")


def test_who_vouched_and_is_removed_before_the_guest_comes_vouches_no_more() -> None:
    ivy, ann, bob = granted()
    bob.ask(RemoveContact("Ivy"))
    answer_first(ann)
    exchange(ann, bob)
    contact = one_contact(bob, "Ann")
    assert (contact.introduced_by, contact.trust) == ("", "first seen")
    assert ivy.texts() == []


def test_an_invite_for_somebody_alone_goes_with_them() -> None:
    ivy, ann, bob = granted()
    answer_first(ann)
    exchange(ivy, ann, bob)
    key_of_ann = bytes.fromhex(one_contact(bob, "Ann").key)
    bound = bob.connection.execute("SELECT bound_to FROM invites WHERE bound_to IS NOT NULL")
    assert bound.fetchall() == [(key_of_ann,)]
    prekeys = len(bob.connection.execute("SELECT id FROM prekeys").fetchall())
    bob.ask(RemoveContact("Ann"))
    for table in ("invites", "prekeys", "openings"):
        rows = bob.connection.execute(f"SELECT * FROM {table}").fetchall()
        assert all(key_of_ann not in row and "Ann" not in row for row in rows)
    left = bob.connection.execute("SELECT id, contact FROM prekeys").fetchall()
    assert 0 < len(left) < prekeys
    # With Ivy all goes on.
    ivy.send("Bob", "still there?")
    exchange(ivy, bob)
    assert bob.texts("Ivy")[-1] == "still there?"


def test_what_nobody_asked_for_is_refused() -> None:
    ivy, ann, bob = granted()
    link = ann.connection.execute("SELECT link FROM introductions").fetchall()[0][0]
    (id_,) = ivy.connection.execute("SELECT id FROM introductions_made").fetchall()[0]
    assert isinstance(link, str)
    assert isinstance(id_, bytes)
    ann_key = bytes.fromhex(one_contact(ivy, "Ann").key)
    ivy_key = bytes.fromhex(one_contact(bob, "Ivy").key)
    bob_key = bytes.fromhex(one_contact(ivy, "Bob").key)
    # Not by the host; of another host; malformed; to themselves; of the voucher.
    ann.send_control("Ivy", INTRODUCE_GRANT, id_ + link.encode())
    bob.send_control("Ivy", INTRODUCE_GRANT, bytes(16) + link.encode())
    bob.send_control("Ivy", INTRODUCE_GRANT, id_ + ann.invite().link.encode())
    bob.send_control("Ivy", INTRODUCE_GRANT, id_ + b"mesh:invite/nothing")
    bob.send_control("Ivy", INTRODUCE_GRANT, id_ + bob.invite().qr.encode())
    exchange(ivy, ann, bob)
    assert ivy.dropped() == {
        "an invite for which we did not ask": 2,
        "an invite of somebody else than the host": 1,
        "an introduction without a valid invite": 1,
        "an introduction without keys": 1,
    }
    ivy.send_control("Bob", INTRODUCE_ASK, bytes(15))
    ivy.send_control("Bob", INTRODUCE_ASK, bytes(16) + ann_key[:-1])
    ivy.send_control("Bob", INTRODUCE_ASK, bytes(16) + bob_key + b"Bob")
    ivy.send_control("Bob", INTRODUCE_ASK, bytes(16) + ivy_key + b"Ivy")
    ivy.send_control("Bob", INTRODUCE, bytes(16) + b"\xff\xfe")
    exchange(ivy, ann, bob)
    assert bob.dropped() == {
        "an introduction that is too short": 2,
        "an introduction to ourselves or of the voucher": 2,
        "an introduction without a valid invite": 1,
    }
    assert len(introductions(bob)) == 1


def test_who_waits_apart_introduces_nobody() -> None:
    ivy, ann, _ = three()
    dora = Person("Dora", ivy.clock, seed=7)
    dora.add(ivy.invite(uses_max=2).link)
    exchange(ivy, dora)
    dora.send_control("Ivy", INTRODUCE_ASK, bytes(16) + bytes(range(32)) + b"Eve")
    exchange(ivy, dora)
    assert introductions(ivy) == []
    assert ivy.dropped() == {"an introduction by somebody who waits apart": 1}
    assert ann.texts() == []


def test_one_contact_introduces_so_many_and_a_name_that_hides_something_is_not_shown() -> None:
    ivy, _, bob = three()
    for number in range(INTRODUCTIONS_PER_CONTACT_MAX + 1):
        key = bytes((number + 1,)) * 32
        ivy.send_control(
            "Bob", INTRODUCE_ASK, bytes(15) + bytes((number,)) + key + b"E\xe2\x80\xaeve"
        )
    exchange(ivy, bob)
    found = introductions(bob)
    assert len(found) == INTRODUCTIONS_PER_CONTACT_MAX
    assert {one.name for one in found} == {""}
    assert bob.dropped() == {"too many introductions by one contact": 1}
