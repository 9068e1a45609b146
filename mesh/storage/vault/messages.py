"""Rows of the vault about messages, in conversations and as they came."""

from typing import Final

from mesh.commands.messages import MessageState
from mesh.ids import ConversationId, MessageId, UnixSeconds
from mesh.inputs import Connection
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
    "?1 IS NULL AND +conversation IN (SELECT id FROM contacts WHERE NOT is_request)"
)
_OF_REQUESTS: Final = "?1 IS NULL AND +conversation IN (SELECT id FROM contacts WHERE is_request)"


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

    def newest(
        self,
        conversation: ConversationId | None,
        *,
        limit: int,
        is_unread_only: bool,
        of_requests: bool = False,
    ) -> list[MessageRow]:
        """The newest messages, newest first: of a conversation in its order, else as they came.

        Without one: of those who wait apart, or of all others.
        """
        which = _filter(conversation, is_unread_only=is_unread_only, of_requests=of_requests)
        order = "number DESC" if conversation is None else "position DESC, id DESC"
        cursor = self._connection.execute(
            f"{_MESSAGE} WHERE {which} ORDER BY {order} LIMIT ?2",
            (conversation, limit),
        )
        return all_of(cursor, MessageRow)

    def before_place(
        self, conversation: ConversationId, position: int, id_: bytes, limit: int
    ) -> list[MessageRow]:
        """The messages above a place of a conversation, the nearest first."""
        cursor = self._connection.execute(
            f"{_MESSAGE} WHERE conversation = ? AND (position, id) < (?, ?) "
            "ORDER BY position DESC, id DESC LIMIT ?",
            (conversation, position, id_, limit),
        )
        return all_of(cursor, MessageRow)

    def from_place(
        self, conversation: ConversationId, position: int, id_: bytes, limit: int
    ) -> list[MessageRow]:
        """The messages at and below a place of a conversation, in order."""
        cursor = self._connection.execute(
            f"{_MESSAGE} WHERE conversation = ? AND (position, id) >= (?, ?) "
            "ORDER BY position, id LIMIT ?",
            (conversation, position, id_, limit),
        )
        return all_of(cursor, MessageRow)

    def after(
        self,
        number: int,
        conversation: ConversationId | None,
        *,
        limit: int,
        is_unread_only: bool,
        of_requests: bool = False,
    ) -> list[MessageRow]:
        """The messages that came next after a number, as they came."""
        which = _filter(conversation, is_unread_only=is_unread_only, of_requests=of_requests)
        cursor = self._connection.execute(
            f"{_MESSAGE} WHERE {which} AND number > ?3 ORDER BY number LIMIT ?2",
            (conversation, limit, number),
        )
        return all_of(cursor, MessageRow)

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


def _filter(conversation: ConversationId | None, *, is_unread_only: bool, of_requests: bool) -> str:
    """The condition of a page; the conversation is the first parameter."""
    whose = (
        (_OF_REQUESTS if of_requests else _OF_CONTACTS)
        if conversation is None
        else "conversation = ?1"
    )
    return f"{whose} AND is_read = 0" if is_unread_only else whose
