"""Lines and questions that commands about groups share."""

from mesh.cli.daemon_client import client_of
from mesh.cli.options import Choices
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.commands.answer import Done
from mesh.commands.command import Command
from mesh.commands.groups import AskMembers, GroupAnswer, MemberAnswer, MembersAnswer, RoleName
from mesh.errors import UserError

STATES = {
    "invited": "you were asked in",
    "joining": "you join when your word has arrived",
    "in": "you are in",
    "waiting-for-keys": "waiting for keys; what is written waits",
    "left": "you left",
    "removed": "you were removed",
    "closed": "closed: nobody writes",
}


RANKS: tuple[RoleName, ...] = ("member", "admin", "owner")
"""The roles, the lowest first."""


def line_of(one: GroupAnswer) -> str:
    """Return a group in one line."""
    count = f"{one.members_count} member" + ("" if one.members_count == 1 else "s")
    by = one.inviter if one.state == "invited" else one.removed_by
    by = f" by {clean_line(by)}" if by else ""
    return f"{one.conversation}  {clean_line(one.name)}  {count}  {STATES[one.state]}{by}"


def do(choices: Choices, asked: Command) -> None:
    """Ask for something that is answered with a group, and show it."""
    tell(choices, client_of(choices).ask(asked, GroupAnswer))


def tell(choices: Choices, answer: GroupAnswer) -> None:
    """Show a group."""
    terminal = Terminal(choices)
    if terminal.is_json:
        terminal.json(answer)
    else:
        terminal.say(line_of(answer))


def done(choices: Choices, asked: Command, words: str) -> None:
    """Ask for something, and say that it is done."""
    terminal = Terminal(choices)
    answer = client_of(choices).ask(asked, Done)
    if terminal.is_json:
        terminal.json(answer)
    else:
        terminal.say(words)


def confirm_role(choices: Choices, group: str, one: MemberAnswer, role: RoleName) -> None:
    """Ask before a role is given that cannot be taken back; without a yes it is not given."""
    terminal = Terminal(choices)
    if one.is_me and RANKS.index(role) < RANKS.index(one.role):
        is_last = is_last_owner(choices, group)
        last = " You are the last owner: nobody could be one any more." if is_last else ""
        terminal.confirm(f"Step down from {one.role} to {role}?{last}")
    elif role == "owner" != one.role:
        terminal.confirm(f"Make {clean_line(one.label)} an owner? Nobody can take that back.")


def is_last_owner(choices: Choices, group: str | int) -> bool:
    """Say whether nobody but oneself is an owner of a group."""
    members = client_of(choices).ask(AskMembers(group), MembersAnswer).members
    return [one.is_me for one in members if one.role == "owner"] == [True]


def member_of(choices: Choices, group: str, who: str) -> MemberAnswer:
    """The member of a label, a name or a number; UserError if there is none, or several."""
    members = client_of(choices).ask(AskMembers(group), MembersAnswer).members
    wanted = who.strip().casefold()
    found = [
        one
        for one in members
        if wanted in (str(one.member), one.label.casefold(), one.name.casefold())
    ]
    if not found:
        raise UserError("not-found", f"There is no {who!r} in this group.")
    if len(found) > 1:
        numbers = ", ".join(str(one.member) for one in found)
        raise UserError("ambiguous", f"Several are called {who!r}; take a number: {numbers}.")
    return found[0]
