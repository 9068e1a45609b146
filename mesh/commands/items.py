"""Items of a conversation: what people said and did in it, as it is shown."""

from typing import Annotated, Literal

import msgspec

from mesh.commands.answer import Answer
from mesh.commands.devices import DevicesAnswer
from mesh.commands.files import FileAnswer
from mesh.commands.groups import MembershipAnswer
from mesh.commands.messages import AuthorAnswer, StepAnswer

MarkKind = Literal["bold", "italic", "struck", "code", "block", "quote"]
"""The look of a span of a text."""

Gone = Literal["", "retracted", "expired", "forgotten", "newer", "hidden", "lost"]
"""The reason why an item has no words: its author took it back, it disappeared, it was deleted
here, it was made with a newer Mesh, an admin hides it, or a damaged disk lost them; empty: it has.
"""

TaskState = Literal["open", "doing", "done"]

Offset = Annotated[int, msgspec.Meta(ge=0, le=(1 << 32) - 1)]
"""A place in a text, or a length, in code points."""


class Mark(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A span of code points with a look. One beyond the end of its text is passed over."""

    kind: MarkKind
    start: Offset
    length: Offset


class PersonAnswer(Answer, frozen=True, kw_only=True):
    """A person, by their identity key. `is_me`: our own."""

    key: str
    label: str
    mark: str = ""
    is_me: bool = False


class MentionAnswer(Answer, frozen=True, kw_only=True):
    """A span of a text, in code points, that means a person."""

    start: int
    length: int
    key: str
    label: str
    mark: str = ""


class ReplyAnswer(Answer, frozen=True, kw_only=True):
    """The item that another one answers to, with the first 200 code points of its text as shown
    now. Number 0 and no author: it is not here. `timer`: what is quoted disappears, so many seconds
    after it was read or sent; 0: it stays.
    """

    number: int
    id: str
    author: AuthorAnswer | None
    text: str
    gone: Gone
    timer: int = 0


class EditedAnswer(Answer, frozen=True, kw_only=True):
    """The count of edits, when the shown one was written, and when it came here; 0: it is ours."""

    count: int
    at: int
    received: int = 0


class ReactionAnswer(Answer, frozen=True, kw_only=True):
    """One emoji, with the labels of the first eight who chose it, oneself always if one did. All
    of them stand in pages (`AskItemPeople`).
    """

    emoji: str
    count: int
    is_mine: bool
    who: list[str]


class RetractionAnswer(Answer, frozen=True, kw_only=True):
    """The way of a deletion, as that of an item; `delivered`: their node has read it."""

    state: str
    carriers: int
    devices: DevicesAnswer | None = None


class OptionAnswer(Answer, frozen=True, kw_only=True):
    """An option of a poll, with the labels of eight who chose it, as in `ReactionAnswer`."""

    text: str
    count: int
    is_mine: bool
    who: list[str]


class PollAnswer(Answer, frozen=True, kw_only=True):
    """A poll and its votes. `closes`: the cut-off in Unix seconds, 0: none. `late_count`: people
    who voted after it; `of`: people in the conversation.
    """

    question: str
    options: list[OptionAnswer]
    is_several: bool
    closes: int
    is_closed: bool
    late_count: int
    voters_count: int
    of: int


class ChoiceAnswer(Answer, frozen=True, kw_only=True):
    """As `ChoiceAsked`."""

    words: str
    level: int


class WordAnswer(Answer, frozen=True, kw_only=True):
    """The word on a person: which answer, by whom (a key), when. `is_old`: it says little."""

    which: int
    note: str
    place: str
    at: int
    by: str
    by_label: str
    is_old: bool


class CheckedAnswer(Answer, frozen=True, kw_only=True):
    """A person of a check-in: the word that is shown, and calls for help beside it, of which the
    newest eight are told (of `others_count`).

    `heard`: when something of who is silent was last opened here, in Unix seconds; 0: never, it is
    oneself, or there is a word. How old it is tells more than silence.
    """

    key: str
    label: str
    mark: str = ""
    is_me: bool
    answer: WordAnswer | None
    others: list[WordAnswer]
    others_count: int = 0
    heard: int = 0


class RollUpAnswer(Answer, frozen=True, kw_only=True):
    """People of a check-in by how they stand, each counted once, in this order: a call for help,
    no answer, on the way, an old answer, fine.
    """

    help: int = 0
    silent: int = 0
    on_the_way: int = 0
    old: int = 0
    fine: int = 0


class CheckInAnswer(Answer, frozen=True, kw_only=True):
    """A check-in. `old_after` is in seconds; `asked` are keys, none: everybody.

    Of the `people`, and of the keys, eight are told: oneself, and those who stand worst. All stand
    in pages (`AskItemPeople`). `of`: how many are asked; `roll_up` counts them all.
    """

    question: str
    answers: list[ChoiceAnswer]
    asked: list[str]
    until: int
    old_after: int
    people: list[CheckedAnswer]
    of: int
    roll_up: RollUpAnswer


class OtherValueAnswer(Answer, frozen=True, kw_only=True):
    """A value of a task that stands beside the one that is shown."""

    field: str
    value: str
    by: str
    at: int


class TaskAnswer(Answer, frozen=True, kw_only=True):
    """A task. `by` and `at`: who set its state, by their label, and when; else its author.

    Of the values that stand beside those that are shown, eight are told, of `others_count`.
    """

    title: str
    notes: str
    whom: list[PersonAnswer] = msgspec.field(name="for")
    until: int
    state: TaskState
    by: str
    at: int
    others: list[OtherValueAnswer]
    others_count: int = 0


class NoticeAnswer(Answer, frozen=True, kw_only=True):
    """A notice, shown on top until its time (0: for ever)."""

    text: str
    until: int
    is_urgent: bool
    is_over: bool


class RenamedAnswer(Answer, frozen=True, kw_only=True):
    """A name that a member of a group calls himself from then on, and what he was called before: by
    our person where he is a contact, else by himself.
    """

    name: str
    before: str


class ItemAnswer(Answer, frozen=True, kw_only=True):
    """Something in a conversation. A text's number is that of its message.

    `kind` is one of `NewKind`, or `newer`: a kind of a later version, or one that nobody answers
    to: `membership`, something that was done to the group itself, `timer`, another timer, and
    `name`, another name of its author. `text` is what is shown now (of a poll or check-in its
    question, of a task its title), and empty of the latter three, and if it is `gone`.
    """

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
    exported: int = 0
    """Since when it is in a file that goes by hand, while it is on its way; 0: in none."""

    is_late: bool
    missing_count: int
    clock: Literal["", "ahead", "behind"]
    text: str
    kept_until: int = 0
    posts_count: int = 0
    unanswered_since: int = 0
    is_invite_closed: bool = False
    """All four as in `MessageAnswer`."""

    gone: Gone = ""
    marks: list[Mark] = []
    mentions: list[MentionAnswer] = []
    reply: ReplyAnswer | None = None
    forwarded: str | None = None
    """The name of whom it is from, or nothing of them; None: it is not forwarded."""

    files: list[FileAnswer] = []
    edited: EditedAnswer | None = None
    reactions: list[ReactionAnswer] = []
    is_pinned: bool = False
    timer: int = 0
    """Seconds after which it disappears: of ours from sealing on, of theirs from reading on."""

    disappears: int = 0
    """When it does, in Unix seconds; 0: that is not running."""

    sets_timer: int | None = None
    """Of kind `timer`: seconds after which what is written from then on disappears; 0: it stays."""

    renamed: RenamedAnswer | None = None
    """Of kind `name`."""

    retraction: RetractionAnswer | None = None
    poll: PollAnswer | None = None
    check_in: CheckInAnswer | None = None
    task: TaskAnswer | None = None
    notice: NoticeAnswer | None = None
    membership: MembershipAnswer | None = None
    """Of kind `membership`, what was done; None: its group is forgotten."""

    is_apart: bool = False
    """In a group: its author was out, or had no right any more, when others had not seen it."""

    devices: DevicesAnswer | None = None
    """In a group, of ours: who has it."""

    hidden: PersonAnswer | None = None
    """The admin who hides it."""


class ItemsAnswer(Answer, frozen=True, kw_only=True):
    """A page of items in their order, and whether there is more in either direction."""

    items: list[ItemAnswer]
    has_older: bool
    has_newer: bool


class ReaderAnswer(Answer, frozen=True, kw_only=True):
    """A member among those whom `DevicesAnswer` counts. `is_told`: their device said, in whatever
    way, that it holds the item; `is_silent`: they tell nobody what they hold; `is_read`: they let
    it be known that they read it.
    """

    key: str
    label: str
    mark: str = ""
    is_told: bool
    is_silent: bool
    is_read: bool = False


class ItemDetailsAnswer(Answer, frozen=True, kw_only=True):
    """All that is known of one item; as `MessageDetailsAnswer`."""

    item: ItemAnswer
    steps: list[StepAnswer]
    lapses: int
    text_bytes: int
    readers: list[ReaderAnswer] = []
    """In a group, of ours: whom `devices` counts, by name."""


class ItemPersonAnswer(Answer, frozen=True, kw_only=True):
    """Somebody who has a part in an item: the `emoji` that they chose, the places of the `options`
    that they voted for, what is known of them in a check-in, and the values of a task that they set
    and that stand beside the shown ones.
    """

    key: str
    label: str
    mark: str = ""
    is_me: bool
    emoji: list[str] = []
    options: list[int] = []
    checked: CheckedAnswer | None = None
    values: list[OtherValueAnswer] = []


class ItemPeopleAnswer(Answer, frozen=True, kw_only=True):
    """A page of all who have a part in an item: oneself first, then by their keys. `has_more`:
    there are more, after the key of the last of these.
    """

    people: list[ItemPersonAnswer]
    has_more: bool = False


class VersionAnswer(Answer, frozen=True, kw_only=True):
    """A version of a text: its words, and when they were written and by whom."""

    text: str
    marks: list[Mark]
    at: int
    author: AuthorAnswer


class VersionsAnswer(Answer, frozen=True, kw_only=True):
    """The newest versions of a text, newest first."""

    versions: list[VersionAnswer]


class FilesAnswer(Answer, frozen=True, kw_only=True):
    """A page of the items of a conversation that have files: first the one that came or was
    written last. It may hold fewer than were asked for.

    `next_before`: what to ask for the next page with; 0: there is none.
    """

    items: list[ItemAnswer]
    next_before: int


class BoardAnswer(Answer, frozen=True, kw_only=True):
    """A page of the items that are at hand, the newest first (`AskPins`, `AskBoard`).

    `has_older`: there are more, which stand before the last of these.
    """

    items: list[ItemAnswer]
    has_older: bool = False
