"""Deeds in groups, in the terminal: those that cannot be taken back are asked first."""

import pytest

from mesh.commands.answer import Done
from mesh.commands.groups import (
    AskGroup,
    AskGroups,
    AskMembers,
    ForgetGroup,
    GroupsAnswer,
    LeaveGroup,
    MemberAnswer,
    MembersAnswer,
    RemoveMember,
    RoleName,
    SetMemberRole,
)
from tests.api.small_node import Running
from tests.cli.answers import KEY, group
from tests.cli.conftest import Mesh


def member(number: int, label: str, role: RoleName, *, is_me: bool = False) -> MemberAnswer:
    return MemberAnswer(
        member=number,
        key=KEY,
        name=label,
        label=label,
        contact=0,
        role=role,
        added_by="",
        heard=0,
        is_me=is_me,
        looks_like=[],
    )


@pytest.fixture
def crew(mesh: Mesh, node: Running) -> Running:
    """A group of which we are the only owner."""
    ours = group(role="owner")
    members = [member(1, "Ada", "owner", is_me=True), member(2, "Bob", "member")]
    node.node.told |= {
        AskGroup: ours,
        AskMembers: MembersAnswer(members=members),
        LeaveGroup: group(state="left"),
        ForgetGroup: Done(),
        RemoveMember: ours,
        SetMemberRole: ours,
    }
    return node


@pytest.mark.parametrize(
    "words",
    [
        ("role", "Crew", "Bob", "owner"),
        ("role", "Crew", "Ada", "member"),
        ("leave", "Crew"),
        ("leave", "Crew", "--forget"),
        ("forget", "Crew"),
        ("remove", "Crew", "Bob", "--undo-since", "3d"),
    ],
)
def test_what_cannot_be_taken_back_is_done_with_a_yes_alone(
    mesh: Mesh, crew: Running, words: tuple[str, ...]
) -> None:
    refused = mesh("group", *words, "--json")
    assert (refused.code, refused.problem) == (1, "no-answer")
    assert mesh("group", *words, "--yes").code == 0


@pytest.mark.parametrize("words", [("role", "Crew", "Bob", "admin"), ("remove", "Crew", "Bob")])
def test_what_can_be_done_again_is_asked_of_nobody(
    mesh: Mesh, crew: Running, words: tuple[str, ...]
) -> None:
    assert mesh("group", *words).code == 0


def test_a_setting_of_a_group_that_is_none_names_those_that_are(mesh: Mesh, node: Running) -> None:
    ran = mesh("group", "set", "Crew", "write=nobody")
    assert (ran.code, ran.err) == (2, "mesh: write is members or admins.\n")


@pytest.mark.parametrize(
    "words, question",
    [
        (("role", "Crew", "Bob", "owner"), "Make Bob an owner? Nobody can take that back."),
        (
            ("role", "Crew", "Ada", "admin"),
            "Step down from owner to admin? You are the last owner: nobody could be one any more.",
        ),
        (
            ("leave", "Crew"),
            "Leave Crew? You are its last owner. Who comes back comes as somebody new.",
        ),
    ],
)
def test_the_question_says_what_follows(
    mesh: Mesh,
    crew: Running,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    question: str,
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("mesh.cli.terminal.Terminal.has_person", lambda _: True)
    monkeypatch.setattr("click.confirm", lambda text, err: asked.append(text))
    assert mesh("group", *words, "--json").problem == "declined"
    assert asked == [question]


def test_a_group_tells_by_whom_one_was_removed(mesh: Mesh, node: Running) -> None:
    node.node.told[AskGroups] = GroupsAnswer(
        groups=[group(state="removed", removed_by="An\x1bn"), group(state="left")]
    )
    removed, left = mesh("group", "list").out.splitlines()
    assert removed.endswith("you were removed by An<U+001B>n")
    assert left.endswith("you left")
