"""Letters at an entrance that no honest member writes: each is dropped, and nothing is told."""

import pytest
from msgspec.msgpack import encode

from mesh.commands.groups import AcceptGroup, InviteToGroup, MakeGroup, RemoveMember
from mesh.errors import PeerError
from mesh.events import MemberWrote
from mesh.group.knocking import Letter
from mesh.group.member_letters import (
    MEMBER_LETTER,
    PROOF_BYTES,
    decode_member_letter,
    decode_member_word,
    encode_member_letter,
    encode_member_word,
    is_proved,
)
from mesh.group.posts import GroupId
from mesh.ids import ContactId, VerifyKey
from mesh.limits.groups import INVITE_NOTE_BYTES_MAX
from mesh.limits.member_letters import (
    LETTER_INVITE_BYTES_MAX,
    MEMBER_LETTER_HEARD_SECONDS,
    MEMBER_LETTER_SECONDS,
    MEMBER_LETTERS_EARLY_MAX,
)
from mesh.messenger import member_letters
from mesh.messenger.groups import link_door
from mesh.messenger.groups.letters import Received
from mesh.storage.connection import transaction
from mesh.wire.controls import GROUP_MEMBER
from mesh.wire.envelope import Envelope
from mesh.wire.parameters import MeshParameters
from tests.messenger.in_groups import inside, member, settle
from tests.messenger.people import DAY_S, WITH_STAMPS, Clock, Person, one_contact
from tests.messenger.writing_letters import (
    answer,
    at_entrance,
    forge,
    letters_of,
    strangers,
    write,
)

Patch = pytest.MonkeyPatch
_GID = GroupId(bytes(range(32)))


def dropped_by(person: Person, envelopes: list[Envelope]) -> str:
    """Return why the one letter among these was dropped; empty: it was not."""
    before = person.dropped()
    person.take_events()
    waiting = letters_of(person)
    person.receive(envelopes)
    reasons = [why for why, count in person.dropped().items() if count != before.get(why)]
    if not reasons:
        return ""
    assert letters_of(person) == waiting
    assert not [one for one in person.take_events() if isinstance(one, MemberWrote)]
    (reason,) = reasons
    return reason


def test_what_is_no_letter_is_dropped() -> None:
    _, bob, cem = strangers("Ann", "Bob", "Cem")
    link = bob.invite().link
    whole = encode_member_letter(inside(bob).gid, link, "")
    for data in (b"", b"\xc1", whole[:-1], whole + b"\x00", b"\x94\x02" + whole[2:], bytes(2_000)):
        assert dropped_by(cem, forge(bob, cem, data)) == "malformed letter of a member"
    assert dropped_by(cem, forge(bob, cem, link=link, note="x" * 513)) == (
        "malformed letter of a member"
    )
    huge = encode([1, inside(bob).gid, bytes(60_000), ""])
    assert dropped_by(cem, forge(bob, cem, huge)) == "malformed letter of a member"
    assert dropped_by(cem, forge(bob, cem, link=link, note="a\u202eb")) == (
        "a letter whose words no screen shows"
    )
    assert dropped_by(cem, forge(bob, cem, link=link)) == ""


def test_an_invite_that_is_none_is_dropped() -> None:
    _, bob, cem = strangers("Ann", "Bob", "Cem")
    invite = bob.invite()
    for link in (invite.link[:-8], "mesh:invite/AAAA", invite.short_link):
        assert dropped_by(cem, forge(bob, cem, link=link)) in (
            "a letter without a valid invite",
            "a letter without keys",
        )
    assert dropped_by(cem, forge(bob, cem, link=cem.invite().link)) == (
        "a letter with an invite of our own"
    )
    elsewhere = MeshParameters("elsewhere", psk=bytes(range(1, 33)))
    away = Person("Away", bob.clock, seed=8, parameters=elsewhere)
    assert dropped_by(cem, forge(bob, cem, link=away.invite().link)) == (
        "a letter with an invite of another mesh"
    )
    old = bob.invite(lifetime_s=60).link
    bob.clock.pass_by(61)
    assert dropped_by(cem, forge(bob, cem, link=old)) == (
        "a letter with an invite that has expired"
    )


def test_a_letter_of_another_group_is_dropped() -> None:
    _, bob, cem = strangers("Ann", "Bob", "Cem")
    bob.ask(MakeGroup("Other"))
    other = inside(bob, "Other").gid
    assert dropped_by(cem, forge(bob, cem, link=bob.invite().link, gid=other)) == (
        "a letter of a member of another group"
    )


