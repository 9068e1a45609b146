"""Messages: written, read, and how far they have come."""

from dataclasses import dataclass
from typing import Literal

from mesh.commands.answer import Answer
from mesh.commands.fields import Conversation, Cursor, KeepFor, Number, PageLimit, SendKey, Text

MessageState = Literal[
    "received",
    "kept",
    "awaiting-key",
    "waiting-for-keys",
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
what was written here for others. `waiting-for-keys`: there are no keys yet for just those who are
in the group. `carried` comes with the count of peers that said so after their commit; `delivered`
stands on a token that only who opened the message can make; `read` on their word inside the
encryption; `expired` means without proof of delivery.
"""


class AuthorAnswer(Answer, frozen=True, kw_only=True):
    """The author of an item. `key` is their identity key; `mark` as in `MemberAnswer`."""

    key: str
    label: str
    mark: str = ""
    is_mine: bool


class MessageAnswer(Answer, frozen=True, kw_only=True):
    """A message of a conversation. `number` is this profile's own, rising as messages come.

    `contact` and `label` are the other side; 0 and the title for what was written to oneself, or
    in a group.
    """

    number: int
    id: str
    conversation: int
    contact: int
    label: str
    author: AuthorAnswer
    is_mine: bool
    text: str
    sent: int
    received: int
    state: str
    """A short code: one of `MessageState`, or one that a later release made."""

    carriers: int
    exported: int = 0
    """Since when it is in a file that goes by hand, while it is on its way; 0: in none."""

    is_late: bool = False
    """It came after something below it was read."""

    missing_count: int = 0
    """Earlier messages that it answers to and that are not here."""

    clock: Literal["", "ahead", "behind"] = ""
    """Whether its author's clock was wrong beyond doubt."""

    kept_until: int = 0
    """Of ours that is on its way: until when it is posted again, in Unix seconds; 0: not at all."""

    posts_count: int = 0
    """Of ours that is on its way: how often it was sealed and posted, if it is kept."""

    unanswered_since: int = 0
    """Of what is on its way, as `unanswered_since` of the contact."""

    is_invite_closed: bool = False
    """Of what is on its way, as `is_invite_closed` of the contact."""


class MessagesAnswer(Answer, frozen=True, kw_only=True):
    """A page of messages in their order, and whether there are more in either direction.

    `has_more` says it of the direction of the page: newer with `after`, else older.
    """

    messages: list[MessageAnswer]
    has_more: bool
    has_older: bool = False
    has_newer: bool = False


class StepAnswer(Answer, frozen=True, kw_only=True):
    """A state in which a message was, since when, and what says so.

    `evidence`: `here` (this node did it), `neighbours` (each said so after its own disk had it),
    `their-device` (a token that only it makes, or what they wrote names it), `their-person` (their
    word inside the encryption), `time`; or a word of a later release.
    """

    state: str
    at: int
    evidence: str


class MessageDetailsAnswer(Answer, frozen=True, kw_only=True):
    """All that is known of one message. `lapses`: until when its envelope is kept (0: it is not on
    its way); `text_bytes`: its length in UTF-8.
    """

    message: MessageAnswer
    steps: list[StepAnswer]
    lapses: int
    text_bytes: int


@dataclass(frozen=True, slots=True)
class AskMessage:
    """Answer: MessageDetailsAnswer, without marking anything as read. `message`: number."""

    message: Number


@dataclass(frozen=True, slots=True)
class WithdrawMessage:
    """Take back a message of ours that is on its way. Answer: MessageAnswer. `message`: number."""

    message: Number


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Answer: MessageAnswer, given only when the message is durable here.

    `contact` names a conversation: a contact's label, number, or the beginning of a key; or `me`,
    for what is kept here and sent to nobody. Without `keep_for` its conversation says how long it
    is wanted. The same `idempotency_key` (if not empty) again gives
    the first message again; with another text or contact it is refused (`key-reused`).
    """

    contact: Conversation
    text: Text
    idempotency_key: SendKey = ""
    keep_for: KeepFor | None = None


@dataclass(frozen=True, slots=True)
class AskMessages:
    """Answer: MessagesAnswer, in the order of the conversation, or as they came.

    Empty `contact`: all direct conversations, as they came. `before` and `after` are cursors in the
    order of the page. It holds the newest that stand between them; with `after` the oldest.
    """

    contact: Conversation = ""
    before: Cursor | None = None
    after: Cursor | None = None
    limit: PageLimit = 50
    mark_read: bool = False
    unread_only: bool = False
    requests: bool = False
    """Of those who wait apart, instead of the contacts; they are never mixed."""

    by_arrival: bool = False
    """Of one conversation too as they came: so a program misses nothing that comes late."""
