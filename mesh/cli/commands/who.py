"""`mesh who`: all who have a part in an item, of whom the item itself names but a few."""

import click

from mesh.cli.changing import ItemNumber, item_of, people_of
from mesh.cli.daemon_client import client_of
from mesh.cli.items import lines_of, styled
from mesh.cli.names import Names
from mesh.cli.options import Choices, shared_options
from mesh.cli.terminal import Terminal
from mesh.commands.item_people import with_all
from mesh.commands.items import ItemPeopleAnswer


@click.command(
    help="""\
Name all who reacted to a message, voted in a poll, or are asked in a check-in.

NUMBER is what mesh read shows behind the #. There, eight are named of each.

\b
Examples:
  mesh who 1041
  mesh who 1041 --json | jq -r '.people[].label'
"""
)
@click.argument("number", type=ItemNumber)
@shared_options
@click.pass_obj
def who(choices: Choices, number: int) -> None:
    terminal, client = Terminal(choices), client_of(choices)
    people = people_of(client, number)
    if terminal.is_json:
        terminal.json(ItemPeopleAnswer(people=people))
        return
    item = with_all(item_of(client, number), people)
    terminal.result(styled(lines_of(item, Names.ask(client).of_item(item))))
