"""`mesh forward`: send a message on, with its files."""

import click

from mesh.cli.changing import ItemNumber, change, item_of
from mesh.cli.completing import complete_chat
from mesh.cli.daemon_client import client_of
from mesh.cli.handing_over import forwarded
from mesh.cli.options import Choices, shared_options


@click.command(
    help="""\
Send a message on, with its files.

NUMBER is what mesh read shows behind the #. Its words and its files go to CHAT as a message of
yours, which says that it was forwarded, and with --by who wrote it. Files have to be all here
first: mesh save N --wait. What disappears is not sent on, and of large files only those of yours
that lie at their place.

\b
Examples:
  mesh forward 1041 Cleo
  mesh forward 1041 Crew --by
"""
)
@click.argument("number", type=ItemNumber)
@click.argument("chat", shell_complete=complete_chat)
@click.option("--by", "says_author", is_flag=True, help="Say who wrote it.")
@shared_options
@click.pass_obj
def forward(choices: Choices, number: int, chat: str, says_author: bool) -> None:
    client = client_of(choices)
    change(choices, forwarded(client, item_of(client, number), chat, says_author=says_author))
