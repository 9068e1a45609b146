"""Live comparisons with contacts."""

from dataclasses import dataclass
from typing import Literal

from mesh.commands.answer import Answer
from mesh.commands.fields import Contact


class ComparisonAnswer(Answer, frozen=True, kw_only=True):
    """A live comparison: both persons look whether they see the same emoji or numbers.

    `emoji` and `numbers` are empty before both sides are committed. `emoji` holds seven pairs of
    a picture and its name.
    """

    contact: int
    label: str
    state: Literal["none", "asked by us", "asked by them", "compare", "matched", "failed"]
    emoji: list[tuple[str, str]] = []
    numbers: list[int] = []
    failure: Literal["", "said here", "said there", "broken"] = ""
    """Who said that the screens differ, once it has failed; *broken*: they broke its rules."""


@dataclass(frozen=True, slots=True)
class Compare:
    """Begin a live comparison, or take up theirs. Answer: ComparisonAnswer."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class ConfirmComparison:
    """Say whether both sides show the same. Answer: ComparisonAnswer."""

    contact: Contact
    is_equal: bool
