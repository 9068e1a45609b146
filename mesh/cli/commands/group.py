"""`mesh group`: groups, who is in them, and what each may."""

import time

import click

from mesh.cli.commands.chat_settings import archive, mute
from mesh.cli.commands.group_again import keep, repeat
from mesh.cli.commands.group_letters import letters, write
from mesh.cli.commands.group_links import admit, join, knocks, link, refuse
from mesh.cli.commands.group_local import code, code_line, copy, known, receipts
from mesh.cli.completing import complete_chat, complete_contact
from mesh.cli.daemon_client import client_of
from mesh.cli.group_lines import (
    called,
    confirm_role,
    do,
    done,
    is_last_owner,
    line_of,
    member_of,
    number_of,
    tell,
)
from mesh.cli.layout import columns, when
from mesh.cli.memberships import sentence
from mesh.cli.moments import PAST_FORMS, past_moment_of
from mesh.cli.options import Choices, shared_options
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.commands.group_links import AskGroupLinks, GroupLinksAnswer
from mesh.commands.groups import (
    AcceptGroup,
    AskGroup,
    AskGroupLog,
    AskGroups,
    AskMembers,
    ChangeGroup,
    DeclineGroup,
    ForgetGroup,
    GroupAnswer,
    GroupsAnswer,
    InviteToGroup,
    LeaveGroup,
    MakeGroup,
    MembersAnswer,
    MembershipsAnswer,
    RemoveMember,
    RoleName,
    RotateGroup,
    SetMemberRole,
)
from mesh.errors import UserError

_SWITCHES = ("yes", "no")
_NUMBERS = ("history", "lifetime")
_WORDS = dict.fromkeys(("add", "write", "pin", "timer"), ("members", "admins")) | {
    "board": ("on", "off"),
    "acks": ("auto", "on", "off"),
}
"""The values of settings that are one of a few words."""


