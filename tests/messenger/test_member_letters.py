"""Writing to a member who is no contact: the letter, the answer, and who learns what."""

import pytest

from mesh.commands.contacts import AskContact, BlockContact, ContactDetailsAnswer, RemoveContact
from mesh.commands.groups import ForgetGroup, LeaveGroup, RemoveMember
from mesh.commands.invites import AskInvites, InvitesAnswer, RevokeInvite
from mesh.commands.member_letters import AnswerMemberLetter, WriteToMember
from mesh.crypto.signing import Verify
from mesh.errors import UserError
from mesh.events import ContactAdded, MemberWrote
from mesh.ids import UnixSeconds
from mesh.limits.groups import INVITE_NOTE_BYTES_MAX
from mesh.limits.member_letters import MEMBER_LETTER_PAUSE_SECONDS
from mesh.messenger import member_letters
from mesh.messenger.groups import letters
from mesh.messenger.onboarding.unanswered import moment_words
from mesh.wire.bundle import Bundle, decode_bundle
from tests.messenger.doing import refused
from tests.messenger.in_groups import crew, inside, member, settle
from tests.messenger.people import DAY_S, WITH_STAMPS, Person, exchange, one_contact
from tests.messenger.test_machines import restored
from tests.messenger.writing_letters import (
    answer,
    at_entrance,
    forge,
    letters_of,
    pass_weeks,
    strangers,
    write,
)

Patch = pytest.MonkeyPatch


def is_known_as(person: Person, name: str) -> bool:
    """Say whether a member is known to be the contact of the same name."""
    contact = member(person, name).contact
    return contact != 0 and contact == one_contact(person, name).id


def test_a_member_who_accepts_becomes_a_contact_and_both_know_who_it_is() -> None:
    ann, bob, cem = people = strangers("Ann", "Bob", "Cem")
    written = write(bob, "Cem", "From the pier?")
    assert written.member_name == "Cem"
    assert written.again - written.written == MEMBER_LETTER_PAUSE_SECONDS
    settle(*people)
    (letter,) = letters_of(cem)
    assert (letter.group_name, letter.member_name, letter.name) == ("Crew", "Bob", "Bob")
    assert (letter.note, letter.state, letter.contact) == ("From the pier?", "waiting", 0)
    assert bytes.fromhex(letter.member_key) == inside(bob).me
    assert bytes.fromhex(letter.key) == bob.wired.identity.keys.verify_key
    assert [one.letter for one in cem.take_events() if isinstance(one, MemberWrote)] == [letter]
    assert [contact.label for contact in cem.contacts()] == ["Ann"]
    assert letters_of(ann) == letters_of(bob) == []
    answer(cem, is_accepted=True)
    assert letters_of(cem) == []
    # Nobody handed the link over: it vouches for no key.
    assert one_contact(cem, "Bob").trust == "first seen"
    assert [one.contact.label for one in cem.take_events() if isinstance(one, ContactAdded)] == [
        "Bob"
    ]
    settle(*people)
    assert is_known_as(bob, "Cem")
    assert is_known_as(cem, "Bob")
    # Of what the letter said nothing is left, nor is he asked anew who is a contact.
    rows = cem.connection.execute("SELECT link, name, note FROM member_letters").fetchall()
    assert rows == [("", "", "")]
    assert member(bob, "Cem").letter_again == 0
    bob.send("Cem", "hello there")
    cem.send("Bob", "and you")
    exchange(*people)
    assert sorted(cem.texts("Bob")) == sorted(bob.texts("Cem")) == ["and you", "hello there"]
    details = cem.ask(AskContact("Bob"))
    assert isinstance(details, ContactDetailsAnswer)
    assert "They are Bob of the group Crew." in [note.sentence for note in details.notes]
    assert not one_contact(bob, "Cem").is_request


def test_a_letter_is_4_kib_by_a_key_of_its_own_whatever_it_says() -> None:
    ann, bob, cem, dan = people = strangers("Ann", "Bob", "Cem", "Dan")
    write(bob, "Cem", "x" * INVITE_NOTE_BYTES_MAX)
    first = at_entrance(cem, bob.post())
    write(bob, "Dan")
    second = at_entrance(dan, bob.post())
    assert len(first) == len(second) == 1
    assert [one.header.size_class for one in first + second] == [1, 1]
    keys = {one.header.posting_key for one in first + second}
    assert len(keys) == 2
    # Nothing else is by these keys: no word in the group, no bundle of an invite.
    bob.tend()
    exchange(*people)
    others = [
        one
        for person in people
        for one in person.store.envelopes.values()
        if one not in first + second
    ]
    assert keys.isdisjoint(one.header.posting_key for one in others)
    assert ann.take_events() == []


