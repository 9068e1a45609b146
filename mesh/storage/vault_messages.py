"""Rows of the vault about messages: the messages, heads and gaps of conversations."""

from typing import Final

from mesh.commands import MessageState
from mesh.ids import ContactId, MessageId, UnixSeconds
from mesh.inputs import Connection
from mesh.storage.vault_rows import (
    ConversationRow,
    HeadRow,
    MessageRow,
    all_of,
    find_one,
    integer,
    new_number,
)

_MESSAGE: Final = (
    "SELECT number, contact, id, is_mine, text, parents, clock, position, received, state, "
    "carriers, lapses, is_read, is_late, send_key FROM messages"
)
# The plus keeps the index of the contacts out: the newest are found from the end.
_OF_CONTACTS: Final = "?1 IS NULL AND +contact IN (SELECT id FROM contacts WHERE NOT is_request)"
_OF_REQUESTS: Final = "?1 IS NULL AND +contact IN (SELECT id FROM contacts WHERE is_request)"


class MessageRows:
    """Messages of all conversations."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(
        self,
        *,
        contact: ContactId,
        id_: MessageId,
        is_mine: bool,
        text: str,
        parents: bytes,
        clock: int,
        position: int,
        received: UnixSeconds,
        state: MessageState,
        lapses: UnixSeconds | None,
        is_read: bool,
        is_late: bool,
        send_key: str | None,
    ) -> MessageRow:
        """Add a message whose id is new in its conversation."""
        cursor = self._connection.execute(
            "INSERT INTO messages (contact, id, is_mine, text, parents, clock, position, received, "
            "state, carriers, lapses, is_read, is_late, send_key) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)",
            (
                contact,
                id_,
                is_mine,
                text,
                parents,
                clock,
                position,
                received,
                state,
                lapses,
                is_read,
                is_late,
                send_key,
            ),
        )
        return MessageRow(
            number=new_number(cursor),
            contact=contact,
            id=id_,
            is_mine=is_mine,
            text=text,
            parents=parents,
            clock=clock,
            position=position,
            received=received,
            state=state,
            carriers=0,
            lapses=lapses,
            is_read=is_read,
            is_late=is_late,
            send_key=send_key,
        )

    def message(self, number: int) -> MessageRow:
        """The message of a number that was read from the vault."""
        cursor = self._connection.execute(f"{_MESSAGE} WHERE number = ?", (number,))
        row = find_one(cursor, MessageRow)
        assert row is not None
        return row

    def numbers(self, contact: ContactId) -> list[int]:
        """Numbers of all messages of a conversation."""
        numbers = []
        for (number,) in self._connection.execute(
            "SELECT number FROM messages WHERE contact = ? ORDER BY number", (contact,)
        ).fetchall():
            assert isinstance(number, int)
            numbers.append(number)
        return numbers

    def missing_count(self, number: int) -> int:
        """How many parents of a message are not here."""
        return integer(
            self._connection.execute("SELECT count(*) FROM gaps WHERE child = ?", (number,))
        )

    def find(self, number: int) -> MessageRow | None:
        """The message of a number that somebody named."""
        cursor = self._connection.execute(f"{_MESSAGE} WHERE number = ?", (number,))
        return find_one(cursor, MessageRow)

    def find_by_id(self, contact: ContactId, id_: MessageId) -> MessageRow | None:
        cursor = self._connection.execute(
            f"{_MESSAGE} WHERE contact = ? AND id = ?", (contact, id_)
        )
        return find_one(cursor, MessageRow)

    def find_by_send_key(self, send_key: str) -> MessageRow | None:
        cursor = self._connection.execute(f"{_MESSAGE} WHERE send_key = ?", (send_key,))
        return find_one(cursor, MessageRow)

    def find_position(self, contact: ContactId, id_: MessageId) -> int | None:
        """Where a message of a conversation stands; None if it is not here."""
        columns = self._connection.execute(
            "SELECT position FROM messages WHERE contact = ? AND id = ?", (contact, id_)
        ).fetchone()
        if columns is None:
            return None
        assert isinstance(columns[0], int)
        return columns[0]

    def from_position(self, contact: ContactId, position: int, limit: int) -> list[MessageRow]:
        """Messages of a conversation at or after a position, in order."""
        cursor = self._connection.execute(
            f"{_MESSAGE} WHERE contact = ? AND position >= ? ORDER BY position, id LIMIT ?",
            (contact, position, limit),
        )
        return all_of(cursor, MessageRow)

    def set_position(self, number: int, position: int) -> None:
        self._connection.execute(
            "UPDATE messages SET position = ? WHERE number = ?", (position, number)
        )

    def set_sealed(self, number: int, *, state: MessageState, lapses: UnixSeconds) -> None:
        self._connection.execute(
            "UPDATE messages SET state = ?, lapses = ? WHERE number = ?", (state, lapses, number)
        )

    def set_state(self, number: int, state: MessageState) -> None:
        self._connection.execute("UPDATE messages SET state = ? WHERE number = ?", (state, number))

    def count_carrier(self, number: int) -> None:
        """One more neighbour said that it carries a message that is on its way."""
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

    def lapsed(self, before: UnixSeconds, limit: int) -> list[MessageRow]:
        """Messages written here whose envelopes have lapsed."""
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
        contact: ContactId | None,
        *,
        limit: int,
        is_unread_only: bool,
        of_requests: bool = False,
    ) -> list[MessageRow]:
        """The newest messages, newest first: of a conversation in its order, else as they came.

        Without a contact: of those who wait apart, or of all others.
        """
        which = _filter(contact, is_unread_only=is_unread_only, of_requests=of_requests)
        order = "number DESC" if contact is None else "position DESC, id DESC"
        cursor = self._connection.execute(
            f"{_MESSAGE} WHERE {which} ORDER BY {order} LIMIT ?2",
            (contact, limit),
        )
        return all_of(cursor, MessageRow)

    def after(
        self,
        number: int,
        contact: ContactId | None,
        *,
        limit: int,
        is_unread_only: bool,
        of_requests: bool = False,
    ) -> list[MessageRow]:
        """The messages that came next after a number, as they came."""
        which = _filter(contact, is_unread_only=is_unread_only, of_requests=of_requests)
        cursor = self._connection.execute(
            f"{_MESSAGE} WHERE {which} AND number > ?3 ORDER BY number LIMIT ?2",
            (contact, limit, number),
        )
        return all_of(cursor, MessageRow)

    def mark_read(self, numbers: list[int]) -> None:
        self._connection.executemany(
            "UPDATE messages SET is_read = 1 WHERE number = ?", [(number,) for number in numbers]
        )

    def counts(self) -> dict[int, int]:
        """Messages by contact."""
        return self._by_contact("SELECT contact, count(*) FROM messages GROUP BY contact")

    def unread_counts(self) -> dict[int, int]:
        """Unread messages by contact, where there are any."""
        return self._by_contact(
            "SELECT contact, count(*) FROM messages WHERE is_read = 0 GROUP BY contact"
        )

    def count(self, contact: ContactId) -> int:
        """Messages of one conversation."""
        return integer(
            self._connection.execute("SELECT count(*) FROM messages WHERE contact = ?", (contact,))
        )

    def unread_count(self, contact: ContactId) -> int:
        """Unread messages of one conversation."""
        return integer(
            self._connection.execute(
                "SELECT count(*) FROM messages WHERE contact = ? AND is_read = 0", (contact,)
            )
        )

    def _by_contact(self, sql: str) -> dict[int, int]:
        counts = {}
        for contact, count in self._connection.execute(sql).fetchall():
            assert isinstance(contact, int)
            assert isinstance(count, int)
            counts[contact] = count
        return counts

    # --- Conversations ------------------------------------------------------------------------

    def conversation(self, contact: ContactId) -> ConversationRow:
        """What is counted of a conversation."""
        row = find_one(
            self._connection.execute(
                "SELECT sent_count, read_position, sends_read_receipts, seen_count, keys_told, "
                "lapsed_count, renewed FROM conversations WHERE contact = ?",
                (contact,),
            ),
            ConversationRow,
        )
        assert row is not None
        return row

    def set_sent_count(self, contact: ContactId, sent_count: int) -> None:
        self._connection.execute(
            "UPDATE conversations SET sent_count = ? WHERE contact = ?", (sent_count, contact)
        )

    def set_seen_count(self, contact: ContactId, seen_count: int) -> None:
        self._connection.execute(
            "UPDATE conversations SET seen_count = ? WHERE contact = ?", (seen_count, contact)
        )

    def set_keys_told(self, contact: ContactId, prekey: int) -> None:
        self._connection.execute(
            "UPDATE conversations SET keys_told = ? WHERE contact = ?", (prekey, contact)
        )

    def set_lapsed_count(self, contact: ContactId, lapsed_count: int) -> None:
        self._connection.execute(
            "UPDATE conversations SET lapsed_count = ? WHERE contact = ?", (lapsed_count, contact)
        )

    def set_renewed(self, contact: ContactId, renewed: UnixSeconds) -> None:
        self._connection.execute(
            "UPDATE conversations SET renewed = ? WHERE contact = ?", (renewed, contact)
        )

    def contacts_with_read_receipts(self) -> frozenset[int]:
        """Contacts who are told what we have read."""
        rows = self._connection.execute(
            "SELECT contact FROM conversations WHERE sends_read_receipts = 1"
        ).fetchall()
        return frozenset(row[0] for row in rows if isinstance(row[0], int))

    def set_sends_read_receipts(self, contact: ContactId, *, is_on: bool) -> None:
        self._connection.execute(
            "UPDATE conversations SET sends_read_receipts = ? WHERE contact = ?", (is_on, contact)
        )

    def raise_read_position(self, contact: ContactId, position: int) -> None:
        """Remember how far a conversation was read; it only rises."""
        self._connection.execute(
            "UPDATE conversations SET read_position = ?1 WHERE contact = ?2 AND read_position < ?1",
            (position, contact),
        )

    # --- Heads and gaps -----------------------------------------------------------------------

    def heads(self, contact: ContactId, limit: int) -> list[HeadRow]:
        """Messages that nothing follows, oldest first."""
        cursor = self._connection.execute(
            "SELECT position, id FROM heads WHERE contact = ? ORDER BY position, id LIMIT ?",
            (contact, limit),
        )
        return all_of(cursor, HeadRow)

    def add_head(self, contact: ContactId, position: int, id_: MessageId) -> None:
        self._connection.execute(
            "INSERT INTO heads (contact, position, id) VALUES (?, ?, ?)", (contact, position, id_)
        )

    def remove_head(self, contact: ContactId, position: int, id_: MessageId) -> bool:
        """Remove a head; return whether it was one."""
        cursor = self._connection.execute(
            "DELETE FROM heads WHERE contact = ? AND position = ? AND id = ?",
            (contact, position, id_),
        )
        return cursor.rowcount == 1

    def add_gap(self, contact: ContactId, parent: MessageId, child: int) -> None:
        self._connection.execute(
            "INSERT OR IGNORE INTO gaps (contact, parent, child) VALUES (?, ?, ?)",
            (contact, parent, child),
        )

    def close_gap(self, contact: ContactId, parent: MessageId) -> list[MessageRow]:
        """A missing parent came: return the children that were waiting for it."""
        children = self._connection.execute(
            "SELECT child FROM gaps WHERE contact = ? AND parent = ? ORDER BY child",
            (contact, parent),
        ).fetchall()
        if not children:
            return []
        self._connection.execute(
            "DELETE FROM gaps WHERE contact = ? AND parent = ?", (contact, parent)
        )
        rows = []
        for (child,) in children:
            assert isinstance(child, int)
            rows.append(self.message(child))
        return rows


def _filter(contact: ContactId | None, *, is_unread_only: bool, of_requests: bool) -> str:
    """The condition of a page; the contact is the first parameter."""
    whose = (_OF_REQUESTS if of_requests else _OF_CONTACTS) if contact is None else "contact = ?1"
    return f"{whose} AND is_read = 0" if is_unread_only else whose
