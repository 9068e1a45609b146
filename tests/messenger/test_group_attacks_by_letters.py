"""Attacks by letters to members who are no contacts: each fails, and works without its rule.
`docs/protocol/group-attacks.md` has the table of all.
"""

from dataclasses import replace

import pytest

from mesh.commands.invites import AskInvites, InvitesAnswer, RevokeInvite
from mesh.events import MemberWrote
from mesh.group.entrance import entrance_key, entrance_of
from mesh.group.knocking import Letter, encode_letter
from mesh.group.member_letters import MEMBER_LETTER, encode_member_letter, encode_member_word
from mesh.ids import VerifyKey
from mesh.limits.member_letters import MEMBER_LETTER_HEARD_SECONDS
from mesh.messenger import member_letters
from mesh.messenger.groups import letters
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.letters import Addressee, Received
from mesh.messenger.inbox import inbound_sessions
from mesh.messenger.member_letters import MemberLetters
from mesh.messenger.sessions.posting_keys import Audience
from mesh.storage.connection import transaction
from mesh.wire.bundle import decode_bundle
from mesh.wire.controls import GROUP_MEMBER
from tests.messenger.in_groups import inside, member, members_of, settle
from tests.messenger.people import DAY_S, Person
from tests.messenger.writing_letters import (
    answer,
    at_entrance,
    forge,
    letters_of,
    strangers,
    write,
)

Patch = pytest.MonkeyPatch


def authors_shown(person: Person) -> list[str]:
    """The members whose letters somebody is shown."""
    return [letter.member_name for letter in letters_of(person)]


# --- Who writes -----------------------------------------------------------------------------------


STRANGER = VerifyKey(bytes([9]) * 32)


def write_as_a_stranger() -> Person:
    """51: Eve, who is in nowhere, was told Cem's entrance, and writes there."""
    *people, cem = strangers("Ann", "Bob", "Cem")
    eve = Person("Eve", cem.clock, seed=9)
    group = inside(cem)
    data = encode_member_letter(group.gid, eve.invite().link, "let me in")
    received = Received(STRANGER, None, Letter(MEMBER_LETTER, data))
    with transaction(cem.connection):
        cem.wired.groups.joining.member_wrote(group, received, cem.now)
    settle(*people, cem, eve)
    return cem


def test_a_stranger_is_shown_to_nobody_and_let_in_nowhere(monkeypatch: Patch) -> None:
    cem = write_as_a_stranger()
    assert letters_of(cem) == []
    assert not [one for one in cem.take_events() if isinstance(one, MemberWrote)]
    assert [contact.label for contact in cem.contacts()] == ["Ann"]
    assert [one.name for one in members_of(cem)] == ["Ann", "Bob", "Cem"]

    # Without looking who is in, he is shown as if he were.
    members = vars(Group)["members"].fget
    monkeypatch.setattr(Group, "members", property(lambda group: [*members(group), STRANGER]))
    assert [letter.note for letter in letters_of(write_as_a_stranger())] == ["let me in"]


def write_in_the_name_of_another() -> Person:
    """52: Dan writes to Cem with Bob's member key, and an identity key of his own beside it."""
    _, bob, cem, dan = strangers("Ann", "Bob", "Cem", "Dan")
    theirs, author = inside(cem), inside(dan)
    bundle = cem.wired.groups.keepers.leaves.own_bundle(theirs)
    assert bundle is not None
    to = Addressee(
        decode_bundle(bundle, lambda *_: True), entrance_key(entrance_of(theirs.row.seed)), 0
    )
    data = encode_member_letter(author.gid, dan.invite().link, "it is me, Bob")
    keys = replace(author.keys, verify_key=inside(bob).me)
    with transaction(dan.connection):
        content = encode_letter(MEMBER_LETTER, data)
        is_posted = dan.wired.groups.letters.post(
            keys, None, to, content, audience=Audience.LETTERS, now=dan.now
        )
    assert is_posted
    posted = dan.post()
    assert len(at_entrance(cem, posted)) == 1
    cem.receive(posted)
    return cem


def test_nobody_writes_a_letter_in_the_name_of_another(monkeypatch: Patch) -> None:
    cem = write_in_the_name_of_another()
    assert letters_of(cem) == []
    # Without the tie between both keys of an author it is Bob who wrote.
    monkeypatch.setattr(letters, "is_signature_valid", lambda *_: True)
    assert authors_shown(write_in_the_name_of_another()) == ["Bob"]


# --- How many -------------------------------------------------------------------------------------