def test_who_is_declined_learns_nothing_and_is_heard_no_more() -> None:
    _, bob, cem = people = strangers("Ann", "Bob", "Cem")
    write(bob, "Cem")
    settle(*people)
    before = len(cem.store.envelopes)
    answer(cem, is_accepted=False)
    cem.tend()
    assert cem.post() == []
    settle(*people)
    assert len(cem.store.envelopes) == before
    assert [contact.label for contact in bob.contacts()] == ["Ann"]
    pass_weeks(2, *people)
    cem.take_events()
    write(bob, "Cem", "again")
    settle(*people)
    assert letters_of(cem) == []
    assert cem.dropped()["a letter by a member of whom our person wants none"] == 1
    # Until our person writes to him.
    write(cem, "Bob")
    settle(*people)
    assert [letter.member_name for letter in letters_of(bob)] == ["Cem"]
    answer(bob, is_accepted=True)
    settle(*people)
    assert is_known_as(bob, "Cem")
    assert is_known_as(cem, "Bob")


def test_who_write_to_each_other_at_once_are_one_contact() -> None:
    _, bob, cem = people = strangers("Ann", "Bob", "Cem")
    write(bob, "Cem")
    write(cem, "Bob")
    settle(*people)
    assert len(letters_of(bob)) == len(letters_of(cem)) == 1
    answer(bob, is_accepted=True)
    settle(*people)
    assert letters_of(bob) == letters_of(cem) == []
    assert is_known_as(bob, "Cem")
    assert is_known_as(cem, "Bob")


def test_both_accept_at_once_on_two_sides_of_a_cut() -> None:
    _, bob, cem = people = strangers("Ann", "Bob", "Cem")
    write(bob, "Cem")
    write(cem, "Bob")
    settle(*people)
    answer(bob, is_accepted=True)
    answer(cem, is_accepted=True)
    settle(*people)
    assert is_known_as(bob, "Cem")
    assert is_known_as(cem, "Bob")
    bob.send("Cem", "one")
    cem.send("Bob", "two")
    settle(*people)
    assert sorted(cem.texts("Bob")) == sorted(bob.texts("Cem")) == ["one", "two"]


def test_a_letter_goes_on_after_a_cut_and_a_restart_on_each_side() -> None:
    ann, bob, cem = people = strangers("Ann", "Bob", "Cem")
    write(bob, "Cem")
    bob.restart()
    posted = bob.post()
    bob.restart()
    # Cem is cut off for a week; then Ann's node, which cannot read it, carries it.
    ann.receive(posted)
    bob.clock.pass_by(7 * DAY_S)
    cem.receive(list(ann.store.envelopes.values()))
    cem.restart()
    answer(cem, is_accepted=True)
    cem.restart()
    accepted = cem.post()
    bob.restart()
    bob.receive(accepted)
    bob.restart()
    settle(*people)
    assert is_known_as(bob, "Cem")
    assert is_known_as(cem, "Bob")


def test_a_letter_waits_for_a_stamp() -> None:
    ann, bob, cem = strangers("Ann", "Bob", "Cem")
    bob.parameters = WITH_STAMPS
    bob.restart()
    write(bob, "Cem")
    assert at_entrance(cem, bob.post()) == []
    bob.mint_all()
    (letter,) = at_entrance(cem, bob.post())
    assert letter.header.stamp != bytes(12)
    cem.receive([letter])
    assert len(letters_of(cem)) == 1
    assert ann.contacts()


def test_letters_that_wait_for_a_stamp_are_not_opened_in_vain(monkeypatch: Patch) -> None:
    opened: list[bytes] = []

    def counted(data: bytes, verify: Verify) -> Bundle:
        opened.append(data)
        return decode_bundle(data, verify)

    monkeypatch.setattr(letters, "decode_bundle", counted)
    _, bob, *others = strangers("Ann", "Bob", "Cem", "Dan", "Eve")
    opened.clear()
    bob.parameters = WITH_STAMPS
    bob.restart()
    for other in others:
        write(bob, other.name)
        bob.tend()
    assert opened == []
    bob.mint_all()
    bob.tend()
    posted = bob.post()
    assert 0 < len(opened) == sum(len(at_entrance(other, posted)) for other in others)


