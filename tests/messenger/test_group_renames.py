"""One's name in groups: all members come to call each other as each calls himself."""

import msgspec
import pytest
from msgspec.structs import replace

from mesh.commands.conversations import AskConversation, DeleteItems
from mesh.commands.groups import AcceptGroup, ChangeGroup, InviteToGroup, LeaveGroup, RemoveMember
from mesh.commands.identity import ChangeIdentity
from mesh.commands.item_commands import PinItem
from mesh.content.entry import Entry, EntryId, Kind, Scope, entry_id
from mesh.content.name import Name
from mesh.events import GroupChanged, ItemAdded, ItemGone
from mesh.group.payload import SignedEntry, sign_entry
from mesh.group.placed_posts import SuppliedEntry
from mesh.limits.group_names import NAME_TOLD_AFTER_MS
from mesh.messenger.conversations import group_entries, judging
from mesh.messenger.conversations.entries import Statement
from mesh.messenger.groups import own_names, supplies
from mesh.messenger.groups.briefings import Briefings
from mesh.messenger.groups.epochs_keeper import EpochsKeeper
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.supplies import Supplies
from mesh.storage.connection import transaction
from mesh.storage.vault.member_names import MemberNameRows
from mesh.storage.vault.vault import Vault
from tests.messenger.doing import conversation, do, items_of
from tests.messenger.in_groups import (
    crew,
    inside,
    member,
    members_of,
    names_of,
    settle,
    told,
)
from tests.messenger.people import Person, exchange
from tests.messenger.test_group_hostile_posts import pass_on
from tests.messenger.test_group_needs import MINUTE_S, give, pass_by, said_in, say
from tests.messenger.test_newer_kinds import older

Patch = pytest.MonkeyPatch
DAY_S = 86_400
LONGEST_S = NAME_TOLD_AFTER_MS[1] // 1_000


def call_oneself(person: Person, name: str) -> None:
    person.ask(ChangeIdentity(name))
    person.tend()


def renames(person: Person) -> list[tuple[str, str]]:
    """Return what the stream says of names: what somebody was called, and is."""
    items = [one.renamed for one in items_of(person, "Crew") if one.kind == "name"]
    return [(one.before, one.name) for one in items if one is not None]


def wait_for_names(*people: Person) -> None:
    pass_by(*people, seconds=LONGEST_S + 120, step=60)


def test_a_new_name_is_told_to_all_members_and_stands_in_the_stream() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    bob.take_events()
    call_oneself(ann, "Anna")
    wait_for_names(*people)
    assert names_of(bob) == names_of(cem) == names_of(ann) == ["Anna", "Bob", "Cem"]
    # As a contact she is called here as before.
    assert member(bob, "Anna").label == "Ann"
    assert renames(ann) == renames(bob) == renames(cem) == [("Ann", "Anna")]
    events = bob.take_events()
    assert [one.item.renamed is not None for one in events if isinstance(one, ItemAdded)] == [True]
    assert [one for one in events if isinstance(one, GroupChanged)]
    # It is nothing to be read.
    assert conversation(bob, AskConversation("Crew")).unread_count == 0
    call_oneself(ann, "Annie")
    wait_for_names(*people)
    assert names_of(bob)[0] == "Annie"
    # Of each member the last stands there alone.
    assert renames(ann) == [("Anna", "Annie")]
    assert renames(bob) == renames(cem) == [("Ann", "Annie")]
    gone = [one for one in bob.take_events() if isinstance(one, ItemGone)]
    assert [one.gone for one in gone] == ["forgotten"]


def lines_of_who_may_not_write() -> int:
    ann, bob = people = crew("Ann", "Bob")
    ann.ask(ChangeGroup("Crew", write="admins"))
    settle(*people)
    for number in range(20):
        write_name(bob, f"Bob {number}")
    exchange(*people)
    assert names_of(ann) == ["Ann", "Bob 19"]
    return len(renames(ann))


def test_who_may_not_write_has_one_line_by_his_names(monkeypatch: Patch) -> None:
    assert lines_of_who_may_not_write() == 1
    monkeypatch.setattr(MemberNameRows, "set_placed", lambda *_, **__: False)
    assert lines_of_who_may_not_write() == 20