def test_a_letter_comes_once_however_often_it_is_carried() -> None:
    _, bob, cem = people = strangers("Ann", "Bob", "Cem")
    write(bob, "Cem", "once")
    posted = bob.post()
    (letter,) = at_entrance(cem, posted)
    cem.receive(posted)
    answer(cem, is_accepted=False)
    cem.clock.pass_by(2 * MEMBER_LETTER_HEARD_SECONDS)
    assert dropped_by(cem, [letter]) == "a letter by a member of whom our person wants none"
    settle(*people)


def test_two_in_a_day_are_one_and_an_older_one_replaces_nothing() -> None:
    _, bob, cem = strangers("Ann", "Bob", "Cem")
    first, second = bob.invite(lifetime_s=9 * DAY_S).link, bob.invite(lifetime_s=8 * DAY_S).link
    cem.receive(forge(bob, cem, link=first, note="first"))
    assert dropped_by(cem, forge(bob, cem, link=second)) == "another letter by a member in a day"
    cem.clock.pass_by(MEMBER_LETTER_HEARD_SECONDS)
    assert dropped_by(cem, forge(bob, cem, link=second)) == ("a letter before the one that is here")
    assert [letter.note for letter in letters_of(cem)] == ["first"]


def test_of_who_was_removed_nothing_comes_though_he_knows_the_entrance() -> None:
    ann, bob, cem = strangers("Ann", "Bob", "Cem")
    link = bob.invite().link
    before = forge(bob, cem, link=link)
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    ann.clock.pass_by(30)
    words = ann.post()
    cem.receive(words)
    assert dropped_by(cem, before) == "a letter by somebody who is a member no more"


def test_a_letter_that_is_here_before_its_author_is_shown_when_he_is_in() -> None:
    """The operations of a group and a letter come by other ways."""
    clock = Clock()
    ann, cem = strangers("Ann", "Cem", clock=clock)
    bob = Person("Bob", clock, seed=7)
    bob.add(ann.invite().link)
    settle(ann, bob)
    _come_in(ann, bob)
    write(bob, "Cem", "I am new")
    cem.receive(at_entrance(cem, bob.post()))
    assert letters_of(cem) == []
    assert not [one for one in cem.take_events() if isinstance(one, MemberWrote)]
    settle(ann, bob, cem)
    cem.receive(list(ann.store.envelopes.values()))
    assert [letter.note for letter in letters_of(cem)] == ["I am new"]
    # It is told then, and once.
    told = [one.letter for one in cem.take_events() if isinstance(one, MemberWrote)]
    assert told == letters_of(cem)


def _come_in(ann: Person, bob: Person) -> None:
    ann.ask(InviteToGroup("Crew", ("Bob",)))
    settle(ann, bob)
    bob.ask(AcceptGroup("Crew"))
    settle(ann, bob)


def test_who_is_in_nowhere_fills_eight_places_and_is_shown_to_nobody(monkeypatch: Patch) -> None:
    """Whoever is told an entrance can write to it: what he writes is kept for a while at most."""
    _, bob, cem = strangers("Ann", "Bob", "Cem")
    # As if Cem had no word of Bob's coming in.
    monkeypatch.setattr(type(inside(cem)), "members", property(lambda _self: []))
    monkeypatch.setattr(member_letters, "is_known", lambda _group, _member: False)
    author, link, group = inside(bob), bob.invite().link, inside(cem)
    for number in range(MEMBER_LETTERS_EARLY_MAX + 3):
        received = _received_by(number, link, author.gid)
        with transaction(cem.connection):
            cem.wired.groups.joining.member_wrote(group, received, cem.now)
    count = cem.connection.execute("SELECT count(*) FROM member_letters").fetchall()
    assert count == [(MEMBER_LETTERS_EARLY_MAX,)]
    assert letters_of(cem) == []
    assert link_door.is_known(inside(cem), author.me)


def _received_by(number: int, link: str, gid: GroupId) -> Received:
    data = encode_member_letter(gid, link, "")
    return Received(VerifyKey(bytes([number]) * 32), None, Letter(MEMBER_LETTER, data))


def test_of_members_so_many_wait_and_further_ones_are_dropped(monkeypatch: Patch) -> None:
    monkeypatch.setattr(member_letters, "MEMBER_LETTERS_WAITING_MAX", 1)
    _, bob, cem, dan = strangers("Ann", "Bob", "Cem", "Dan")
    write(bob, "Cem")
    cem.receive(bob.post())
    write(dan, "Cem")
    assert dropped_by(cem, dan.post()) == "too many letters of members wait for a word"
    answer(cem, is_accepted=False)
    assert letters_of(cem) == []


