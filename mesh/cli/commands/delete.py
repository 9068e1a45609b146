"""`mesh delete`: delete a message here, and ask whoever has it to do so."""

import click

from mesh.cli.changing import ItemNumber, change
from mesh.cli.options import Choices, shared_options
from mesh.cli.terminal import Terminal
from mesh.commands.item_commands import ForgetItem, RetractItem

ASKED = (
    "Delete message {} here, and on their device? It is a request to their Mesh: who has read it "
    "may have kept it."
)
ASKED_HERE = "Delete message {} here alone? Nobody undoes this."


@click.command(
    help="""\
Delete a message of yours, here and with whoever has it; or any message here alone.

NUMBER is what mesh read shows behind the #. What is still on its way is withdrawn as well. It is a
request that honest software follows: nobody can take words out of somebody's memory. mesh read
shows how far it has come: "their device was asked to delete it". With --for-me it is deleted on
this computer alone, and nobody is told.

\b
Examples:
  mesh delete 1041
  mesh delete 1040 --for-me --yes
"""
)
@click.argument("number", type=ItemNumber)
@click.option("--for-me", is_flag=True, help="Here alone; also what others wrote.")
@shared_options
@click.pass_obj
def delete(choices: Choices, number: int, *, for_me: bool) -> None:
    Terminal(choices).confirm((ASKED_HERE if for_me else ASKED).format(number))
    change(choices, ForgetItem(number) if for_me else RetractItem(number))
