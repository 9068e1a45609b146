"""Making this profile's identity, and asking who it is."""

from dataclasses import dataclass

from mesh.commands.answer import Answer
from mesh.commands.fields import Name


class IdentityAnswer(Answer, frozen=True, kw_only=True):
    """The person of this profile."""

    name: str
    key: str


@dataclass(frozen=True, slots=True)
class CreateIdentity:
    """First run: make this profile's identity. Answer: IdentityAnswer."""

    name: Name


@dataclass(frozen=True, slots=True)
class AskIdentity:
    """Answer: IdentityAnswer."""
