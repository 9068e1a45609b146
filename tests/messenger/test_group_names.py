"""The names that others give to groups and to themselves, as a screen shows them."""

from dataclasses import replace

import pytest
from msgspec.structs import replace as changed

from mesh.commands.contacts import (
    AskContact,
    ContactAnswer,
    ContactDetailsAnswer,
    RemoveContact,
    RenameContact,
)
from mesh.commands.conversations import (
    AskConversation,
    AskConversations,
    ConversationsAnswer,
)
from mesh.commands.group_links import JoinGroup
from mesh.commands.groups import (
    AcceptGroup,
    AskGroup,
    AskGroupLog,
    AskGroups,
    ChangeGroup,
    ForgetGroup,
    GroupAnswer,
    GroupsAnswer,
    LeaveGroup,
    MakeGroup,
    MembershipsAnswer,
    RemoveMember,
    SetMemberRole,
)
from mesh.commands.item_commands import WriteItem
from mesh.crypto.signing import is_signature_valid
from mesh.errors import UserError
from mesh.messenger.groups import group_commands, knocks
from mesh.messenger.groups.invitations import Invitations
from mesh.ratchet.identity import IdentityKeys, make_bundle
from mesh.wire.invite import parse_group_link
from tests.entropy import SeededEntropy
from tests.messenger import in_groups
from tests.messenger.doing import conversation, do, items_of, refused
from tests.messenger.in_groups import acquainted_all, crew, member, members_of, settle, told
from tests.messenger.people import Clock, Person
from tests.messenger.test_group_links import group_of, link_of, pass_by

Patch = pytest.MonkeyPatch
FALSE = "Ann \u2705 (verified)"
"""A name that only a node of an attacker gives."""


def groups_of(person: Person) -> list[str]:
    answer = person.ask(AskGroups())
    assert isinstance(answer, GroupsAnswer)
    return [each.name for each in answer.groups]


def told_number(person: Person) -> int:
    (one,) = in_groups.groups_of(person)
    return one.conversation


def contact_of(person: Person, named: str) -> ContactAnswer:
    answer = person.ask(AskContact(named))
    assert isinstance(answer, ContactDetailsAnswer)
    return answer.contact


def test_a_link_calls_no_group_by_a_name_that_no_screen_may_show() -> None:
    ann, bob = group_of("Ann", "Bob")
    link = parse_group_link(link_of(ann).link, is_signature_valid)
    assert link.bundle is not None
    keys = IdentityKeys.from_seed(bytes(range(32)))
    bundle, _ = make_bundle(
        keys,
        valid_from=link.bundle.valid_from,
        valid_to=link.expires,
        entropy=SeededEntropy(1),
        kem=ann.kem,
    )
    forged = replace(
        link,
        verify_key=keys.verify_key,
        bundle=bundle,
        bundle_hash=bundle.digest,
        name="Crew \u202e\n\x1b[2J",
    )
    bob.ask(JoinGroup(forged.link(keys.signing_seed)))
    assert groups_of(bob) == [f"Group {link.gid.hex()[:8]}"]


def test_who_may_change_settings_has_no_mark_shown_in_the_name_of_a_group(
    monkeypatch: Patch,
) -> None:
    ann, bob = people = crew("Ann", "Bob")
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "admin"))
    settle(*people)
    monkeypatch.setattr(group_commands, "checked_name", lambda text, _: text)
    bob.ask(ChangeGroup("Crew", name=FALSE))
    settle(*people)
    (called,) = groups_of(bob)
    assert called.startswith("Group ")
    assert groups_of(ann) == [called]
    answer = ann.ask(AskGroupLog(called))
    assert isinstance(answer, MembershipsAnswer)
    assert answer.operations[-1].changes[0].value == called


