"""Databases that anybody can read: the same settings, without a key."""

from pathlib import Path

from sqlcipher3 import dbapi2

from mesh.database import Connection
from mesh.storage.connection import SqlcipherConnection, _set_up


def connect_plainly(path: Path) -> Connection:
    """A file under the settings of every database, but without a key."""
    raw = dbapi2.connect(str(path), isolation_level=None)
    connection = SqlcipherConnection(raw, str(path))
    _set_up(connection, is_on_disk=True)
    return connection


def all_bytes(file: Path) -> bytes:
    """All that stands in a database's file and in those beside it."""
    files = [file.with_name(file.name + suffix) for suffix in ("", "-wal", "-shm")]
    return b"".join(each.read_bytes() for each in files)
