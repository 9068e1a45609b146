"""`mesh upgrade`: a later bundle in place of this one, and the way back."""

import shlex
from pathlib import Path

import click
import msgspec

from mesh.api.own_requests import AskBackup
from mesh.bundles.upgrading import (
    Place,
    clear,
    go_back,
    install,
    own_place,
    prepared,
    require_former,
)
from mesh.cli.commands.backup import asked_passphrase, write_backup
from mesh.cli.commands.down import stop
from mesh.cli.commands.verify import keys_of
from mesh.cli.daemon_client import client_of, folders_of
from mesh.cli.options import Choices, shared_options
from mesh.cli.running import command_for, running_profiles, start_command
from mesh.cli.terminal import Terminal
from mesh.commands.backup import BackupAnswer
from mesh.errors import UserError
from mesh.node.private_files import erase_head, replacing_head
from mesh.wire.backup_file import FILE_HEAD_BYTES

NO_COPY = (
    "Mesh is not running, so that no copy of the profile can be made before. Start it and say this "
    "again, or go without a copy: --no-copy."
)
BACK_KEPT = (
    "Your profile stays as it is now. If this version refuses it, go back to the vault of before, "
    "which is kept for a day: `{back}`."
)
BACK_COPY = (
    "Later there is the copy from before the upgrade. `mesh wipe` destroys it where it lies, so "
    "move it away first:"
)

COPY_KEEPS = "It keeps what you delete from now on, until you say: mesh upgrade --clear."


class Upgraded(msgspec.Struct, kw_only=True):
    """The answer of `mesh upgrade --json`. `copy`: the backup of before, or empty."""

    version: str
    former: str
    copy: str = ""


class Cleared(msgspec.Struct, kw_only=True):
    """The answer of `mesh upgrade --clear --json`. `was_there`: whether there was a way back."""

    was_there: bool


@click.command(
    help="""\
Put the bundle FILE in place of this one, if it is verified and later. The former stays beside it.

First a backup of the profile is made, under the passphrase of backups, while the node still runs;
then the node stops, and the two are exchanged in one step. With --back the former version takes its
place again, and the profile is left as it is. --clear removes the former version and the copy.

\b
Examples:
  mesh upgrade /media/stick/mesh-program/mesh-0.3.0-linux-x86_64.tar.xz
  mesh upgrade --back
  mesh upgrade --clear
""",
)
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--back", is_flag=True, help="Take the former version again.")
@click.option("--clear", "is_clear", is_flag=True, help="Remove the former version, and the copy.")
@click.option("--no-copy", is_flag=True, help="Make no backup of the profile before.")
@click.option(
    "--passphrase-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The file that holds the passphrase of backups.",
)
@click.option(
    "--keys",
    "keys_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Believe the keys in this file instead of the program's own.",
)
@shared_options
@click.pass_obj
def upgrade(
    choices: Choices,
    file: Path | None,
    passphrase_file: Path | None,
    keys_file: Path | None,
    *,
    back: bool,
    is_clear: bool,
    no_copy: bool,
) -> None:
    terminal = Terminal(choices)
    if [file is not None, back, is_clear].count(True) != 1:
        raise click.UsageError("Say a FILE, or --back, or --clear.")
    place = own_place()
    if is_clear:
        tell_cleared(terminal, choices, place)
        return
    require_alone(choices)
    if file is None:
        take_back(terminal, choices, place)
        return
    keys = keys_of(terminal, keys_file)
    terminal.say("Verifying, unpacking and trying it out…")
    with prepared(place, file, keys) as (fresh, judged):
        terminal.say(judged.told)
        told_copy = "" if no_copy else make_copy(terminal, choices, passphrase_file)
        # Verifying took minutes, in which another profile may have been started.
        require_alone(choices)
        stop(choices)
        install(place, fresh)
    if terminal.is_json:
        terminal.json(Upgraded(version=judged.release, former=place.version, copy=told_copy))
        return
    terminal.say(f"This is Mesh {judged.release} now; {place.version} lies in {place.other}.")
    if told_copy:
        terminal.say(f"The copy of your profile from before: {told_copy}")
        terminal.say(COPY_KEEPS)
    terminal.say(f"Start it: {start_command(folders_of(choices).name)}")
    terminal.say("Back: mesh upgrade --back. When all is well: mesh upgrade --clear.")


def require_alone(choices: Choices) -> None:
    """Refuse while nodes of other profiles run from the same folder."""
    own = folders_of(choices).name
    others = [each.name for each in running_profiles() if each.name != own]
    if others:
        raise UserError("running", f"Stop the other profiles first: {', '.join(others)}.")


def take_back(terminal: Terminal, choices: Choices, place: Place) -> None:
    """Go back to the former version, and say what helps if it refuses the profile."""
    # Before the node is stopped: without a former version nothing changes.
    require_former(place)
    stop(choices)
    former = go_back(place)
    copy = copy_file(choices)
    if terminal.is_json:
        told = str(copy) if copy.exists() else ""
        terminal.json(Upgraded(version=former, former=place.version, copy=told))
        return
    terminal.say(f"This is Mesh {former} again; {place.version} lies in {place.other}.")
    for line in lines_of_back(folders_of(choices).name, copy):
        terminal.say(line)


def lines_of_back(profile: str, copy: Path) -> list[str]:
    """Return how a profile comes back to what it was before an upgrade."""
    lines = [BACK_KEPT.format(back=command_for(profile, "vault back"))]
    if copy.exists():
        commands = [
            f"mv -i {shlex.quote(str(copy))} ~/",
            command_for(profile, "wipe"),
            command_for(profile, f"restore ~/{copy.name}"),
        ]
        lines += [BACK_COPY, *(f"  {each}" for each in commands)]
    return lines


def copy_file(choices: Choices) -> Path:
    """Return where the copy of before lies."""
    return folders_of(choices).upgrade_copy_file


def make_copy(terminal: Terminal, choices: Choices, passphrase_file: Path | None) -> str:
    """Make a backup of the profile, and say where it lies; empty of what has no vault."""
    client = client_of(choices)
    if not client.is_running():
        raise UserError("not-running", NO_COPY)
    try:
        state = client.ask(AskBackup(), BackupAnswer)
    except UserError as error:
        if error.kind == "relay":
            # It is nobody's: there is nothing to copy.
            return ""
        raise
    is_new = not state.has_passphrase
    passphrase = asked_passphrase(terminal, passphrase_file, is_new=is_new)
    file = copy_file(choices)
    pieces = client.backup(passphrase, is_new=False)
    former, _ = folders_of(choices).upgrade_copy_files
    # What was there may hold what was deleted since, and the passphrase of backups opens it.
    erase_head(former, FILE_HEAD_BYTES)
    with replacing_head(file, FILE_HEAD_BYTES):
        write_backup(terminal, file, pieces, passphrase, expected=state.vault_bytes)
    return str(file)


def tell_cleared(terminal: Terminal, choices: Choices, place: Place) -> None:
    """Remove what an upgrade left for a way back."""
    copies = folders_of(choices).upgrade_copy_files
    was_there = clear(place) or any(copy.exists() for copy in copies)
    for copy in copies:
        # Whoever knows the passphrase of backups could open it: without its head nobody can.
        erase_head(copy, FILE_HEAD_BYTES)
    if terminal.is_json:
        terminal.json(Cleared(was_there=was_there))
    terminal.say("The way back is removed." if was_there else "There was nothing to remove.")
