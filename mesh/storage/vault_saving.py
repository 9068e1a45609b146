"""All that can be read of a damaged vault goes into a new one, unless it hangs on what is lost.

Implements `docs/protocol/storage.md`, section "Salvage". What hangs on rows that are lost goes too
or is made anew.
"""

from dataclasses import dataclass
from typing import Final

from mesh.database import Connection
from mesh.errors import DamagedError
from mesh.storage.connection import transaction
from mesh.storage.groups_saving import end_groups, is_out_of_groups
from mesh.storage.migrations import migrate
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
            coalesce((SELECT max(conversation) FROM entries), 0),
            coalesce((SELECT max(conversation) FROM groups), 0)),
        'self', NULL, 0, 0, 0, 0, 0, 0
        WHERE NOT EXISTS (SELECT 1 FROM conversations WHERE kind = 'self')
    """,
    """
    INSERT OR IGNORE INTO conversations (number, kind, contact, read_position,
            sends_read_receipts, muted_until, is_pinned, is_archived, is_marked_unread)
        SELECT conversation, 'group', NULL, 0, 0, 0, 0, 0, 0 FROM groups
    """,
)
"""What every contact has, and every person, and every group: made anew where it is lost."""
_WITHOUT_GROUP: Final = "kind = 'group' AND number NOT IN (SELECT conversation FROM groups)"
_WITHOUT_CONVERSATION: Final = "conversation NOT IN (SELECT number FROM conversations)"
_CLOSED_INVITES: Final = """
    UPDATE invites SET secret = NULL, is_revoked = is_revoked OR uses < uses_max
        WHERE secret IS NOT NULL AND prekey IS NULL
"""
"""Nothing that is written by the links of these can be opened, as after a backup was put back."""
_LAST_MESSAGES: Final = """
    INSERT OR IGNORE INTO heads (conversation, position, id, author)
        SELECT conversation, max(position), id, author FROM entries WHERE kind <> ?
        AND conversation NOT IN (SELECT conversation FROM heads) GROUP BY conversation
"""


def vault_damage(error: DamagedError) -> DamagedError:
    """Return what is raised where a vault is damaged: nobody else has what it holds."""
    return DamagedError(
        f"{error} It holds your keys, contacts and messages. `mesh vault check` says what of it "
        "can be read, and `mesh vault salvage` saves that; or restore a backup with "
        "`mesh restore FILE`.",
        error.path,
    )


@dataclass(frozen=True, slots=True)
class Saved:
    """The rows that were saved, by table. `dropped`: those that could be read and were about
    others that could not. `is_out_of_groups`: the person has to come into each anew.
    """

    tables: tuple[TableRead, ...]
    dropped: tuple[tuple[str, int], ...]
    is_out_of_groups: bool


def save_readable(source: DamagedDatabase, fresh: Connection) -> Saved:
    """Put what can be read of a damaged vault into an empty database.

    Raises DamagedError if nothing can be read, or not who the person is.
    """
    prepare(source, fresh)
    tables = copy_readable(source, fresh)
    _remember_contacts(source, fresh)
    if fresh.execute("SELECT count(*) FROM identity").fetchone() == (0,):
        raise DamagedError(
            f"Who you are cannot be read in {source.path} any more, and without that "
            f"nobody would know you. {NOTHING_LEFT}",
            str(source.path),
        )
    # What is made anew, and what refers to what, is said of the tables of this release.
    migrate(fresh, VAULT_MIGRATIONS, name="vault")
    fresh.execute("PRAGMA foreign_keys = OFF")
    is_out = is_out_of_groups(tables)
    with transaction(fresh):
        dropped = make_whole(fresh, is_out_of_groups=is_out)
    return Saved(tuple(tables), tuple(sorted(dropped.items())), is_out)


def prepare(source: DamagedDatabase, target: Connection) -> None:
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


def make_whole(vault: Connection, *, is_out_of_groups: bool) -> dict[str, int]:
    """Let every row find what it refers to; return how many had to go for that, by table."""
    # Keys may be lost with everybody: from the next start on they begin anew.
    vault.execute("INSERT OR REPLACE INTO marks VALUES (?, 1)", (BEGIN_ANEW_MARK,))
    for statement in _REMADE:
        vault.execute(statement)
    dropped = end_groups(vault) if is_out_of_groups else {}
    _drop(vault, "conversations", _WITHOUT_GROUP, dropped)
    tables = vault.execute(OWN_TABLES).fetchall()
    while sum([_let_go(vault, str(name), dropped) for (name,) in tables]):
        pass
    for table in ("heads", "gaps"):
        _drop(vault, table, _WITHOUT_CONVERSATION, dropped)
    _drop(vault, "gaps", "child NOT IN (SELECT number FROM entries)", dropped)
    vault.execute(_CLOSED_INVITES)
    vault.execute(_LAST_MESSAGES, (MEMBERSHIP_KIND,))
    vault.execute(_UNSETTLED)
    return dropped


def _drop(vault: Connection, table: str, where: str, dropped: dict[str, int]) -> int:
    """Remove rows of a table, and count them; return how many they were."""
    # Names that the schema of this release gives, and no values.
    count = vault.execute(f"DELETE FROM {table} WHERE {where}").rowcount
    if count:
        dropped[table] = dropped.get(table, 0) + count
    return count


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
        lost = f"{column} IS NOT NULL AND {column} NOT IN (SELECT {of_parent} FROM {parent})"
        if must_be[column] or table == "conversations":
            count = _drop(vault, table, lost, dropped)
        else:
            count = vault.execute(f"UPDATE {table} SET {column} = NULL WHERE {lost}").rowcount
        changed += count
    return changed
