"""Rows of the vault about entries: what was said and done, in conversations and as it came."""

from dataclasses import dataclass, field
from typing import Final

from mesh.commands.messages import MessageState
from mesh.database import Connection
from mesh.ids import ConversationId, MessageId, UnixSeconds
from mesh.limits.api import NUMBER_MAX
from mesh.storage.vault.rows import (
    EntryRow,
    all_of,
    find_one,
    insert_numbered,
    integer,
)

ENTRY: Final = (
    "SELECT number, conversation, id, is_mine, parents, clock, position, received, state, "
    "carriers, lapses, is_read, is_late, send_key, kind, run, seq, target, waits, verdict, "
    "is_counted, place, timer, disappears, gone, author, ops, is_apart, was_sealed "
    "FROM entries"
)
WAS_SEALED: Final = (
    "ALTER TABLE entries ADD COLUMN was_sealed INTEGER NOT NULL DEFAULT 0",
    # What expired is not known to have waited to its end, unless it never got beyond a key.
    """
    UPDATE entries SET was_sealed = 1 WHERE is_mine AND (
        lapses IS NOT NULL
        OR state IN ('delivered', 'read', 'delivered-then-withdrawn')
        OR number IN (SELECT message FROM outbox WHERE message IS NOT NULL)
        OR number IN (SELECT message FROM message_steps WHERE state = 'carried')
        OR (state = 'expired' AND (
            number IN (SELECT message FROM message_steps WHERE state = 'queued')
            OR number NOT IN (SELECT message FROM message_steps WHERE state = 'awaiting-key'))))
    """,
)
"""1: one of ours was sealed once, also when its envelopes are long gone. A migration, which never
changes.
"""

# The plus keeps the index of the contacts out: the newest are found from the end.
_OF_CONTACTS: Final = (
    "?1 IS NULL AND +conversation IN "
    "(SELECT id FROM contacts WHERE NOT is_request AND NOT is_blocked)"
)
_OF_REQUESTS: Final = (
    "?1 IS NULL AND +conversation IN (SELECT id FROM contacts WHERE is_request AND NOT is_blocked)"
)

_OF_GROUPS: Final = (
    "?1 IS NULL AND +conversation IN (SELECT number FROM conversations WHERE kind = 'group')"
)

Place = tuple[int, bytes]
"""Where a message stands: its position and id in a conversation, or its number as they came."""

