"""`mesh withdraw`: take back a message that is on its way."""

import click

from mesh.cli.changing import ItemNumber
from mesh.cli.daemon_client import client_of
from mesh.cli.messages import state_of
from mesh.cli.names import Names
from mesh.cli.options import Choices, shared_options
from mesh.cli.terminal import Terminal
from mesh.commands.messages import MessageAnswer, WithdrawMessage


@click.command(
    help="""\
Take back a message of yours that is on its way.

Nodes that carry it drop it when they hear of it. If it was faster, it is shown as "delivered
before it was withdrawn": nobody can take a message out of somebody's hands.

NUMBER is what mesh send said, or `number` in mesh read --json.

\b
Examples:
  mesh withdraw 1041
  mesh withdraw 1041 --json | jq -r .state
"""
)
@click.argument("number", type=ItemNumber)
@shared_options
@click.pass_obj
def withdraw(choices: Choices, number: int) -> None:
    terminal = Terminal(choices)
    client = client_of(choices)
    message = client.ask(WithdrawMessage(number), MessageAnswer)
    if terminal.is_json:
        terminal.json(message)
    else:
        name = Names.ask(client).of(message)
        terminal.say(f"{name}, message {message.number}: {state_of(message)}")
