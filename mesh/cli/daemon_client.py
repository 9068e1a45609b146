"""Finds the profile that a command is about, and the door of its daemon."""

import sys

from mesh.api.doors import door_of
from mesh.cli.options import Choices
from mesh.client import Client
from mesh.node.folders import DEFAULT_PROFILE, ProfileFolders, profile_folders


def folders_of(choices: Choices) -> ProfileFolders:
    """Return the folders of the chosen profile."""
    return profile_folders(choices.profile or DEFAULT_PROFILE)


def client_of(choices: Choices, *, is_person: bool = True) -> Client:
    """Return a client of the chosen profile's node; whether it runs shows when it is asked."""
    door = door_of(folders_of(choices))
    # A script is no person: what it asks keeps no vault open.
    return Client(door, timeout_s=choices.timeout, is_person=is_person and sys.stdin.isatty())
