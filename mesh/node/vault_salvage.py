"""Saves what can be read of a damaged vault: `mesh vault check`, `mesh vault salvage`.

Implements `docs/protocol/storage.md`, section "Salvage". Every row that can be read goes into a new
vault of the same key; what hangs on rows that are lost goes too or is made anew. The damaged file
is kept. A process that is killed leaves the damaged vault where it was, or a node that does not
start before the salvage was said again.
"""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mesh.database import Connection
from mesh.errors import DamagedError, StorageError
from mesh.node.database_files import (
    aside_of,
    remove_database,
    require_emptied,
    salvaged_of,
    unfinished,
)
from mesh.node.folders import ProfileFolders
from mesh.node.private_files import make_private_file, storage_error, sync_folder
from mesh.node.profile import Profile
from mesh.storage.connection import check_pages, checkpoint, connect, connect_to_read
from mesh.storage.groups_saving import is_out_of_groups
from mesh.storage.migrations import schema_version
from mesh.storage.salvage import DamagedDatabase, TableRead, copy_readable
from mesh.storage.vault_saving import NOTHING_LEFT, prepare, save_readable


@dataclass(frozen=True, slots=True)
class VaultReport:
    """The findings of a vault. `kept_as`: where the damaged file stands, if another took its
    place. `dropped`: rows that could be read and were about others that could not.
    `is_out_of_groups`: the person has to come into each anew.
    """

    is_whole: bool
    tables: tuple[TableRead, ...] = ()
    dropped: tuple[tuple[str, int], ...] = ()
    kept_as: Path | None = None
    is_out_of_groups: bool = False


def without_vault(file: Path) -> str:
    """Return what is to be done where a vault is not there."""
    if unfinished(file).exists():
        return "An update of it was interrupted: start the node with `mesh up`, which ends that."
    return NOTHING_LEFT


def check_vault(folders: ProfileFolders, key: bytes | bytearray) -> VaultReport:
    """Read every page, and where one is damaged every row; nothing is changed.

    Raises DamagedError if not even the names of the tables can be read.
    """
    file = folders.vault_file
    if not file.exists():
        raise StorageError(f"There is no vault {file}. {without_vault(file)}")
    if _is_whole(folders, key):
        return VaultReport(is_whole=True)
    with (
        closing(DamagedDatabase(_source(folders), key)) as source,
        closing(connect(None, None)) as scratch,
    ):
        prepare(source, scratch)
        tables = tuple(copy_readable(source, scratch))
        return VaultReport(False, tables, is_out_of_groups=is_out_of_groups(tables))


def salvage_vault(profile: Profile, key: bytes | bytearray) -> VaultReport:
    """Put what can be read in the place of a damaged vault; a whole one stays as it is.

    Raises DamagedError if nothing can be read, or not who the person is.
    """
    folders = profile.folders
    ready = salvaged_of(folders.vault_file)
    if not ready.exists() and _is_whole(folders, key):
        return VaultReport(is_whole=True)
    remove_database(ready)
    with _fresh(unfinished(ready), key) as fresh:
        with closing(DamagedDatabase(_source(folders), key)) as source:
            saved = save_readable(source, fresh)
        require_emptied(checkpoint(fresh), unfinished(ready))
    kept_as = _swap(folders, unfinished(ready), ready)
    return VaultReport(False, saved.tables, saved.dropped, kept_as, saved.is_out_of_groups)


def _is_whole(folders: ProfileFolders, key: bytes | bytearray) -> bool:
    try:
        with closing(connect_to_read(folders.vault_file, key)) as vault:
            check_pages(vault)
            return schema_version(vault) > 0
    except DamagedError:
        return False


@contextmanager
def _fresh(path: Path, key: bytes | bytearray) -> Iterator[Connection]:
    remove_database(path)
    make_private_file(path)
    connection = connect(path, key)
    try:
        yield connection
    except BaseException:
        connection.close()
        remove_database(path)
        raise
    connection.close()


# --- Which file takes whose place -------------------------------------------------------------


def _source(folders: ProfileFolders) -> Path:
    """Return the damaged vault with its log: where a salvage was killed it is the kept one."""
    file, aside = folders.vault_file, _kept(folders.vault_file)
    return aside if aside is not None and _log_of(aside).exists() else file


def _kept(file: Path) -> Path | None:
    """Return under which other name the vault is kept already."""
    for aside in sorted(file.parent.glob(f"{aside_of(file).name}*")):
        if not aside.name.endswith("-wal") and aside.samefile(file):
            return aside
    return None


def _free_name(file: Path) -> Path:
    first = aside_of(file)
    number, aside = 1, first
    while aside.exists():
        number += 1
        aside = first.with_name(f"{first.name}-{number}")
    return aside


def _log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _swap(folders: ProfileFolders, built: Path, ready: Path) -> Path:
    """Let what was saved take the place of the vault, which is there under one name or another.

    From `ready` on no node starts, and a salvage that is said again reads the damaged file anew.
    """
    file = folders.vault_file
    kept = _kept(file) or _free_name(file)
    try:
        built.replace(ready)
        sync_folder(file.parent)
        if not kept.exists():
            os.link(file, kept)
        if _log_of(file).exists():
            _log_of(file).replace(_log_of(kept))
        file.with_name(f"{file.name}-shm").unlink(missing_ok=True)
        sync_folder(file.parent)
        ready.replace(file)
        sync_folder(file.parent)
    except OSError as error:
        raise storage_error(error, file) from error
    return kept
