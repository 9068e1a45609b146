"""People nearby, and comparisons with them."""

from dataclasses import dataclass
from typing import Literal

from mesh.commands.answer import Answer
from mesh.commands.fields import Number


class NearbyPersonAnswer(Answer, frozen=True, kw_only=True):
    """Somebody near who offers a card. `id` holds as long as this node runs."""

    id: int
    name: str
    state: Literal["seen", "asked by us", "asked by them", "compare", "matched", "failed"]
    emoji: list[tuple[str, str]] = []
    numbers: list[int] = []
    contact: int = 0
    """The contact that came of it, once both have confirmed."""

    looks_like: list[str] = []
    """Contacts, and others nearby, whose names could be mistaken for theirs; it may be them."""

    failure: Literal["", "said here", "said there", "broken"] = ""
    """Who said that the screens differ, once it has failed; *broken*: they broke its rules."""


class NearbyAnswer(Answer, frozen=True, kw_only=True):
    """People nearby; `is_on` says whether we offer a card ourselves."""

    is_on: bool
    people: list[NearbyPersonAnswer]


@dataclass(frozen=True, slots=True)
class SetNearby:
    """Offer a card to nodes around, or stop it. Answer: NearbyAnswer."""

    is_on: bool


@dataclass(frozen=True, slots=True)
class AskNearby:
    """Ask the nodes around for their cards. Answer: NearbyAnswer, with those that came so far."""


@dataclass(frozen=True, slots=True)
class CompareNearby:
    """Begin a comparison with somebody near, or take up theirs. Answer: NearbyPersonAnswer."""

    person: Number


@dataclass(frozen=True, slots=True)
class ConfirmNearby:
    """Say whether both sides show the same. Answer: NearbyPersonAnswer."""

    person: Number
    is_equal: bool
