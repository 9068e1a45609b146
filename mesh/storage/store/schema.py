"""The schema of the store, one tuple of statements for each version.

Implements `docs/protocol/storage.md`, section "The store". Nothing in it says what is ours: a
thief of the store's key learns what any peer could have learned. A version that was ever
released never changes; the next one is appended.
"""

from typing import Final

_VERSION_1: Final = (
    # What proves an envelope stands apart from its body, so that a start, which reads all of the
    # first, reads none of the second, and an eviction rewrites no row.
    """
    CREATE TABLE envelopes (
        arrival INTEGER PRIMARY KEY,
        id BLOB NOT NULL UNIQUE,
        created INTEGER NOT NULL,
        lapses INTEGER NOT NULL,
        size_class INTEGER NOT NULL,
        posting_key BLOB NOT NULL,
        tag BLOB NOT NULL,
        stub BLOB NOT NULL
    ) STRICT
    """,
    "CREATE INDEX envelopes_by_tag ON envelopes (tag)",
    "CREATE INDEX envelopes_by_lapses ON envelopes (lapses)",
    """
    CREATE TABLE bodies (
        arrival INTEGER PRIMARY KEY REFERENCES envelopes (arrival) ON DELETE CASCADE,
        body BLOB NOT NULL
    ) STRICT
    """,
    # Envelopes of which only the stub came; a body that was evicted is not missed.
    """
    CREATE TABLE missing (
        arrival INTEGER PRIMARY KEY REFERENCES envelopes (arrival) ON DELETE CASCADE
    ) STRICT
    """,
    # Why a body is not here: whoever opened the envelope, or wrote it, has shown this token.
    """
    CREATE TABLE retirements (
        arrival INTEGER NOT NULL REFERENCES envelopes (arrival) ON DELETE CASCADE,
        token BLOB NOT NULL,
        PRIMARY KEY (arrival, token)
    ) STRICT, WITHOUT ROWID
    """,
    # One row, changed in the transaction of what it counts, and so exact after any crash. An
    # arrival number is never used again, or a reader's mark would stand before unread mail.
    """
    CREATE TABLE totals (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        last_arrival INTEGER NOT NULL,
        stored_bytes INTEGER NOT NULL CHECK (stored_bytes >= 0),
        envelopes_count INTEGER NOT NULL CHECK (envelopes_count >= 0)
    ) STRICT
    """,
    "INSERT INTO totals VALUES (1, 0, 0, 0)",
    """
    CREATE TABLE configured_peers (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        address TEXT NOT NULL UNIQUE
    ) STRICT
    """,
    """
    CREATE TABLE first_messages (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        ephemeral BLOB NOT NULL UNIQUE
    ) STRICT
    """,
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT",
)

# An export walks from the newest envelope to the oldest, in an order that says nothing of arrival.
_VERSION_2: Final = ("CREATE INDEX envelopes_by_created ON envelopes (created, id)",)

# Envelopes, and retirements by their tokens (an envelope has an empty one), that were passed on and
# do not spread yet. No word of who made them: when they were given away, and by when they spread.
_VERSION_3: Final = (
    """
    CREATE TABLE stems (
        arrival INTEGER NOT NULL REFERENCES envelopes (arrival) ON DELETE CASCADE,
        token BLOB NOT NULL,
        is_given INTEGER NOT NULL CHECK (is_given IN (0, 1)),
        due_ms INTEGER NOT NULL,
        PRIMARY KEY (arrival, token)
    ) STRICT, WITHOUT ROWID
    """,
)

STORE_MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (_VERSION_1, _VERSION_2, _VERSION_3)
