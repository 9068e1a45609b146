"""The profiles of this computer, as far as their files tell without being opened."""

import os
from collections.abc import Mapping
from pathlib import Path

from mesh.errors import StorageError
from mesh.node.folders import ProfileFolders, is_profile_name, profile_folders, profile_roots
from mesh.node.key_files import EMPTY_COST, WRAPPED_KEY_FILE_BYTES, WrappedKey


def all_profiles(environment: Mapping[str, str] = os.environ) -> list[ProfileFolders]:
    """Return the profiles that were ever started, by their names."""
    names = {name for root in profile_roots(environment) for name in _names_in(root)}
    found = [profile_folders(name, environment) for name in sorted(names)]
    return [folders for folders in found if was_started(folders)]


def was_started(folders: ProfileFolders) -> bool:
    """Say whether a node was ever started in a profile; one of a relay has no vault."""
    return folders.store_key_file.exists() or folders.vault_key_file.exists()


def is_unprotected(folders: ProfileFolders) -> bool:
    """Say whether it is known, without a second of work, that a profile has no passphrase.

    A profile of an earlier release tells it from its next start on.
    """
    wrapped = find_wrapped_key(folders)
    return wrapped is not None and wrapped.cost == EMPTY_COST and wrapped.opens_without()


def find_wrapped_key(folders: ProfileFolders) -> WrappedKey | None:
    """Return what the vault's key file holds; None if there is none or it is damaged."""
    path = folders.vault_key_file
    try:
        with path.open("rb") as file:
            return WrappedKey.decode(file.read(WRAPPED_KEY_FILE_BYTES + 1), str(path))
    except (OSError, StorageError):
        return None


def _names_in(root: Path) -> list[str]:
    try:
        return [each.name for each in root.iterdir() if is_profile_name(each.name)]
    except OSError:
        return []
