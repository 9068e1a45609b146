"""Reading: pages of messages and of items, and what is told of one of them."""

from collections.abc import Sequence
from typing import Final, Literal

from mesh.commands.items import AskItems, AuthorAnswer, ItemAnswer, ItemsAnswer
from mesh.commands.messages import AskMessages, MessageAnswer, MessagesAnswer
from mesh.errors import UserError
from mesh.ids import ConversationId, UnixSeconds, other_side
from mesh.limits.messages import (
    CLOCK_AHEAD_SECONDS_SHOWN,
    CLOCK_BEHIND_SECONDS_SHOWN,
    MESSAGES_PER_PAGE_MAX,
)
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import NOTE_TO_SELF, Contacts
from mesh.messenger.conversations.history import unix_seconds_of
from mesh.storage.vault.rows import MessageRow

BEYOND_ALL: Final = ((1 << 63) - 1, b"")
"""A place below every message of a conversation."""


class MessagePages:
    """Answers what a person asks of the history."""

    def __init__(self, account: Account, contacts: Contacts) -> None:
        self._rows = account.vault.messages
        self._people = account.vault.contacts
        self._conversations = account.vault.conversations
        self._identity = account.identity
        self._contacts = contacts
        self._pending_events = account.pending_events
        self._with_oneself = self._conversations.with_oneself().number
        self._newly_read: list[MessageRow] = []

    def answer(self, row: MessageRow) -> MessageAnswer:
        """Return what is told of a message."""
        sent = unix_seconds_of(row.clock)
        return MessageAnswer(
            number=row.number,
            id=row.id.hex(),
            conversation=row.conversation,
            contact=0 if row.conversation == self._with_oneself else other_side(row.conversation),
            label=self._title(row.conversation),
            is_mine=row.is_mine,
            text=row.text,
            sent=sent,
            received=row.received,
            state=row.state,
            carriers=row.carriers,
            is_late=row.is_late,
            missing_count=self._missing_count(row),
            clock="" if row.is_mine else _clock(sent, row.received),
        )

    def item(self, row: MessageRow) -> ItemAnswer:
        """Return what is told of an item of a conversation."""
        sent = unix_seconds_of(row.clock)
        return ItemAnswer(
            number=row.number,
            conversation=row.conversation,
            id=row.id.hex(),
            kind="text",
            author=self._author(row),
            sent=sent,
            received=row.received,
            state=row.state,
            carriers=row.carriers,
            is_late=row.is_late,
            missing_count=self._missing_count(row),
            clock="" if row.is_mine else _clock(sent, row.received),
            text=row.text,
        )

    def page(self, command: AskMessages, conversation: ConversationId | None) -> MessagesAnswer:
        """A page of one conversation in its order, or of all direct ones as they came.

        Those who wait apart are never mixed with the contacts, but each may be asked for by name.

        After a number, the page holds what came next; else the newest. `has_more` says whether
        there is more in that direction: newer or older.
        """
        limit = max(1, min(command.limit, MESSAGES_PER_PAGE_MAX))
        if command.after:
            rows = self._rows.after(
                command.after,
                conversation,
                limit=limit + 1,
                is_unread_only=command.unread_only,
                of_requests=command.requests,
            )
        else:
            rows = self._rows.newest(
                conversation,
                limit=limit + 1,
                is_unread_only=command.unread_only,
                of_requests=command.requests,
            )
        has_more, rows = len(rows) > limit, rows[:limit]
        if conversation is None:
            rows.sort(key=lambda row: row.number)
        else:
            rows.sort(key=lambda row: (row.position, row.id))
        if command.mark_read:
            self._mark_read(rows)
        return MessagesAnswer(messages=[self.answer(row) for row in rows], has_more=has_more)

    def items(self, command: AskItems, conversation: ConversationId) -> ItemsAnswer:
        """A page of one conversation: the newest, or what stands before, after or around an item.

        Raises UserError if the item is not in this conversation, or more than one is given.
        """
        cursors = [
            one for one in (command.before, command.after, command.around) if one is not None
        ]
        if len(cursors) > 1:
            raise UserError("bad-request", "Give one of `before`, `after` and `around`.")
        place = self._place(conversation, cursors[0]) if cursors else BEYOND_ALL
        limit = max(1, min(command.limit, MESSAGES_PER_PAGE_MAX))
        if command.after is not None:
            # The item itself comes first; whoever names it has it.
            rows = self._rows.from_place(conversation, *place, limit + 2)[1:]
            return self._items(rows[:limit], has_older=True, has_newer=len(rows) > limit)
        older_max = limit if command.around is None else limit // 2
        above = self._rows.before_place(conversation, *place, older_max + 1)
        newer_max = 0 if command.around is None else limit - older_max
        below = self._rows.from_place(conversation, *place, newer_max + 1)
        return self._items(
            [*above[:older_max][::-1], *below[:newer_max]],
            has_older=len(above) > older_max,
            has_newer=len(below) > newer_max,
        )

    def take_newly_read(self) -> list[MessageRow]:
        """Return what a person has read since the last call and had not before."""
        taken, self._newly_read = self._newly_read, []
        return taken

    def _place(self, conversation: ConversationId, item: int) -> tuple[int, bytes]:
        row = self._rows.find(item)
        if row is None or row.conversation != conversation:
            raise UserError("not-found", f"There is no item {item} in this conversation.")
        return row.position, row.id

    def _items(
        self, rows: Sequence[MessageRow], *, has_older: bool, has_newer: bool
    ) -> ItemsAnswer:
        items = [self.item(row) for row in rows]
        return ItemsAnswer(items=items, has_older=has_older, has_newer=has_newer)

    def _title(self, conversation: ConversationId) -> str:
        if conversation == self._with_oneself:
            return NOTE_TO_SELF
        return self._contacts.label(other_side(conversation))

    def _author(self, row: MessageRow) -> AuthorAnswer:
        if row.is_mine:
            key = self._identity.keys.verify_key.hex()
            return AuthorAnswer(key=key, label=self._identity.name, is_mine=True)
        contact = other_side(row.conversation)
        key = self._people.contact(contact).verify_key.hex()
        return AuthorAnswer(key=key, label=self._contacts.label(contact), is_mine=False)

    def _missing_count(self, row: MessageRow) -> int:
        # What we write answers to what is here.
        return 0 if row.is_mine else self._rows.missing_count(row.number)

    def _mark_read(self, rows: list[MessageRow]) -> None:
        unread = [row for row in rows if not row.is_read]
        if not unread:
            return
        self._rows.mark_read([row.number for row in unread])
        self._newly_read += unread
        highest: dict[ConversationId, int] = {}
        for row in unread:
            highest[row.conversation] = max(row.position, highest.get(row.conversation, 0))
        for conversation, position in highest.items():
            self._conversations.was_read(conversation, position)
            self._pending_events.contact_changed(other_side(conversation))


def _clock(sent: UnixSeconds, received: UnixSeconds) -> Literal["", "ahead", "behind"]:
    """Say whether a message can only have been written by a clock that is wrong, and which way."""
    if sent > received + CLOCK_AHEAD_SECONDS_SHOWN:
        return "ahead"
    return "behind" if received - sent > CLOCK_BEHIND_SECONDS_SHOWN else ""
