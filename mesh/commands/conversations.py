"""Conversations, and what a list shows of them."""

from dataclasses import dataclass
from typing import Literal

from mesh.commands.answer import Answer
from mesh.commands.fields import Conversation, Draft, Moment
from mesh.commands.items import ItemAnswer

ConversationKind = Literal["direct", "self"]
"""With a contact, or of a person with themselves; further kinds may come."""


class ConversationAnswer(Answer, frozen=True, kw_only=True):
    """A conversation, with what a list shows of it.

    `contact` is the other side of a direct one, else 0. `muted_until` is in Unix seconds (0: not
    muted). The settings and the draft never leave this profile.
    """

    number: int
    kind: str
    """One of `ConversationKind`, or one that a later release made."""

    title: str
    contact: int
    last_item: ItemAnswer | None
    unread_count: int
    is_marked_unread: bool
    muted_until: int
    is_pinned: bool
    is_archived: bool
    draft: str
    is_request: bool
    is_blocked: bool


class ConversationsAnswer(Answer, frozen=True, kw_only=True):
    """All conversations: pinned ones first, then by their last item, archived ones at the end."""

    conversations: list[ConversationAnswer]


@dataclass(frozen=True, slots=True)
class AskConversations:
    """Answer: ConversationsAnswer."""


@dataclass(frozen=True, slots=True)
class AskConversation:
    """Answer: ConversationAnswer. `conversation` names one as `SendMessage.contact` does."""

    conversation: Conversation


@dataclass(frozen=True, slots=True)
class ChangeConversation:
    """Change local settings of a conversation; what is None stays. Answer: ConversationAnswer.

    `muted_until` is in Unix seconds; an empty `draft` forgets it.
    """

    conversation: Conversation
    muted_until: Moment | None = None
    is_pinned: bool | None = None
    is_archived: bool | None = None
    is_marked_unread: bool | None = None
    draft: Draft | None = None
