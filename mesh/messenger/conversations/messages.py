"""Messages: what a person asks of them is checked here, and done by the parts that hold them."""

from collections.abc import Callable

from mesh.commands.messages import (
    AskMessages,
    MessageAnswer,
    MessagesAnswer,
    SendMessage,
    WithdrawMessage,
)
from mesh.errors import UserError
from mesh.events import MessageSent
from mesh.ids import Instant, UnixSeconds
from mesh.limits.messages import IDEMPOTENCY_KEY_BYTES_MAX, SEND_KEYS_KEPT_SECONDS, TEXT_BYTES_MAX
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import Contacts
from mesh.messenger.conversations.conversations import Conversations
from mesh.messenger.conversations.message_pages import MessagePages
from mesh.messenger.conversations.outbox import Outbox
from mesh.messenger.conversations.receipts import Receipts
from mesh.messenger.feature import Feature, command
from mesh.storage.vault.rows import ContactRow, MessageRow


class Messages:
    """Sends, takes back and shows messages."""

    def __init__(
        self,
        account: Account,
        *,
        contacts: Contacts,
        conversations: Conversations,
        check_reachable: Callable[[ContactRow, UnixSeconds], None],
        outbox: Outbox,
        message_pages: MessagePages,
        receipts: Receipts,
    ) -> None:
        self._messages = account.vault.messages
        self._pending_events = account.pending_events
        self._contacts = contacts
        self._conversations = conversations
        # UserError if nothing that is sent to a contact now could be opened.
        self._check_reachable = check_reachable
        self._outbox = outbox
        self._message_pages = message_pages
        self._receipts = receipts

    def feature(self) -> Feature:
        """Writing and reading."""
        return Feature(
            commands=[
                command(SendMessage, self._send),
                command(WithdrawMessage, self._withdraw),
                command(AskMessages, self._ask),
            ],
            cleanups=[self._forget_send_keys],
        )

    def _send(self, asked: SendMessage, now: Instant) -> MessageAnswer:
        key = _checked_send_key(asked.idempotency_key)
        contact = self._conversations.addressee(asked.contact)
        before = None if key is None else self._messages.find_by_send_key(key)
        if before is not None:
            conversation = self._conversations.conversation(asked.contact).number
            if (before.conversation, before.text) != (conversation, asked.text):
                raise UserError(
                    "key-reused",
                    "This idempotency key was used for another message; take a new one.",
                )
            return self._message_pages.answer(before)
        _check_text(asked.text)
        if contact is None:
            row = self._conversations.write_to_oneself(asked.text, now=now, send_key=key)
        else:
            row = self._send_to(contact, asked.text, now, key)
        answer = self._message_pages.answer(row)
        self._pending_events.tell(MessageSent(answer))
        return answer

    def _send_to(
        self, contact: ContactRow, text: str, now: Instant, send_key: str | None
    ) -> MessageRow:
        if contact.is_blocked:
            raise UserError(
                "blocked", f"{contact.label} is blocked; unblock them before you write."
            )
        self._check_reachable(contact, now.mesh)
        row = self._outbox.send(contact, text, now=now, send_key=send_key)
        # Who is written to is a contact.
        self._contacts.accept_request(contact)
        return row

    def _withdraw(self, asked: WithdrawMessage, now: Instant) -> MessageAnswer:
        withdrawn = self._outbox.withdraw(asked.message, now=now)
        return self._message_pages.answer(withdrawn)

    def _ask(self, asked: AskMessages, now: Instant) -> MessagesAnswer:
        named = asked.contact
        conversation = None if named == "" else self._conversations.conversation(named).number
        page = self._message_pages.page(asked, conversation)
        self._receipts.were_read(self._message_pages.take_newly_read(), now=now)
        return page

    def _forget_send_keys(self, now: Instant) -> None:
        self._messages.forget_send_keys(UnixSeconds(now.unix_seconds - SEND_KEYS_KEPT_SECONDS))


def _check_text(text: str) -> None:
    """A message is not empty, is Unicode, and fits an envelope."""
    if not text:
        raise UserError("empty", "The message is empty; write something.")
    try:
        length = len(text.encode())
    except UnicodeEncodeError as error:
        raise UserError("bad-text", "The message is not valid Unicode text.") from error
    if length > TEXT_BYTES_MAX:
        raise UserError(
            "too-large",
            f"The message has {length} bytes, and at most {TEXT_BYTES_MAX} fit; split it.",
        )


def _checked_send_key(key: str) -> str | None:
    if not key:
        return None
    if not (key.isascii() and key.isprintable() and len(key) <= IDEMPOTENCY_KEY_BYTES_MAX):
        raise UserError(
            "bad-key",
            f"An idempotency key is at most {IDEMPOTENCY_KEY_BYTES_MAX} printable ASCII letters.",
        )
    return key
