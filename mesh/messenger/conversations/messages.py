"""Messages: what a person asks of them is checked here, and done by the parts that hold them."""

from typing import Final

from mesh.commands.conversations import ConversationAnswer, ReadItems
from mesh.commands.item_commands import AskItem, AskItemsByArrival
from mesh.commands.items import ItemDetailsAnswer, ItemsAnswer
from mesh.commands.messages import (
    AskMessage,
    AskMessages,
    MessageAnswer,
    MessageDetailsAnswer,
    MessagesAnswer,
    SendMessage,
    StepAnswer,
    WithdrawMessage,
)
from mesh.content.entry import Kind, is_change
from mesh.content.text import Text
from mesh.errors import UserError
from mesh.ids import ConversationId, Instant
from mesh.limits.messages import SEND_KEYS_KEPT_SECONDS
from mesh.messenger.account import Account
from mesh.messenger.conversations.conversations import Conversations
from mesh.messenger.conversations.entries import Entries, Statement
from mesh.messenger.conversations.message_pages import MessagePages
from mesh.messenger.conversations.outbox import Outbox
from mesh.messenger.conversations.receipts import Receipts
from mesh.messenger.conversations.statements import check_text
from mesh.messenger.conversations.writing import Writing, checked_send_key, key_reused
from mesh.messenger.feature import Feature, command
from mesh.storage.vault.rows import EntryRow

EVIDENCE: Final = {
    "carried": "neighbours",
    "delivered": "their-device",
    "delivered-then-withdrawn": "their-device",
    "read": "their-person",
    "expired": "time",
}
"""What says that a message is in a state; of all other states it is this node."""

_SEND_KEYS_NOTED_MARK: Final = "send keys noted"
_SEND_KEYS_TO_MARK: Final = "send keys to"
"""When, by expiry time, it was noted last which number was the greatest, and that number."""


class Messages:
    """Sends, takes back and shows messages."""

    def __init__(
        self,
        account: Account,
        *,
        conversations: Conversations,
        entries: Entries,
        writing: Writing,
        outbox: Outbox,
        message_pages: MessagePages,
        receipts: Receipts,
    ) -> None:
        self._marks = account.vault
        self._messages = account.vault.entries
        self._changes = account.vault.changes
        self._steps = account.vault.steps
        self._pending_events = account.pending_events
        self._conversations = conversations
        self._entries = entries
        self._writing = writing
        self._outbox = outbox
        self._message_pages = message_pages
        self._receipts = receipts
        # In which piece of work, and of which conversation, the timer was found last.
        self._timer_found = 0, ConversationId(0), 0

    def feature(self) -> Feature:
        """Writing and reading."""
        return Feature(
            commands=[
                command(SendMessage, self._send),
                command(WithdrawMessage, self._withdraw),
                command(AskMessages, self._ask),
                command(AskMessage, self._details),
                command(AskItem, self._item),
                command(AskItemsByArrival, self._ask_items),
                command(ReadItems, self._read),
            ],
            cleanups=[self._forget_send_keys],
        )

    def _send(self, asked: SendMessage, now: Instant) -> MessageAnswer:
        key = checked_send_key(asked.idempotency_key)
        conversation = self._conversations.conversation(asked.contact)
        before = None if key is None else self._messages.find_by_send_key(key)
        text = Text(asked.text)
        if before is not None:
            if before.conversation != conversation.number or (
                not before.gone and self._entries.content(before) != text
            ):
                raise key_reused()
            return self._message_pages.answer(before)
        check_text(asked.text)
        statement = Statement(Kind.TEXT, text, timer=self._timer(conversation.number))
        row = self._writing.write(
            conversation, statement, now=now, send_key=key, keep_for=asked.keep_for
        )
        return self._message_pages.message(self._message_pages.tell_added(row))

    def _timer(self, conversation: ConversationId) -> int:
        """Return the timer of a conversation, which no message sets: once in a piece of work."""
        if self._timer_found[:2] != (self._marks.work, conversation):
            timer = self._entries.timer(conversation)
            self._timer_found = self._marks.work, conversation, timer
        return self._timer_found[2]

    def _withdraw(self, asked: WithdrawMessage, now: Instant) -> MessageAnswer:
        withdrawn = self._outbox.withdraw(asked.message, now=now)
        return self._message_pages.answer(withdrawn)

    def _ask(self, asked: AskMessages, now: Instant) -> MessagesAnswer:
        page = self._message_pages.page(asked, self._find_number(asked.contact))
        self._receipts.were_read(self._message_pages.take_newly_read(), now=now)
        return page

    def _ask_items(self, asked: AskItemsByArrival, now: Instant) -> ItemsAnswer:
        page = self._message_pages.by_arrival(asked, self._find_number(asked.conversation))
        self._receipts.were_read(self._message_pages.take_newly_read(), now=now)
        return page

    def _find_number(self, named: str | int) -> ConversationId | None:
        """Return the number of a conversation; None where all are meant."""
        return None if named == "" else self._conversations.conversation(named).number

    def _details(self, asked: AskMessage, now: Instant) -> MessageDetailsAnswer:
        row = self._messages.find(asked.message)
        if row is None or row.kind != Kind.TEXT:
            raise UserError("not-found", f"There is no message {asked.message}.")
        message = self._message_pages.answer(row)
        return MessageDetailsAnswer(
            message=message,
            steps=self._steps_of(row),
            lapses=row.lapses or 0,
            text_bytes=len(message.text.encode()),
        )

    def _item(self, asked: AskItem, now: Instant) -> ItemDetailsAnswer:
        row = self._messages.find(asked.item)
        if row is None or is_change(row.kind):
            raise UserError("not-found", f"There is no message {asked.item}.")
        item = self._message_pages.item(row)
        return ItemDetailsAnswer(
            item=item,
            steps=self._steps_of(row),
            lapses=row.lapses or 0,
            text_bytes=len(item.text.encode()),
            readers=self._message_pages.readers(row),
        )

    def _steps_of(self, row: EntryRow) -> list[StepAnswer]:
        if not row.is_mine:
            return []
        steps = [StepAnswer(state="written", at=row.received, evidence="here")]
        for state, at in self._steps.of_message(row.number):
            evidence = EVIDENCE.get(state, "here")
            steps.append(StepAnswer(state=state, at=at, evidence=evidence))
        return steps

    def _read(self, asked: ReadItems, now: Instant) -> ConversationAnswer:
        conversation = self._conversations.conversation(asked.conversation).number
        self._message_pages.read_until(conversation, asked.until, frozenset(asked.only))
        self._receipts.were_read(self._message_pages.take_newly_read(), now=now)
        return self._conversations.tell_changed(conversation)

    def _forget_send_keys(self, now: Instant) -> None:
        """Forget those of what was here when this was last done. When each was written stands
        there in mesh time, which neighbours move.
        """
        noted = self._marks.mark(_SEND_KEYS_NOTED_MARK)
        if noted <= now.expiry < noted + SEND_KEYS_KEPT_SECONDS:
            return
        if noted <= now.expiry:
            self._messages.forget_send_keys(self._marks.mark(_SEND_KEYS_TO_MARK))
        self._marks.set_mark(_SEND_KEYS_NOTED_MARK, now.expiry)
        self._marks.set_mark(_SEND_KEYS_TO_MARK, self._changes.newest())
