"""Reading: pages of messages, and what is told of one message."""

from typing import Literal

from mesh.commands import AskMessages, MessageAnswer, MessagesAnswer
from mesh.ids import ContactId, UnixSeconds
from mesh.limits import (
    CLOCK_AHEAD_SECONDS_SHOWN,
    CLOCK_BEHIND_SECONDS_SHOWN,
    MESSAGES_PER_PAGE_MAX,
)
from mesh.messenger.contacts import Contacts
from mesh.messenger.history import unix_seconds_of
from mesh.messenger.telling import Telling
from mesh.storage.vault_messages import MessageRows
from mesh.storage.vault_rows import MessageRow


class Reading:
    """Answers what a person asks of the history."""

    def __init__(self, rows: MessageRows, contacts: Contacts, telling: Telling) -> None:
        self._rows = rows
        self._contacts = contacts
        self._telling = telling
        self._newly_read: list[MessageRow] = []

    def answer(self, row: MessageRow) -> MessageAnswer:
        """What is told of a message."""
        sent = unix_seconds_of(row.clock)
        return MessageAnswer(
            number=row.number,
            id=row.id.hex(),
            contact=row.contact,
            label=self._contacts.label(row.contact),
            is_mine=row.is_mine,
            text=row.text,
            sent=sent,
            received=row.received,
            state=row.state,
            carriers=row.carriers,
            is_late=row.is_late,
            # What we write answers to what is here.
            missing_count=0 if row.is_mine else self._rows.missing_count(row.number),
            clock="" if row.is_mine else _clock(sent, row.received),
        )

    def page(self, command: AskMessages) -> MessagesAnswer:
        """A page of one conversation in its order, or of all as they came.

        Those who wait apart are never mixed with the contacts, but each may be asked for by name.

        After a number, the page holds what came next; else the newest. `has_more` says whether
        there is more in that direction: newer or older.
        """
        contact = self._contacts.contact(command.contact).id if command.contact else None
        limit = max(1, min(command.limit, MESSAGES_PER_PAGE_MAX))
        if command.after:
            rows = self._rows.after(
                command.after,
                contact,
                limit=limit + 1,
                is_unread_only=command.unread_only,
                of_requests=command.requests,
            )
        else:
            rows = self._rows.newest(
                contact,
                limit=limit + 1,
                is_unread_only=command.unread_only,
                of_requests=command.requests,
            )
        has_more, rows = len(rows) > limit, rows[:limit]
        if contact is None:
            rows.sort(key=lambda row: row.number)
        else:
            rows.sort(key=lambda row: (row.position, row.id))
        if command.mark_read:
            self._mark_read(rows)
        return MessagesAnswer(messages=[self.answer(row) for row in rows], has_more=has_more)

    def take_newly_read(self) -> list[MessageRow]:
        """What a person has read since the last call and had not before."""
        taken, self._newly_read = self._newly_read, []
        return taken

    def _mark_read(self, rows: list[MessageRow]) -> None:
        unread = [row for row in rows if not row.is_read]
        if not unread:
            return
        self._rows.mark_read([row.number for row in unread])
        self._newly_read += unread
        highest: dict[ContactId, int] = {}
        for row in unread:
            highest[row.contact] = max(row.position, highest.get(row.contact, 0))
        for contact, position in highest.items():
            self._rows.raise_read_position(contact, position)
            self._telling.contact_changed(contact)


def _clock(sent: UnixSeconds, received: UnixSeconds) -> Literal["", "ahead", "behind"]:
    """Whether a message can only have been written by a clock that is wrong."""
    if sent > received + CLOCK_AHEAD_SECONDS_SHOWN:
        return "ahead"
    return "behind" if received - sent > CLOCK_BEHIND_SECONDS_SHOWN else ""