def test_who_is_added_under_such_a_name_is_shown_by_the_key(monkeypatch: Patch) -> None:
    people = group_of("Ann", "Bob", "Cem")
    ann, _, cem = people
    record = Invitations.record
    monkeypatch.setattr(Invitations, "record", lambda *words: changed(record(*words), name=FALSE))
    monkeypatch.setattr(knocks, "is_fair_name", lambda _: True)
    cem.ask(JoinGroup(link_of(ann).link))
    pass_by(*people)
    (told,) = [each for each in members_of(ann) if not each.is_me]
    assert told.name == told.label == told.key[:8]
    # Nor in a sentence that says why something is not done.
    ann.ask(SetMemberRole("Crew", told.member, "owner"))
    with pytest.raises(UserError, match=f"^{told.key[:8]} is an owner"):
        ann.ask(RemoveMember("Crew", told.member))


def about_of(person: Person) -> str:
    answer = person.ask(AskGroup("Crew"))
    assert isinstance(answer, GroupAnswer)
    return answer.about


HIDING = "Bring \u202erope\u202c\x1b[2J\nand \u200bwater"


def test_what_a_group_is_for_hides_nothing_and_imitates_no_mark(monkeypatch: Patch) -> None:
    ann, bob = people = crew("Ann", "Bob")
    assert refused(ann, ChangeGroup("Crew", about=HIDING)) == "bad-content"
    assert refused(ann, ChangeGroup("Crew", about=FALSE)) == "bad-content"
    ann.ask(ChangeGroup("Crew", about="Bring rope\nand water"))
    settle(*people)
    assert about_of(bob) == "Bring rope\nand water"
    # A node of an attacker asks nobody.
    monkeypatch.setattr(group_commands, "checked_about", lambda text: text)
    for about, shown in ((HIDING, "Bring rope[2J\nand water"), (FALSE, "")):
        ann.ask(ChangeGroup("Crew", about=about))
        settle(*people)
        log = bob.ask(AskGroupLog("Crew"))
        assert isinstance(log, MembershipsAnswer)
        assert about_of(bob) == log.operations[-1].changes[0].value == shown


def test_a_group_is_named_by_letters_of_either_size() -> None:
    ann, _ = crew("Ann", "Bob")
    assert conversation(ann, AskConversation("crew")).title == "Crew"


def test_who_asks_into_a_group_of_the_same_name_takes_no_group_away() -> None:
    ann, bob = people = crew("Ann", "Bob")
    crew_of_ann = told(ann).conversation
    bob.ask(MakeGroup("crew", ("Ann",)))
    settle(*people)
    assert [one.state for one in in_groups.groups_of(ann)] == ["in", "invited"]
    # It is listed though its beginning is not here, and with it who we are in it.
    listed = ann.ask(AskConversations())
    assert isinstance(listed, ConversationsAnswer)
    assert [one.help_count for one in listed.conversations if one.kind == "group"] == [0, 0]
    assert conversation(ann, AskConversation("Crew")).number == crew_of_ann
    item = do(ann, WriteItem("Crew", kind="text", text="Still here"))
    assert item.conversation == crew_of_ann
    # Commands about groups mean the same one, but for those about groups we are not in.
    assert told(ann).conversation == crew_of_ann
    assert refused(ann, AcceptGroup("Crew")) == "ambiguous"
    assert refused(ann, ForgetGroup("Crew")) == "ambiguous"
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    ann.ask(LeaveGroup("Crew"))
    with pytest.raises(UserError, match="take a number: ") as several:
        ann.ask(AskConversation("Crew"))
    assert several.value.kind == refused(ann, AskGroup("Crew")) == "ambiguous"


@pytest.mark.parametrize("uses_max", [1, 100], ids=["is let in", "waits apart"])
def test_who_comes_by_an_invite_under_the_name_of_a_group_gets_nothing_of_it(
    uses_max: int,
) -> None:
    ann, bob = crew("Ann", "Bob")
    crew_of_ann = told(ann).conversation
    eve = Person("crew", ann.clock, seed=77)
    eve.add(ann.invite(uses_max=uses_max).link)
    settle(ann, bob, eve)
    assert contact_of(ann, "crew 2").is_request == (uses_max > 1)
    assert conversation(ann, AskConversation("crew")).number == crew_of_ann
    assert do(ann, WriteItem("Crew", kind="text", text="Ours")).conversation == crew_of_ann
    settle(ann, bob, eve)
    assert [one.text for one in items_of(bob, "Crew")] == ["Ours"]
    # Nor does somebody whom our person calls so.
    assert refused(ann, RenameContact("crew 2", "CREW")) == "exists"


