"""`mesh group code`, `known` and `receipts`, which concern us alone, and `copy`."""

import click

from mesh.cli.completing import complete_chat
from mesh.cli.daemon_client import client_of
from mesh.cli.group_lines import do, member_of, number_of
from mesh.cli.options import Choices, shared_options
from mesh.cli.terminal import Terminal
from mesh.commands.groups import (
    AskGroup,
    BeKnownInGroup,
    CopyGroup,
    GroupAnswer,
    SetGroupReceipts,
    TellsReceipts,
)


@click.command(
    help="""\
Show 10 digits to read out to others in a group.

Who reads out other digits knows of other changes of the group. If that lasts though both of you
have met others, somebody shows you another group than them.

\b
Examples:
  mesh group code Crew
"""
)
@click.argument("group", shell_complete=complete_chat)
@shared_options
@click.pass_obj
def code(choices: Choices, group: str) -> None:
    terminal = Terminal(choices)
    answer = client_of(choices).ask(AskGroup(group), GroupAnswer)
    if terminal.is_json:
        terminal.json(answer)
    elif answer.code:
        terminal.result(code_line(answer))
    else:
        terminal.say("Nothing of this group is here yet.")


@click.command(
    help="""\
Let contacts in a group recognise you, or not. Who does already goes on.

\b
Examples:
  mesh group known Crew off
"""
)
@click.argument("group", shell_complete=complete_chat)
@click.argument("state", type=click.Choice(["on", "off"]))
@shared_options
@click.pass_obj
def known(choices: Choices, group: str, state: str) -> None:
    do(choices, BeKnownInGroup(group, state == "on"))


@click.command(
    help="""\
Choose what the members of a group learn from you.

\b
  nothing   they count you as silent
  held      what came to you, minutes later
  read      also what you have read, from the beginning on

In a group of more than 32 nobody tells anything, unless an admin has said: mesh group set GROUP
acks=on

\b
Examples:
  mesh group receipts Crew read
"""
)
@click.argument("group", shell_complete=complete_chat)
@click.argument("tells", type=click.Choice(["nothing", "held", "read"]))
@shared_options
@click.pass_obj
def receipts(choices: Choices, group: str, tells: TellsReceipts) -> None:
    do(choices, SetGroupReceipts(group, tells))


@click.command(
    help="""\
Make a new group like one, and ask its members into it who are your contacts.

It is the way out where an owner cannot be removed. Others come by a link: mesh group link create

\b
Examples:
  mesh group copy Crew --without Mal
"""
)
@click.argument("group", shell_complete=complete_chat)
@click.option("--without", default="", help="Members who are not asked, with commas between.")
@shared_options
@click.pass_obj
def copy(choices: Choices, group: str, without: str) -> None:
    names = [each.strip() for each in without.split(",") if each.strip()]
    client = client_of(choices)
    number = number_of(client, group)
    left_out = tuple(member_of(client, number, name).member for name in names)
    do(choices, CopyGroup(number, left_out))


def code_line(answer: GroupAnswer) -> str:
    """Return the digits of a group, to be read out."""
    return f"code {answer.code[:5]} {answer.code[5:]}"
