"""Polls: votes are registers, and a poll is over at the earliest cut-off that anybody may set."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

from mesh.content.fields import InvalidContentError, Moment, require_bytes
from mesh.content.register import Value, last_words
from mesh.limits.content import (
    CLOCK_BITS,
    POLL_OPTION_BYTES_MAX,
    POLL_OPTIONS,
    POLL_QUESTION_BYTES_MAX,
)

_LEAST, _MOST = POLL_OPTIONS
_CLOCK_PER_SECOND: Final = 1_000 << 16


class Poll(msgspec.Struct, frozen=True, array_like=True):
    """A question with options."""

    question: str
    options: Annotated[list[str], msgspec.Meta(min_length=_LEAST, max_length=_MOST)]
    is_several: bool
    """More than one option may be chosen."""

    closes: Moment

    def check(self) -> None:
        """Raise InvalidContentError where a bound is broken that no type holds."""
        require_bytes(self.question, POLL_QUESTION_BYTES_MAX, least=1)
        for option in self.options:
            require_bytes(option, POLL_OPTION_BYTES_MAX, least=1)


class Vote(msgspec.Struct, frozen=True, array_like=True):
    """The options that one author chooses, ascending; none takes a vote back."""

    options: Annotated[
        list[Annotated[int, msgspec.Meta(ge=0, lt=_MOST)]], msgspec.Meta(max_length=_MOST)
    ]

    def check(self) -> None:
        """Raise InvalidContentError where a bound is broken that no type holds."""
        if any(one >= other for one, other in zip(self.options, self.options[1:], strict=False)):
            raise InvalidContentError("options out of order")

    def check_with(self, poll: Poll) -> None:
        """Raise InvalidContentError unless this is a vote of that poll."""
        if self.options and self.options[-1] >= len(poll.options):
            raise InvalidContentError("no such option")
        if len(self.options) > 1 and not poll.is_several:
            raise InvalidContentError("more than one option")


class Close(msgspec.Struct, frozen=True, array_like=True):
    """End a poll at a clock. The earliest holds, and it is not opened again."""

    at: Annotated[int, msgspec.Meta(ge=0, lt=1 << CLOCK_BITS)]

    def check(self) -> None:
        """Hold nothing: its type is all."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The result of a poll."""

    counts: tuple[int, ...]
    """Votes by option."""

    voters: int
    late: int
    """So many people voted after the close: such votes are not in the register at all."""


def clock_of(moment: Moment) -> int:
    """Return the first clock of a moment in Unix seconds. One that no clock reaches lies directly
    beyond them all, so that nothing grows past its bits.
    """
    return min(moment * _CLOCK_PER_SECOND, 1 << CLOCK_BITS)


def cut_off(poll: Poll, closes: Iterable[int]) -> int | None:
    """Return the clock from which on votes come too late: the least that was set."""
    own = [clock_of(poll.closes)] if poll.closes else []
    return min([*own, *closes], default=None)


def tally(poll: Poll, votes: Iterable[Value[Vote]], closes: Iterable[int]) -> Tally:
    """Count votes; each author has the last of his that came before the cut-off."""
    ends = cut_off(poll, closes)
    everything = list(votes)
    in_time = [vote for vote in everything if ends is None or vote.clock < ends]
    late = {vote.author: None for vote in everything if ends is not None and vote.clock >= ends}
    words = last_words(in_time)
    counts = [0] * len(poll.options)
    for vote in words.values():
        for option in vote.value.options:
            counts[option] += 1
    voters = sum(bool(vote.value.options) for vote in words.values())
    return Tally(tuple(counts), voters, len(late))


def close_at(own_clock: int, counted: Sequence[Value[Vote]], ahead_max: int) -> int:
    """Return where a close is put, so that a slow clock makes no vote late that was seen.

    `ahead_max` is the highest clock of a vote that is believed: ten minutes ahead of mesh time.
    """
    seen = [vote.clock + 1 for vote in counted if vote.clock <= ahead_max]
    return max([own_clock, *seen])