BEFORE_ALL: Final[Place] = (-1, b"")
BEYOND_ALL: Final[Place] = (NUMBER_MAX, b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The items that a page is of, and the order in which they stand.

    Without a conversation: of all contacts, or of those who wait apart; then by arrival.
    """

    conversation: ConversationId | None = field(default=None, kw_only=False)
    is_by_arrival: bool
    is_unread_only: bool = False
    of_requests: bool = False
    is_texts_only: bool = True
    """Those that a program of the first release knows, and whose words are here."""

    def __post_init__(self) -> None:
        assert self.is_by_arrival or self.conversation is not None

    @property
    def condition(self) -> str:
        """The same in SQL; the conversation is the first parameter."""
        if self.conversation is not None:
            whose = "conversation = ?1"
        else:
            whose = _OF_REQUESTS if self.of_requests else _OF_CONTACTS
            if not self.is_texts_only and not self.of_requests:
                whose = f"({whose} OR {_OF_GROUPS})"
        what = " AND kind = 0 AND gone = ''" if self.is_texts_only else ""
        return f"{whose} AND place = 1{what}" + " AND is_read = 0" * self.is_unread_only


class EntryRows:
    """Messages of all conversations."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.is_none_waiting = False
        """None waits to be judged, and none was put there since that was asked."""

    def insert(self, row: EntryRow) -> EntryRow:
        """Add a message whose id is new in its conversation; return it with its number."""
        if row.waits is not None:
            self.is_none_waiting = False
        return insert_numbered(self._connection, "entries", row)

    def message(self, number: int) -> EntryRow:
        """The message of a number that was read from the vault."""
        cursor = self._connection.execute(f"{ENTRY} WHERE number = ?", (number,))
        row = find_one(cursor, EntryRow)
        assert row is not None
        return row

    def numbers(self, conversation: ConversationId) -> list[int]:
        """Numbers of all entries of a conversation."""
        numbers = []
        for (number,) in self._connection.execute(
            "SELECT number FROM entries WHERE conversation = ? ORDER BY number", (conversation,)
        ).fetchall():
            assert isinstance(number, int)
            numbers.append(number)
        return numbers

    def on_their_way(self, conversation: ConversationId) -> list[int]:
        """Numbers of those written here of which nothing is known but who may have them."""
        cursor = self._connection.execute(
            f"{ENTRY} WHERE conversation = ? AND is_mine "
            "AND state IN ('awaiting-key', 'waiting-for-keys', 'queued', 'carried') "
            "ORDER BY number",
            (conversation,),
        )
        return [row.number for row in all_of(cursor, EntryRow)]

    def unproven_since(self, conversation: ConversationId, after: UnixSeconds) -> UnixSeconds:
        """Return when the first was written here, later than `after`, that nobody is known to have
        opened; 0 if all were.
        """
        cursor = self._connection.execute(
            "SELECT coalesce(min(received), 0) FROM entries WHERE conversation = ? AND is_mine "
            "AND received > ? AND state IN ('queued', 'carried', 'expired')",
            (conversation, after),
        )
        return UnixSeconds(integer(cursor))

    def missing_count(self, number: int) -> int:
        """Return how many parents of a message are not here."""
        return integer(
            self._connection.execute("SELECT count(*) FROM gaps WHERE child = ?", (number,))
        )

    def find(self, number: int) -> EntryRow | None:
        """The message of a number that somebody named."""
        cursor = self._connection.execute(f"{ENTRY} WHERE number = ?", (number,))
        return find_one(cursor, EntryRow)

    def find_by_id(self, conversation: ConversationId, id_: MessageId) -> EntryRow | None:
        cursor = self._connection.execute(
            f"{ENTRY} WHERE conversation = ? AND id = ?", (conversation, id_)
        )
        return find_one(cursor, EntryRow)

    def find_by_send_key(self, send_key: str) -> EntryRow | None:
        cursor = self._connection.execute(f"{ENTRY} WHERE send_key = ?", (send_key,))
        return find_one(cursor, EntryRow)

    def set_sealed(self, number: int, *, state: MessageState, lapses: UnixSeconds) -> None:
        self._connection.execute(
            "UPDATE entries SET state = ?, lapses = ?, was_sealed = 1 WHERE number = ?",
            (state, lapses, number),
        )

    def set_state(self, number: int, state: MessageState) -> None:
        self._connection.execute("UPDATE entries SET state = ? WHERE number = ?", (state, number))

    def count_carrier(self, number: int) -> None:
        """One more peer said that it carries a message that is on its way."""
        self._connection.execute(
            "UPDATE entries SET state = 'carried', carriers = carriers + 1 "
            "WHERE number = ? AND lapses IS NOT NULL",
            (number,),
        )

    def uncount_carrier(self, number: int) -> None:
        """A peer that was counted is no carrier of it."""
        self._connection.execute(
            "UPDATE entries SET carriers = carriers - 1 WHERE number = ? AND carriers > 0",
            (number,),
        )

    def uncount_carriers(self, number: int) -> None:
        """Nobody carries a message any more that is on its way all the same."""
        self._connection.execute(
            "UPDATE entries SET state = 'queued', carriers = 0 WHERE number = ?", (number,)
        )

    def settle(self, number: int, state: MessageState) -> None:
        """A message is no longer on its way; who carried it is of no interest any more."""
        self._connection.execute(
            "UPDATE entries SET state = ?, lapses = NULL, carriers = 0 WHERE number = ?",
            (state, number),
        )

    def forget_send_keys(self, to: int) -> None:
        """Callers do not repeat a send of up to this number any more."""
        self._connection.execute(
            "UPDATE entries SET send_key = NULL WHERE send_key IS NOT NULL AND number <= ?",
            (to,),
        )

    # --- Pages --------------------------------------------------------------------------------

    def in_span(
        self,
        selection: Selection,
        start: Place,
        end: Place,
        limit: int,
        *,
        is_newest_first: bool = False,
    ) -> list[EntryRow]:
        """The messages from one place on that stand before another one, in order or against it."""
        parameters: list[object] = [selection.conversation, limit, start[0], end[0]]
        if selection.is_by_arrival:
            within, order = "number >= ?3 AND number < ?4", "number {0}"
        else:
            within = "(position, id) >= (?3, ?5) AND (position, id) < (?4, ?6)"
            order = "position {0}, id {0}"
            parameters += [start[1], end[1]]
        direction = "DESC" if is_newest_first else "ASC"
        cursor = self._connection.execute(
            f"{ENTRY} WHERE {selection.condition} AND {within} "
            f"ORDER BY {order.format(direction)} LIMIT ?2",
            parameters,
        )
        return all_of(cursor, EntryRow)

    def from_place(
        self, conversation: ConversationId, position: int, id_: bytes, limit: int
    ) -> list[EntryRow]:
        """All entries at and below a place of a conversation, in order."""
        cursor = self._connection.execute(
            f"{ENTRY} WHERE conversation = ? AND (position, id) >= (?, ?) "
            "ORDER BY position, id LIMIT ?",
            (conversation, position, id_, limit),
        )
        return all_of(cursor, EntryRow)

    def mark_read(self, numbers: list[int]) -> None:
        self._connection.executemany(
            "UPDATE entries SET is_read = 1 WHERE number = ?", [(number,) for number in numbers]
        )

    def counts(self) -> dict[int, int]:
        """Items by conversation."""
        return self._by_conversation(
            "SELECT conversation, count(*) FROM entries WHERE place = 1 GROUP BY conversation"
        )

    def unread_counts(self) -> dict[int, int]:
        """Unread messages by conversation, where there are any."""
        return self._by_conversation(
            "SELECT conversation, count(*) FROM entries WHERE is_read = 0 GROUP BY conversation"
        )

    def count(self, conversation: ConversationId) -> int:
        """Items of one conversation."""
        return integer(
            self._connection.execute(
                "SELECT count(*) FROM entries WHERE conversation = ? AND place = 1",
                (conversation,),
            )
        )

    def unread_count(self, conversation: ConversationId) -> int:
        """Unread messages of one conversation."""
        return integer(
            self._connection.execute(
                "SELECT count(*) FROM entries WHERE conversation = ? AND is_read = 0",
                (conversation,),
            )
        )

    def _by_conversation(self, sql: str) -> dict[int, int]:
        counts = {}
        for conversation, count in self._connection.execute(sql).fetchall():
            assert isinstance(conversation, int)
            assert isinstance(count, int)
            counts[conversation] = count
        return counts