def test_one_that_was_lost_is_written_again_after_a_week() -> None:
    _, bob, cem = people = strangers("Ann", "Bob", "Cem")
    write(bob, "Cem")
    first = bob.post()
    assert refused(bob, WriteToMember("Crew", member(bob, "Cem").member)) == "exists"
    # It is known before: the list of members says from when on.
    again = member(bob, "Cem").letter_again
    assert again == bob.now.mesh + MEMBER_LETTER_PAUSE_SECONDS
    assert member(bob, "Ann").letter_again == member(cem, "Bob").letter_again == 0
    bob.clock.pass_by(MEMBER_LETTER_PAUSE_SECONDS - 1)
    with pytest.raises(UserError, match=f"again from {moment_words(UnixSeconds(again))} on"):
        bob.ask(WriteToMember("Crew", member(bob, "Cem").member))
    bob.clock.pass_by(1)
    assert member(bob, "Cem").letter_again == 0
    write(bob, "Cem", "again")
    settle(*people)
    assert [letter.note for letter in letters_of(cem)] == ["again"]
    # The first comes after all: its invite is over, and it is passed over.
    bob.clock.pass_by(2 * DAY_S)
    cem.receive(first)
    assert [letter.note for letter in letters_of(cem)] == ["again"]
    invites = bob.ask(AskInvites())
    assert isinstance(invites, InvitesAnswer)
    assert [one.state for one in invites.invites if one.label == "Cem"] == ["open", "revoked"]
    # Nobody else is to come by them, so none of their links is shown.
    assert all(not (one.link or one.qr) for one in invites.invites if one.label == "Cem")
    bob.invite()
    invites = bob.ask(AskInvites())
    assert isinstance(invites, InvitesAnswer)
    assert [one.is_in_letter for one in invites.invites] == [False, True, True]
    answer(cem, is_accepted=True)
    settle(*people)
    assert is_known_as(bob, "Cem")


def test_who_takes_an_invite_back_takes_the_letter_back() -> None:
    _, bob, cem = people = strangers("Ann", "Bob", "Cem")
    write(bob, "Cem")
    settle(*people)
    invites = bob.ask(AskInvites())
    assert isinstance(invites, InvitesAnswer)
    bob.ask(RevokeInvite(invites.invites[0].id))
    answer(cem, is_accepted=True)
    settle(*people)
    assert [contact.label for contact in bob.contacts()] == ["Ann"]
    assert member(bob, "Cem").contact == member(cem, "Bob").contact == 0


def test_a_contact_and_oneself_are_written_to_otherwise() -> None:
    ann, bob = crew("Ann", "Bob")
    for name, kind in (("Ann", "same-contact"), ("Bob", "exists")):
        assert refused(ann, WriteToMember("Crew", member(ann, name).member)) == kind
    assert refused(ann, WriteToMember("Crew", 4_000)) == "not-found"
    long = WriteToMember("Crew", member(bob, "Ann").member, "x" * 600)
    assert refused(bob, long) == "too-large"


def test_so_many_letters_leave_in_a_day_and_so_many_are_open(monkeypatch: Patch) -> None:
    monkeypatch.setattr(member_letters, "MEMBER_LETTERS_PER_DAY_MAX", 2)
    monkeypatch.setattr(member_letters, "MEMBER_LETTERS_OPEN_MAX", 3)
    _, bob, *_ = strangers("Ann", "Bob", "Cem", "Dan", "Eve", "Fay")
    write(bob, "Cem")
    write(bob, "Dan")
    eve = WriteToMember("Crew", member(bob, "Eve").member)
    assert refused(bob, eve) == "too-many"
    bob.clock.pass_by(DAY_S)
    write(bob, "Eve")
    # Three are open. Another one to Cem takes the one before back.
    bob.clock.pass_by(MEMBER_LETTER_PAUSE_SECONDS)
    assert refused(bob, WriteToMember("Crew", member(bob, "Fay").member)) == "too-many"
    write(bob, "Cem")
    # The keys of that are kept on, and count for themselves.
    monkeypatch.setattr(member_letters, "MEMBER_LETTERS_KEPT_MAX", 4)
    again = WriteToMember("Crew", member(bob, "Dan").member)
    assert refused(bob, again) == "too-many"
    bob.clock.pass_by(61 * DAY_S)
    bob.tend()
    write(bob, "Dan")


