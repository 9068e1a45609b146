"""`mesh join`: moves a profile to another mesh, and says what that means."""

from dataclasses import replace
from pathlib import Path

import click
import msgspec

from mesh.cli.daemon_client import client_of, folders_of
from mesh.cli.options import Choices, shared_options
from mesh.cli.passphrase import warn_if_open
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.config import MESH_SETTINGS, parse_config, variable_of
from mesh.errors import StorageError, UserError
from mesh.node.config_file import clear_in_config, mesh_parameters, mesh_psk
from mesh.node.folders import ProfileFolders
from mesh.node.membership import find_mesh, keep_mesh, words_of
from mesh.wire.parameters import MeshParameters


class Joined(msgspec.Struct, kw_only=True):
    """The answer of `mesh join --json`."""

    profile: str
    mesh: str
    is_closed: bool
    was_changed: bool


@click.command(
    help="""\
Move a profile to another mesh. Nodes link only within one mesh, and a profile belongs to one.

Say --open, or the file with the secret of a closed mesh: 64 hexadecimal digits, or a passphrase.
The node must not run. From its next start on:

\b
- It reaches only people whose nodes are in the new mesh. Contacts and messages stay here.
- It drops the mail that it carried. What you wrote and has left already may still
  arrive in the former mesh; this node does not learn of it.
- Links of invites made before are refused in the new mesh: make new ones.
- In the open mesh everybody may link to it.

\b
Examples:
  mesh join --secret-file ~/club.secret
  mesh join --secret-file ~/club.secret --name club --profile club
  mesh join --open --yes
""",
)
@click.option("--open", "is_open", is_flag=True, help="The open mesh, without a secret.")
@click.option(
    "--secret-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The closed mesh whose secret this file holds.",
)
@click.option("--name", metavar="NAME", help="The name of the mesh, if it is not `mesh`.")
@click.option(
    "--stamp-bits", metavar="BITS", help="Its work for a stamp, if it has a rule of its own."
)
@click.option(
    "--key-quota", metavar="COUNT", help="Its quota of a key, if it has a rule of its own."
)
@shared_options
@click.pass_obj
def join(
    choices: Choices,
    secret_file: Path | None,
    name: str | None,
    stamp_bits: str | None,
    key_quota: str | None,
    *,
    is_open: bool,
) -> None:
    terminal = Terminal(choices)
    if is_open == (secret_file is not None):
        raise click.UsageError("Say either --open or --secret-file FILE.")
    folders = folders_of(choices)
    if not folders.store_key_file.exists():
        raise UserError(
            "not-found",
            f"There is no profile {folders.name} yet. A new one belongs to the mesh of its first "
            "start: mesh up --mesh-secret-file FILE.",
        )
    if client_of(choices).is_running():
        raise UserError("already-running", "Mesh runs in this profile: stop it first: mesh down")
    rules = {"mesh_name": name, "stamp_bits": stamp_bits, "key_quota": key_quota}
    wanted = wanted_mesh(rules, secret_file)
    if secret_file is not None:
        warn_if_open(terminal, secret_file.expanduser())
    was_changed = move(terminal, folders, wanted)
    if terminal.is_json:
        told = Joined(
            profile=folders.name,
            mesh=wanted.name,
            is_closed=wanted.is_closed,
            was_changed=was_changed,
        )
        terminal.json(told)
    elif was_changed:
        terminal.say(f"The profile {folders.name} belongs to the {named(wanted)} now.")
    else:
        terminal.say(f"The profile {folders.name} belongs to the {named(wanted)} already.")


def wanted_mesh(rules: dict[str, str | None], secret_file: Path | None) -> MeshParameters:
    """Return the mesh that the options name; they are checked as settings are."""
    said = {variable_of(key): value for key, value in rules.items() if value is not None}
    mesh = mesh_parameters(parse_config("", said))
    return mesh if secret_file is None else replace(mesh, psk=mesh_psk(str(secret_file), mesh))


def move(terminal: Terminal, folders: ProfileFolders, wanted: MeshParameters) -> bool:
    """Let a profile belong to another mesh, if a person says yes; False if it does already."""
    # The databases' library is large, and no other command needs it here.
    from mesh.node.profile import Profile

    with Profile.held(folders):
        former = find_former(folders)
        if former != wanted:
            if former is not None and folders.vault_key_file.exists():
                require_same_rules(former, wanted)
            terminal.say(meaning(former, wanted))
            terminal.confirm(f"Move the profile {folders.name} to the {named(wanted)}?")
            keep_mesh(folders, wanted)
        # They were taken over once; left there they would refuse the next start.
        clear_in_config(folders.config_file, MESH_SETTINGS)
        return former != wanted


def find_former(folders: ProfileFolders) -> MeshParameters | None:
    """Return the mesh that a profile belongs to; None if its file is damaged or not there."""
    try:
        return find_mesh(folders)
    except StorageError:
        return None


def require_same_rules(former: MeshParameters, wanted: MeshParameters) -> None:
    """Refuse a mesh in which the keys of this person cannot post."""
    if (former.stamp_bits, former.key_quota) != (wanted.stamp_bits, wanted.key_quota):
        raise UserError(
            "other-rules",
            f"The {named(wanted)} has other rules (stamp_bits, key_quota) than those for which "
            "this profile has made its keys: make a new profile there, with mesh up --profile NAME "
            "and MESH_STAMP_BITS, MESH_KEY_QUOTA in the environment.",
        )


def meaning(former: MeshParameters | None, wanted: MeshParameters) -> str:
    """Say what a move changes, before anybody agrees to it."""
    leaves = "" if former is None else f"This profile leaves the {named(former)}. "
    everybody = "" if wanted.is_closed else "Everybody's node may link to this one there. "
    return (
        f"{leaves}It will reach only people who are in the {named(wanted)} too. {everybody}"
        "Contacts and messages stay. The mail that it carries is dropped at the next start, and "
        "invites made before lead nowhere: make new ones."
    )


def named(mesh: MeshParameters) -> str:
    """Return a mesh as a terminal may show it."""
    return clean_line(words_of(mesh))
