"""Numbered migrations: a database says which version of the schema it has, and steps up.

Version n of a schema is what the first n migrations make; the number stands in the file's
`user_version`. Each step is one transaction with its number, so a crash leaves a whole version.
"""

from mesh.database import Connection
from mesh.errors import StorageError
from mesh.storage.connection import transaction
from mesh.storage.store.schema import STORE_MIGRATIONS
from mesh.storage.vault.schema import VAULT_MIGRATIONS

Migrations = tuple[tuple[str, ...], ...]
"""The statements of each version, oldest first."""


def migrate_store(connection: Connection) -> None:
    """Bring a store to the newest schema; a new file becomes an empty store."""
    migrate(connection, STORE_MIGRATIONS, name="store")


def migrate_vault(connection: Connection) -> None:
    """Bring a vault to the newest schema; a new file becomes an empty vault."""
    if not connection.execute("SELECT 1 FROM pragma_module_list WHERE name = 'fts5'").fetchone():
        raise StorageError(
            "This build of SQLCipher cannot search in texts (it lacks FTS5): install sqlcipher3 "
            "from its wheel, as requirements.txt has it."
        )
    migrate(connection, VAULT_MIGRATIONS, name="vault")


def migrate(connection: Connection, migrations: Migrations, *, name: str) -> None:
    """Run the migrations that a database lacks; refuse one of a later release."""
    found = schema_version(connection)
    if found > len(migrations):
        raise StorageError(
            f"The {name} has schema {found}, and this release of Mesh knows schemas up to "
            f"{len(migrations)}; nothing was changed. Update Mesh, or return to before the update "
            "with `mesh vault back`."
        )
    for version, statements in enumerate(migrations[found:], found + 1):
        with transaction(connection):
            for statement in statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version}")


def schema_version(connection: Connection) -> int:
    """Return how many migrations a database has seen."""
    row = connection.execute("PRAGMA user_version").fetchone()
    assert row is not None
    version = row[0]
    assert isinstance(version, int)
    return version
