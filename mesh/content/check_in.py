"""Check-ins: who is fine, who is on the way, who needs help, and who has not said.

Nobody's word and no clock hides a call for help.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

import msgspec

from mesh.content.fields import (
    U32,
    InvalidContentError,
    Key,
    MaybeId,
    Moment,
    require_all_different,
    require_bytes,
)
from mesh.content.register import Value, last_words
from mesh.ids import VerifyKey
from mesh.limits.content import (
    ANSWER_NOTE_BYTES_MAX,
    ANSWER_PLACE_BYTES_MAX,
    CHECK_IN_ANSWER_BYTES_MAX,
    CHECK_IN_ANSWERS,
    CHECK_IN_ASKED_MAX,
    CHECK_IN_OLD_SECONDS,
    CHECK_IN_QUESTION_BYTES_MAX,
)

_LEAST, _MOST = CHECK_IN_ANSWERS


class Level(IntEnum):
    """The state of somebody who gives an answer."""

    FINE = 0
    ON_THE_WAY = 1
    HELP = 2


class Choice(msgspec.Struct, frozen=True, array_like=True):
    """One answer that can be given."""

    words: str
    level: Level


class CheckIn(msgspec.Struct, frozen=True, array_like=True):
    """Ask how everybody is."""

    question: str
    answers: Annotated[list[Choice], msgspec.Meta(min_length=_LEAST, max_length=_MOST)]
    asked: Annotated[list[Key], msgspec.Meta(max_length=CHECK_IN_ASKED_MAX)] = []
    """None: all members at the operations that its entry names."""

    until: Moment = 0
    old_after: U32 = CHECK_IN_OLD_SECONDS
    """An answer that is older, in seconds, says little."""

    def check(self) -> None:
        """Raise InvalidContentError where a bound is broken that no type holds."""
        require_bytes(self.question, CHECK_IN_QUESTION_BYTES_MAX, least=1)
        for choice in self.answers:
            require_bytes(choice.words, CHECK_IN_ANSWER_BYTES_MAX, least=1)
        require_all_different(self.asked)


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """The state of somebody: a register of a check-in, of whom it is about, and of its author."""

    which: Annotated[int, msgspec.Meta(ge=0, lt=_MOST)]
    note: str = ""
    place: str = ""
    subject: MaybeId = b""
    """The key of whom it is about; empty: the author."""

    def check(self) -> None:
        """Raise InvalidContentError where a bound is broken that no type holds."""
        require_bytes(self.note, ANSWER_NOTE_BYTES_MAX)
        require_bytes(self.place, ANSWER_PLACE_BYTES_MAX)
        if len(self.subject) not in (0, 32):
            raise InvalidContentError("no key")

    def check_with(self, check_in: CheckIn) -> None:
        """Raise InvalidContentError unless that check-in has such an answer."""
        if self.which >= len(check_in.answers):
            raise InvalidContentError("no such answer")


@dataclass(frozen=True, slots=True)
class Word:
    """The word that is shown of one person."""

    said: Value[Answer] | None
    """Their own word, else the last that another said for them."""

    calls: tuple[Value[Answer], ...]
    """Others who say beside it that this person needs help, the newest first."""


class Standing(IntEnum):
    """The places of a roll-up, in the order in which it is shown."""

    HELP = 0
    NO_ANSWER = 1
    ON_THE_WAY = 2
    OLD = 3
    FINE = 4


def subject_of(author: VerifyKey, answer: Answer) -> VerifyKey:
    """Return whom an answer is about."""
    return VerifyKey(answer.subject) if answer.subject else author


def word_of(check_in: CheckIn, subject: VerifyKey, answers: Iterable[Value[Answer]]) -> Word:
    """Return what is shown of one person, of all answers about them that count.

    A call for help by another stands until the person's own word names it: by clocks a wrong one
    would hide it.
    """
    words = last_words(answers)
    own = words.pop(subject, None)
    others = sorted(words.values(), key=lambda value: value.rank, reverse=True)
    said = own if own is not None else next(iter(others), None)
    settled = () if own is None else own.over
    calls = [
        other
        for other in others
        if other is not said
        and other.id not in settled
        and level_of(check_in, other.value) is Level.HELP
    ]
    return Word(said, tuple(calls))


def level_of(check_in: CheckIn, answer: Answer) -> Level:
    """Return the level of an answer of this check-in."""
    return check_in.answers[answer.which].level


def standing_of(check_in: CheckIn, word: Word, *, said_ago_s: int) -> Standing:
    """Return how a person stands; `said_ago_s` is the age of what is said, in seconds."""
    if word.calls:
        return Standing.HELP
    if word.said is None:
        return Standing.NO_ANSWER
    level = level_of(check_in, word.said.value)
    if level is Level.HELP:
        return Standing.HELP
    if check_in.old_after and said_ago_s > check_in.old_after:
        return Standing.OLD
    return Standing.ON_THE_WAY if level is Level.ON_THE_WAY else Standing.FINE