@click.group(
    invoke_without_command=True,
    help="""\
List your groups; make one, ask people in, and say what each may.

Who is in a group talks in it as in any conversation: mesh send, mesh read, mesh chats.

\b
Examples:
  mesh group
  mesh group create Crew --with Ben,Cleo
  mesh group show Crew
  mesh send Crew "We sail at six"
""",
)
@shared_options
@click.pass_context
def group(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        _list(ctx.obj)


@group.command(
    name="list",
    help="""\
List your groups.

\b
Examples:
  mesh group list
""",
)
@shared_options
@click.pass_obj
def list_groups(choices: Choices) -> None:
    _list(choices)


@group.command(
    help="""\
Make a group, and ask contacts into it. They are in when they have accepted.

\b
Examples:
  mesh group create Crew
  mesh group create Crew --with Ben,Cleo --about "Who sails on Sunday"
"""
)
@click.argument("name")
@click.option("--with", "people", default="", help="Contacts to ask in, with commas between them.")
@click.option("--about", default="", help="What the group is for.")
@shared_options
@click.pass_obj
def create(choices: Choices, name: str, people: str, about: str) -> None:
    contacts = tuple(each.strip() for each in people.split(",") if each.strip())
    do(choices, MakeGroup(name, contacts, about))


@group.command(
    help="""\
Show a group: who is in it, its settings, and 10 digits to read out.

Who reads out other digits knows of other changes of the group; it passes when you have met.

\b
Examples:
  mesh group show Crew
"""
)
@click.argument("group", shell_complete=complete_chat)
@shared_options
@click.pass_obj
def show(choices: Choices, group: str) -> None:
    terminal, client = Terminal(choices), client_of(choices)
    answer = client.ask(AskGroup(group), GroupAnswer)
    members = client.ask(AskMembers(group), MembersAnswer)
    if terminal.is_json:
        terminal.json(answer)
        return
    terminal.result(line_of(answer))
    for title, text in (("about", answer.about), ("asked in", ", ".join(answer.invited))):
        if text:
            terminal.result(f"{title}: {clean_line(text)}")
    if answer.waiting_for:
        terminal.result(f"keys are missing of {clean_line(', '.join(answer.waiting_for))}")
    if answer.code:
        terminal.result(code_line(answer))
    rows = [("", "NAME", "ROLE", "ADDED BY", "HEARD")]
    rows += [
        (
            str(one.member),
            called(one) + " (you)" * one.is_me,
            one.role,
            clean_line(one.added_by) if one.added_by else "",
            when(one.heard) if one.heard else "",
        )
        for one in members.members
    ]
    for line in columns(rows):
        terminal.result(line)


@group.command(
    help="""\
Ask contacts into a group. Who does not want is not told of.

\b
Examples:
  mesh group invite Crew Ben Cleo
"""
)
@click.argument("group", shell_complete=complete_chat)
@click.argument("contacts", nargs=-1, required=True, shell_complete=complete_contact)
@click.option("--note", default="", help="Something to say with it.")
@shared_options
@click.pass_obj
def invite(choices: Choices, group: str, contacts: tuple[str, ...], note: str) -> None:
    do(choices, InviteToGroup(group, contacts, note))


@group.command(
    help="""\
Join a group into which you were asked.

\b
Examples:
  mesh group accept Crew
"""
)
@click.argument("group", shell_complete=complete_chat)
@click.option("--unknown", is_flag=True, help="Let no contact in it recognise you.")
@shared_options
@click.pass_obj
def accept(choices: Choices, group: str, *, unknown: bool) -> None:
    do(choices, AcceptGroup(group, is_known=not unknown))


@group.command(
    help="""\
Do not join a group. Nobody is told.

\b
Examples:
  mesh group decline Crew
"""
)
@click.argument("group", shell_complete=complete_chat)
@shared_options
@click.pass_obj
def decline(choices: Choices, group: str) -> None:
    done(choices, DeclineGroup(group), "Nobody is told.")


@group.command(
    help="""\
Remove a member. What they read before cannot be taken back.

With --undo-since, nothing counts that they did in the group from then on: whom they threw out is in
again, whom they let in is out. It is asked first; --yes answers.

\b
Examples:
  mesh group remove Crew Ben
  mesh group remove Crew Ben --undo-since 3d
"""
)
@click.argument("group", shell_complete=complete_chat)
@click.argument("who")
@click.option("--undo-since", metavar="TIME", help=f"Undo what they did since: {PAST_FORMS}.")
@shared_options
@click.pass_obj
def remove(choices: Choices, group: str, who: str, undo_since: str | None) -> None:
    since = None if undo_since is None else past_moment_of(undo_since, time.time())
    client = client_of(choices)
    number = number_of(client, group)
    found = member_of(client, number, who)
    if since is not None:
        Terminal(choices).confirm(
            f"Remove {called(found)}, and undo all that they did in the group since {when(since)}?"
        )
    do(choices, RemoveMember(number, found.member, since))
    _warn_of_links(choices, number, called(found))


@group.command(
    help="""\
Give a member a role, or lay down your own. Ownership cannot be taken away again: that, and laying
down a role of yours, is asked first; --yes answers.

\b
Examples:
  mesh group role Crew Ben admin
  mesh group role Crew me member
"""
)
@click.argument("group", shell_complete=complete_chat)
@click.argument("who")
@click.argument("role", type=click.Choice(["owner", "admin", "member"]))
@shared_options
@click.pass_obj
def role(choices: Choices, group: str, who: str, role: RoleName) -> None:
    client = client_of(choices)
    number = number_of(client, group)
    found = member_of(client, number, who)
    confirm_role(choices, number, found, role)
    do(choices, SetMemberRole(number, found.member, role))


@group.command(
    name="set",
    help="""\
Change settings of a group, for all who are in it.

Settings: name, about; add, write, pin, timer (members or admins); board (on or off); history
(days); lifetime (0 a day, 1 a week, 2 a month); acks (auto, on or off); closed (yes or no).

\b
Examples:
  mesh group set Crew write=admins
  mesh group set Crew name="Sunday crew" history=7
""",
)
@click.argument("group", shell_complete=complete_chat)
@click.argument("settings", nargs=-1, required=True)
@shared_options
@click.pass_obj
def set_settings(choices: Choices, group: str, settings: tuple[str, ...]) -> None:
    do(choices, changed(group, settings))


@group.command(
    help="""\
Leave a group. Who comes back comes as somebody new. It is asked first; --yes answers.

\b
Examples:
  mesh group leave Crew
  mesh group leave Crew --forget
"""
)
@click.argument("group", shell_complete=complete_chat)
@click.option("--forget", is_flag=True, help="Forget the group here as well.")
@shared_options
@click.pass_obj
def leave(choices: Choices, group: str, forget: bool) -> None:
    client = client_of(choices)
    found = client.ask(AskGroup(group), GroupAnswer)
    last = found.role == "owner" and is_last_owner(choices, found.conversation)
    Terminal(choices).confirm(
        f"Leave {clean_line(found.name)}{' and forget all of it here' if forget else ''}?"
        f"{' You are its last owner.' if last else ''} Who comes back comes as somebody new."
    )
    answer = client.ask(LeaveGroup(found.conversation), GroupAnswer)
    if forget:
        done(choices, ForgetGroup(answer.conversation), "You left, and it is forgotten here.")
    else:
        tell(choices, answer)


@group.command(
    help="""\
Forget a group of which you are no member, with all that was said in it. It is asked first; --yes
answers.

\b
Examples:
  mesh group forget Crew
"""
)
@click.argument("group", shell_complete=complete_chat)
@shared_options
@click.pass_obj
def forget(choices: Choices, group: str) -> None:
    found = client_of(choices).ask(AskGroup(group), GroupAnswer)
    Terminal(choices).confirm(
        f"Forget {clean_line(found.name)}, with all that was said in it, for ever?"
    )
    done(choices, ForgetGroup(found.conversation), "It is forgotten here.")


@group.command(
    help="""\
Make new keys for all members now. It happens by itself each week in which somebody writes.

\b
Examples:
  mesh group rotate Crew
"""
)
@click.argument("group", shell_complete=complete_chat)
@shared_options
@click.pass_obj
def rotate(choices: Choices, group: str) -> None:
    do(choices, RotateGroup(group))


@group.command(
    help="""\
Show who did what in a group, and what of it does not count.

\b
Examples:
  mesh group log Crew
"""
)
@click.argument("group", shell_complete=complete_chat)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, help="So many, the newest.")
@shared_options
@click.pass_obj
def log(choices: Choices, group: str, limit: int) -> None:
    terminal = Terminal(choices)
    answer = client_of(choices).ask(AskGroupLog(group, limit=limit), MembershipsAnswer)
    if terminal.is_json:
        terminal.json(answer)
        return
    for one in answer.operations:
        terminal.result(f"{when(one.at)}  {clean_line(sentence(one))}")
    if any(one.repeat for one in answer.operations):
        terminal.say(f"Do again what does not count: mesh group repeat {clean_line(group)}")
    if any(one.keep for one in answer.operations):
        terminal.say(
            "Somebody wrote before they knew that you removed or lowered them, and it does not "
            f"count: to keep it, mesh group keep {clean_line(group)}"
        )


