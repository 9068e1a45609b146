"""Items of a conversation, page by page."""

from dataclasses import dataclass
from typing import Literal

from mesh.commands.answer import Answer
from mesh.commands.fields import Conversation, Cursor, PageLimit


class AuthorAnswer(Answer, frozen=True, kw_only=True):
    """The author of an item. `key` is their identity key."""

    key: str
    label: str
    is_mine: bool


class ItemAnswer(Answer, frozen=True, kw_only=True):
    """Something in a conversation; so far only texts. Its number is that of the message."""

    number: int
    conversation: int
    id: str
    kind: str
    author: AuthorAnswer
    sent: int
    received: int
    state: str
    """A short code: one of `MessageState`, or one that a later release made."""

    carriers: int
    is_late: bool
    missing_count: int
    clock: Literal["", "ahead", "behind"]
    text: str


class ItemsAnswer(Answer, frozen=True, kw_only=True):
    """A page of one conversation in its order, and whether there is more in either direction."""

    items: list[ItemAnswer]
    has_older: bool
    has_newer: bool


@dataclass(frozen=True, slots=True)
class AskItems:
    """Answer: ItemsAnswer, without marking anything as read.

    `before`, `after` and `around` are cursors in the order of the conversation. The page holds the
    newest that stand between `after` and `before`; with `around` those on both sides of it, else
    with `after` the oldest.
    """

    conversation: Conversation
    before: Cursor | None = None
    after: Cursor | None = None
    around: Cursor | None = None
    limit: PageLimit = 50
