"""Commands about the items of a conversation: what is asked of them, and done to them."""

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from mesh.commands.fields import Conversation, Cursor, KeepFor, Moment, Number, PageLimit, SendKey
from mesh.commands.items import Mark, Offset
from mesh.limits.api import PEOPLE_PER_PAGE_MAX
from mesh.limits.content import (
    CHECK_IN_ANSWERS,
    CHECK_IN_ASKED_MAX,
    EMOJI_MAX,
    FILES_MAX,
    MARKS_MAX,
    MENTIONS_MAX,
    POLL_OPTIONS,
    TASK_FOR_MAX,
)
from mesh.limits.files import FILE_ITEMS_PER_PAGE_MAX

NewKind = Literal["text", "poll", "check-in", "task", "notice"]
"""What a person can write; each is a kind of items too."""


class MentionAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A span of code points that means a person, by their key in hexadecimal digits."""

    start: Offset
    length: Offset
    key: str


class ChoiceAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An answer that a check-in offers. `level`: 0 fine, 1 on the way, 2 help."""

    words: str
    level: Annotated[int, msgspec.Meta(ge=0, le=2)]


def _up_to(most: int) -> msgspec.Meta:
    return msgspec.Meta(max_length=most, extra_json_schema={"minItems": 0})


Marks = Annotated[tuple[Mark, ...], _up_to(MARKS_MAX)]
Mentions = Annotated[tuple[MentionAsked, ...], _up_to(MENTIONS_MAX)]
PollOptions = Annotated[tuple[str, ...], _up_to(POLL_OPTIONS[1])]
Choices = Annotated[tuple[ChoiceAsked, ...], _up_to(CHECK_IN_ANSWERS[1])]
AskedKeys = Annotated[tuple[str, ...], _up_to(CHECK_IN_ASKED_MAX)]
TaskKeys = Annotated[tuple[str, ...], _up_to(TASK_FOR_MAX)]
Emoji = Annotated[tuple[str, ...], _up_to(EMOJI_MAX)]
FileNumbers = Annotated[tuple[Number, ...], _up_to(FILES_MAX)]
FilesLimit = Annotated[int, msgspec.Meta(ge=1, le=FILE_ITEMS_PER_PAGE_MAX)]
PersonKey = Annotated[str, msgspec.Meta(extra_json_schema={"pattern": "^[0-9a-f]{64}$"})]
PeopleLimit = Annotated[int, msgspec.Meta(ge=1, le=PEOPLE_PER_PAGE_MAX)]
VotedOptions = Annotated[tuple[Offset, ...], _up_to(POLL_OPTIONS[1])]


# --- Asking -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AskItems:
    """Answer: ItemsAnswer, without marking anything as read.

    The page holds the newest that stand between the cursors `after` and `before`, in the order of
    the conversation; with `around` those on both sides of it, else with `after` the oldest.
    """

    conversation: Conversation
    before: Cursor | None = None
    after: Cursor | None = None
    around: Cursor | None = None
    limit: PageLimit = 50


@dataclass(frozen=True, slots=True)
class AskItemsByArrival:
    """Items of all contacts and groups as they came, or of one conversation. Answer: ItemsAnswer.

    Without a cursor they begin with the very first. `before` and `after` are as in `AskMessages`,
    and so are `unread_only`, `requests` and `mark_read`.
    """

    after: Cursor | None = None
    limit: PageLimit = 50
    conversation: Conversation = ""
    before: Cursor | None = None
    unread_only: bool = False
    requests: bool = False
    mark_read: bool = False


@dataclass(frozen=True, slots=True)
class AskItem:
    """Answer: ItemDetailsAnswer. `item`: number."""

    item: Number


@dataclass(frozen=True, slots=True)
class AskVersions:
    """Answer: VersionsAnswer: how a text was at first, and after each edit."""

    item: Number


@dataclass(frozen=True, slots=True)
class AskItemPeople:
    """A page of all who reacted to an item, voted in it, are asked in it, or set what stands in it,
    after the person with the key `after`. Answer: ItemPeopleAnswer.
    """

    item: Number
    after: PersonKey | None = None
    limit: PeopleLimit = PEOPLE_PER_PAGE_MAX


@dataclass(frozen=True, slots=True)
class AskPins:
    """The items that are pinned in a conversation, above the place of `before`. Answer:
    BoardAnswer.
    """

    conversation: Conversation
    before: Cursor | None = None


