"""The names that others give to groups and to themselves, as a screen shows them."""

from dataclasses import replace

import pytest
from msgspec.structs import replace as changed

from mesh.commands.conversations import AskConversation
from mesh.commands.groups import (
    AskGroup,
    AskGroupLog,
    AskGroups,
    ChangeGroup,
    GroupAnswer,
    GroupsAnswer,
    JoinGroup,
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
from tests.messenger.doing import conversation, do, refused
from tests.messenger.in_groups import crew, member, members_of, settle, told
from tests.messenger.people import Person
from tests.messenger.test_group_links import group_of, link_of, pass_by

Patch = pytest.MonkeyPatch
FALSE = "Ann \u2705 (verified)"
"""A name that only a node of an attacker gives."""


def groups_of(person: Person) -> list[str]:
    answer = person.ask(AskGroups())
    assert isinstance(answer, GroupsAnswer)
    return [each.name for each in answer.groups]


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
    assert conversation(ann, AskConversation("Crew")).number == crew_of_ann
    item = do(ann, WriteItem("Crew", kind="text", text="Still here"))
    assert item.conversation == crew_of_ann
    ann.ask(LeaveGroup(crew_of_ann))
    with pytest.raises(UserError, match="take a number: ") as several:
        ann.ask(AskConversation("Crew"))
    assert several.value.kind == "ambiguous"


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
