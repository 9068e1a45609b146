"""`mesh profiles`: which profiles this computer has, and how each one is."""

import click
import msgspec

from mesh.api.doors import door_of
from mesh.cli.layout import columns
from mesh.cli.options import Choices, shared_options
from mesh.cli.running import start_command
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.client import Client
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.errors import StorageError, UserError
from mesh.node.config_file import load_config
from mesh.node.folders import DEFAULT_PROFILE, ProfileFolders
from mesh.node.membership import find_mesh, words_for
from mesh.node.profiles import all_profiles, is_unprotected

ANSWER_WITHIN_S = 2.0
"""A node that hangs is one line of the list and does not keep the others from being shown."""

VAULT_WORDS = {"locked": "locked", "none": "a relay", "empty": "without an identity"}


class ProfileAnswer(msgspec.Struct, kw_only=True):
    """One profile. `vault` is empty where no node runs or answers; so is `person` if not open."""

    name: str
    is_running: bool
    is_relay: bool
    vault: str = ""
    person: str = ""
    mesh: str = ""
    """Empty if it is not known: before a start by this release, or with a damaged file."""
    is_closed: bool = False
    is_unprotected: bool = False
    """Known to have no passphrase; a profile of an earlier release tells it from a start on."""


class ProfilesAnswer(msgspec.Struct, kw_only=True):
    """The answer of `mesh profiles --json`."""

    profiles: list[ProfileAnswer]


@click.command(
    help="""\
List the profiles of this computer: whether a node runs in each, and the mesh it belongs to.

A profile is one identity with its mail; each has a node of its own. Other commands take the
profile `default`, or the one that --profile or MESH_PROFILE names.

\b
Examples:
  mesh profiles
  mesh status --profile work
  mesh profiles --json | jq '.profiles[] | select(.is_running) | .name'
""",
)
@shared_options
@click.pass_obj
def profiles(choices: Choices) -> None:
    terminal = Terminal(choices)
    found = [answer_of(folders) for folders in all_profiles()]
    if terminal.is_json:
        terminal.json(ProfilesAnswer(profiles=found))
        return
    if not found:
        terminal.say(f"There is no profile yet. Make one with: {start_command(DEFAULT_PROFILE)}")
        return
    for line in columns([(each.name, state_of(each), mesh_of(each)) for each in found]):
        terminal.result(line)


def answer_of(folders: ProfileFolders) -> ProfileAnswer:
    """Return what is known of a profile, from its files and from its node if one runs."""
    try:
        mesh = find_mesh(folders)
    except (StorageError, UserError):
        mesh = None
    client = Client(door_of(folders), timeout_s=ANSWER_WITHIN_S)
    told = ProfileAnswer(
        name=folders.name,
        is_running=client.is_running(),
        is_relay=is_relay(folders),
        mesh="" if mesh is None else mesh.name,
        is_closed=mesh is not None and mesh.is_closed,
        is_unprotected=is_unprotected(folders),
    )
    if told.is_running:
        try:
            status = client.ask(AskStatus(), StatusAnswer)
        except UserError:
            return told
        told.vault, told.person = status.vault, status.name
        told.mesh, told.is_closed = status.mesh, status.is_closed
    return told


def is_relay(folders: ProfileFolders) -> bool:
    """Say whether the node of a profile is nobody's."""
    try:
        return load_config(folders.config_file).relay
    except UserError:
        return False


def state_of(told: ProfileAnswer) -> str:
    """Say how a profile is."""
    words = ["running" if told.is_running else "not running"]
    if told.vault in VAULT_WORDS:
        words.append(VAULT_WORDS[told.vault])
    elif told.is_relay:
        words.append(VAULT_WORDS["none"])
    elif told.person:
        words.append(f"as {clean_line(told.person)}")
    if told.is_unprotected:
        words.append("no passphrase")
    return ", ".join(words)


def mesh_of(told: ProfileAnswer) -> str:
    """Say which mesh a profile belongs to."""
    if not told.mesh:
        return "mesh not known before its next start"
    return clean_line(words_for(told.mesh, is_closed=told.is_closed))