@dataclass(frozen=True, slots=True)
class AskBoard:
    """The notices, polls, check-ins and tasks that are not over, above the place of `before`.
    Answer: BoardAnswer.
    """

    conversation: Conversation
    before: Cursor | None = None


@dataclass(frozen=True, slots=True)
class AskFiles:
    """The items of a conversation that have files, the newest first. Answer: FilesAnswer.

    `before`: `next_before` of the page before.
    """

    conversation: Conversation
    before: Cursor | None = None
    limit: FilesLimit = 50


# --- Doing --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WriteItem:
    """Write something into a conversation. Answer: ItemAnswer, when it is durable here.

    A text has `text`, `marks`, `mentions`, `reply` (an item's number), `forwarded`, `files` (the
    numbers of files that were handed over; with some, `text` may be empty); a poll
    `question`, `options`, `is_several`, `closes`; a check-in `question`, `answers`, `asked` (keys),
    `until`, `old_after`; a task `title`, `notes`, `whom` (keys), `until`; a notice `text`, `until`,
    `is_urgent`. `timer`: seconds until a text or poll disappears, instead of the conversation's.
    `keep_for` and `idempotency_key` are as in `SendMessage`.
    """

    conversation: Conversation
    kind: NewKind = "text"
    text: str = ""
    marks: Marks = ()
    mentions: Mentions = ()
    reply: Number = 0
    forwarded: str | None = None
    files: FileNumbers = ()
    question: str = ""
    options: PollOptions = ()
    is_several: bool = False
    closes: Moment = 0
    answers: Choices = ()
    asked: AskedKeys = ()
    until: Moment = 0
    old_after: Offset = 21_600
    title: str = ""
    notes: str = ""
    whom: TaskKeys = ()
    is_urgent: bool = False
    timer: Offset | None = None
    keep_for: KeepFor | None = None
    idempotency_key: SendKey = ""


@dataclass(frozen=True, slots=True)
class EditItem:
    """Give a text of ours other words. Answer: ItemAnswer."""

    item: Number
    text: str
    marks: Marks = ()
    mentions: Mentions = ()


@dataclass(frozen=True, slots=True)
class RetractItem:
    """Delete an item of ours here, and ask whoever has it to do so. Answer: ItemAnswer."""

    item: Number


@dataclass(frozen=True, slots=True)
class ForgetItem:
    """Delete an item here alone; nobody is told. Answer: ItemAnswer."""

    item: Number


@dataclass(frozen=True, slots=True)
class ReactToItem:
    """React with up to 3 emoji, instead of those before; none takes them back. Answer:
    ItemAnswer.
    """

    item: Number
    emoji: Emoji


@dataclass(frozen=True, slots=True)
class PinItem:
    """Keep an item at hand for all, or no longer. Answer: ItemAnswer."""

    item: Number
    is_on: bool = True


@dataclass(frozen=True, slots=True)
class HideItem:
    """Hide an item of a group for all, or show it again: admins do. Answer: ItemAnswer."""

    item: Number
    is_on: bool = True


@dataclass(frozen=True, slots=True)
class Vote:
    """Choose options of a poll, by their places from 0; none takes it back. Answer: ItemAnswer."""

    item: Number
    options: VotedOptions


@dataclass(frozen=True, slots=True)
class ClosePoll:
    """End a poll of ours: what is voted from now on does not count. Answer: ItemAnswer."""

    item: Number


@dataclass(frozen=True, slots=True)
class AnswerCheckIn:
    """Say how somebody is: `subject`, a key, or without one oneself. Answer: ItemAnswer."""

    item: Number
    which: Offset
    note: str = ""
    place: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class RemindOfCheckIn:
    """Write a text that answers to a check-in and names those who have not: whoever made it may,
    and admins. `text` stands before the names. Answer: ItemAnswer, of the text.
    """

    item: Number
    text: str = ""


@dataclass(frozen=True, slots=True)
class ChangeTask:
    """Change a field of a task: `state` (open, doing, done), `title`, `notes`, `for` (keys) or
    `until` (Unix seconds). Answer: ItemAnswer.
    """

    item: Number
    field: Literal["state", "title", "notes", "for", "until"]
    value: str | Moment | TaskKeys
