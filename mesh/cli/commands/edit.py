"""`mesh edit`: give a message of yours other words."""

import click

from mesh.cli.changing import ItemNumber, change, item_of
from mesh.cli.commands.send import read_text
from mesh.cli.daemon_client import client_of
from mesh.cli.mentions import mentioned
from mesh.cli.options import Choices, shared_options
from mesh.cli.terminal import Terminal
from mesh.commands.item_commands import EditItem


@click.command(
    help="""\
Give a message of yours other words.

NUMBER is what mesh read shows behind the #. Without TEXT, or with a single -, the words are read
from standard input. Who has the message sees the new words, that it was edited, and can see how it
was before. Whose Mesh reads texts only cannot be told, and it is refused.

\b
Examples:
  mesh edit 1041 "See you at the gate at 8"
  mesh edit 1041 < notes.txt
"""
)
@click.argument("number", type=ItemNumber)
@click.argument("text", nargs=-1)
@shared_options
@click.pass_obj
def edit(choices: Choices, number: int, text: tuple[str, ...]) -> None:
    words = " ".join(text) if text and text != ("-",) else read_text(Terminal(choices))
    client = client_of(choices)
    item = item_of(client, number)
    mentions = mentioned(client, item.conversation, words, before=item)
    change(choices, EditItem(number, words, mentions=mentions))
