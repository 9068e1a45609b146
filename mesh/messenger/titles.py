"""The group that a text of a person means.

Others choose how a group is called: who asks us into it, and who may set its name. So that nobody
gets by a name what is meant for somebody else, a text that several are called by means none of
them, and one that could be a number or a key means what bears that alone.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from mesh.errors import UserError
from mesh.ids import ConversationId
from mesh.limits.api import NUMBER_MAX
from mesh.messenger.names import is_like_number_or_key, normalized
from mesh.storage.vault.groups import GroupState

_FREE: Final[tuple[GroupState, ...]] = ("invited", "left")
"""States of a group that takes its name away from nobody: others asked us in, or we went ourselves.
One from which others removed us still bears its name: or their deed would give it to a stranger.
"""


class Titled(NamedTuple):
    """A group with what it is called."""

    number: ConversationId
    title: str
    state: GroupState
    plain: str
    """The title as it is compared."""

    @classmethod
    def of(cls, number: ConversationId, title: str, state: GroupState) -> "Titled":
        """A group that is called so."""
        return cls(number, title, state, _plain(title))

    @property
    def is_held(self) -> bool:
        """Say that its name means it before others that are called so."""
        return self.state not in _FREE


def find_number(named: str | int) -> int | None:
    """Return the number that somebody named, if it is one."""
    if isinstance(named, int):
        return named
    is_number = named.isascii() and named.isdigit() and len(named) < len(str(NUMBER_MAX))
    return int(named) if is_number else None


def groups_called(named: str | int, groups: Iterable[Titled]) -> list[Titled]:
    """Return those that a text names; letters of either size and form are the same."""
    if isinstance(named, int) or is_like_number_or_key(named.strip()):
        return []
    all_of_them = list(groups)
    # Most people who are written to by name have no group.
    wanted = _plain(named) if all_of_them else ""
    return [one for one in all_of_them if one.plain == wanted]


def one_group(called: Sequence[Titled], *, is_held_first: bool = True) -> Titled | None:
    """Return the one of those that are called the same; UserError if it may be several.

    Those that hold their name go first: whoever asks us into a group of the same name takes nothing
    away.
    """
    held = [one for one in called if one.is_held] if is_held_first else []
    found = held or called
    if len(found) > 1:
        raise ambiguous([one.number for one in found], "Several groups")
    return found[0] if found else None


def ambiguous(numbers: Iterable[int], who: str) -> UserError:
    """Return the refusal of a name that several bear, with the numbers to use."""
    told = ", ".join(map(str, numbers))
    return UserError("ambiguous", f"{who} are called so; take a number: {told}.")


def _plain(text: str) -> str:
    return normalized(text.strip()).casefold()
