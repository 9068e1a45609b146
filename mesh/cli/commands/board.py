"""`mesh notice` and `mesh board`: what stands beside the stream of a conversation."""

import shlex

import click

from mesh.cli.changing import change
from mesh.cli.completing import complete_chat
from mesh.cli.daemon_client import client_of
from mesh.cli.durations import Lifetime, moment_in
from mesh.cli.items import lines_of, styled
from mesh.cli.names import Names
from mesh.cli.options import Choices, shared_options
from mesh.cli.terminal import Terminal
from mesh.commands.item_commands import AskBoard, AskPins, WriteItem
from mesh.commands.items import BoardAnswer


@click.command(
    help="""\
Put a notice on top of a conversation, until its time is over.

\b
Examples:
  mesh notice Ben "The bridge is closed" --until 2d
  mesh notice Ben "Leave now" --urgent
"""
)
@click.argument("chat", shell_complete=complete_chat)
@click.argument("text")
@click.option("--until", type=Lifetime(), metavar="TIME", help="For how long: 2d.")
@click.option("--urgent", is_flag=True, help="It is shown as urgent.")
@shared_options
@click.pass_obj
def notice(choices: Choices, chat: str, text: str, until: int | None, *, urgent: bool) -> None:
    command = WriteItem(chat, "notice", text=text, until=moment_in(until), is_urgent=urgent)
    change(choices, command)


@click.command(
    help="""\
Show what is open in a conversation: notices, polls, check-ins, tasks; and what is pinned.

\b
Examples:
  mesh board Ben
  mesh board Ben --pins
  mesh board Ben --before 1041
  mesh board Ben --json | jq '.items[] | select(.kind == "task") | .task.title'
"""
)
@click.argument("chat", shell_complete=complete_chat)
@click.option("--pins", is_flag=True, help="What is pinned, and nothing else.")
@click.option("--before", type=click.IntRange(min=1), help="Go on above this message.")
@shared_options
@click.pass_obj
def board(choices: Choices, chat: str, *, pins: bool, before: int | None) -> None:
    terminal = Terminal(choices)
    client = client_of(choices)
    none = BoardAnswer(items=[])
    # Two lists, each with an end of its own: who goes on does so in one of them.
    opened = none if pins else client.ask(AskBoard(chat, before), BoardAnswer)
    is_more_open = before is not None and not pins
    pinned = none if is_more_open else client.ask(AskPins(chat, before), BoardAnswer)
    known = {item.number for item in opened.items}
    found = [*opened.items, *(item for item in pinned.items if item.number not in known)]
    if terminal.is_json:
        has_older = opened.has_older or pinned.has_older
        terminal.json(BoardAnswer(items=found, has_older=has_older))
        return
    names = Names.ask(client)
    if not found:
        terminal.say("Nothing is pinned." if pins else "Nothing is open, and nothing is pinned.")
    for item in found:
        terminal.result(styled(lines_of(item, names.of_item(item))))
    for part, option, what in ((opened, "", "is open"), (pinned, " --pins", "is pinned")):
        if part.has_older:
            number = part.items[-1].number
            terminal.say(f"More {what}: mesh board {shlex.quote(chat)}{option} --before {number}")
