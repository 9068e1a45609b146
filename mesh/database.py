"""A database as the engine knows it: what it may ask of one, whoever opened it.

Apart from `inputs`, which hands one in and knows every command: most of what reads a database
needs no more than this.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol


class Cursor(Protocol):
    """The rows of one statement."""

    @property
    def rowcount(self) -> int: ...
    @property
    def lastrowid(self) -> int | None: ...
    def fetchone(self) -> tuple[object, ...] | None: ...
    def fetchall(self) -> list[tuple[object, ...]]: ...
    def fetchmany(self, size: int) -> list[tuple[object, ...]]: ...


class Connection(Protocol):
    """A database handed in by the driver: SQLCipher on disk, in memory, or behind faults."""

    def execute(self, sql: str, parameters: Sequence[object] = (), /) -> Cursor: ...
    def executemany(self, sql: str, rows: Iterable[Sequence[object]], /) -> Cursor: ...
    def close(self) -> None: ...
