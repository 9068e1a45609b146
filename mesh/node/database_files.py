"""The files of a database while it is made, replaced or put aside.

Implements `docs/protocol/storage.md`: no name that counts is given to what is not whole.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path

from mesh.database import Connection
from mesh.errors import DiskFullError, StorageError
from mesh.node.private_files import make_private_file, storage_error, sync_folder
from mesh.storage.connection import checkpoint, connect


def unfinished(path: Path) -> Path:
    """Return where a replacement that was killed half-way leaves what it had written."""
    return path.with_name(f".{path.name}.new")


def aside_of(path: Path) -> Path:
    """Return where a damaged file is kept."""
    return path.with_name(f"{path.name}.damaged")


def salvaged_of(path: Path) -> Path:
    """Return where what was saved of a damaged database stands, until it takes its place."""
    return path.with_name(f"{path.name}.salvaged")


def make_database(
    fresh: Path, key: bytes | bytearray, migrate: Callable[[Connection], None]
) -> None:
    """Make a database; it gets its name once it is whole, and nothing of it stays if it fails."""
    remove_database(fresh)
    make_private_file(fresh)
    try:
        with contextlib.closing(connect(fresh, key)) as connection:
            migrate(connection)
            require_emptied(checkpoint(connection), fresh)
    except BaseException:
        with contextlib.suppress(StorageError):
            remove_database(fresh)
        raise


def require_emptied(is_emptied: bool, path: Path) -> None:
    """Raise DiskFullError unless all of a database stands in its file, and none in its log.

    A file that is renamed or copied without its log would be damaged.
    """
    if not is_emptied:
        raise DiskFullError(f"The disk is full: free some space for {path}.")


def give_name(fresh: Path, path: Path) -> None:
    """Let a whole new database take a name, durably; what bore it is gone."""
    # A log without its database would be read into the new one, which is then damaged.
    remove_database(path)
    try:
        fresh.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise storage_error(error, path) from error


def move_aside(path: Path) -> Path:
    """Move a database and its log aside; durable on return."""
    aside = aside_of(path)
    remove_database(aside)
    try:
        for suffix in ("-wal", ""):
            with contextlib.suppress(FileNotFoundError):
                move_database_file(path, aside, suffix)
        remove_database(path)
    except OSError as error:
        raise storage_error(error, path) from error
    return aside


def move_database_file(path: Path, target: Path, suffix: str) -> None:
    """Rename a database, or with a suffix its log. OSError."""
    path.with_name(path.name + suffix).replace(target.with_name(target.name + suffix))


def remove_database(path: Path) -> None:
    """Let neither a database be there nor its logs."""
    try:
        for suffix in ("", "-wal", "-shm", "-journal"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise storage_error(error, path) from error
