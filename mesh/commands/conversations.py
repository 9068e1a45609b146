"""Conversations, and what a list shows of them."""

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from mesh.commands.answer import Answer
from mesh.commands.fields import Conversation, Draft, KeepFor, Moment, Number
from mesh.commands.items import ItemAnswer, Offset, ReplyAnswer
from mesh.limits.messages import MESSAGES_PER_PAGE_MAX

ShownNumbers = Annotated[tuple[Number, ...], msgspec.Meta(max_length=MESSAGES_PER_PAGE_MAX)]
"""Items of one page."""

ConversationKind = Literal["direct", "self", "group"]
"""With a contact, of a person with themselves, or of a group; further kinds may come."""


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
    keep_for: KeepFor = "30d"
    """For how long what is written in it is posted again, from writing on."""

    draft_reply: ReplyAnswer | None = None
    """What the draft replies to; None: nothing, or its words are gone."""

    timer: int = 0
    """Seconds after which what is written into it disappears; 0: never."""

    reads: int = 2
    """What the other side's Mesh reads: 1: texts only; 2: all that is in `ItemAnswer`."""

    help_count: int = 0
    """How many others need help by its check-ins, whether or not those are over."""

    comparison: str = "none"
    """How far the live comparison with the other side is, as in `ComparisonAnswer`."""


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
class AskRoom:
    """Ask how much each conversation takes on this computer. Answer: RoomAnswer."""


class ConversationRoom(msgspec.Struct, frozen=True, kw_only=True):
    """The room that one conversation takes: about so many bytes, for its messages and its draft.

    `waiting_count` of them are on their way, and stay when the others are deleted.
    """

    number: int
    kind: str
    title: str
    contact: int
    messages_count: int
    bytes: int
    waiting_count: int


class RoomAnswer(Answer, frozen=True, kw_only=True):
    """All conversations, the largest first."""

    conversations: list[ConversationRoom]


@dataclass(frozen=True, slots=True)
class DeleteItems:
    """Delete here what is in a conversation, with its draft. Answer: ItemsDeleted.

    Nobody undoes this, and nobody is told: who wrote or received it keeps it. The conversation, its
    settings and the contact stay, and so does what is on its way.
    """

    conversation: Conversation


class ItemsDeleted(Answer, frozen=True, kw_only=True):
    """So many messages are gone; `left_count` are on their way and stay."""

    deleted_count: int
    left_count: int


@dataclass(frozen=True, slots=True)
class ChangeConversation:
    """Change local settings of a conversation; what is None stays. Answer: ConversationAnswer.

    `muted_until` is in Unix seconds. `draft_reply` is the number of an item of the conversation, or
    0; an empty `draft` that says none forgets that too.
    """

    conversation: Conversation
    muted_until: Moment | None = None
    is_pinned: bool | None = None
    is_archived: bool | None = None
    is_marked_unread: bool | None = None
    draft: Draft | None = None
    draft_reply: Number | None = None
    keep_for: KeepFor | None = None


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Let what is written from now on disappear after so many seconds (0: not), for all who are in
    the conversation. Answer: ConversationAnswer.
    """

    conversation: Conversation
    seconds: Offset


@dataclass(frozen=True, slots=True)
class ReadItems:
    """Mark all as read down to an item, in the order of the conversation; with `only`, of those the
    items of these numbers alone. Answer: ConversationAnswer.
    """

    conversation: Conversation
    until: Number
    only: ShownNumbers = ()
