"""The table of kinds: what each holds, what it may be about, where it may be said, and by whom.

Implements `docs/protocol/entries.md`, sections "Validity" and "Contents". A new kind is a file
beside this one and a line here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Protocol

import msgspec

from mesh.content.check_in import Answer, CheckIn
from mesh.content.entry import CHANGE_BIT, Entry, EntryId, Kind
from mesh.content.fields import InvalidContentError
from mesh.content.name import Name
from mesh.content.notice import Notice
from mesh.content.poll import Close, Poll, Vote
from mesh.content.reaction import React
from mesh.content.retraction import Hide, Retract
from mesh.content.settings import Pin, Timer
from mesh.content.task import Change, Task
from mesh.content.text import Edit, Text
from mesh.ids import VerifyKey


class Place(Enum):
    """The kinds of conversations."""

    DIRECT = auto()
    NOTE_TO_SELF = auto()
    GROUP = auto()
    CHANNEL = auto()
    SQUARE = auto()


class Right(Enum):
    """The people who may make an entry of a kind."""

    MEMBER = auto()
    AUTHOR = auto()
    """The author of its target."""

    ADMIN = auto()
    AUTHOR_OR_ADMIN = auto()
    PIN = auto()
    """As the setting of the group says; in a direct conversation both."""

    TIMER = auto()


class Content(Protocol):
    """The content of a kind."""

    def check(self) -> None:
        """Raise InvalidContentError where a bound is broken that no type holds."""


@dataclass(frozen=True, slots=True)
class KindRules:
    """One line of the table."""

    content: type[Content]
    targets: frozenset[Kind]
    """The objects that a change may be about; none of an object, nor of a timer or a name."""

    right: Right
    places: frozenset[Place]


OBJECTS: Final = frozenset(kind for kind in Kind if not kind & CHANGE_BIT)
_EVERYWHERE = frozenset(Place)
_TALKS = frozenset({Place.DIRECT, Place.NOTE_TO_SELF, Place.GROUP})
_NOT_IN_SQUARE = _TALKS | {Place.CHANNEL}
_NONE: frozenset[Kind] = frozenset()


def _of(kind: Kind) -> frozenset[Kind]:
    return frozenset({kind})


KINDS: Final[Mapping[Kind, KindRules]] = {
    Kind.TEXT: KindRules(Text, _NONE, Right.MEMBER, _EVERYWHERE),
    Kind.POLL: KindRules(Poll, _NONE, Right.MEMBER, _TALKS),
    Kind.CHECK_IN: KindRules(CheckIn, _NONE, Right.MEMBER, _TALKS),
    Kind.TASK: KindRules(Task, _NONE, Right.MEMBER, _TALKS),
    Kind.NOTICE: KindRules(Notice, _NONE, Right.ADMIN, _NOT_IN_SQUARE),
    Kind.EDIT: KindRules(Edit, _of(Kind.TEXT), Right.AUTHOR, _NOT_IN_SQUARE),
    Kind.RETRACT: KindRules(Retract, OBJECTS, Right.AUTHOR, _EVERYWHERE),
    Kind.HIDE: KindRules(Hide, OBJECTS, Right.ADMIN, frozenset({Place.GROUP, Place.CHANNEL})),
    Kind.REACT: KindRules(React, OBJECTS, Right.MEMBER, _TALKS),
    Kind.PIN: KindRules(Pin, OBJECTS, Right.PIN, _NOT_IN_SQUARE),
    Kind.TIMER: KindRules(Timer, _NONE, Right.TIMER, _TALKS),
    Kind.VOTE: KindRules(Vote, _of(Kind.POLL), Right.MEMBER, _TALKS),
    Kind.CLOSE: KindRules(Close, _of(Kind.POLL), Right.AUTHOR_OR_ADMIN, _TALKS),
    Kind.ANSWER: KindRules(Answer, _of(Kind.CHECK_IN), Right.MEMBER, _TALKS),
    Kind.CHANGE: KindRules(Change, _of(Kind.TASK), Right.MEMBER, _TALKS),
    Kind.NAME: KindRules(Name, _NONE, Right.MEMBER, frozenset({Place.GROUP})),
}

_BY_NUMBER: Final = {
    int(kind): (rules, msgspec.msgpack.Decoder(rules.content)) for kind, rules in KINDS.items()
}
"""By the bare numbers: each entry that is read or judged is looked up here, several times."""

_TIMED: Final = (int(Kind.TEXT), int(Kind.POLL))
"""Kinds that disappear."""


class Field(Enum):
    """The registers of an object, or of a conversation; the values stand in the vault."""

    TEXT = "text"
    REACTION = "reaction"
    PIN = "pin"
    HIDDEN = "hidden"
    TIMER = "timer"
    VOTE = "vote"
    ANSWER = "answer"
    TASK = "task"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Register:
    """Names one register of a conversation."""

    target: bytes
    """The object; empty: the conversation."""

    field: Field
    holder: bytes = b""
    """Whose it is; of an answer about whom and by whom; of a task which field; of a name who bears
    it.
    """


def is_known(kind: int) -> bool:
    """Say whether this version knows a kind; others are kept and judged after an upgrade."""
    return kind in _BY_NUMBER


def content_of(entry: Entry, place: Place) -> Content:
    """Return the content of an entry of a known kind; InvalidContentError if it breaks a bound.

    All that an entry says by itself is held here; `check_about` holds it to its target.
    """
    kind = entry.kind
    rules, decoder = _BY_NUMBER[kind]
    if place not in rules.places:
        raise InvalidContentError("not allowed here")
    if bool(entry.target) != bool(rules.targets):
        raise InvalidContentError("about nothing, or about something")
    if entry.timer and kind not in _TIMED:
        raise InvalidContentError("only texts and polls disappear")
    try:
        content: Content = decoder.decode(entry.content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidContentError("not the content of its kind") from error
    content.check()
    if isinstance(content, Close) and content.at < entry.clock:
        raise InvalidContentError("closed before it was said")
    return content


def check_about(
    entry: Entry, content: Content, *, author: VerifyKey, target: Kind, target_author: VerifyKey
) -> None:
    """Raise InvalidContentError if a change is about an object that it may not be about.

    Rights that hang on roles are judged elsewhere.
    """
    rules = KINDS[Kind(entry.kind)]
    if target not in rules.targets:
        raise InvalidContentError("about something else")
    if rules.right is Right.AUTHOR and author != target_author:
        raise InvalidContentError("not theirs")


def check_fit(content: Content, target: Content) -> None:
    """Raise InvalidContentError if a vote or an answer names what its object does not have."""
    match content, target:
        case Vote(), Poll():
            content.check_with(target)
        case Answer(), CheckIn():
            content.check_with(target)
        case _:
            pass


def register_of(entry: Entry, content: Content, author: VerifyKey) -> Register | None:
    """Return the register that a change is a value of; None for what is none."""
    target = EntryId(entry.target)
    match content:
        case Edit():
            return Register(target, Field.TEXT)
        case React():
            return Register(target, Field.REACTION, author)
        case Pin():
            return Register(target, Field.PIN)
        case Hide():
            return Register(target, Field.HIDDEN)
        case Timer():
            return Register(b"", Field.TIMER)
        case Vote():
            return Register(target, Field.VOTE, author)
        case Answer():
            return Register(target, Field.ANSWER, (content.subject or author) + author)
        case Change():
            return Register(target, Field.TASK, bytes([content.field]))
        case Name():
            return Register(b"", Field.NAME, author)
        case _:
            return None
