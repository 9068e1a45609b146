"""`mesh lock`, `mesh unlock`, `mesh passphrase`: who may read what is on this disk."""

from pathlib import Path

import click

from mesh.api.own_requests import ChangePassphrase, Lock, Unlock
from mesh.cli.daemon_client import client_of, folders_of
from mesh.cli.options import Choices, shared_options
from mesh.cli.passphrase import (
    EMPTY_WARNING,
    VARIABLE,
    chosen,
    known_passphrase,
    passphrase_of_file,
    require_person,
    warn_if_weak,
)
from mesh.cli.terminal import Terminal
from mesh.client import NOT_RUNNING
from mesh.commands.answer import Done
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.daemon.start_order import find_passphrase
from mesh.errors import UserError, relay_refusal
from mesh.node.config_file import load_config
from mesh.node.folders import ProfileFolders


@click.command(
    help="""\
Close the vault of a node that runs: nobody reads or writes here until `mesh unlock`.

The node still carries mail for others. Yours waits, and is opened when you unlock. To lock by
itself after ten minutes without use: mesh settings auto_lock_minutes 10

\b
Examples:
  mesh lock
  mesh lock --profile work
""",
)
@shared_options
@click.pass_obj
def lock(choices: Choices) -> None:
    terminal = Terminal(choices)
    answer = client_of(choices).ask(Lock(), Done)
    if terminal.is_json:
        terminal.json(answer)
    else:
        terminal.say("The vault is locked. Your mail waits until you unlock it: mesh unlock")


@click.command(
    help="""\
Open the vault of a node that is locked.

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
        raise UserError("not-running", NOT_RUNNING)
    vault = client.ask_until_back(AskStatus(), StatusAnswer).vault
    if vault == "none":
        # Nobody is to look for a passphrase that there is not.
        raise relay_refusal()
    # A passphrase that nobody looks at would seem to be the right one.
    is_open = vault == "open"
    if not is_open:
        known = known_passphrase(terminal, folders_of(choices), is_headless=False)
        client.ask_until_back(Unlock(known), Done)
    if terminal.is_json:
        terminal.json(Done())
    else:
        terminal.say("The vault is open already." if is_open else "The vault is open.")


@click.command(
    help="""\
Change the passphrase of a profile, set one where there is none, or remove it.

The present one is asked for, or read from the file that MESH_PASSPHRASE_FILE names; the new one
is asked for, or read from the file of --new-file. It makes no difference whether the node runs.
Who has a copy of the disk from before can still try the former passphrase on that copy.

\b
Examples:
  mesh passphrase
  mesh passphrase --remove
  MESH_PASSPHRASE_FILE=~/old mesh passphrase --new-file ~/new
""",
)
@click.option(
    "--new-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read the new passphrase from this file.",
)
@click.option("--remove", is_flag=True, help="Go without a passphrase from now on.")
@shared_options
@click.pass_obj
def passphrase(choices: Choices, new_file: Path | None, *, remove: bool) -> None:
    terminal = Terminal(choices)
    folders = folders_of(choices)
    if remove and new_file is not None:
        raise click.UsageError("Say either --remove or --new-file.")
    if not folders.vault_key_file.exists():
        if load_config(folders.config_file).relay:
            raise relay_refusal()
        raise UserError(
            "not-found", f"The profile {folders.name} has no passphrase yet: run `mesh up` first."
        )
    former = known_passphrase(terminal, folders, is_headless=False)
    new = wanted_passphrase(terminal, new_file, is_removed=remove)
    change(choices, folders, former, new)
    if find_passphrase() not in (None, new):
        terminal.warn(f"The file that {VARIABLE} names still holds the former passphrase.")
    if new_file is not None:
        warn_if_weak(terminal, new)
    if terminal.is_json:
        terminal.json(Done())
    else:
        terminal.say("The passphrase is changed." if new else "There is no passphrase any more.")


def wanted_passphrase(terminal: Terminal, new_file: Path | None, *, is_removed: bool) -> str:
    """Return the new passphrase; it is only empty if somebody said that it is to be."""
    if is_removed:
        terminal.warn(EMPTY_WARNING)
        terminal.confirm("Remove the passphrase?")
        return ""
    if new_file is not None:
        found = passphrase_of_file(terminal, new_file)
        if not found:
            raise UserError("bad-passphrase", f"{new_file} is empty; to go without, say --remove.")
        return found
    require_person(terminal, is_headless=False)
    return chosen(terminal)


def change(choices: Choices, folders: ProfileFolders, former: str, new: str) -> None:
    """Let the daemon do it, or do it here if there is none."""
    client = client_of(choices)
    if client.is_running():
        client.ask(ChangePassphrase(former, new), Done)
        return
    # The databases' library is large, and nothing else here needs it.
    from mesh.node.profile import Profile

    with Profile.held(folders) as profile:
        profile.change_passphrase(former, new)
