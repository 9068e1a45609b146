"""Finds the profile that a command is about, and the door of its daemon."""

from pathlib import Path

from mesh.api.endpoint import find_endpoint
from mesh.cli.options import Choices
from mesh.client import Client
from mesh.node.folders import DEFAULT_PROFILE, ProfileFolders, profile_folders


def folders_of(choices: Choices) -> ProfileFolders:
    """Return the folders of the chosen profile."""
    return profile_folders(choices.profile or DEFAULT_PROFILE)


def socket_of(folders: ProfileFolders) -> Path:
    """Return the socket that the running daemon named, or the one that it would take."""
    endpoint = find_endpoint(folders.endpoint_file)
    return Path(endpoint.unix) if endpoint is not None else folders.socket_file


def client_of(choices: Choices) -> Client:
    """Return a client of the chosen profile's node; whether it runs shows when it is asked."""
    return Client(socket_of(folders_of(choices)), timeout_s=choices.timeout)