def test_with_a_contact_or_a_group_go_the_letters() -> None:
    ann, bob, cem = people = strangers("Ann", "Bob", "Cem")
    write(bob, "Cem", "a marker that nobody else writes")
    settle(*people)
    answer(cem, is_accepted=True)
    settle(*people)
    cem.ask(RemoveContact("Bob"))
    count = cem.connection.execute("SELECT count(*) FROM member_letters").fetchall()
    assert count == [(0,)]
    assert member(cem, "Bob").contact == 0
    bob.ask(LeaveGroup("Crew"))
    settle(*people)
    bob.ask(ForgetGroup("Crew"))
    count = bob.connection.execute("SELECT count(*) FROM member_letters_written").fetchall()
    assert count == [(0,)]
    assert ann.contacts()


def test_what_nobody_answers_is_forgotten_after_a_month() -> None:
    _, bob, cem = people = strangers("Ann", "Bob", "Cem")
    write(bob, "Cem")
    settle(*people)
    pass_weeks(4, *people)
    assert len(letters_of(cem)) == 1
    pass_weeks(1, *people)
    assert letters_of(cem) == []
    count = cem.connection.execute("SELECT count(*) FROM member_letters").fetchall()
    assert count == [(0,)]


def test_a_letter_that_waits_is_in_a_backup() -> None:
    _, bob, cem = people = strangers("Ann", "Bob", "Cem")
    write(bob, "Cem", "kept")
    settle(*people)
    again = restored(cem)
    assert [letter.note for letter in letters_of(again)] == ["kept"]
    answer(again, is_accepted=True)
    settle(people[0], bob, again)
    assert "Cem" in [contact.label for contact in bob.contacts()]


def test_a_blocked_member_is_dropped_silently() -> None:
    _, bob, cem = people = strangers("Ann", "Bob", "Cem")
    cem.add(bob.invite().link)
    settle(*people)
    cem.ask(BlockContact("Bob"))
    cem.take_events()
    # Bob's node does not recognise Cem in the group, and lost him as a contact.
    bob.ask(RemoveContact("Cem"))
    write(bob, "Cem")
    posted = bob.post()
    cem.receive(posted)
    cem.tend()
    assert letters_of(cem) == []
    assert cem.take_events() == []
    assert cem.post() == []
    assert cem.dropped()["a letter by somebody who is blocked"] == 1


def test_of_who_is_blocked_later_the_letter_is_shown_no_more() -> None:
    _, bob, cem = people = strangers("Ann", "Bob", "Cem")
    write(bob, "Cem")
    settle(*people)
    (letter,) = letters_of(cem)
    cem.add(bob.invite().link)
    settle(*people)
    cem.ask(BlockContact("Bob"))
    assert letters_of(cem) == []
    assert refused(cem, AnswerMemberLetter("Crew", letter.letter, is_accepted=True)) == "not-found"


def test_who_is_removed_writes_to_nobody_and_his_letter_is_shown_no_more() -> None:
    ann, bob, cem = people = strangers("Ann", "Bob", "Cem")
    write(bob, "Cem")
    settle(*people)
    assert len(letters_of(cem)) == 1
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    settle(*people)
    assert letters_of(cem) == []
    assert refused(bob, WriteToMember("Crew", 1)) == "gone"


def invite_states(person: Person) -> list[str]:
    """The states of the invites in letters of somebody, newest first."""
    invites = person.ask(AskInvites())
    assert isinstance(invites, InvitesAnswer)
    return [one.state for one in invites.invites if one.is_in_letter]


def test_where_one_of_both_is_out_of_the_group_the_invite_is_taken_back() -> None:
    ann, bob, _, dan, eve = people = strangers("Ann", "Bob", "Cem", "Dan", "Eve")
    for person in (bob, dan, eve):
        write(person, "Cem")
    settle(*people)
    bob.ask(LeaveGroup("Crew"))
    assert invite_states(bob) == ["revoked"]
    ann.ask(RemoveMember("Crew", member(ann, "Dan").member))
    settle(*people)
    assert invite_states(dan) == ["revoked"]
    assert invite_states(eve) == ["open"]
    ann.ask(RemoveMember("Crew", member(ann, "Cem").member))
    settle(*people)
    assert invite_states(eve) == ["revoked"]


