"""Introductions of contacts to each other."""

from dataclasses import dataclass
from typing import Literal

from mesh.commands.answer import Answer
from mesh.commands.fields import Contact, Number


class IntroductionAnswer(Answer, frozen=True, kw_only=True):
    """One contact wishes that we know another one. `by` is the label of who vouches."""

    id: int
    by: str
    name: str
    key: str
    state: Literal["waiting", "accepted", "declined", "done"]
    looks_like: list[str] = []
    """Labels of other contacts that a reader could mistake for who is introduced."""


class IntroductionsAnswer(Answer, frozen=True, kw_only=True):
    """All introductions, newest first."""

    introductions: list[IntroductionAnswer]


@dataclass(frozen=True, slots=True)
class Introduce:
    """Introduce two contacts to each other; both are told who vouches. Answer: Done."""

    contact: Contact
    to: Contact


@dataclass(frozen=True, slots=True)
class AskIntroductions:
    """Answer: IntroductionsAnswer."""


@dataclass(frozen=True, slots=True)
class AnswerIntroduction:
    """Accept or decline an introduction. Answer: IntroductionAnswer."""

    introduction: Number
    is_accepted: bool
