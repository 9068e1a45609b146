"""Messages: written, read, and how far they have come."""

from dataclasses import dataclass
from typing import Literal

from mesh.commands.answer import Answer

MessageState = Literal[
    "received",
    "kept",
    "awaiting-key",
    "queued",
    "carried",
    "delivered",
    "read",
    "expired",
    "withdrawn",
    "delivered-then-withdrawn",
]
"""What is known of a message, and never more than there is evidence for.

`received` is said of what others wrote, `kept` of what a person wrote to themselves, all else of
what was written here for others. `carried` comes with the count of peers that said so after
their commit; `delivered` stands on a token that only who opened the message can make; `read` on
their word inside the encryption; `expired` means without proof of delivery.
"""


class MessageAnswer(Answer, frozen=True, kw_only=True):
    """A message of a conversation. `number` is this profile's own, rising as messages come.

    `contact` and `label` are the other side; 0 and the title for what was written to oneself.
    """

    number: int
    id: str
    conversation: int
    contact: int
    label: str
    is_mine: bool
    text: str
    sent: int
    received: int
    state: str
    """A short code: one of `MessageState`, or one that a later release made."""

    carriers: int
    is_late: bool = False
    """It came after something below it was read."""

    missing_count: int = 0
    """Earlier messages that it answers to and that are not here."""

    clock: Literal["", "ahead", "behind"] = ""
    """Whether its author's clock was wrong beyond doubt."""


class MessagesAnswer(Answer, frozen=True, kw_only=True):
    """A page of messages in the order of the conversation, and whether older ones exist."""

    messages: list[MessageAnswer]
    has_more: bool


@dataclass(frozen=True, slots=True)
class WithdrawMessage:
    """Take back a message of ours that is on its way. Answer: MessageAnswer. `message`: number."""

    message: int


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Answer: MessageAnswer, given only when the message is durable here.

    `contact` names a conversation: a contact's label, number, or the beginning of a key; or `me`,
    for what is kept here and sent to nobody. The same `idempotency_key` (if not empty) again gives
    the first message again; with another text or contact it is refused (`key-reused`).
    """

    contact: str
    text: str
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True)
class AskMessages:
    """Answer: MessagesAnswer. Empty `contact`: all direct conversations in order of arrival.

    `after` is a message number (0: from the start of the page); `limit` counts from the newest
    unless `after` is given.
    """

    contact: str = ""
    after: int = 0
    limit: int = 50
    mark_read: bool = False
    unread_only: bool = False
    requests: bool = False
    """Of those who wait apart, instead of the contacts; they are never mixed."""
