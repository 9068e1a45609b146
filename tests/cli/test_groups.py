"""Deeds in groups, in the terminal: those that cannot be taken back are asked first."""

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from mesh.commands.answer import Done
from mesh.commands.group_links import (
    AnswerKnock,
    AskGroupLinks,
    AskKnocks,
    CreateGroupLink,
    GroupLinkAnswer,
    GroupLinksAnswer,
    KnocksAnswer,
)
from mesh.commands.groups import (
    ActionName,
    AskGroup,
    AskGroupLog,
    AskGroups,
    AskMembers,
    ForgetGroup,
    GroupsAnswer,
    KeepInGroup,
    LeaveGroup,
    MemberAnswer,
    MembersAnswer,
    MembershipAnswer,
    MembershipsAnswer,
    RemoveMember,
    RoleName,
    SetMemberRole,
)
from mesh.commands.member_letters import (
    AnswerMemberLetter,
    AskMemberLetters,
    LetterWrittenAnswer,
    MemberLettersAnswer,
    WriteToMember,
)
from tests.api.small_node import Running
from tests.cli.answers import KEY, KNOCK, LETTER, NOW, group
from tests.cli.conftest import Mesh


def member(
    number: int,
    label: str,
    role: RoleName = "member",
    *,
    is_me: bool = False,
    contact: int = 0,
    looks_like: Sequence[str] = (),
) -> MemberAnswer:
    return MemberAnswer(
        member=number,
        key=KEY,
        name=label,
        label=label,
        contact=contact,
        role=role,
        added_by="",
        heard=0,
        is_me=is_me,
        looks_like=list(looks_like),
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
        AskGroupLinks: GroupLinksAnswer(links=[]),
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


def operation(action: ActionName, **fields: object) -> MembershipAnswer:
    made = MembershipAnswer(
        id="ab" * 32,
        at=NOW,
        action=action,
        by="Ada",
        is_mine=True,
        whom=["Bob"],
        is_about_me=False,
        role=None,
        changes=[],
        counts=True,
        why="",
        repeat=False,
    )
    return msgspec.structs.replace(made, **fields)


def test_what_came_since_of_who_was_removed_is_offered_and_kept(mesh: Mesh, crew: Running) -> None:
    crew.node.told[AskGroupLog] = MembershipsAnswer(
        operations=[operation("removed"), operation("removed", id="cd" * 32, keep=True)],
        has_more=False,
    )
    assert "to keep it, mesh group keep Crew" in mesh("group", "log", "Crew").err
    assert mesh("group", "keep", "Crew", "ab", "--json").problem == "not-found"
    crew.node.told[KeepInGroup] = group(role="owner")
    assert mesh("group", "keep", "Crew", "CD").err == "Kept: what came since of Bob\n"
    assert mesh("group", "repeat", "Crew", "--json").problem == "not-found"
    crew.node.told[AskGroupLog] = MembershipsAnswer(
        operations=[operation("removed", is_keeping=True)], has_more=False
    )
    told = mesh("group", "log", "Crew")
    assert told.out.endswith("you kept what came since of Bob\n")
    assert "mesh group keep" not in told.err


def test_who_removes_somebody_is_told_by_which_links_they_could_come_back(
    mesh: Mesh, crew: Running
) -> None:
    links = [
        a_link(),
        a_link(number=2, state="used up"),
        a_link(number=3, needs_approval=True),
    ]
    crew.node.told[AskGroupLinks] = GroupLinksAnswer(links=links)
    told = mesh("group", "remove", "Crew", "Bob").err.splitlines()
    assert told[1:] == ["Link 1 lets in whoever has it, also Bob: mesh group link revoke 4 1"]


def a_link(**fields: object) -> GroupLinkAnswer:
    made = GroupLinkAnswer(
        number=1,
        link="mesh:group/AAAA",
        qr="MESH:QR/A2B3",
        short_link="mesh:group/B",
        created=NOW,
        expires=NOW,
        uses=0,
        uses_max=8,
        needs_approval=False,
        state="open",
    )
    return msgspec.structs.replace(made, **fields)


def test_a_group_tells_by_whom_one_was_removed(mesh: Mesh, node: Running) -> None:
    node.node.told[AskGroups] = GroupsAnswer(
        groups=[group(state="removed", removed_by="An\x1bn"), group(state="left")]
    )
    removed, left = mesh("group", "list").out.splitlines()
    assert removed.endswith("you were removed by An<U+001B>n")
    assert left.endswith("you left")


def test_a_link_into_a_group_whose_picture_the_disk_fails_is_told(
    mesh: Mesh, node: Running, tmp_path: Path
) -> None:
    made = a_link()
    node.node.told[CreateGroupLink] = made
    # What is written goes by this name until it is whole.
    (tmp_path / "i.part").mkdir()
    ran = mesh("group", "link", "create", "Crew", "--png", str(tmp_path / "i"))
    assert (ran.code, ran.out) == (1, "mesh:group/AAAA\n")
    assert f"No picture was written to {tmp_path / 'i'}" in ran.err


def test_no_member_takes_by_his_name_what_is_meant_for_another(mesh: Mesh, crew: Running) -> None:
    crew.node.told[AskMembers] = MembersAnswer(
        members=[
            member(1, "Ada", "owner", is_me=True),
            member(2, "Bob", contact=7),
            member(3, "2"),
            member(4, "Cleo", looks_like=["cleo", "Cleopatra"]),
            member(5, "me"),
            member(6, "Dan", looks_like=["Dam"]),
        ]
    )

    def problem_of(who: str) -> str:
        ran = mesh("group", "role", "Crew", who, "member", "--json")
        return ran.problem if ran.code else ""

    # A number is none's name, and a name that a contact bears is no stranger's.
    assert [problem_of(who) for who in ("2", "Bob", "3", "4", "5", "Dan")] == [""] * 6
    assert problem_of("Cleo") == "ambiguous"
    assert "take the number: 4." in mesh("group", "role", "Crew", "Cleo", "member").err
    # Who lays down a role of his own is asked; a member who calls himself so would not be.
    assert problem_of("me") == "no-answer"


def test_nobody_at_a_link_takes_by_his_name_what_is_meant_for_another(
    mesh: Mesh, node: Running
) -> None:
    standing = [
        msgspec.structs.replace(KNOCK, knock=number, name=name, looks_like=looks_like)
        for number, name, looks_like in ((1, "2", []), (2, "Ben", ["Ben"]), (3, "Cleo", ["Ceo"]))
    ]
    knocks = KnocksAnswer(knocks=standing)
    node.node.told |= {AskGroup: group(role="owner"), AskKnocks: knocks, AnswerKnock: knocks}
    assert [mesh("group", "admit", "Crew", who).code for who in ("1", "2", "Cleo")] == [0, 0, 0]
    ran = mesh("group", "admit", "Crew", "Ben", "--json")
    assert ran.problem == "ambiguous"
    assert "take the number: 2." in mesh("group", "admit", "Crew", "Ben").err
    # Nobody who is refused gets anything.
    assert mesh("group", "refuse", "Crew", "Ben").code == 0


def test_a_member_is_written_to_and_answered_by_name_or_number(mesh: Mesh, node: Running) -> None:
    members = MembersAnswer(members=[member(1, "Ann", is_me=True), member(3, "Cleo")])
    written = LetterWrittenAnswer(
        group=4, member=3, member_name="Cleo", written=NOW, again=NOW + 7 * 86_400
    )
    waiting = [
        msgspec.structs.replace(LETTER, letter=number, member_name=name, name="", looks_like=like)
        for number, name, like in ((1, "2", []), (2, "Ben", ["Ben"]), (7, "Dora", []))
    ]
    node.node.told |= {
        AskGroup: group(role="owner"),
        AskMembers: members,
        WriteToMember: written,
        AskMemberLetters: MemberLettersAnswer(letters=waiting),
        AnswerMemberLetter: MemberLettersAnswer(letters=[]),
    }
    ran = mesh("group", "write", "Crew", "Cleo", "--note", "Hello")
    assert ran.err.startswith("Cleo will see that you ask. You can write again from ")
    assert mesh("group", "write", "Crew", "3", "--json").json["member"] == 3
    shown = mesh("group", "letters", "Crew").out.splitlines()
    assert shown[2] == (
        "Dora from the group Crew, “From the pier”, asks to become a contact: "
        "mesh group letters 4 --accept 7"
    )
    assert "(a name like Ben, perhaps somebody else)" in shown[1]
    for who in ("1", "2", "Dora"):
        assert mesh("group", "letters", "Crew", "--accept", who).err == "Nobody waits.\n"
    assert mesh("group", "letters", "Crew", "--decline", "Ben").code == 0
    ran = mesh("group", "letters", "Crew", "--accept", "Ben", "--json")
    assert ran.problem == "ambiguous"
    assert mesh("group", "letters", "Crew", "--accept", "Eve", "--json").problem == "not-found"
    both = mesh("group", "letters", "Crew", "--accept", "1", "--decline", "2", "--json")
    assert both.problem == "usage"


def test_when_a_letter_may_be_written_is_for_the_node_to_say(mesh: Mesh, node: Running) -> None:
    # The clock of this machine may be days off, and the node knows.
    cleo = msgspec.structs.replace(member(3, "Cleo"), letter_again=int(time.time()) + 86_400)
    node.node.told |= {
        AskGroup: group(),
        AskMembers: MembersAnswer(members=[member(1, "Ada", "owner", is_me=True), cleo]),
        WriteToMember: LetterWrittenAnswer(
            group=4, member=3, member_name="Cleo", written=NOW, again=NOW + 7 * 86_400
        ),
    }
    ran = mesh("group", "write", "Crew", "Cleo")
    assert ran.code == 0
    assert ran.err.startswith("Cleo will see that you ask.")
