"""The requests by which a page opens the door that gives Mesh away, and closes it."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from mesh.bundles.verifying import Judged
from mesh.commands.answer import Answer
from mesh.limits.bundles import SHARE_SECONDS_DEFAULT, SHARE_SECONDS_MAX


@dataclass(frozen=True, slots=True)
class AskShare:
    """Ask whether the door is open, and what is given there. Answer: ShareAnswer."""


@dataclass(frozen=True, slots=True)
class OpenShare:
    """Open the door for so many seconds from now; one that is open stays open until then."""

    seconds: Annotated[
        int, Meta(extra_json_schema={"minimum": 1, "maximum": SHARE_SECONDS_MAX})
    ] = SHARE_SECONDS_DEFAULT


@dataclass(frozen=True, slots=True)
class CloseShare:
    """Close the door; who is taking a file is cut."""


class ShareAnswer(Answer, frozen=True, kw_only=True):
    """The door: where it is, until when (Unix seconds), what is given, and how often it was taken.

    All are empty or 0 while it is closed; `has_failed`: the last one was closed by a fault.
    """

    is_open: bool
    until: int
    addresses: list[str]
    files: list[Judged]
    given_count: int
    has_failed: bool = False
