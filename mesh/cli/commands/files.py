"""`mesh files`: the files and pictures of a conversation."""

import shlex

import click

from mesh.cli.completing import complete_chat
from mesh.cli.daemon_client import client_of
from mesh.cli.items import Run, head, line_of_file, styled
from mesh.cli.names import Names
from mesh.cli.options import Choices, shared_options
from mesh.cli.terminal import Terminal
from mesh.commands.item_commands import AskFiles
from mesh.commands.items import FilesAnswer
from mesh.limits.api import NUMBER_MAX
from mesh.limits.files import FILE_ITEMS_PER_PAGE_MAX


@click.command(
    help="""\
List the files and pictures of a conversation: the newest first, one a line, with the number behind
the # that mesh save takes.

Nothing is listed that was deleted or has disappeared.

\b
Examples:
  mesh files Ben
  mesh files Ben --before 1041
  mesh files "Hill rescue" --limit 5
  mesh files Ben --json | jq -r '.items[].files[].name'
"""
)
@click.argument("chat", shell_complete=complete_chat)
@click.option(
    "--before",
    type=click.IntRange(0, NUMBER_MAX),
    metavar="NUMBER",
    help="Only those of messages that came before this one.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, FILE_ITEMS_PER_PAGE_MAX),
    default=20,
    show_default=True,
    help="Of how many messages at most.",
)
@shared_options
@click.pass_obj
def files(choices: Choices, chat: str, before: int | None, limit: int) -> None:
    terminal = Terminal(choices)
    client = client_of(choices)
    answer = client.ask(AskFiles(chat, before, limit), FilesAnswer)
    if terminal.is_json:
        terminal.json(answer)
        return
    if not answer.items:
        terminal.say("There are no files here.")
    names = Names.ask(client)
    for item in answer.items:
        about = head(item, names.of_item(item))
        for file in item.files:
            terminal.result(styled([(*about, Run("plain", line_of_file(file).strip()))]))
    if answer.next_before:
        terminal.say(f"There is more: mesh files {shlex.quote(chat)} --before {answer.next_before}")