def test_letters_of_former_members_count_and_go_first(monkeypatch: Patch) -> None:
    monkeypatch.setattr(member_letters, "MEMBER_LETTERS_WAITING_MAX", 1)
    ann, bob, cem, dan = people = strangers("Ann", "Bob", "Cem", "Dan")
    write(bob, "Cem")
    settle(*people)
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    settle(*people)
    write(dan, "Cem")
    settle(*people)
    assert [letter.member_name for letter in letters_of(cem)] == ["Dan"]
    count = cem.connection.execute("SELECT count(*) FROM member_letters").fetchall()
    assert count == [(1,)]


# --- Who is who ---------------------------------------------------------------------------------


def lured(clock: Clock) -> tuple[Person, Person, Person]:
    """Bob writes to Cem with an invite that Eve gave him, who is in no group; Cem accepts."""
    ann, bob, cem = strangers("Ann", "Bob", "Cem", clock=clock)
    eve = Person("Eve", clock, seed=9)
    link = eve.invite().link
    cem.receive(forge(bob, cem, link=link))
    answer(cem, is_accepted=True)
    settle(ann, bob, cem, eve)
    return bob, cem, eve


def words_on_members(person: Person) -> int:
    """Count the words on who is which member that came to somebody."""
    return sum(count for why, count in person.dropped().items() if "is a member" in why)


def test_who_hands_on_the_invite_of_another_is_not_taken_for_him(monkeypatch: Patch) -> None:
    bob, cem, eve = lured(Clock())
    # They are contacts, as by any invite that was passed on.
    assert [contact.label for contact in eve.contacts()] == ["Cem"]
    assert member(cem, "Bob").contact == 0
    # And of the group Eve learned nothing.
    assert words_on_members(eve) == 0
    assert eve.wired.groups.keepers.groups.all == []
    assert bob.contacts()

    # Without waiting for the word of who wrote, Eve is told in which group Cem is, and as whom.
    accept = member_letters.MemberLetters._accept

    def says_at_once(self, group, row, now):  # type: ignore[no-untyped-def]  # as planted
        accept(self, group, row, now)
        contact = self._people.find_contact_by_key(row.key)
        secret = member_letters._parsed(row.link).secret
        self._tell_who_we_are(group, contact, secret, now)

    monkeypatch.setattr(member_letters.MemberLetters, "_accept", says_at_once)
    _, _, eve = lured(Clock())
    assert words_on_members(eve) == 1


def test_a_contact_is_no_member_by_his_own_word() -> None:
    ann, bob, cem = people = strangers("Ann", "Bob", "Cem")
    eve = Person("Eve", ann.clock, seed=9)
    cem.add(eve.invite().link)
    settle(*people, eve)
    gid, key = inside(cem).gid, inside(bob).me
    for secret in (bytes(16), bytes(range(16))):
        eve.send_control("Cem", GROUP_MEMBER, encode_member_word(gid, key, secret))
    eve.send_control("Cem", GROUP_MEMBER, b"no word")
    eve.send_control("Cem", GROUP_MEMBER, encode_member_word(_GID, key, bytes(16)))
    settle(*people, eve)
    assert member(cem, "Bob").contact == 0
    assert cem.dropped()["somebody says that he is a member, and proves it of none"] == 3
    assert cem.dropped()["malformed word on who is a member"] == 1


def test_who_has_a_letter_to_somebody_is_no_other_member_by_it() -> None:
    """Dan is given the invite in a letter to Cem, and says that he is Cem, or himself."""
    ann, bob, cem, dan = strangers("Ann", "Bob", "Cem", "Dan")
    write(bob, "Cem")
    cem.receive(bob.post())
    rows = cem.connection.execute("SELECT link FROM member_letters").fetchall()
    ((link,),) = rows
    dan.add(str(link))
    settle(ann, bob, dan)
    secret = member_letters._parsed(str(link)).secret
    word = encode_member_word(inside(bob).gid, inside(dan).me, secret)
    dan.send_control("Bob", GROUP_MEMBER, word)
    settle(ann, bob, dan)
    # To Dan no letter was written: as that member he is not known by this invite.
    assert member(bob, "Dan").contact == 0


