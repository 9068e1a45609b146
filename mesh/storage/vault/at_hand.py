"""Rows of the vault about what is at hand in a conversation: what stands open, and what is pinned.

Whoever writes there can make any number of objects that are over. So those that are not are found
through an index of their own, which is kept up as changes come.
"""

from typing import Final

from mesh.content.entry import Kind
from mesh.database import Connection
from mesh.ids import ConversationId
from mesh.limits.content import CLOCK_BITS
from mesh.storage.vault.entries import BEYOND_ALL, ENTRY, Place
from mesh.storage.vault.rows import EntryRow, Row, all_of

NEVER: Final = 1 << CLOCK_BITS
"""The end of what does not end by itself: beyond every clock."""

AT_HAND: Final = (
    # `ends`: the clock until which it is open; 0: it is not. What was here before is looked at once
    # more: as `is_seen` says, nothing is known of it yet.
    """
    CREATE TABLE at_hand (
        entry INTEGER PRIMARY KEY REFERENCES entries (number) ON DELETE CASCADE,
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        ends INTEGER NOT NULL,
        is_pinned INTEGER NOT NULL,
        is_seen INTEGER NOT NULL DEFAULT 1
    ) STRICT
    """,
    "CREATE INDEX at_hand_open ON at_hand (conversation, ends) WHERE ends > 0",
    "CREATE INDEX at_hand_pinned ON at_hand (conversation) WHERE is_pinned = 1",
    "CREATE INDEX at_hand_unseen ON at_hand (entry) WHERE is_seen = 0",
    """
    INSERT INTO at_hand SELECT number, conversation, 0, 0, 0 FROM entries
        WHERE place = 1 AND gone = '' AND verdict = 'valid' AND (kind BETWEEN 1 AND 4
        OR (conversation, id) IN (SELECT conversation, target FROM register_values
            WHERE field = 'pin'))
    """,
)
"""The statements that make the table. They are a migration, and so never change."""

_FOUND: Final = (
    # Its one gap is for a condition of this file.
    f"{ENTRY} WHERE place = 1 AND gone = '' AND (position, id) < (?2, ?3) "
    "AND number IN (SELECT entry FROM at_hand WHERE conversation = ?1 AND {}) "
    "ORDER BY position DESC, id DESC LIMIT ?4"
)

_ANSWERED: Final = (
    # Also one whose end has passed: no clock hides what was said in it.
    # One of each author first: nobody drives those of others out by many of their own.
    f"{ENTRY} JOIN (SELECT number AS answered, row_number() OVER (PARTITION BY author "
    "ORDER BY position DESC, id DESC) AS nth FROM entries "
    f"WHERE conversation = ?1 AND kind = {int(Kind.CHECK_IN)} "
    "AND place = 1 AND gone = '' "
    "AND number IN (SELECT entry FROM at_hand WHERE conversation = ?1 AND ends > 0) "
    "AND EXISTS (SELECT 1 FROM register_values AS said WHERE said.conversation = ?1 "
    "AND said.target = entries.id AND said.field = 'answer') "
    ") ON answered = number ORDER BY nth, position DESC, id DESC LIMIT ?2"
)


class AtHandRow(Row, frozen=True):
    """An object that is open or pinned; `ends`: the clock until which it is open; 0: it is not."""

    entry: int
    conversation: ConversationId
    ends: int
    is_pinned: bool


class AtHandRows:
    """The objects of all conversations that are open or pinned."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, row: AtHandRow) -> None:
        """An object stands so since now."""
        if row.ends or row.is_pinned:
            self._connection.execute(
                "INSERT OR REPLACE INTO at_hand (entry, conversation, ends, is_pinned) "
                "VALUES (?, ?, ?, ?)",
                (row.entry, row.conversation, row.ends, row.is_pinned),
            )
        else:
            self._connection.execute("DELETE FROM at_hand WHERE entry = ?", (row.entry,))

    def unseen(self, limit: int) -> list[EntryRow]:
        """Return some of the objects that were here before anybody noted how they stand."""
        cursor = self._connection.execute(
            f"{ENTRY} WHERE number IN "
            "(SELECT entry FROM at_hand WHERE is_seen = 0 ORDER BY entry LIMIT ?)",
            (limit,),
        )
        return all_of(cursor, EntryRow)

    def opened(
        self, conversation: ConversationId, clock: int, limit: int, before: Place = BEYOND_ALL
    ) -> list[EntryRow]:
        """Return the objects that are open at a clock, from a place upwards, the newest first."""
        cursor = self._connection.execute(
            _FOUND.format("ends > ?5"), (conversation, *before, limit, clock)
        )
        return all_of(cursor, EntryRow)

    def pinned(
        self, conversation: ConversationId, limit: int, before: Place = BEYOND_ALL
    ) -> list[EntryRow]:
        """Return the objects that are pinned, from a place upwards, the newest first."""
        cursor = self._connection.execute(
            _FOUND.format("is_pinned = 1"), (conversation, *before, limit)
        )
        return all_of(cursor, EntryRow)

    def answered(self, conversation: ConversationId, limit: int) -> list[EntryRow]:
        """Return the check-ins of a conversation that somebody has answered: the newest of each
        author, then the next.
        """
        return all_of(self._connection.execute(_ANSWERED, (conversation, limit)), EntryRow)
