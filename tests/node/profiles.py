"""Profiles that are quickly made, and what shows that a database is the same as before."""

import os
from functools import cache
from tempfile import TemporaryDirectory

import pytest

from mesh.database import Connection
from mesh.node.folders import ProfileFolders, profile_folders
from mesh.node.key_files import PassphraseCost
from mesh.node.private_files import make_private_file
from mesh.node.profile import Profile
from mesh.storage.connection import transaction
from mesh.storage.store.store import Store

CHEAP = PassphraseCost(memory_bytes=8 * 1024, passes=1)
"""At the usual cost each start would take a second of CPU. `tests/daemon/test_running.py` and
`tests/cli/commands/test_up.py` have first starts, and starts, at the usual cost."""


needs_rights = pytest.mark.skipif(os.name == "nt", reason="there are no such rights on Windows")


def mark(connection: Connection) -> None:
    with transaction(connection):
        Store(connection).link_state.put_setting("mark", b"here")


def is_marked(connection: Connection) -> bool:
    return Store(connection).link_state.find_setting("mark") == b"here"


def note(vault: Connection) -> None:
    with transaction(vault):
        vault.execute("CREATE TABLE IF NOT EXISTS noted (note)")


def is_noted(vault: Connection) -> bool:
    return bool(vault.execute("SELECT 1 FROM sqlite_master WHERE name = 'noted'").fetchall())


@cache
def _made_once(passphrase: str) -> dict[str, bytes]:
    """The files of a new profile."""
    with TemporaryDirectory() as home:
        folders = profile_folders(environment={"MESH_HOME": home})
        with Profile.held(folders, cost=CHEAP) as profile:
            profile.create(passphrase)
        kept = (one for one in folders.data.iterdir() if one != folders.lock_file)
        return {one.name: one.read_bytes() for one in kept}


def made_quickly(folders: ProfileFolders, passphrase: str = "horse") -> ProfileFolders:
    """Make a profile that nobody has used, of the files of one that was made in this process."""
    with Profile.held(folders):
        for name, content in _made_once(passphrase).items():
            make_private_file(folders.data / name)
            (folders.data / name).write_bytes(content)
    return folders


def created(folders: ProfileFolders, passphrase: str = "horse") -> Profile:
    profile = Profile(folders, cost=CHEAP)
    profile.create(passphrase)
    return profile
