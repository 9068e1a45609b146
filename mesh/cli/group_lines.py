"""Lines and questions that commands about groups share."""

from collections.abc import Sequence

from mesh.cli.daemon_client import client_of
from mesh.cli.names import KEY_DIGITS_SHOWN, LIKE_OURS, marked
from mesh.cli.options import Choices
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.client import Client
from mesh.commands.answer import Done
from mesh.commands.command import Command
from mesh.commands.groups import (
    AskGroup,
    AskMembers,
    GroupAnswer,
    MemberAnswer,
    MembersAnswer,
    RoleName,
)
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


def confirm_role(choices: Choices, group: str | int, one: MemberAnswer, role: RoleName) -> None:
    """Ask before a role is given that cannot be taken back; without a yes it is not given."""
    terminal = Terminal(choices)
    if one.is_me and RANKS.index(role) < RANKS.index(one.role):
        is_last = is_last_owner(choices, group)
        last = " You are the last owner: nobody could be one any more." if is_last else ""
        terminal.confirm(f"Step down from {one.role} to {role}?{last}")
    elif role == "owner" != one.role:
        terminal.confirm(f"Make {called(one)} an owner? Nobody can take that back.")


def called(one: MemberAnswer) -> str:
    """Return what a member is called, for people to read."""
    return marked(one.label, one.key, is_alike=bool(one.mark))


def is_last_owner(choices: Choices, group: str | int) -> bool:
    """Say whether nobody but oneself is an owner of a group."""
    members = client_of(choices).ask(AskMembers(group), MembersAnswer).members
    return [one.is_me for one in members if one.role == "owner"] == [True]


def number_of(client: Client, group: str) -> int:
    """Return the number of a group: what is asked about it in turn is asked about the same one."""
    return client.ask(AskGroup(group), GroupAnswer).conversation


def member_of(client: Client, group: str | int, who: str) -> MemberAnswer:
    """The member of a label, a name or a number, oneself for `me`; UserError if there is none, or
    several.

    Members choose their names: none takes a number, or what is meant for a contact of ours.
    """
    members = client.ask(AskMembers(group), MembersAnswer).members
    wanted = who.strip().casefold()
    if wanted == "me":
        found = [one for one in members if one.is_me]
    elif is_number(wanted):
        found = [one for one in members if str(one.member) == wanted]
    else:
        found = [one for one in members if wanted in (one.label.casefold(), one.name.casefold())]
    if not found:
        raise UserError("not-found", f"There is no {who!r} in this group.")
    if len(found) > 1:
        numbers = ", ".join(str(one.member) for one in found)
        raise UserError("ambiguous", f"Several are called {who!r}; take a number: {numbers}.")
    (one,) = found
    is_that_contact = one.contact and one.label.casefold() == wanted
    could_be_another = is_called(wanted, one.looks_like) or is_like_marked(wanted, one.key)
    if not is_that_contact and could_be_another:
        raise not_known(who, one.member)
    return one


def is_number(wanted: str) -> bool:
    """Say whether a text that names somebody in a group is a number: then it is no name."""
    return wanted.isascii() and wanted.isdigit()


def is_called(wanted: str, labels: Sequence[str]) -> bool:
    """Say whether one of these labels is the name by which somebody is wanted."""
    return wanted in (label.casefold() for label in labels)


def is_like_marked(wanted: str, key: str) -> bool:
    """Say whether somebody is wanted by a name that looks as others are shown, with the beginning
    of their key; not by that of his own alone, which stands in the place of a name.
    """
    is_by_key = is_number(wanted) or wanted == key[:KEY_DIGITS_SHOWN]
    return not is_by_key and LIKE_OURS.search(wanted) is not None


def not_known(who: str, number: int) -> UserError:
    """Return the refusal of a name that somebody gives himself and a contact of ours bears."""
    return UserError(
        "ambiguous",
        f"Who calls himself {who!r} there may be somebody else than whom you mean; take the "
        f"number: {number}.",
    )
