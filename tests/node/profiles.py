"""Profiles that are quickly made, and what shows that a database is the same as before."""

import os

import pytest

from mesh.inputs import Connection
from mesh.node.folders import ProfileFolders
from mesh.node.key_files import PassphraseCost
from mesh.node.profile import Profile
from mesh.storage.connection import transaction
from mesh.storage.store.store import Store

CHEAP = PassphraseCost(memory_bytes=8 * 1024, passes=1)


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


def created(folders: ProfileFolders, passphrase: str = "horse") -> Profile:
    profile = Profile(folders, cost=CHEAP)
    profile.create(passphrase)
    return profile
