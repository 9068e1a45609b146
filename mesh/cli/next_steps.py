"""The words after a start: who runs, and what to do next."""

import os
from typing import Final

from mesh.cli.layout import plural
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.client import Client
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.node.folders import DEFAULT_PROFILE, ProfileFolders
from mesh.node.membership import words_for

MESH_COMMAND: Final = os.environ.get("MESH_COMMAND", "mesh")
"""How this person calls the program; `dev.py`, whose environment is on no path, says how."""


def profile_option(profile: str) -> str:
    """Return what a command needs so that it reaches this profile."""
    return "" if profile == DEFAULT_PROFILE else f" --profile {profile}"


def tell_started(terminal: Terminal, client: Client, folders: ProfileFolders) -> None:
    """Say who runs, and what to do next."""
    status = client.ask(AskStatus(), StatusAnswer)
    if terminal.is_json:
        terminal.json(status)
        return
    for notice in status.notices:
        # What befell a store while it was opened is said nowhere else to who started it.
        terminal.warn(clean_line(notice))
    option = profile_option(folders.name)
    if status.vault == "none":
        terminal.say(f"A relay runs in the profile {folders.name}: it carries mail for others.")
        terminal.say(f"See how it goes:    {MESH_COMMAND} status{option}")
        terminal.say(f"Stop it:            {MESH_COMMAND} down{option}")
        return
    who = f" as {clean_line(status.name)}" if status.name else ""
    mesh = clean_line(words_for(status.mesh, is_closed=status.is_closed))
    where = f" and the {mesh}" if status.is_closed else ""
    terminal.say(
        f"Mesh runs{who} in the profile {folders.name}{where}, "
        f"with {plural(status.links_count, 'link')} so far."
    )
    if status.vault == "locked":
        terminal.say(f"It is locked. Open it with: {MESH_COMMAND} unlock{option}")
    elif status.vault == "empty":
        terminal.say("It has nobody yet: say who you are in the page, or here in a terminal:")
        terminal.say(f"                    {MESH_COMMAND} up{option}")
    elif status.contacts_count == 0:
        terminal.say(f"Invite somebody:    {MESH_COMMAND} invite{option}")
        terminal.say(f"Or use their link:  {MESH_COMMAND} add LINK{option}")
    terminal.say(f"Show the page:      {MESH_COMMAND} open{option}")
    tell_commands(terminal, option)


def tell_commands(terminal: Terminal, option: str) -> None:
    """Name what is done with every node."""
    terminal.say(f"See how it goes:    {MESH_COMMAND} status{option}")
    terminal.say(f"Stop it:            {MESH_COMMAND} down{option}")