def test_what_waits_for_a_stamp_is_not_posted_after_we_left() -> None:
    _, bob, cem = people = strangers("Ann", "Bob", "Cem")
    bob.parameters = WITH_STAMPS
    bob.restart()
    write(bob, "Cem")
    bob.ask(LeaveGroup("Crew"))
    bob.mint_all()
    bob.tend()
    assert at_entrance(cem, bob.post()) == []
    settle(*people)
    assert bob.connection.execute("SELECT count(*) FROM group_letters").fetchall() == [(0,)]


def test_who_was_accepted_asks_no_more() -> None:
    ann, bob, cem = people = strangers("Ann", "Bob", "Cem")
    first, second = (bob.invite().link for _ in range(2))
    cem.receive(forge(bob, cem, link=first))
    answer(cem, is_accepted=True)
    bob.clock.pass_by(2 * DAY_S)
    cem.receive(forge(bob, cem, link=second))
    assert letters_of(cem) == []
    assert cem.dropped()["a letter by a member whom our person accepted"] == 1
    # The same where both know who is who.
    assert is_known_as(cem, "Ann")
    cem.receive(forge(ann, cem, link=ann.invite().link))
    assert letters_of(cem) == []
    assert cem.dropped()["a letter by a member who is a contact"] == 1
    settle(*people)


def test_a_letter_is_listed_as_long_as_its_invite_lives() -> None:
    _, bob, cem = strangers("Ann", "Bob", "Cem")
    cem.receive(forge(bob, cem, link=bob.invite(lifetime_s=3_600).link))
    (letter,) = letters_of(cem)
    cem.clock.pass_by(letter.expires - cem.now.mesh - 1)
    assert letters_of(cem) == [letter]
    cem.clock.pass_by(1)
    assert letters_of(cem) == []
    assert refused(cem, AnswerMemberLetter("Crew", letter.letter, is_accepted=True)) == "not-found"


def test_a_refusal_outlives_the_contact_who_has_the_key() -> None:
    _, bob, cem = people = strangers("Ann", "Bob", "Cem")
    cem.receive(forge(bob, cem, link=bob.invite().link))
    answer(cem, is_accepted=False)
    cem.add(bob.invite().link)
    settle(*people)
    cem.ask(RemoveContact("Bob"))
    cem.clock.pass_by(2 * DAY_S)
    reason = "a letter by a member of whom our person wants none"
    before = cem.dropped().get(reason, 0)
    cem.receive(forge(bob, cem, link=bob.invite().link))
    assert letters_of(cem) == []
    assert cem.dropped()[reason] > before


def test_the_invite_of_whom_nobody_proves_to_be_goes_after_two_months() -> None:
    """Bob writes with an invite of Eve's, who is in no group, and Dan with one that is closed."""
    ann, bob, cem, dan = people = strangers("Ann", "Bob", "Cem", "Dan")
    eve = Person("Eve", ann.clock, seed=9)
    write(dan, "Cem")
    settle(*people)
    invites = dan.ask(AskInvites())
    assert isinstance(invites, InvitesAnswer)
    dan.ask(RevokeInvite(invites.invites[0].id))
    answer(cem, is_accepted=True)
    cem.receive(forge(bob, cem, link=eve.invite().link))
    answer(cem, is_accepted=True)
    settle(*people, eve)
    question = "SELECT link <> '' FROM member_letters ORDER BY number"
    assert cem.connection.execute(question).fetchall() == [(1,), (1,)]
    ann.clock.pass_by(60 * DAY_S + 60)
    cem.tend()
    # Of Dan, who never answered, another letter may come.
    assert cem.connection.execute(question).fetchall() == [(0,)]


def test_a_letter_in_place_of_another_is_not_answered_by_its_number() -> None:
    _, bob, cem = strangers("Ann", "Bob", "Cem")
    cem.receive(forge(bob, cem, link=bob.invite(lifetime_s=5 * DAY_S).link))
    (before,) = letters_of(cem)
    cem.clock.pass_by(2 * DAY_S)
    cem.receive(forge(bob, cem, link=bob.invite().link, note="again"))
    (letter,) = letters_of(cem)
    assert letter.note == "again"
    assert letter.letter != before.letter
    assert refused(cem, AnswerMemberLetter("Crew", before.letter, is_accepted=True)) == "not-found"