def write_many() -> list[str]:
    """54: four members write to one at once, of whom so many are to be shown."""
    people = strangers("Ann", "Bob", "Cem", "Dan", "Eve", "Fay")
    cem = people[2]
    for person in (people[1], *people[3:]):
        write(person, "Cem")
    settle(*people)
    return authors_shown(cem)


def test_many_members_fill_so_many_places(monkeypatch: Patch) -> None:
    monkeypatch.setattr(member_letters, "MEMBER_LETTERS_WAITING_MAX", 2)
    assert len(write_many()) == 2
    monkeypatch.setattr(MemberLetters, "_has_room", lambda *_: True)
    assert len(write_many()) == 4


def write_again_and_again() -> list[str]:
    """54: one member writes five letters in a day, each with an invite that lives longer."""
    _, bob, cem = strangers("Ann", "Bob", "Cem")
    notes = []
    for days in range(1, 6):
        link = bob.invite(lifetime_s=days * DAY_S).link
        cem.receive(forge(bob, cem, link=link, note=f"number {days}"))
        notes += [letter.note for letter in letters_of(cem)]
    return list(dict.fromkeys(notes))


def test_one_member_is_heard_once_in_a_day(monkeypatch: Patch) -> None:
    assert write_again_and_again() == ["number 1"]
    monkeypatch.setattr(member_letters, "MEMBER_LETTER_HEARD_SECONDS", 0)
    assert write_again_and_again() == [f"number {days}" for days in range(1, 6)]


# --- Again ----------------------------------------------------------------------------------------


def bring_again_what_was_declined() -> list[str]:
    """55: a relay gives a letter again days after it was declined, and its author writes anew."""
    _, bob, cem = people = strangers("Ann", "Bob", "Cem")
    write(bob, "Cem", "please")
    posted = bob.post()
    cem.receive(posted)
    answer(cem, is_accepted=False)
    cem.clock.pass_by(2 * MEMBER_LETTER_HEARD_SECONDS)
    cem.receive(posted)
    shown = [letter.note for letter in letters_of(cem)]
    cem.clock.pass_by(2 * MEMBER_LETTER_HEARD_SECONDS)
    cem.receive(forge(bob, cem, link=bob.invite(lifetime_s=60 * DAY_S).link, note="please, again"))
    settle(*people)
    return shown + [letter.note for letter in letters_of(cem)]


def test_a_letter_that_was_declined_is_shown_no_more(monkeypatch: Patch) -> None:
    assert bring_again_what_was_declined() == []

    def forgotten(self, group, row):  # type: ignore[no-untyped-def]  # as planted
        self._rows.drop(row.number)

    monkeypatch.setattr(MemberLetters, "_decline", forgotten)
    assert bring_again_what_was_declined() == ["please", "please, again"]


def bring_again_what_was_taken_back() -> list[str]:
    """56: a letter whose invite was taken back is given to whom it is for, who accepts."""
    _, bob, cem = people = strangers("Ann", "Bob", "Cem")
    write(bob, "Cem")
    posted = bob.post()
    invites = bob.ask(AskInvites())
    assert isinstance(invites, InvitesAnswer)
    bob.ask(RevokeInvite(next(one.id for one in invites.invites if one.is_in_letter)))
    bob.clock.pass_by(60)
    cem.receive(posted)
    answer(cem, is_accepted=True)
    settle(*people)
    return [contact.label for contact in bob.contacts() if not contact.is_request]


def test_by_a_letter_that_was_taken_back_nobody_comes_in(monkeypatch: Patch) -> None:
    assert bring_again_what_was_taken_back() == ["Ann"]
    monkeypatch.setattr(inbound_sessions, "state_of", lambda *_: "open")
    assert bring_again_what_was_taken_back() == ["Ann", "Cem"]


# --- Who is who -----------------------------------------------------------------------------------


def say_that_one_is_a_member() -> int:
    """57: Eve, a contact of Cem's who has no secret of a letter, says that she is Bob."""
    _, bob, cem = people = strangers("Ann", "Bob", "Cem")
    eve = Person("Eve", cem.clock, seed=9)
    cem.add(eve.invite().link)
    write(cem, "Bob")
    settle(*people, eve)
    word = encode_member_word(inside(cem).gid, inside(bob).me, bytes(16))
    eve.send_control("Cem", GROUP_MEMBER, word)
    settle(*people, eve)
    contact = member(cem, "Bob").contact
    labels = {one.id: one.label for one in cem.contacts()}
    assert contact == 0 or labels[contact] == "Eve"
    return contact


def test_nobody_is_taken_for_a_member_by_his_own_word(monkeypatch: Patch) -> None:
    assert say_that_one_is_a_member() == 0
    monkeypatch.setattr(member_letters, "is_proved", lambda *_: True)
    assert say_that_one_is_a_member() != 0