def test_a_letter_with_the_invite_of_a_contact_says_so_and_ends_no_session() -> None:
    """Bob has an invite of Eve's, made after Cem heard her last."""
    ann, bob, cem = people = strangers("Ann", "Bob", "Cem")
    eve = Person("Eve", ann.clock, seed=9)
    cem.add(eve.invite().link)
    settle(*people, eve)
    ann.clock.pass_by(DAY_S)
    cem.receive(forge(bob, cem, link=eve.invite().link))
    known = one_contact(cem, "Eve")
    (letter,) = letters_of(cem)
    assert (letter.known_contact, letter.looks_like) == (known.id, [])
    sessions = cem.messenger.parts.sessions
    before = sessions.find_known(ContactId(known.id))
    assert before is not None
    answer(cem, is_accepted=True)
    assert sessions.find_known(ContactId(known.id)) is before
    assert one_contact(cem, "Eve").trust == known.trust
    settle(*people, eve)
    cem.send("Eve", "still here")
    settle(*people, eve)
    assert eve.texts("Cem") == ["still here"]


def heard_words(person: Person, monkeypatch: Patch) -> list[bytes]:
    """Note the words on who is which member that come to somebody."""
    words: list[bytes] = []
    named = member_letters.MemberLetters._named

    def noted(self, control, now):  # type: ignore[no-untyped-def]  # as planted
        if self._identity is person.wired.identity:
            words.append(control.data)
        named(self, control, now)

    monkeypatch.setattr(member_letters.MemberLetters, "_named", noted)
    person.restart()
    return words


def test_who_was_handed_the_invite_in_a_letter_learns_nothing_of_the_group(
    monkeypatch: Patch,
) -> None:
    """Cem gives the invite in Bob's letter to Otto, who is in no group."""
    ann, bob, cem = strangers("Ann", "Bob", "Cem")
    otto = Person("Otto", ann.clock, seed=9)
    words = heard_words(otto, monkeypatch)
    write(bob, "Cem")
    cem.receive(bob.post())
    ((link,),) = cem.connection.execute("SELECT link FROM member_letters").fetchall()
    otto.add(str(link))
    settle(ann, bob, otto)
    assert [contact.label for contact in bob.contacts()] == ["Ann", "Otto"]
    (word,) = words
    assert word.find(inside(bob).gid) == word.find(inside(bob).me) == -1
    assert member(bob, "Cem").contact == 0


def test_to_a_request_that_comes_by_a_letter_nothing_is_said(monkeypatch: Patch) -> None:
    """Otto was given the invite in a letter, and comes by it when it is over."""
    ann, bob, cem = strangers("Ann", "Bob", "Cem")
    otto = Person("Otto", ann.clock, seed=9)
    words = heard_words(otto, monkeypatch)
    write(bob, "Cem")
    cem.receive(bob.post())
    ((link,),) = cem.connection.execute("SELECT link FROM member_letters").fetchall()
    otto.parameters = WITH_STAMPS
    otto.restart()
    otto.add(str(link))
    bob.clock.pass_by(MEMBER_LETTER_SECONDS + DAY_S)
    otto.tend()
    otto.mint_all()
    otto.tend()
    posted = otto.post()
    bob.receive(posted)
    settle(ann, bob, otto)
    assert one_contact(bob, "Otto").is_request
    assert words == []


# --- Bytes --------------------------------------------------------------------------------------


def test_a_word_is_bound_to_group_member_and_secret() -> None:
    member_key, secret = VerifyKey(bytes(range(32))), bytes(range(16))
    data = encode_member_word(_GID, member_key, secret)
    word = decode_member_word(data)
    assert is_proved(word, _GID, member_key, secret)
    assert not is_proved(word, _GID, member_key, bytes(16))
    assert not is_proved(word, GroupId(bytes(32)), member_key, secret)
    assert not is_proved(word, _GID, VerifyKey(bytes(32)), secret)
    # Neither group nor member is in it, whole or in part.
    assert data == encode([1, word.proof])
    assert len(word.proof) == PROOF_BYTES
    for broken in (b"", data[:-1], data + b"\x00", encode([2, bytes(16)]), encode([1, bytes(15)])):
        with pytest.raises(PeerError):
            decode_member_word(broken)
    # What a later version says behind it is passed over.
    assert decode_member_word(encode([1, word.proof, "more"])) == word


def test_a_letter_keeps_its_bounds() -> None:
    data = encode([1, _GID, bytes(LETTER_INVITE_BYTES_MAX), "x" * INVITE_NOTE_BYTES_MAX, "more"])
    assert decode_member_letter(data).note == "x" * INVITE_NOTE_BYTES_MAX
    for fields in (
        [1, _GID, bytes(LETTER_INVITE_BYTES_MAX + 1), ""],
        [1, _GID, b"", ""],
        [1, _GID[:-1], b"x", ""],
        [1, _GID, b"x", "x" * (INVITE_NOTE_BYTES_MAX + 1)],
        [1, _GID, b"x"],
    ):
        with pytest.raises(PeerError):
            decode_member_letter(encode(fields))
