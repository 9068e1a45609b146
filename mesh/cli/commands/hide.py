"""`mesh hide`: hide a message of a group for all who are in it."""

import click

from mesh.cli.changing import ItemNumber, change
from mesh.cli.options import Choices, shared_options
from mesh.commands.item_commands import HideItem


@click.command(
    help="""\
Hide a message of a group for all who are in it; admins do.

NUMBER is what mesh read shows behind the #. It is shown to nobody any more, and says by whom it was
hidden. With --off it is shown again. After 7 days its words are erased. It is a request that honest
software follows: who has read it may have kept it.

\b
Examples:
  mesh hide 1041
  mesh hide 1041 --off
"""
)
@click.argument("number", type=ItemNumber)
@click.option("--off", is_flag=True, help="Show it again.")
@shared_options
@click.pass_obj
def hide(choices: Choices, number: int, *, off: bool) -> None:
    change(choices, HideItem(number, is_on=not off))
