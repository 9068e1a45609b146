"""`mesh down`, `mesh unlock`, `mesh wipe`: what ends a daemon, opens it, or removes all."""

import os
import time
from pathlib import Path

import click

from mesh.api.routes import Stop, Unlock
from mesh.cli.door import client_of, folders_of
from mesh.cli.options import Choices, shared_options
from mesh.cli.passphrase import known_passphrase
from mesh.cli.terminal import Terminal
from mesh.commands import Done
from mesh.errors import UserError

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
        terminal.say("Mesh has stopped." if was_running else "Mesh was not running.")


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


def is_held(lock_file: Path) -> bool:
    """Say whether a living process holds a profile: it empties the file when it lets go."""
    try:
        pid = int(lock_file.read_text())
        os.kill(pid, 0)
    except (OSError, ValueError):
        return False
    return True


@click.command(
    help="""\
Open the vault of a node that was started locked.

The passphrase is asked for, or read from the file that MESH_PASSPHRASE_FILE names.

\b
Examples:
  mesh unlock
  MESH_PASSPHRASE_FILE=~/.mesh-passphrase mesh unlock
""",
)
@shared_options
@click.pass_obj
def unlock(choices: Choices) -> None:
    terminal = Terminal(choices)
    client = client_of(choices)
    if not client.is_running():
        raise UserError("not-running", "Mesh is not running. Start it with: mesh up")
    passphrase = known_passphrase(terminal, is_headless=False)
    answer = client.ask(Unlock(passphrase), Done)
    if terminal.is_json:
        terminal.json(answer)
    else:
        terminal.say("The vault is open.")


@click.command(
    help="""\
Remove a profile for ever: its identity, contacts, messages and the mail that it carries.

A node that runs is stopped first. Nobody can undo this.

\b
Examples:
  mesh wipe
  mesh wipe --profile test --yes
""",
)
@shared_options
@click.pass_obj
def wipe(choices: Choices) -> None:
    terminal = Terminal(choices)
    folders = folders_of(choices)
    if not any(folder.exists() for folder in (folders.config, folders.data, folders.state)):
        raise UserError("not-found", f"There is no profile {folders.name}.")
    terminal.confirm(
        f"Remove the profile {folders.name} for ever, with its identity and all its messages?"
    )
    stop(choices)
    # The databases' library is large, and no other command needs it here.
    from mesh.node.profile import Profile

    Profile(folders).wipe()
    if terminal.is_json:
        terminal.json(Done())
    else:
        terminal.say(f"The profile {folders.name} is gone.")
