"""The words for what waits for an answer in groups: who asks one in, who stands at a link, which
members ask one to become a contact.
"""

from mesh.cli.group_lines import line_of
from mesh.cli.names import Names, marked
from mesh.cli.sanitise import clean_line
from mesh.client import Client
from mesh.commands.group_links import AskKnocks, KnocksAnswer
from mesh.commands.groups import AskGroups, GroupAnswer, GroupsAnswer
from mesh.commands.member_letters import (
    AskMemberLetters,
    MemberLetterAnswer,
    MemberLettersAnswer,
)
from mesh.events import GroupInvited, GroupKnocked

Waiting = GroupAnswer | GroupKnocked | MemberLetterAnswer
"""Something in a group that waits for a word."""

MEMBERS: tuple[str, ...] = ("in", "waiting-for-keys", "closed")
"""The states of a group in which one is."""

REMARKS = {
    "joining": "joining",
    "waiting-for-keys": "waiting for keys",
    "left": "you left",
    "removed": "you were removed",
    "closed": "closed",
}
"""What is said beside a group where it is not as most are."""


def groups_waiting(client: Client) -> list[Waiting]:
    """Return what waits for a word in groups: those into which we were asked, who stands at a link
    into one, and which members of one ask to become contacts.
    """
    waiting: list[Waiting] = []
    for group in client.ask(AskGroups(), GroupsAnswer).groups:
        if group.state == "invited":
            waiting.append(group)
        elif group.state in MEMBERS:
            found = client.ask(AskKnocks(group.conversation), KnocksAnswer).knocks
            waiting += (GroupKnocked(group, knock) for knock in found)
            waiting += client.ask(AskMemberLetters(group.conversation), MemberLettersAnswer).letters
    return waiting


def waiting_line(waits: Waiting) -> str:
    """Return what waits for a word as a line, with what to say."""
    if isinstance(waits, GroupKnocked):
        return knock_line(waits)
    if isinstance(waits, MemberLetterAnswer):
        return letter_line(waits)
    note = f"  {clean_line(waits.note)}" if waits.note else ""
    return f"group {line_of(waits)}{note}: {accepting(waits)}"


def accepting(group: GroupAnswer) -> str:
    """Return the command by which one comes in."""
    return f"mesh group accept {group.conversation}"


def remark_on(group: GroupAnswer) -> str:
    """Return what a list of conversations says of a group: that it is one, and how one is in it."""
    return f"group, {REMARKS[group.state]}" if group.state in REMARKS else "group"


def asked_in(group: GroupAnswer, names: Names) -> str:
    """Say who asks our person into a group, and how to come in."""
    by = f" by {names.called(group.inviter)}" if group.inviter else ""
    return f"asked in{by}: {accepting(group)}"


def invite_line(told: GroupInvited, names: Names) -> str:
    """Say who asks our person into a group."""
    group = told.group
    by = names.called(group.inviter) if group.inviter else "somebody"
    return f"{by} asks you into the group {clean_line(group.name)}: {accepting(group)}"


def knock_line(told: GroupKnocked) -> str:
    """Say who stands at a link into a group; they chose the name themselves."""
    group, knock = told.group, told.knock
    others = ", ".join(map(clean_line, knock.looks_like))
    doubt = f" (a name like {others}, perhaps somebody else)" if others else ""
    note = f", “{clean_line(knock.note)}”" if knock.note else ""
    return (
        f"{clean_line(knock.name)}{doubt}, at a link{note}, asks to be let into the group "
        f"{clean_line(group.name)}: mesh group admit {group.conversation} {knock.knock}"
    )


def letter_line(letter: MemberLetterAnswer) -> str:
    """Say which member of a group asks our person to become a contact."""
    who = marked(letter.member_name, letter.member_key, is_alike=bool(letter.mark))
    if letter.name not in ("", letter.member_name):
        who += f", who calls themselves {clean_line(letter.name)},"
    others = ", ".join(map(clean_line, letter.looks_like))
    doubt = f" (a name like {others}, perhaps somebody else)" if others else ""
    note = f", “{clean_line(letter.note)}”," if letter.note else ""
    return (
        f"{who} from the group {clean_line(letter.group_name)}{doubt}{note} asks to become a "
        f"contact: mesh group letters {letter.group} --accept {letter.letter}"
    )
