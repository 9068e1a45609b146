"""The step of the vault by which messages became entries (`schema.py`).

Implements `docs/protocol/storage.md`, section "The vault". Once released it never changes.
"""

from typing import Final

# What was a table of messages holds all that people say and do in a conversation, and their words
# stand apart. `target` and `waits` are ids; `verdict` is a word of `rows.py`; `place`: it stands in
# the stream; `gone`: why its words are gone; `disappears`: when that is due.
ENTRIES: Final = (
    "ALTER TABLE messages RENAME TO entries",
    "ALTER TABLE entries ADD COLUMN kind INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE entries ADD COLUMN run INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE entries ADD COLUMN seq INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE entries ADD COLUMN target BLOB NOT NULL DEFAULT x''",
    "ALTER TABLE entries ADD COLUMN waits BLOB",
    "ALTER TABLE entries ADD COLUMN verdict TEXT NOT NULL DEFAULT 'valid'",
    "ALTER TABLE entries ADD COLUMN is_counted INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE entries ADD COLUMN place INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE entries ADD COLUMN timer INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE entries ADD COLUMN disappears INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE entries ADD COLUMN gone TEXT NOT NULL DEFAULT ''",
    # The one place of words, but for what is shown now of an object. Form 1: the text of a payload
    # of version 1; form 2: the bytes of an entry.
    """
    CREATE TABLE contents (
        entry INTEGER PRIMARY KEY REFERENCES entries (number),
        form INTEGER NOT NULL,
        data BLOB NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE texts (
        entry INTEGER PRIMARY KEY REFERENCES entries (number),
        text TEXT NOT NULL
    ) STRICT
    """,
    "INSERT INTO contents SELECT number, 1, CAST(text AS BLOB) FROM entries",
    "INSERT INTO texts SELECT number, text FROM entries",
    "ALTER TABLE entries DROP COLUMN text",
    "DROP INDEX messages_by_id",
    "DROP INDEX messages_by_position",
    "DROP INDEX messages_unread",
    "DROP INDEX messages_on_their_way",
    "DROP INDEX messages_by_send_key",
    "CREATE UNIQUE INDEX entries_by_id ON entries (conversation, id)",
    "CREATE INDEX entries_by_position ON entries (conversation, position, id)",
    "CREATE INDEX entries_shown ON entries (conversation, position, id) WHERE place = 1",
    "CREATE INDEX entries_about ON entries (conversation, target, kind) WHERE target <> x''",
    "CREATE INDEX entries_waiting ON entries (conversation, waits) WHERE waits IS NOT NULL",
    "CREATE INDEX entries_uncounted ON entries (conversation, target, is_mine) "
    "WHERE is_counted = 0",
    "CREATE INDEX entries_unread ON entries (conversation) WHERE is_read = 0",
    "CREATE INDEX entries_on_their_way ON entries (lapses) WHERE lapses IS NOT NULL",
    "CREATE UNIQUE INDEX entries_by_send_key ON entries (send_key) WHERE send_key IS NOT NULL",
    "CREATE INDEX entries_to_start ON entries (number) "
    "WHERE timer > 0 AND disappears = 0 AND is_read = 1 AND gone = ''",
    "CREATE INDEX entries_by_end ON entries (disappears) WHERE disappears > 0 AND gone = ''",
    # Of the boards: what is no text.
    "CREATE INDEX entries_beside ON entries (conversation, kind, position) "
    "WHERE place = 1 AND kind > 0",
    # Whatever can change is a register. Which values of one are named by others, and by others of
    # the same author, is kept with them, so that nobody has to look at all of them.
    """
    CREATE TABLE register_values (
        entry INTEGER PRIMARY KEY REFERENCES entries (number),
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        target BLOB NOT NULL,
        field TEXT NOT NULL,
        holder BLOB NOT NULL,
        is_mine INTEGER NOT NULL,
        clock INTEGER NOT NULL,
        id BLOB NOT NULL,
        is_own_named INTEGER NOT NULL,
        is_named INTEGER NOT NULL
    ) STRICT
    """,
    "CREATE INDEX register_values_in_order ON register_values "
    "(conversation, target, field, holder, is_mine, is_own_named, clock, id)",
    "CREATE INDEX register_values_pins ON register_values (conversation, target, clock) "
    "WHERE field = 'pin'",
    """
    CREATE TABLE named (
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        id BLOB NOT NULL,
        target BLOB NOT NULL,
        field TEXT NOT NULL,
        holder BLOB NOT NULL,
        is_mine INTEGER NOT NULL,
        entry INTEGER NOT NULL REFERENCES entries (number),
        PRIMARY KEY (conversation, id, target, field, holder, is_mine, entry)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX named_by_entry ON named (entry)",
    # From which clock on votes of a poll come too late.
    """
    CREATE TABLE polls (
        entry INTEGER PRIMARY KEY REFERENCES entries (number),
        ends INTEGER NOT NULL
    ) STRICT
    """,
    # What we number our entries by, and what the other side reads: payloads of which version.
    "ALTER TABLE conversations ADD COLUMN run INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE conversations ADD COLUMN written_count INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE exchanges ADD COLUMN reads INTEGER NOT NULL DEFAULT 1",
    # Told anew, spread over days: the payloads that tell them say what we read now.
    "DELETE FROM keys_given",
    # What could not be read before stands in the store still: it is looked through once more.
    "DELETE FROM marks WHERE name = 'read to arrival'",
)