def test_a_name_that_a_contact_and_a_group_bear_means_neither() -> None:
    ann, bob = people = crew("Ann", "Bob")
    crew_of_ann, contact = told(ann).conversation, contact_of(ann, "Bob").id
    ann.ask(ChangeGroup("Crew", name="bob"))
    settle(*people)
    # A space beside it, as it is pasted, changes nothing.
    for named in ("Bob", "bob", "Bob ", " bob"):
        with pytest.raises(UserError, match=f"take a number: {contact}, {crew_of_ann}") as both:
            ann.ask(WriteItem(named, kind="text", text="Yours"))
        assert both.value.kind == "ambiguous"
    for number in (contact, crew_of_ann):
        item = do(ann, WriteItem(str(number), kind="text", text="Yours"))
        assert item.conversation == number
    # A group is no contact, and a contact no group: commands about one of them mean that one.
    assert told(ann, "Bob").conversation == crew_of_ann
    assert contact_of(ann, "bob").id == contact
    # In the group nobody is called Bob but its member, and there he has a number.
    assert conversation(bob, AskConversation("Bob")).number == told(bob, "Bob").conversation


def test_who_asks_into_a_group_called_like_a_contact_takes_no_contact_away() -> None:
    ann, _, eve = people = acquainted_all(Clock(), "Ann", "Bob", "Eve")
    eve.ask(MakeGroup("Bob", ("Ann",)))
    settle(*people)
    assert [one.name for one in in_groups.groups_of(ann)] == ["Bob"]
    contact = contact_of(ann, "Bob").id
    assert do(ann, WriteItem("Bob", kind="text", text="Yours")).conversation == contact


def test_whose_group_we_are_removed_from_leaves_its_name_to_nobody() -> None:
    ann, bob, eve = people = acquainted_all(Clock(), "Ann", "Bob", "Eve")
    for one, name in ((bob, "Crew"), (eve, "Boat")):
        one.ask(MakeGroup(name, ("Ann",)))
        settle(*people)
        ann.ask(AcceptGroup(name))
        settle(*people)
    eve.ask(ChangeGroup("Boat", name="crew"))
    bob.ask(RemoveMember("Crew", member(bob, "Ann").member))
    settle(*people)
    assert sorted(one.state for one in in_groups.groups_of(ann)) == ["in", "removed"]
    assert refused(ann, WriteItem("Crew", kind="text", text="Ours")) == "ambiguous"
    assert refused(ann, AskGroup("Crew")) == "ambiguous"


def test_no_group_is_called_by_a_number_or_the_beginning_of_a_key() -> None:
    ann, _ = people = crew("Ann", "Bob")
    row = contact_of(ann, "Bob")
    for name in (str(row.id), row.key[:8], row.key[:8].upper()):
        ann.ask(ChangeGroup(told_number(ann), name=name))
        settle(*people)
        assert conversation(ann, AskConversation(name)).number == row.id
    ann.ask(RemoveContact(row.id))
    for name in (str(row.id), row.key[:8], row.key[:8].upper()):
        ann.ask(ChangeGroup(told_number(ann), name=name))
        assert refused(ann, WriteItem(name, kind="text", text="Yours")) == "not-found"
        assert refused(ann, AskGroup(name)) == "not-found"


def test_of_two_groups_of_one_name_one_says_the_number() -> None:
    ann, _ = crew("Ann", "Bob")
    ann.ask(MakeGroup("Crew"))
    numbers = [one.conversation for one in in_groups.groups_of(ann)]
    with pytest.raises(UserError, match=f"take a number: {numbers[0]}, {numbers[1]}") as several:
        ann.ask(AskConversation("Crew"))
    assert several.value.kind == "ambiguous"
    assert conversation(ann, AskConversation(str(numbers[1]))).number == numbers[1]


def test_what_names_neither_a_contact_nor_a_group_is_said_to() -> None:
    ann, _ = crew("Ann", "Bob")
    with pytest.raises(UserError, match="no contact or group 'Crows'; see: mesh chats") as none:
        ann.ask(AskConversation("Crows"))
    assert none.value.kind == "not-found"