# --- Parts ----------------------------------------------------------------------------------------


def changed(group: str, settings: tuple[str, ...]) -> ChangeGroup:
    """Return the change that `key=value` mean; UserError if one is none."""
    given: dict[str, object] = {"group": group}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or key not in ChangeGroup.__dataclass_fields__ or key == "group":
            raise UserError("usage", f"{setting!r} is no setting; see: mesh group set --help")
        if key == "closed":
            if value not in _SWITCHES:
                raise UserError("usage", "A group is closed (yes) or not (no).")
            given[key] = value == "yes"
        elif key in _WORDS:
            if value not in _WORDS[key]:
                raise UserError("usage", f"{key} is {' or '.join(_WORDS[key])}.")
            given[key] = value
        elif key in _NUMBERS:
            if not value.isdigit():
                raise UserError("usage", f"{key} is a number.")
            given[key] = int(value)
        else:
            given[key] = value
    return ChangeGroup(**given)  # type: ignore[arg-type]  # the API says of each whether it may be


def _warn_of_links(choices: Choices, number: int, who: str) -> None:
    """Say by which links of ours anybody comes in: whoever was removed may have one."""
    links = client_of(choices).ask(AskGroupLinks(number), GroupLinksAnswer).links
    for one in links:
        if one.state == "open" and not one.needs_approval:
            Terminal(choices).say(
                f"Link {one.number} lets in whoever has it, also {who}: "
                f"mesh group link revoke {number} {one.number}"
            )


def _list(choices: Choices) -> None:
    terminal = Terminal(choices)
    answer = client_of(choices).ask(AskGroups(), GroupsAnswer)
    if terminal.is_json:
        terminal.json(answer)
        return
    if not answer.groups:
        terminal.say("There are no groups; make one: mesh group create NAME --with NAMES")
    for one in answer.groups:
        terminal.result(line_of(one))


for each in (link, join, knocks, admit, refuse, repeat, keep, write, letters):
    group.add_command(each)
for each in (code, known, receipts, copy, mute, archive):
    group.add_command(each)
