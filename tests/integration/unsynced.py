"""The program `mesh` of a node whose commits are not on the disk when it says that they are."""

from collections.abc import Sequence
from typing import Final

from mesh.cli.main import main
from mesh.database import Cursor
from mesh.storage.connection import SqlcipherConnection
from sim.patching import Patch, patched

_execute: Final = SqlcipherConnection.execute


def _carelessly(
    connection: SqlcipherConnection, sql: str, parameters: Sequence[object] = (), /
) -> Cursor:
    return _execute(connection, sql.replace("synchronous = FULL", "synchronous = OFF"), parameters)


if __name__ == "__main__":
    with patched(Patch(SqlcipherConnection, "execute", _carelessly)):
        main()
