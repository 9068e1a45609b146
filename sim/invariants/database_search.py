"""Looking for something in all columns of all tables of a database.

Each search must also find what it looks for in a table that is planted for it, or it proves
nothing.
"""

from collections.abc import Callable, Iterator
from typing import Final

from mesh.database import Connection

INJECTED: Final = "planted"
_TABLES: Final = """
    SELECT name FROM sqlite_master WHERE type = 'table'
    UNION ALL SELECT name FROM sqlite_temp_master WHERE type = 'table'
"""


def search(
    database: Connection, injected: str | bytes, is_in: Callable[[bytes], bool]
) -> Iterator[tuple[str, bytes]]:
    """Tables and values in which it is; `planted` is such a value, and is left out."""
    database.execute("SAVEPOINT searching")
    try:
        database.execute(f"CREATE TEMP TABLE {INJECTED} (value)")
        database.execute(f"INSERT INTO {INJECTED} VALUES (?)", (injected,))  # noqa: S608 (ours)
        tables = [str(row[0]) for row in database.execute(_TABLES).fetchall()]
        is_planted_found = False
        for table in tables:
            for row in database.execute(f'SELECT * FROM "{table}"').fetchall():  # noqa: S608 (a name of the schema)
                for value in row:
                    held = value.encode() if isinstance(value, str) else value
                    if isinstance(held, bytes) and is_in(held):
                        if table == INJECTED:
                            is_planted_found = True
                        else:
                            yield table, held
        assert is_planted_found, "a search that finds nothing proves nothing"
    finally:
        database.execute("ROLLBACK TO searching")
        database.execute("RELEASE searching")
