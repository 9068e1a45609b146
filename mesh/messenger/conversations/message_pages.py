"""Reading: pages of messages and of items, and what is told of one of them."""

from dataclasses import dataclass
from typing import Literal

from mesh.commands.items import AskItems, AuthorAnswer, ItemAnswer, ItemsAnswer
from mesh.commands.messages import AskMessages, MessageAnswer, MessagesAnswer
from mesh.errors import UserError
from mesh.ids import ConversationId, UnixSeconds, other_side
from mesh.limits.api import NUMBER_MAX
from mesh.limits.messages import (
    CLOCK_AHEAD_SECONDS_SHOWN,
    CLOCK_BEHIND_SECONDS_SHOWN,
)
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import NOTE_TO_SELF, Contacts
from mesh.messenger.conversations.history import unix_seconds_of
from mesh.storage.vault.messages import BEFORE_ALL, BEYOND_ALL, Place, Selection
from mesh.storage.vault.rows import MessageRow


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
        """A page of one conversation in its order or as they came, or of all direct ones.

        Those who wait apart are never mixed with the contacts, but each may be asked for by name.
        """
        selection = Selection(
            conversation,
            is_by_arrival=command.by_arrival or conversation is None,
            is_unread_only=command.unread_only,
            of_requests=command.requests,
        )
        page = self._page(selection, _Cursors(command.before, command.after), command.limit)
        if command.mark_read:
            self._mark_read(page.rows)
        return MessagesAnswer(
            messages=[self.answer(row) for row in page.rows],
            has_more=page.has_older if command.after is None else page.has_newer,
            has_older=page.has_older,
            has_newer=page.has_newer,
        )

    def items(self, command: AskItems, conversation: ConversationId) -> ItemsAnswer:
        """A page of one conversation in its order; UserError if a cursor is not in it."""
        selection = Selection(conversation, is_by_arrival=False)
        cursors = _Cursors(command.before, command.after, command.around)
        page = self._page(selection, cursors, command.limit)
        items = [self.item(row) for row in page.rows]
        return ItemsAnswer(items=items, has_older=page.has_older, has_newer=page.has_newer)

    def take_newly_read(self) -> list[MessageRow]:
        """Return what a person has read since the last call and had not before."""
        taken, self._newly_read = self._newly_read, []
        return taken

    def _page(self, selection: Selection, cursors: "_Cursors", limit: int) -> "_Page":
        """The messages around a turning point: older ones above it, and the rest from it on."""
        start, end = BEFORE_ALL, BEYOND_ALL
        if cursors.after:
            start = _next_place(selection, self._place(selection, cursors.after))
        if cursors.before is not None:
            end = self._place(selection, cursors.before)
        if cursors.around is not None:
            turn, older_max = self._place(selection, cursors.around), limit // 2
        elif cursors.after is not None:
            turn, older_max = start, 0
        else:
            turn, older_max = end, limit
        turn, newer_max = min(max(turn, start), end), limit - older_max
        above = self._rows.in_span(selection, start, turn, older_max + 1, is_newest_first=True)
        below = self._rows.in_span(selection, turn, end, newer_max + 1)
        return _Page(
            [*above[:older_max][::-1], *below[:newer_max]],
            has_older=len(above) > older_max or self._has_some(selection, BEFORE_ALL, start),
            has_newer=len(below) > newer_max or self._has_some(selection, end, BEYOND_ALL),
        )

    def _has_some(self, selection: Selection, start: Place, end: Place) -> bool:
        return bool(self._rows.in_span(selection, start, end, 1))

    def _place(self, selection: Selection, cursor: int) -> Place:
        """The place of a cursor. By arrival a number has its place, whoever bears it or did."""
        if cursor == 0:
            return BEFORE_ALL
        if selection.is_by_arrival:
            return cursor, b""
        row = self._rows.find(cursor)
        if row is None or row.conversation != selection.conversation:
            raise UserError(
                "not-found",
                f"There is no item {cursor} in this conversation; take the number of one that is.",
            )
        return row.position, row.id

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


@dataclass(frozen=True, slots=True)
class _Cursors:
    """Places that a person names, by the numbers of messages; 0 stands before all of them."""

    before: int | None = None
    after: int | None = None
    around: int | None = None


@dataclass(frozen=True, slots=True)
class _Page:
    """Messages in order, and whether the selection has more on either side."""

    rows: list[MessageRow]
    has_older: bool
    has_newer: bool


def _next_place(selection: Selection, place: Place) -> Place:
    """The first place behind another one."""
    if selection.is_by_arrival:
        return min(place[0] + 1, NUMBER_MAX), b""
    return place[0], place[1] + b"\0"


def _clock(sent: UnixSeconds, received: UnixSeconds) -> Literal["", "ahead", "behind"]:
    """Say whether a message can only have been written by a clock that is wrong, and which way."""
    if sent > received + CLOCK_AHEAD_SECONDS_SHOWN:
        return "ahead"
    return "behind" if received - sent > CLOCK_BEHIND_SECONDS_SHOWN else ""
