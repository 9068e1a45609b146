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
from typing import Final

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
from mesh.storage.connection import check_pages, checkpoint, connect, connect_to_read, transaction
from mesh.storage.migrations import migrate, schema_version
from mesh.storage.salvage import OWN_TABLES, DamagedDatabase, TableRead, copy_readable
from mesh.storage.vault.groups import MEMBERSHIP_KIND
from mesh.storage.vault.schema import VAULT_MIGRATIONS
from mesh.storage.vault.vault import BEGIN_ANEW_MARK

NOTHING_LEFT: Final = (
    "Restore a backup with `mesh restore FILE`, or remove what is left with `mesh wipe` and start "
    "anew as somebody else."
)

_UNSETTLED: Final = """
    UPDATE entries SET state = 'expired', lapses = NULL
        WHERE is_mine AND state IN ('queued', 'carried', 'awaiting-key', 'waiting-for-keys')
        AND number NOT IN (SELECT entry FROM group_unsealed WHERE entry IS NOT NULL)
        AND number NOT IN (SELECT message FROM outbox WHERE message IS NOT NULL)
        AND number NOT IN (SELECT message FROM payloads WHERE message IS NOT NULL)
"""
_REMADE: Final = (
    "INSERT OR IGNORE INTO exchanges (contact) SELECT id FROM contacts",
    """
    INSERT OR IGNORE INTO conversations (number, kind, contact, read_position,
            sends_read_receipts, muted_until, is_pinned, is_archived, is_marked_unread)
        SELECT id, 'direct', id, 0, 0, 0, 0, 0, 0 FROM contacts
        WHERE id NOT IN (SELECT number FROM conversations)
    """,
    """
    INSERT INTO conversations (number, kind, contact, read_position, sends_read_receipts,
            muted_until, is_pinned, is_archived, is_marked_unread) SELECT 1 + max(
            coalesce((SELECT max(seq) FROM sqlite_sequence
                WHERE name IN ('contacts', 'conversations')), 0),
            coalesce((SELECT max(conversation) FROM entries), 0)),
        'self', NULL, 0, 0, 0, 0, 0, 0
        WHERE NOT EXISTS (SELECT 1 FROM conversations WHERE kind = 'self')
    """,
)
"""What every contact has, and every person: made anew where it is lost."""
_LAST_MESSAGES: Final = """
    INSERT OR IGNORE INTO heads (conversation, position, id, author)
        SELECT conversation, max(position), id, author FROM entries WHERE kind <> ?
        AND conversation NOT IN (SELECT conversation FROM heads) GROUP BY conversation
"""


@dataclass(frozen=True, slots=True)
class VaultReport:
    """The findings of a vault. `kept_as`: where the damaged file stands, if another took its
    place. `dropped`: rows that could be read and were about others that could not.
    """

    is_whole: bool
    tables: tuple[TableRead, ...] = ()
    dropped: tuple[tuple[str, int], ...] = ()
    kept_as: Path | None = None


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
        _prepare(source, scratch)
        return VaultReport(is_whole=False, tables=tuple(copy_readable(source, scratch)))


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
            _prepare(source, fresh)
            tables = copy_readable(source, fresh)
            _remember_contacts(source, fresh)
        if fresh.execute("SELECT count(*) FROM identity").fetchone() == (0,):
            raise DamagedError(
                f"Who you are cannot be read in {folders.vault_file} any more, and without that "
                f"nobody would know you. {NOTHING_LEFT}",
                str(folders.vault_file),
            )
        # What is made anew, and what refers to what, is said of the tables of this release.
        migrate(fresh, VAULT_MIGRATIONS, name="vault")
        fresh.execute("PRAGMA foreign_keys = OFF")
        with transaction(fresh):
            dropped = tuple(_make_whole(fresh))
        require_emptied(checkpoint(fresh), unfinished(ready))
    kept_as = _swap(folders, unfinished(ready), ready)
    return VaultReport(is_whole=False, tables=tuple(tables), dropped=dropped, kept_as=kept_as)


