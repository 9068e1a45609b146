"""Databases in memory that can be copied whole.

A copy is what a snapshot of a machine's disk holds: everything that was committed at its moment.
The schema is that of the real databases, made by the same migrations, without a key.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from sqlcipher3 import dbapi2

from mesh.inputs import Cursor
from mesh.limits import STATEMENTS_CACHED
from mesh.storage.sqlcipher import SqlcipherConnection

SETTINGS: Final = ("secure_delete = ON", "foreign_keys = ON", "temp_store = MEMORY")
"""Of the settings of a database on disk those that mean something in memory."""


class _Raw(Protocol):
    """What is used of the library's untyped connection."""

    @property
    def in_transaction(self) -> bool: ...
    def execute(self, sql: str, parameters: Sequence[object] = (), /) -> Cursor: ...
    def executemany(self, sql: str, rows: Iterable[Sequence[object]], /) -> Cursor: ...
    def backup(self, target: "_Raw", /) -> None: ...
    def close(self) -> None: ...


class MemoryDatabase(SqlcipherConnection):
    """One database in memory, empty at first."""

    __slots__ = ("_whole",)

    def __init__(self) -> None:
        raw: _Raw = dbapi2.connect(
            ":memory:", isolation_level=None, cached_statements=STATEMENTS_CACHED
        )
        super().__init__(raw, ":memory:")
        self._whole = raw
        for setting in SETTINGS:
            self.execute(f"PRAGMA {setting}").fetchall()

    def copy(self) -> "MemoryDatabase":
        """Another database with the same rows; only between transactions."""
        assert not self._whole.in_transaction
        other = MemoryDatabase()
        self._whole.backup(other._whole)
        return other
