"""Words of somebody who did not know yet that they were removed: who did that may keep them."""

from collections.abc import Iterable

import pytest

from mesh.commands.groups import (
    AskGroupLog,
    KeepInGroup,
    MembershipAnswer,
    MembershipsAnswer,
    RemoveMember,
    SetMemberRole,
)
from mesh.commands.item_commands import ReactToItem, WriteItem
from mesh.group import keeping
from mesh.group.operations import Role
from tests.messenger.doing import items_of, refused
from tests.messenger.in_groups import crew, epoch_of, inside, member, settle, told
from tests.messenger.people import Person
from tests.messenger.test_group_needs import say

Patch = pytest.MonkeyPatch


def log_of(person: Person) -> list[MembershipAnswer]:
    answer = person.ask(AskGroupLog("Crew"))
    assert isinstance(answer, MembershipsAnswer)
    return answer.operations


def to_keep(person: Person) -> list[MembershipAnswer]:
    return [one for one in log_of(person) if one.keep]


def is_apart(person: Person, text: str) -> bool:
    items = items_of(person, "Crew")
    return next(one.is_apart for one in items if text in (one.text, one.notice and one.notice.text))


def reactions(person: Person, text: str) -> list[str]:
    item = next(one for one in items_of(person, "Crew") if one.text == text)
    return [one.emoji for one in item.reactions]


def removed_while_apart(*removers: int, admins: Iterable[str] = ()) -> list[Person]:
    """Some remove Bob, who writes and reacts before he hears of it; then all hear of all."""
    people = ann, bob, *_ = crew("Ann", "Bob", "Cem", "Dan")
    for name in admins:
        ann.ask(SetMemberRole("Crew", member(ann, name).member, "admin"))
        settle(*people)
    said = say(ann, "We sail at six")
    settle(*people)
    say(bob, "I bring the rope")
    number = next(one.number for one in items_of(bob, "Crew") if one.id == said.id)
    bob.ask(ReactToItem(number, ("👍",)))
    for place in removers:
        people[place].ask(RemoveMember("Crew", member(people[place], "Bob").member))
    settle(*people)
    return people


def test_what_one_wrote_before_he_knew_of_his_removal_counts_once_it_is_kept() -> None:
    people = ann, bob, cem, dan = removed_while_apart(0)
    for one in (ann, cem, dan):
        assert is_apart(one, "I bring the rope")
        assert reactions(one, "We sail at six") == []
    (removal,) = to_keep(ann)
    assert (removal.action, removal.whom) == ("removed", ["Bob"])
    assert to_keep(cem) == []
    assert refused(cem, KeepInGroup("Crew", removal.id)) == "decided"
    before = epoch_of(ann)
    ann.ask(KeepInGroup("Crew", removal.id))
    settle(*people)
    for one in (ann, cem, dan):
        assert not is_apart(one, "I bring the rope")
        assert reactions(one, "We sail at six") == ["👍"]
    assert to_keep(ann) == []
    assert refused(ann, KeepInGroup("Crew", removal.id)) == "decided"
    assert [one.is_keeping for one in log_of(cem) if one.action == "removed"] == [False, True]
    # He is out as before, and reads nothing of what is said after it.
    assert told(bob).state == "removed"
    assert epoch_of(ann) == epoch_of(cem) != before
    assert inside(bob).me not in inside(ann).members
    say(ann, "Without Bob")
    settle(*people)
    assert "Without Bob" not in [one.text for one in items_of(bob, "Crew")]


def test_what_another_cut_off_as_well_is_kept_by_nobody_alone(monkeypatch: Patch) -> None:
    people = ann, _, cem, _ = removed_while_apart(0, 2, admins=("Cem",))
    assert is_apart(ann, "I bring the rope")
    assert to_keep(ann) == to_keep(cem) == []
    # It would be offered, and lift nothing.
    monkeypatch.setattr(keeping, "shared", lambda one, _: one)
    (removal,) = to_keep(ann)
    ann.ask(KeepInGroup("Crew", removal.id))
    settle(*people)
    assert is_apart(cem, "I bring the rope")


def test_what_was_undone_does_not_come_back() -> None:
    people = ann, bob, _ = crew("Ann", "Bob", "Cem")
    say(bob, "On Monday")
    since = int(ann.now.mesh)
    ann.clock.pass_by(60)
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member, undo_since=since))
    settle(*people)
    assert is_apart(ann, "On Monday")
    assert to_keep(ann) == []


def test_what_an_admin_did_before_he_knew_that_he_is_none_is_kept_too() -> None:
    people = ann, bob, cem = crew("Ann", "Bob", "Cem")
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "admin"))
    settle(*people)
    bob.ask(WriteItem("Crew", "notice", text="Storm at noon"))
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "member"))
    settle(*people)
    assert is_apart(cem, "Storm at noon")
    (lowering,) = to_keep(ann)
    assert (lowering.action, lowering.role) == ("role", "member")
    ann.ask(KeepInGroup("Crew", lowering.id))
    settle(*people)
    assert not is_apart(cem, "Storm at noon")
    assert inside(cem).roles[inside(bob).me] is Role.MEMBER
    assert to_keep(ann) == []
    assert [one.is_keeping for one in log_of(cem) if one.role == "member"] == [False, True]
    # Who is raised and lowered again is not kept by that.
    for role in ("admin", "member"):
        ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, role))
        settle(*people)
    assert not log_of(cem)[-1].is_keeping


def test_words_of_whom_another_made_a_plain_member_are_kept_all_the_same() -> None:
    people = ann, bob, cem, _ = crew("Ann", "Bob", "Cem", "Dan")
    ann.ask(SetMemberRole("Crew", member(ann, "Cem").member, "owner"))
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "admin"))
    settle(*people)
    say(bob, "I bring the rope")
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    cem.ask(SetMemberRole("Crew", member(cem, "Bob").member, "member"))
    settle(*people)
    assert is_apart(cem, "I bring the rope")
    (removal,) = to_keep(ann)
    ann.ask(KeepInGroup("Crew", removal.id))
    settle(*people)
    assert not is_apart(cem, "I bring the rope")
