"""The rights of an entry, by the operations that it names.

Implements `docs/protocol/groups.md`, section "What an entry may". Three questions: *named*, by what
its author could know, which never changes; *now*, by all that is known of the same operations; and
which *ends* there are that its author did not know of, each with a cut.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Literal

from mesh.content.entry import Kind, OperationId, is_change
from mesh.content.kinds import KINDS
from mesh.content.kinds import Right as KindRight
from mesh.group.cuts import RunHad, is_covered
from mesh.group.graph import Act, Acts, Graph
from mesh.group.members import View
from mesh.group.operations import Role
from mesh.ids import VerifyKey

Standing = Literal["counts", "apart", "invalid"]
"""*apart*: an object is shown and marked, a change has no effect."""


class Deed(Enum):
    """The kinds of entries, as far as rights go."""

    OBJECT = auto()
    CHANGE = auto()
    RETRACT = auto()
    PIN = auto()
    TIMER = auto()
    ADMIN = auto()
    """Hides, gives notice, closes another's poll."""


@dataclass(frozen=True, slots=True)
class End:
    """Somebody's word by which an author's power ended, with what of his was had then."""

    operation: OperationId
    author: VerifyKey
    had: tuple[RunHad, ...]


@dataclass(frozen=True, slots=True)
class Rights:
    """The answers about an entry of one author and kind that names certain operations."""

    deed: Deed
    is_named: bool
    is_now: bool
    ends: tuple[End, ...]

    def standing(self, run: int, number: int, *, is_twin: bool = False) -> Standing:
        """Say how an entry stands; `is_twin`: another one of its author bears its run and number.

        A number that is used twice is not covered, so that nobody slips under a cut by one.
        """
        if not self.is_named:
            return "invalid"
        if self.deed is Deed.RETRACT:
            return "counts"
        is_whole = all(not is_twin and is_covered(end.had, run, number) for end in self.ends)
        return "counts" if self.is_now and is_whole else "apart"


SETTING_OF: Final = {Deed.OBJECT: "write", Deed.PIN: "pin", Deed.TIMER: "timer"}
_ADMINS_BY_DEFAULT: Final = (Deed.TIMER,)


def deed_of(kind: Kind, *, is_own_target: bool) -> Deed:
    """Return what an entry of a kind does; of a close it matters whose poll it is about."""
    right = KINDS[kind].right
    match right:
        case KindRight.MEMBER:
            return Deed.CHANGE if is_change(kind) else Deed.OBJECT
        case KindRight.AUTHOR:
            return Deed.RETRACT if kind is Kind.RETRACT else Deed.CHANGE
        case KindRight.ADMIN:
            return Deed.ADMIN
        case KindRight.AUTHOR_OR_ADMIN:
            return Deed.CHANGE if is_own_target else Deed.ADMIN
        case KindRight.PIN:
            return Deed.PIN
        case KindRight.TIMER:
            return Deed.TIMER


def role_needed(view: View, deed: Deed) -> Role:
    """Return the role that a deed asks for by the settings in a view."""
    if deed is Deed.ADMIN:
        return Role.ADMIN
    if deed not in SETTING_OF:
        return Role.MEMBER
    default = "admins" if deed in _ADMINS_BY_DEFAULT else "members"
    is_admins = (view.setting(SETTING_OF[deed]) or default) == "admins"
    return Role.ADMIN if is_admins else Role.MEMBER


def may(view: View, key: VerifyKey, deed: Deed) -> bool:
    """Say whether somebody may do something in a view."""
    if not view.is_in(key):
        return False
    if deed is not Deed.RETRACT and view.setting("closed") == "yes":
        return False
    return view.role(key) >= role_needed(view, deed)


def rights_of(author: VerifyKey, deed: Deed, *, named: View, now: View, counting: Acts) -> Rights:
    """Return what an entry may whose author names the operations of the view `named`.

    `now`: the same operations by what counts among all; `counting`: all that counts.
    """
    if not may(named, author, deed):
        return Rights(deed, is_named=False, is_now=False, ends=())
    return Rights(
        deed,
        is_named=True,
        is_now=may(now, author, deed),
        ends=ends_of(now.graph, author, role_needed(named, deed), counting=counting),
    )


def ends_of(graph: Graph, author: VerifyKey, need: Role, *, counting: Acts) -> tuple[End, ...]:
    """Return the words of others among some acts that took what an entry needs, oldest first.

    Of one author the last word holds: he admits what he had not seen. Of several all do, so that
    the lowest cut holds. What somebody gave up himself ends nothing, or he chose his own cut.
    """
    person = graph.person(author)
    acts = person.removals & counting
    if need > Role.MEMBER:
        acts |= person.lowerings & counting
    return tuple(
        End(act.operation.id, act.author, act.had) for act in reversed(_last_words(graph, acts))
    )


def _last_words(graph: Graph, acts: Acts) -> list[Act]:
    """Return, of each author, those of some acts that none of his own follows."""
    followed: dict[VerifyKey, Acts] = {}
    found = []
    for act in graph.of(acts):
        if not followed.get(act.author, 0) & act.bit:
            found.append(act)
        followed[act.author] = followed.get(act.author, 0) | act.ancestors
    return found
