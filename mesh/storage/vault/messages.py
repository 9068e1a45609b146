"""Rows of the vault about messages, in conversations and as they came."""

from dataclasses import dataclass, field
from typing import Final

from mesh.commands.messages import MessageState
from mesh.ids import ConversationId, MessageId, UnixSeconds
from mesh.inputs import Connection
from mesh.limits.api import NUMBER_MAX
from mesh.storage.vault.rows import (
    MessageRow,
    all_of,
    find_one,
    insert_numbered,
    integer,
)

_MESSAGE: Final = (
    "SELECT number, conversation, id, is_mine, text, parents, clock, position, received, state, "
    "carriers, lapses, is_read, is_late, send_key FROM messages"
)
# The plus keeps the index of the contacts out: the newest are found from the end.
_OF_CONTACTS: Final = (
    "?1 IS NULL AND +conversation IN "
    "(SELECT id FROM contacts WHERE NOT is_request AND NOT is_blocked)"
)
_OF_REQUESTS: Final = (
    "?1 IS NULL AND +conversation IN (SELECT id FROM contacts WHERE is_request AND NOT is_blocked)"
)

Place = tuple[int, bytes]
"""Where a message stands: its position and id in a conversation, or its number as they came."""

BEFORE_ALL: Final[Place] = (-1, b"")
BEYOND_ALL: Final[Place] = (NUMBER_MAX, b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The messages that a page is of, and the order in which they stand.

    Without a conversation: of all contacts, or of those who wait apart; then by arrival.
    """

    conversation: ConversationId | None = field(default=None, kw_only=False)
    is_by_arrival: bool
    is_unread_only: bool = False
    of_requests: bool = False

    def __post_init__(self) -> None:
        assert self.is_by_arrival or self.conversation is not None

    @property
    def condition(self) -> str:
        """The same in SQL; the conversation is the first parameter."""
        if self.conversation is not None:
            whose = "conversation = ?1"
        else:
            whose = _OF_REQUESTS if self.of_requests else _OF_CONTACTS
        return f"{whose} AND is_read = 0" if self.is_unread_only else whose


class MessageRows:
    """Messages of all conversations."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, row: MessageRow) -> MessageRow:
        """Add a message whose id is new in its conversation; return it with its number."""
        return insert_numbered(self._connection, "messages", row)

    def message(self, number: int) -> MessageRow:
        """The message of a number that was read from the vault."""
        cursor = self._connection.execute(f"{_MESSAGE} WHERE number = ?", (number,))
        row = find_one(cursor, MessageRow)
        assert row is not None
        return row

    def numbers(self, conversation: ConversationId) -> list[int]:
        """Numbers of all messages of a conversation."""
        numbers = []
        for (number,) in self._connection.execute(
            "SELECT number FROM messages WHERE conversation = ? ORDER BY number", (conversation,)
        ).fetchall():
            assert isinstance(number, int)
            numbers.append(number)
        return numbers

    def missing_count(self, number: int) -> int:
        """Return how many parents of a message are not here."""
        return integer(
            self._connection.execute("SELECT count(*) FROM gaps WHERE child = ?", (number,))
        )

    def find(self, number: int) -> MessageRow | None:
        """The message of a number that somebody named."""
        cursor = self._connection.execute(f"{_MESSAGE} WHERE number = ?", (number,))
        return find_one(cursor, MessageRow)

    def find_by_id(self, conversation: ConversationId, id_: MessageId) -> MessageRow | None:
        cursor = self._connection.execute(
            f"{_MESSAGE} WHERE conversation = ? AND id = ?", (conversation, id_)
        )
        return find_one(cursor, MessageRow)

    def find_by_send_key(self, send_key: str) -> MessageRow | None:
        cursor = self._connection.execute(f"{_MESSAGE} WHERE send_key = ?", (send_key,))
        return find_one(cursor, MessageRow)

    def set_sealed(self, number: int, *, state: MessageState, lapses: UnixSeconds) -> None:
        self._connection.execute(
            "UPDATE messages SET state = ?, lapses = ? WHERE number = ?", (state, lapses, number)
        )

    def set_state(self, number: int, state: MessageState) -> None:
        self._connection.execute("UPDATE messages SET state = ? WHERE number = ?", (state, number))

    def count_carrier(self, number: int) -> None:
        """One more peer said that it carries a message that is on its way."""
        self._connection.execute(
            "UPDATE messages SET state = 'carried', carriers = carriers + 1 "
            "WHERE number = ? AND lapses IS NOT NULL",
            (number,),
        )

    def settle(self, number: int, state: MessageState) -> None:
        """A message is no longer on its way; who carried it is of no interest any more."""
        self._connection.execute(
            "UPDATE messages SET state = ?, lapses = NULL, carriers = 0 WHERE number = ?",
            (state, number),
        )

    def expired(self, before: UnixSeconds, limit: int) -> list[MessageRow]:
        """Messages written here whose envelopes have expired."""
        cursor = self._connection.execute(
            f"{_MESSAGE} WHERE lapses < ? ORDER BY lapses, number LIMIT ?", (before, limit)
        )
        return all_of(cursor, MessageRow)

    def forget_send_keys(self, before: UnixSeconds) -> None:
        """Callers do not repeat a send after so long."""
        self._connection.execute(
            "UPDATE messages SET send_key = NULL WHERE send_key IS NOT NULL AND received < ?",
            (before,),
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
    ) -> list[MessageRow]:
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
            f"{_MESSAGE} WHERE {selection.condition} AND {within} "
            f"ORDER BY {order.format(direction)} LIMIT ?2",
            parameters,
        )
        return all_of(cursor, MessageRow)

    def from_place(
        self, conversation: ConversationId, position: int, id_: bytes, limit: int
    ) -> list[MessageRow]:
        """The messages at and below a place of a conversation, in order."""
        selection = Selection(conversation, is_by_arrival=False)
        return self.in_span(selection, (position, id_), BEYOND_ALL, limit)

    def mark_read(self, numbers: list[int]) -> None:
        self._connection.executemany(
            "UPDATE messages SET is_read = 1 WHERE number = ?", [(number,) for number in numbers]
        )

    def counts(self) -> dict[int, int]:
        """Messages by conversation."""
        return self._by_conversation(
            "SELECT conversation, count(*) FROM messages GROUP BY conversation"
        )

    def unread_counts(self) -> dict[int, int]:
        """Unread messages by conversation, where there are any."""
        return self._by_conversation(
            "SELECT conversation, count(*) FROM messages WHERE is_read = 0 GROUP BY conversation"
        )

    def count(self, conversation: ConversationId) -> int:
        """Messages of one conversation."""
        return integer(
            self._connection.execute(
                "SELECT count(*) FROM messages WHERE conversation = ?", (conversation,)
            )
        )

    def unread_count(self, conversation: ConversationId) -> int:
        """Unread messages of one conversation."""
        return integer(
            self._connection.execute(
                "SELECT count(*) FROM messages WHERE conversation = ? AND is_read = 0",
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
