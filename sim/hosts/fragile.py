"""Databases that a power cut can strike between two statements.

A crash between batches shows little: the interesting ones fall inside a transaction, or between
the commit of the store and the commit of the vault. A fuse counts the statements of both
databases of a node; when it blows, that statement and all after it fail, and `PowerCut` unwinds
the engine. What was not committed is rolled back, as the journal of a database on disk does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mesh.database import Connection, Cursor


class PowerCut(BaseException):
    """The machine stopped here; no handler of an engine may live on after it."""


@dataclass(slots=True)
class Fuse:
    """The number of statements that will still run; None: the power is steady."""

    statements_left: int | None = None

    def burn(self) -> None:
        """Count one statement; raises PowerCut if it is one too many."""
        if self.statements_left is not None:
            if self.statements_left <= 0:
                raise PowerCut
            self.statements_left -= 1


class FragileConnection:
    """A `mesh.database.Connection` behind a fuse."""

    def __init__(self, connection: Connection, fuse: Fuse) -> None:
        self._connection = connection
        self._fuse = fuse

    def execute(self, sql: str, parameters: Sequence[object] = (), /) -> Cursor:
        """Run one statement."""
        if self._fuse.statements_left is not None:
            self._fuse.burn()
        return self._connection.execute(sql, parameters)

    def executemany(self, sql: str, rows: Iterable[Sequence[object]], /) -> Cursor:
        """Run one statement for many rows."""
        if self._fuse.statements_left is not None:
            self._fuse.burn()
        return self._connection.executemany(sql, rows)

    def close(self) -> None:
        """Close it."""
        self._connection.close()
