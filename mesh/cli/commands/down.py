"""`mesh down`: ends a daemon, and knows when it has ended."""

import time

import click

from mesh.api.own_requests import Stop
from mesh.cli.daemon_client import client_of, folders_of
from mesh.cli.options import Choices, shared_options
from mesh.cli.running import others_word
from mesh.cli.terminal import Terminal
from mesh.commands.answer import Done
from mesh.errors import UserError
from mesh.node.profile_lock import is_held

POLL_S = 0.05


@click.command(
    help="""\
Stop the node. Messages that wait here go out after the next start.

\b
Examples:
  mesh down
  mesh down --profile work
""",
)
@shared_options
@click.pass_obj
def down(choices: Choices) -> None:
    terminal = Terminal(choices)
    was_running = stop(choices)
    if terminal.is_json:
        terminal.json(Done())
    else:
        others = "" if was_running else others_word(folders_of(choices).name)
        terminal.say("Mesh has stopped." if was_running else f"Mesh was not running.{others}")


def stop(choices: Choices) -> bool:
    """Stop the daemon and wait until it has let go of the profile; False if there was none."""
    client = client_of(choices)
    lock_file = folders_of(choices).lock_file
    if not client.is_running():
        return False
    client.ask(Stop(), Done)
    deadline = time.monotonic() + choices.timeout
    while client.is_running() or is_held(lock_file):
        if time.monotonic() > deadline:
            raise UserError("timeout", f"Mesh still stops after {choices.timeout:g} seconds.")
        time.sleep(POLL_S)
    return True