def test_an_older_name_that_comes_later_has_no_line() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    write_name(ann, "Anna")
    older = ann.post()
    write_name(ann, "Annie")
    bob.receive(ann.post())
    bob.take_events()
    bob.receive(older)
    assert names_of(bob) == ["Annie", "Bob", "Cem"]
    assert renames(bob) == [("Ann", "Annie")]
    assert [one for one in bob.take_events() if isinstance(one, ItemAdded)] == []
    # Nor does it bring a line back that our person did away with.
    cem.receive(older)
    exchange(*people)
    cem.ask(DeleteItems("Crew"))
    write_name(bob, "Bobby")
    exchange(*people)
    assert renames(cem) == [("Bob", "Bobby")]


def test_it_waits_for_a_moment_of_its_own_and_goes_before_what_one_says() -> None:
    ann, bob = people = crew("Ann", "Bob")
    call_oneself(ann, "Anna")
    ann.clock.pass_by(NAME_TOLD_AFTER_MS[0] // 1_000 - 1)
    ann.tend()
    assert renames(ann) == []
    # Who mistyped tells the right one alone.
    call_oneself(ann, "Annie")
    say(ann, "It is me")
    exchange(*people)
    assert renames(bob) == [("Ann", "Annie")]
    [name, text] = [one for one in items_of(bob, "Crew") if one.kind in ("name", "text")]
    assert (name.kind, text.text) == ("name", "It is me")
    wait_for_names(*people)
    assert renames(bob) == [("Ann", "Annie")]
    # Back before it was told is nothing to tell.
    call_oneself(ann, "Anna")
    call_oneself(ann, "Annie")
    wait_for_names(*people)
    assert len(renames(bob)) == 1


def test_each_name_waits_from_when_it_was_chosen(monkeypatch: Patch) -> None:
    monkeypatch.setattr(own_names, "uniform_below", lambda *_: 0)
    ann, _ = people = crew("Ann", "Bob")
    call_oneself(ann, "Ana")
    for name in ("Anna", "Annie"):
        ann.clock.pass_by(NAME_TOLD_AFTER_MS[0] // 1_000 - 1)
        call_oneself(ann, name)
    ann.clock.pass_by(NAME_TOLD_AFTER_MS[0] // 1_000 - 1)
    ann.tend()
    assert renames(ann) == []
    wait_for_names(*people)
    assert renames(ann) == [("Ann", "Annie")]


def test_a_name_of_before_groups_were_told_is_told_to_none() -> None:
    """It was chosen for contacts: who came to a group under another one may have meant to."""
    ann, bob = people = crew("Ann", "Bob")
    with transaction(ann.connection):
        Vault(ann.connection).set_identity_name("Ann of the Press")
    ann.restart()
    ann.tend()
    say(ann, "It is me")
    wait_for_names(*people)
    assert names_of(bob) == ["Ann", "Bob"]
    ann.ask(ChangeIdentity("Ann of the Press"))
    ann.restart()
    wait_for_names(*people)
    assert names_of(bob) == ["Ann of the Press", "Bob"]


def test_what_was_not_told_before_a_crash_is_told_after_it() -> None:
    ann, bob = people = crew("Ann", "Bob")
    ann.ask(ChangeIdentity("Anna"))
    ann.restart()
    ann.tend()
    ann.restart()
    wait_for_names(*people)
    assert names_of(bob) == ["Anna", "Bob"]
    assert renames(bob) == [("Ann", "Anna")]
    ann.restart()
    wait_for_names(*people)
    assert len(renames(bob)) == 1


def test_in_a_closed_group_it_is_told_when_that_is_open_again() -> None:
    ann, bob = people = crew("Ann", "Bob")
    ann.ask(ChangeGroup("Crew", closed=True))
    settle(*people)
    call_oneself(ann, "Anna")
    wait_for_names(*people)
    assert names_of(bob) == ["Ann", "Bob"]
    ann.ask(ChangeGroup("Crew", closed=False))
    settle(*people)
    wait_for_names(*people)
    assert names_of(bob) == ["Anna", "Bob"]


def test_without_keys_it_waits_for_them_and_is_told_once(monkeypatch: Patch) -> None:
    ann, bob = people = crew("Ann", "Bob")
    with monkeypatch.context() as patch:
        patch.setattr(Group, "chosen", lambda _: None)
        call_oneself(bob, "Bobby")
        wait_for_names(*people)
        assert renames(bob) == []
    wait_for_names(*people)
    assert names_of(ann) == ["Ann", "Bobby"]
    assert renames(ann) == [("Bob", "Bobby")]


def test_who_left_tells_nothing() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    cem.ask(LeaveGroup("Crew"))
    settle(*people)
    call_oneself(cem, "Cemal")
    wait_for_names(*people)
    assert [renames(one) for one in (ann, bob, cem)] == [[], [], []]


def test_both_sides_of_a_cut_call_each_other_alike_when_it_heals() -> None:
    """Each side renames, one person twice; whatever came first, all see the same."""
    people = ann, bob, cem, dan = crew("Ann", "Bob", "Cem", "Dan")
    call_oneself(ann, "Anna")
    call_oneself(cem, "Cemal")
    for _ in range(3):
        pass_by(ann, bob, seconds=LONGEST_S, step=120)
        for one in (cem, dan):
            one.tend()
        exchange(cem, dan)
    call_oneself(ann, "Annie")
    pass_by(ann, bob, seconds=LONGEST_S + 60, step=60)
    assert names_of(bob) == ["Annie", "Bob", "Cem", "Dan"]
    assert names_of(dan) == ["Ann", "Bob", "Cemal", "Dan"]
    for one in people:
        for other in people:
            one.receive(other.store.envelopes.values())
    pass_by(*people, seconds=5 * MINUTE_S, step=30)
    for one in people:
        assert names_of(one) == ["Annie", "Bob", "Cemal", "Dan"]
        # Whom each calls otherwise as a contact stands there so.
        assert [name for _, name in renames(one)] == [name for _, name in renames(bob)]
    assert sorted(renames(bob)) == [("Ann", "Annie"), ("Cem", "Cemal")]
    assert sorted(renames(ann)) == [("Anna", "Annie"), ("Cem", "Cemal")]


def names_for_a_newcomer(*, is_told: bool = True) -> list[str]:
    people = ann, bob, cem, dan = crew("Ann", "Bob", "Cem", others=("Dan",))
    ann.ask(ChangeGroup("Crew", board="off"))
    call_oneself(bob, "Bobby")
    call_oneself(cem, "Cemal")
    wait_for_names(ann, bob, cem)
    cem.ask(LeaveGroup("Crew"))
    settle(ann, bob, cem)
    ann.ask(InviteToGroup("Crew", ("Dan",)))
    settle(*people)
    dan.ask(AcceptGroup("Crew"))
    settle(*people)
    assert told(dan).state == "in"
    # Cem is out: what he called himself is not handed on.
    assert renames(dan) == ([("Bob", "Bobby")] if is_told else [])
    return names_of(dan)


def test_a_newcomer_knows_what_each_member_calls_himself(monkeypatch: Patch) -> None:
    assert names_for_a_newcomer() == ["Ann", "Bobby", "Dan"]
    monkeypatch.setattr(Briefings, "_member_names", lambda *_: [])
    assert names_for_a_newcomer(is_told=False) == ["Ann", "Bob", "Dan"]


def name_behind_what_is_not_for_all() -> list[str]:
    """Cem loses a name, and words of before Dan that follow it; return what he calls the others
    when somebody names those words.
    """
    people = ann, bob, cem, dan = crew("Ann", "Bob", "Cem", others=("Dan",))
    call_oneself(bob, "Bobby")
    say(bob, "Not for who comes later")
    give(bob, ann)
    ann.ask(InviteToGroup("Crew", ("Dan",)))
    settle(*people)
    dan.ask(AcceptGroup("Crew"))
    settle(*people)
    assert names_of(ann) == ["Ann", "Bobby", "Cem", "Dan"]
    say(ann, "Names it")
    pass_by(*people, seconds=40 * MINUTE_S, step=120)
    return names_of(cem)


def test_a_name_behind_what_not_all_may_have_is_given(monkeypatch: Patch) -> None:
    monkeypatch.setattr(EpochsKeeper, "shared_before", lambda *_: [])
    # What Dan is told as he comes in all read.
    monkeypatch.setattr(Briefings, "_member_names", lambda *_: [])
    assert name_behind_what_is_not_for_all() == ["Ann", "Bobby", "Cem", "Dan"]
    monkeypatch.setattr(Supplies, "_names_behind", lambda *_: [])
    assert name_behind_what_is_not_for_all() == ["Ann", "Bob", "Cem", "Dan"]


def test_who_asks_again_is_given_further_names(monkeypatch: Patch) -> None:
    monkeypatch.setattr(EpochsKeeper, "shared_before", lambda *_: [])
    monkeypatch.setattr(Briefings, "_member_names", lambda *_: [])
    monkeypatch.setattr(supplies, "NAMES_GIVEN_MAX", 1)
    people = ann, bob, cem, dan = crew("Ann", "Bob", "Cem", others=("Dan",))
    for one, other, name in ((bob, ann, "Bobby"), (ann, bob, "Anna")):
        call_oneself(one, name)
        say(one, "Not for who comes later")
        give(one, other)
    ann.ask(InviteToGroup("Crew", ("Dan",)))
    settle(*people)
    dan.ask(AcceptGroup("Crew"))
    settle(*people)
    say(ann, "Names it")
    pass_by(*people, seconds=120 * MINUTE_S, step=120)
    assert names_of(cem) == ["Anna", "Bobby", "Cem", "Dan"]


def test_one_who_was_away_for_longer_than_mail_lives_is_given_it() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    call_oneself(bob, "Bobby")
    wait_for_names(ann, bob)
    assert names_of(ann) == ["Ann", "Bobby", "Cem"]
    for _ in range(40):
        ann.clock.pass_by(DAY_S)
        for one in people:
            one.store.expire(one.now.mesh)
        for one in (ann, bob):
            one.tend()
        exchange(ann, bob)
    assert names_of(cem) == ["Ann", "Bob", "Cem"]
    say(ann, "Are you there?")
    for one in (ann, bob):
        cem.receive(one.store.envelopes.values())
    pass_by(*people, seconds=60 * MINUTE_S, step=120)
    assert names_of(cem) == ["Ann", "Bobby", "Cem"]


def write_name(person: Person, name: str, over: tuple[EntryId, ...] = ()) -> None:
    """Post a name, whatever one calls oneself."""
    conversation = inside(person).conversation
    with transaction(person.connection):
        row = Vault(person.connection).conversations.conversation(conversation)
        statement = Statement(Kind.NAME, Name(name), over=over)
        person.wired.conversations.groups.write(row, statement, now=person.now)


def named_by(person: Person, bearer: Person) -> SignedEntry:
    """The name that somebody told last, as a member has it."""
    data = Vault(person.connection).member_names.find(
        inside(person).conversation, inside(bearer).me
    )
    assert data is not None
    return SignedEntry(data.data, b"")


def named_by_mallory() -> list[str]:
    """Mal replaces Ann's name by one of his, and signs one as hers; return what Cem calls all."""
    ann, mal, cem = people = crew("Ann", "Mal", "Cem")
    call_oneself(ann, "Anna")
    wait_for_names(*people)
    group = inside(mal)
    theirs = named_by(mal, ann)
    id_ = entry_id(Scope(group.gid), inside(ann).me, theirs.entry)
    write_name(mal, "Mallory", over=(id_,))
    fields = msgspec.msgpack.decode(theirs.entry)
    fields[1], fields[3], fields[-1] = fields[1] + 1, fields[3] + 1, ["Fool"]
    signed = sign_entry(group.signing, group.gid, msgspec.msgpack.encode(fields))
    pass_on(mal, entries=[SuppliedEntry(inside(ann).me, signed.entry, signed.signature)])
    exchange(*people)
    pass_by(*people, seconds=MINUTE_S)
    return names_of(cem)


def test_nobody_names_another(monkeypatch: Patch) -> None:
    assert named_by_mallory() == ["Anna", "Mallory", "Cem"]
    monkeypatch.setattr(group_entries, "is_signature_valid", lambda *_: True)
    assert named_by_mallory() == ["Fool", "Mallory", "Cem"]


def test_a_name_of_who_was_removed_counts_as_all_that_he_writes() -> None:
    """Ann and Bob know of the removal, Cem and Mal do not: what Mal says then is beyond the cut."""
    people = ann, bob, cem, mal = crew("Ann", "Bob", "Cem", "Mal")
    say(mal, "I am here")
    exchange(*people)
    ann.ask(RemoveMember("Crew", member(ann, "Mal").member))
    settle(ann, bob)
    call_oneself(mal, "Ann B")
    pass_by(cem, mal, seconds=LONGEST_S + 60, step=60)
    assert names_of(cem) == ["Ann", "Bob", "Cem", "Ann B"]
    for one in people:
        for other in people:
            one.receive(other.store.envelopes.values())
    pass_by(ann, bob, cem, seconds=5 * MINUTE_S, step=30)
    for one in (ann, bob, cem):
        assert names_of(one) == ["Ann", "Bob", "Cem"]
        assert [said.author.label for said in said_in(one)] == ["Mal"]
        assert renames(one) == []
    assert not member(cem, "Ann").looks_like


def test_more_values_than_one_entry_names_are_replaced_under_numbers_of_their_own() -> None:
    """A pin over nine others: the second entry that this takes bears no number of the first."""
    people = ann, *others = crew("Ann", *(f"M{place}" for place in range(9)))
    said = say(ann, "Pinned by all")
    exchange(*people)
    for one in others:
        number = next(each.number for each in said_in(one) if each.id == said.id)
        one.ask(PinItem(number, is_on=True))
    exchange(*people)
    do(ann, PinItem(said.number, is_on=False))
    exchange(*people)
    assert not any(one.is_double for one in members_of(ann))


@pytest.mark.parametrize("name", ["Ann (verified)", "A\u202enna", "\u200b"])
def test_a_name_that_no_screen_may_show_is_shown_by_the_key(name: str) -> None:
    ann, bob = people = crew("Ann", "Bob")
    write_name(bob, name)
    exchange(*people)
    key = inside(bob).me.hex()[:8]
    assert names_of(ann) == ["Ann", key]
    assert renames(ann) == [("Bob", key)]


def test_who_takes_the_looks_of_a_contact_is_told_of() -> None:
    ann, _, cem = people = crew("Ann", "Bob", "Cem")
    call_oneself(cem, "B\u043eb")
    wait_for_names(*people)
    assert member(ann, "B\u043eb").looks_like == ["Bob"]
    assert names_of(ann)[1] == "Bob"


def test_a_name_is_as_long_as_a_name(monkeypatch: Patch) -> None:
    """Else bytes behind the known places, which are passed over, are handed to all who come."""
    assert called_by_a_long_one() == ["Ann", "Bob"]
    monkeypatch.setattr(judging, "NAME_ENTRY_BYTES_MAX", 65_536)
    assert called_by_a_long_one() == ["Ann", "Bobby"]


def called_by_a_long_one() -> list[str]:
    ann, bob = people = crew("Ann", "Bob")
    with pytest.MonkeyPatch.context() as patch:
        encode = Entry.encode
        patch.setattr(Entry, "encode", lambda entry: encode(with_more(entry)))
        patch.setattr(judging, "NAME_ENTRY_BYTES_MAX", 65_536)
        write_name(bob, "Bobby")
    exchange(*people)
    return names_of(ann)


def with_more(entry: Entry) -> Entry:
    content = msgspec.msgpack.decode(entry.content)
    return replace(entry, content=msgspec.Raw(msgspec.msgpack.encode([*content, bytes(2_000)])))


def test_emptying_the_stream_keeps_what_members_are_called() -> None:
    ann, bob = people = crew("Ann", "Bob")
    call_oneself(bob, "Bobby")
    wait_for_names(*people)
    ann.ask(DeleteItems("Crew"))
    assert renames(ann) == []
    assert names_of(ann) == ["Ann", "Bobby"]


def test_a_name_that_came_before_an_upgrade_holds_after_it_and_is_passed_on() -> None:
    ann, bob, cem = crew("Ann", "Bob", "Cem")
    call_oneself(ann, "Anna")
    ann.clock.pass_by(LONGEST_S + 1)
    ann.tend()
    with older(Kind.NAME):
        for one in (bob, cem):
            one.restart()
        give(ann, bob)
        assert names_of(bob) == ["Ann", "Bob", "Cem"]
        assert renames(bob) == []
        say(bob, "Whoever reads this lacks a name")
        give(bob, ann, cem)
        # Bob has what Cem lacks, and knows it not.
        pass_by(bob, cem, seconds=40 * MINUTE_S, step=120)
    assert names_of(cem) == ["Ann", "Bob", "Cem"]
    for one in (bob, cem):
        one.restart()
        one.tend()
    assert names_of(bob) == names_of(cem) == ["Anna", "Bob", "Cem"]
