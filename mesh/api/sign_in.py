"""The requests by which a page signs in and out: a code that is used once, then a session."""

from dataclasses import dataclass, field
from typing import Annotated

from msgspec import Meta

from mesh.commands.answer import Answer
from mesh.limits.door import SECRET_CHARACTERS_MAX


@dataclass(frozen=True, slots=True)
class MakeSignInCode:
    """Ask for a code for one page; with `as_file` a file that leads a browser there too."""

    as_file: bool = False


class SignInCodeAnswer(Answer, frozen=True, kw_only=True):
    """The address of the page with the code behind `#`, which a browser sends to nobody.

    `file` is empty, or a file of the same machine that only its owner may read, and that leads
    there: so the code stands on no command line.
    """

    address: str
    code: str
    valid_seconds: int
    file: str = ""

    def __repr__(self) -> str:
        return f"SignInCodeAnswer(valid_seconds={self.valid_seconds}, …)"


@dataclass(frozen=True, slots=True)
class SignIn:
    """Use a code up, and get the token of a session."""

    code: Annotated[str, Meta(max_length=SECRET_CHARACTERS_MAX)] = field(repr=False)


class SessionAnswer(Answer, frozen=True, kw_only=True):
    """The token of a session, which ends so long after its last use."""

    token: str
    idle_seconds: int

    def __repr__(self) -> str:
        return f"SessionAnswer(idle_seconds={self.idle_seconds}, …)"


@dataclass(frozen=True, slots=True)
class SignOut:
    """End the session whose token came with this, or all of them, with their streams."""

    everywhere: bool = False
