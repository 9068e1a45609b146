"""Messages: what a person asks of them is checked here, and done by the parts that hold them."""

from mesh.commands import (
    AskMessages,
    MessageAnswer,
    MessagesAnswer,
    SendMessage,
    WithdrawMessage,
)
from mesh.errors import UserError
from mesh.events import MessageSent
from mesh.ids import Instant, UnixSeconds
from mesh.limits import IDEMPOTENCY_KEY_BYTES_MAX, SEND_KEYS_KEPT_SECONDS, TEXT_BYTES_MAX
from mesh.messenger.account import Account
from mesh.messenger.contacts import Contacts
from mesh.messenger.feature import Feature, command
from mesh.messenger.history import mesh_milliseconds
from mesh.messenger.invitations import Invitations
from mesh.messenger.outbox import Outbox
from mesh.messenger.reading import Reading
from mesh.messenger.receipts import Receipts


class Messages:
    """Sends, takes back and shows messages."""

    def __init__(
        self,
        account: Account,
        *,
        contacts: Contacts,
        invitations: Invitations,
        outbox: Outbox,
        reading: Reading,
        receipts: Receipts,
    ) -> None:
        self._messages = account.vault.messages
        self._telling = account.telling
        self._contacts = contacts
        self._invitations = invitations
        self._outbox = outbox
        self._reading = reading
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

    def _send(self, asked: SendMessage, mesh_now: UnixSeconds, now: Instant) -> MessageAnswer:
        key = _checked_send_key(asked.idempotency_key)
        contact = self._contacts.contact(asked.contact)
        before = None if key is None else self._messages.find_by_send_key(key)
        if before is not None:
            if (before.contact, before.text) != (contact.id, asked.text):
                raise UserError(
                    "key-reused",
                    "This idempotency key was used for another message; take a new one.",
                )
            return self._reading.answer(before)
        _check_text(asked.text)
        if contact.is_blocked:
            raise UserError(
                "blocked", f"{contact.label} is blocked; unblock them before you write."
            )
        self._invitations.check_reachable(contact, mesh_now)
        row = self._outbox.send(
            contact,
            asked.text,
            mesh_ms=mesh_milliseconds(mesh_now, now),
            received=mesh_now,
            mesh_now=mesh_now,
            send_key=key,
        )
        # Who is written to is a contact.
        self._contacts.accept_request(contact)
        answer = self._reading.answer(row)
        self._telling.tell(MessageSent(answer))
        return answer

    def _withdraw(
        self, asked: WithdrawMessage, mesh_now: UnixSeconds, now: Instant
    ) -> MessageAnswer:
        withdrawn = self._outbox.withdraw(asked.message, mesh_now=mesh_now, now=now)
        return self._reading.answer(withdrawn)

    def _ask(self, asked: AskMessages, mesh_now: UnixSeconds, now: Instant) -> MessagesAnswer:
        page = self._reading.page(asked)
        self._receipts.were_read(self._reading.take_newly_read(), mesh_now=mesh_now, now=now)
        return page

    def _forget_send_keys(self, mesh_now: UnixSeconds, now: Instant) -> None:
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
    if not key.isascii() or len(key) > IDEMPOTENCY_KEY_BYTES_MAX:
        raise UserError(
            "bad-key",
            f"An idempotency key is at most {IDEMPOTENCY_KEY_BYTES_MAX} ASCII characters.",
        )
    return key
