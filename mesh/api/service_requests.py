"""The requests by which a node starts when its person logs in, or does not."""

from dataclasses import dataclass

from mesh.commands.answer import Answer
from mesh.node.login_start import How


@dataclass(frozen=True, slots=True)
class AskService:
    """Ask whether the node starts when one logs in. Answer: ServiceAnswer."""


@dataclass(frozen=True, slots=True)
class SetService:
    """Let the node start when one logs in, or not; it takes effect at the next login."""

    is_installed: bool


class ServiceAnswer(Answer, frozen=True, kw_only=True):
    """The start at login: whether there is one, and who makes it on this system."""

    is_installed: bool
    how: How
