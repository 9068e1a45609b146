"""Making this profile's identity, and asking who it is."""

from dataclasses import dataclass

from mesh.commands.answer import Answer
from mesh.commands.fields import Name


class IdentityAnswer(Answer, frozen=True, kw_only=True):
    """The person of this profile."""

    name: str
    key: str


class TakenOver(Answer, frozen=True, kw_only=True):
    """The end of a takeover: nothing was done if this was the present machine already."""

    was_former: bool


@dataclass(frozen=True, slots=True)
class CreateIdentity:
    """First run: make this profile's identity. Answer: IdentityAnswer."""

    name: Name


@dataclass(frozen=True, slots=True)
class ChangeIdentity:
    """Be called otherwise: contacts are told with the next message. Answer: IdentityAnswer."""

    name: Name


@dataclass(frozen=True, slots=True)
class AskIdentity:
    """Answer: IdentityAnswer."""


@dataclass(frozen=True, slots=True)
class TakeOver:
    """Go on here, on a former machine, in place of the one that took the profile up. Answer:
    TakenOver.
    """