def _is_whole(folders: ProfileFolders, key: bytes | bytearray) -> bool:
    try:
        with closing(connect_to_read(folders.vault_file, key)) as vault:
            check_pages(vault)
            return schema_version(vault) > 0
    except DamagedError:
        return False


def _prepare(source: DamagedDatabase, target: Connection) -> None:
    """Make the tables that the source has, whatever release wrote it."""
    try:
        version = source.version()
    except DamagedError as error:
        # The first pages say which tables there are, and where each begins.
        raise DamagedError(
            f"Nothing can be read in {source.path}: the pages that say where everything stands are "
            f"damaged. {NOTHING_LEFT}",
            error.path,
        ) from error
    migrate(target, VAULT_MIGRATIONS[:version], name="vault")
    target.execute("PRAGMA foreign_keys = OFF")


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


def _remember_contacts(source: DamagedDatabase, vault: Connection) -> None:
    """Of a contact whose row is lost the indexes may still tell the label and the key.

    What else was decided about them is lost, so they wait apart until the person lets them in.
    """
    labels = source.column("contacts", "label")
    keys = source.column("contacts", "verify_key")
    with transaction(vault):
        for number in sorted(labels.keys() & keys.keys()):
            vault.execute(
                "INSERT OR IGNORE INTO contacts (id, label, name, verify_key, trust, state, "
                "first_trust, is_request) VALUES (?1, ?2, ?2, ?3, 'first seen', 'answered', "
                "'first seen', 1)",
                (number, labels[number], keys[number]),
            )


def _make_whole(vault: Connection) -> Iterator[tuple[str, int]]:
    """Let every row find what it refers to; yield what had to go for that, by table."""
    # Keys may be lost with everybody: from the next start on they begin anew.
    vault.execute("INSERT OR REPLACE INTO marks VALUES (?, 1)", (BEGIN_ANEW_MARK,))
    for statement in _REMADE:
        vault.execute(statement)
    dropped: dict[str, int] = {}
    tables = vault.execute(OWN_TABLES).fetchall()
    while sum([_let_go(vault, str(name), dropped) for (name,) in tables]):
        pass
    for table in ("heads", "gaps"):
        vault.execute(
            # Names that the schema of this release gives, and no values.
            f"DELETE FROM {table} WHERE conversation NOT IN (SELECT number FROM conversations)"  # noqa: S608 (ours)
        )
    vault.execute("DELETE FROM gaps WHERE child NOT IN (SELECT number FROM entries)")
    vault.execute(_LAST_MESSAGES, (MEMBERSHIP_KIND,))
    vault.execute(_UNSETTLED)
    yield from sorted(dropped.items())


def _let_go(vault: Connection, table: str, dropped: dict[str, int]) -> int:
    """Remove the rows of a table that refer to one that is lost; return how many were changed."""
    must_be = {
        str(name): bool(not_null or place)
        for _, name, _, not_null, _, place in vault.execute(
            f"PRAGMA table_info({table})"
        ).fetchall()
    }
    changed = 0
    for row in vault.execute(f"PRAGMA foreign_key_list({table})").fetchall():
        parent, column, of_parent = str(row[2]), str(row[3]), str(row[4])
        # The names are those that the schema of this release tells; as below.
        lost = f"{column} IS NOT NULL AND {column} NOT IN (SELECT {of_parent} FROM {parent})"  # noqa: S608 (ours)
        if must_be[column] or table == "conversations":
            count = vault.execute(f"DELETE FROM {table} WHERE {lost}").rowcount  # noqa: S608 (ours)
            if count:
                dropped[table] = dropped.get(table, 0) + count
        else:
            count = vault.execute(f"UPDATE {table} SET {column} = NULL WHERE {lost}").rowcount  # noqa: S608 (ours)
        changed += count
    return changed


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
