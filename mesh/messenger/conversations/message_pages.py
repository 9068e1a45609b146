"""Reading: pages of messages and of items, and what is told of one of them."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from mesh.commands.item_commands import AskItems, AskItemsByArrival
from mesh.commands.items import ItemAnswer, ItemsAnswer, ReaderAnswer, ReplyAnswer
from mesh.commands.messages import AskMessages, MessageAnswer, MessagesAnswer
from mesh.content.entry import Kind, is_change
from mesh.errors import UserError
from mesh.events import ItemAdded, ItemChanged, MessageReceived, MessageSent, MessageStateChanged
from mesh.ids import ConversationId, MessageId
from mesh.limits.api import NUMBER_MAX
from mesh.messenger.account import Account
from mesh.messenger.conversations.item_answers import ItemAnswers
from mesh.storage.vault.entries import BEFORE_ALL, BEYOND_ALL, Place, Selection
from mesh.storage.vault.groups import MEMBERSHIP_KIND
from mesh.storage.vault.rows import EntryRow

_WHY_GONE: Final = {
    "retracted": "its author deleted it",
    "expired": "it has disappeared",
    "forgotten": "it was deleted here",
    "hidden": "an admin hid it",
}
"""The reason why nothing can be done with an item."""


class MessagePages:
    """Answers what a person asks of the history."""

    def __init__(self, account: Account, answers: ItemAnswers) -> None:
        self._rows = account.vault.entries
        self._changes = account.vault.changes
        self._people = account.vault.contacts
        self._conversations = account.vault.conversations
        self._pending_events = account.pending_events
        self._answers = answers
        self._newly_read: list[EntryRow] = []

    def answer(self, row: EntryRow) -> MessageAnswer:
        """Return what is told of a text as of a message."""
        return self.message(self.item(row))

    def message(self, item: ItemAnswer) -> MessageAnswer:
        """Return the same of a text of which all is known."""
        return self._answers.message(item)

    def item(self, row: EntryRow) -> ItemAnswer:
        """Return what is told of an item of a conversation."""
        return self._answers.item(row)

    def whole(self, item: int, conversation: ConversationId | None = None) -> EntryRow:
        """The item of a number; UserError if there is none, or its words are gone."""
        row = self._rows.find(item)
        if row is None or is_change(row.kind) or conversation not in (None, row.conversation):
            raise UserError("not-found", f"There is no message {item} here.")
        if row.kind == MEMBERSHIP_KIND:
            raise UserError("bad-content", f"The message {item} tells of the group itself.")
        if row.gone or row.verdict == "invalid":
            raise UserError(
                "gone", f"The message {item} is gone: {_WHY_GONE.get(row.gone, 'broken')}."
            )
        return row

    def quote(self, conversation: ConversationId, id_: MessageId) -> ReplyAnswer:
        """Return what is told of an item that a draft replies to."""
        return self._answers.quote(conversation, id_)

    def help_count(self, conversation: ConversationId) -> int:
        """Return how many others need help by the check-ins of a conversation."""
        return self._answers.folding.help_count(conversation)

    def readers(self, row: EntryRow) -> list[ReaderAnswer]:
        """Return who is known to hold an item of ours in a group, by name."""
        return self._answers.readers(row)

    def tell_added(self, row: EntryRow) -> ItemAnswer:
        """Tell of an item that was written here, or came; return what is told."""
        item = self.item(row)
        if self._is_message(row):
            message = self.message(item)
            event = MessageSent(message) if row.is_mine else MessageReceived(message)
            self._pending_events.tell(event)
        self._pending_events.tell(ItemAdded(item))
        is_news = not (row.is_mine or row.is_read or is_change(row.kind))
        if is_news and row.kind != MEMBERSHIP_KIND:
            self._leave_archive(row.conversation)
        return item

    def _leave_archive(self, number: ConversationId) -> None:
        """Take a conversation out of the archive in which somebody wrote, unless it is muted."""
        conversation = self._conversations.conversation(number)
        if conversation.is_archived and conversation.muted_until <= self._answers.now.mesh:
            self._conversations.set_settings(replace(conversation, is_archived=False))
            self._pending_events.conversation_changed(number)

    def tell_changed(self) -> None:
        """Tell of all items that changed, each once."""
        told: dict[int, ItemAnswer] = {}
        numbers: dict[int, None] = {}
        for number in self._pending_events.take_changed_messages():
            row = self._rows.message(number)
            if self._is_message(row):
                told[number] = self.item(row)
                self._pending_events.tell(MessageStateChanged(self.message(told[number])))
            about = row if row.place else self._find_retracted(row)
            if about is not None:
                numbers[about.number] = None
        numbers |= dict.fromkeys(self._pending_events.take_changed_items())
        for number in numbers:
            item = told.get(number) or self._find_item(number)
            if item is not None and not self._is_apart(ConversationId(item.conversation)):
                self._pending_events.tell(ItemChanged(item))

    def _is_message(self, row: EntryRow) -> bool:
        """Say whether an item is a text whose words are here, and in no group: programs of before
        know no other.
        """
        is_text = row.kind == Kind.TEXT and row.place and not row.gone
        return is_text and self._conversations.conversation(row.conversation).kind != "group"

    def _find_item(self, number: int) -> ItemAnswer | None:
        """Return what is told of an entry, if it stands in the stream."""
        row = self._rows.message(number)
        return self.item(row) if row.place else None

    def _is_apart(self, conversation: ConversationId) -> bool:
        """Say whether nothing is told of what is in a conversation: its other side waits apart."""
        contact = self._conversations.conversation(conversation).contact
        return contact is not None and self._people.contact(contact).is_request

    def _find_retracted(self, row: EntryRow) -> EntryRow | None:
        """The object of a retraction: how far that has come is told of it."""
        if row.kind != Kind.RETRACT:
            return None
        return self._rows.find_by_id(row.conversation, MessageId(row.target))

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
            self.mark_read(page.rows)
        return MessagesAnswer(
            messages=[self.answer(row) for row in page.rows],
            has_more=page.has_older if command.after is None else page.has_newer,
            has_older=page.has_older,
            has_newer=page.has_newer,
        )

    def items(self, command: AskItems, conversation: ConversationId) -> ItemsAnswer:
        """A page of one conversation in its order; UserError if a cursor is not in it."""
        selection = Selection(conversation, is_by_arrival=False, is_texts_only=False)
        cursors = _Cursors(command.before, command.after, command.around)
        page = self._page(selection, cursors, command.limit)
        items = [self.item(row) for row in page.rows]
        return ItemsAnswer(items=items, has_older=page.has_older, has_newer=page.has_newer)

    def by_arrival(
        self, command: AskItemsByArrival, conversation: ConversationId | None
    ) -> ItemsAnswer:
        """A page of what came, and was written, of one conversation or of all."""
        selection = Selection(
            conversation,
            is_by_arrival=True,
            is_unread_only=command.unread_only,
            of_requests=command.requests,
            is_texts_only=False,
        )
        is_from_the_first = command.before is None and command.after is None
        cursors = _Cursors(command.before, 0 if is_from_the_first else command.after)
        page = self._page(selection, cursors, command.limit)
        if command.mark_read:
            self.mark_read(page.rows)
        items = [self.item(row) for row in page.rows]
        return ItemsAnswer(items=items, has_older=page.has_older, has_newer=page.has_newer)

    def read_until(
        self, conversation: ConversationId, number: int, only: Collection[int] = ()
    ) -> None:
        """Mark as read what stands in a conversation down to an item, or of that some items alone;
        UserError if it has none of this number.
        """
        selection = Selection(conversation, is_by_arrival=False)
        place = self._place(selection, number)
        unread = self._changes.unread(conversation, place)
        self.mark_read([row for row in unread if not only or row.number in only])
        self._conversations.was_read(conversation, place[0])

    def take_newly_read(self) -> list[EntryRow]:
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
                f"There is no message {cursor} in this conversation; take the number of one "
                "that is.",
            )
        return row.position, row.id

    def mark_read(self, rows: list[EntryRow]) -> None:
        """A person has read these."""
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
            contact = self._conversations.conversation(conversation).contact
            if contact is None:
                self._pending_events.conversation_changed(conversation)
            else:
                self._pending_events.contact_changed(contact)


@dataclass(frozen=True, slots=True)
class _Cursors:
    """Places that a person names, by the numbers of messages; 0 stands before all of them."""

    before: int | None = None
    after: int | None = None
    around: int | None = None


@dataclass(frozen=True, slots=True)
class _Page:
    """Messages in order, and whether the selection has more on either side."""

    rows: list[EntryRow]
    has_older: bool
    has_newer: bool


def _next_place(selection: Selection, place: Place) -> Place:
    """The first place behind another one."""
    if selection.is_by_arrival:
        return min(place[0] + 1, NUMBER_MAX), b""
    return place[0], place[1] + b"\0"
