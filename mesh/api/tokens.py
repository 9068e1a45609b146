"""The requests about tokens: those of programs, which last until they are revoked."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from mesh.commands.answer import Answer
from mesh.commands.fields import Number
from mesh.limits.door import TOKEN_NAME_CHARACTERS_MAX

TokenScope = Literal["metrics", "read", "send", "admin"]

TokenName = Annotated[
    str,
    Meta(
        min_length=1, max_length=TOKEN_NAME_CHARACTERS_MAX, pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$"
    ),
]


class TokenAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """One token. `token` is told once, to who made it; moments are Unix seconds, 0: never used."""

    number: int
    name: str
    scope: TokenScope
    created: int
    used: int
    token: str = ""

    def __repr__(self) -> str:
        return f"TokenAnswer(name={self.name!r}, scope={self.scope!r}, …)"


class SessionEntry(Answer, frozen=True, kw_only=True):
    """One page that is signed in; `is_this` is the one that asks."""

    begun: int
    used: int
    is_this: bool


class TokensAnswer(Answer, frozen=True, kw_only=True):
    """All that is let in by the door on loopback: tokens of programs, and pages."""

    tokens: list[TokenAnswer]
    sessions: list[SessionEntry]


@dataclass(frozen=True, slots=True)
class MakeToken:
    """Make a token for a program: to read, to send too, or for everything."""

    name: TokenName
    scope: TokenScope = "read"


@dataclass(frozen=True, slots=True)
class AskTokens:
    """Ask for all tokens and sessions, without what lets in."""


@dataclass(frozen=True, slots=True)
class RevokeToken:
    """End a token; what is being told by it is cut."""

    token: Number
