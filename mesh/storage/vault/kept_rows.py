"""Rows that one piece of work reads again and again, kept until it is over.

A batch asks a dozen times with whom a conversation is. Whoever writes a row drops it here, or
changes it as it is written, and a piece of work begins without any: what was taken back with a
savepoint is never seen again. The mail of one batch is one piece of work (`vault.py`).
"""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import msgspec

from mesh.limits.storage import ROWS_KEPT_MAX
from mesh.storage.vault.rows import AnyRow

KeyT = TypeVar("KeyT", bound=Hashable)


class KeptRows(Generic[KeyT, AnyRow]):
    """At most so many rows of one table, by their numbers."""

    def __init__(self) -> None:
        self._rows: dict[KeyT, AnyRow] = {}

    def find(self, key: KeyT, read: Callable[[KeyT], AnyRow | None]) -> AnyRow | None:
        """Return a row, which is read where it was not; None if there is none."""
        row = self._rows.get(key)
        if row is None:
            row = read(key)
            if row is not None:
                self.keep(key, row)
        return row

    def find_kept(self, key: KeyT) -> AnyRow | None:
        """Return a row if it was read already."""
        return self._rows.get(key)

    def keep(self, key: KeyT, row: AnyRow) -> None:
        """A row was read by something else than its number."""
        if len(self._rows) >= ROWS_KEPT_MAX:
            self._rows.clear()
        self._rows[key] = row

    def change(self, key: KeyT, **columns: object) -> None:
        """Columns of a row were written as these values."""
        row = self._rows.get(key)
        if row is not None:
            self._rows[key] = msgspec.structs.replace(row, **columns)

    def drop(self, key: KeyT) -> None:
        """A row was written."""
        self._rows.pop(key, None)

    def clear(self) -> None:
        """The work at hand is another one."""
        self._rows.clear()
