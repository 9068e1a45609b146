"""The answer to which operations count: one for each set of them, whatever came first.

Implements `docs/protocol/groups.md`, section "What counts". Each act is judged by what counts among
its ancestors and beside it, the lowest first, in rounds until nothing changes. All begin with
nothing and judge in one order. So all stop at the same answer, also in a graph with two answers or
none, which owners who work together can build.
"""

from dataclasses import dataclass
from typing import Final

from mesh.group.graph import Act, Acts, Graph, Person
from mesh.group.members import View
from mesh.group.operations import Add, Create, Leave, Remove, Role, RoleChange
from mesh.group.settings import SettingsChange
from mesh.limits.groups import SOLVE_ROUNDS_MAX

ADD_DEFAULT: Final = "admins"


@dataclass(frozen=True, slots=True)
class Solution:
    """The acts that count among some. `is_settled`: another round would change nothing."""

    acts: Acts
    is_settled: bool


def solve(graph: Graph, within: Acts) -> Solution:
    """Return what counts among acts that are closed under parents, from these alone."""
    acts = [act for act in graph.ordered if act.bit & within]
    judged: list[Acts | None] = [None] * len(graph.acts)
    counting, states = 0, {0}
    for _ in range(SOLVE_ROUNDS_MAX):
        before = counting
        for act in acts:
            last = judged[act.number]
            if last is not None and not (last ^ counting) & _rests_on(act):
                continue
            judged[act.number] = counting
            if counts(graph, act, counting):
                counting |= act.bit
            else:
                counting &= ~act.bit
        if counting == before:
            return Solution(counting, is_settled=True)
        if counting in states:
            break
        states.add(counting)
    return Solution(counting, is_settled=False)


def counts(graph: Graph, act: Act, counting: Acts) -> bool:
    """Say whether an act counts where these do."""
    action = act.operation.action
    if isinstance(action, Create):
        return True
    view = View(graph, act.ancestors & counting)
    if not view.is_in(act.author):
        return False
    if act.target is not None and not _is_known(act.about, act.ancestors):
        return False
    match action:
        case Leave():
            return True
        case RoleChange(role=role):
            if act.target == act.author:
                return role < view.role(act.author)
            if not view.is_owner(act.author):
                return False
            return role is Role.OWNER or _is_below_owner(view, act, counting)
        case Remove():
            if view.is_owner(act.author):
                return _is_below_owner(view, act, counting)
            return _may_admin_remove(view, act, counting)
        case SettingsChange():
            if view.is_owner(act.author):
                return True
            if view.role(act.author) < Role.ADMIN:
                return False
            return not _is_revoked(graph, act, Role.ADMIN, counting)
        case Add():
            if view.is_owner(act.author):
                return True
            need = adding_role(view)
            if view.role(act.author) < need:
                return False
            return not _is_revoked(graph, act, need, counting)


def _rests_on(act: Act) -> Acts:
    """Return the acts that a judgement looks at; the same ones give the same judgement."""
    by, about = act.by, act.about
    return act.ancestors | by.removals | by.lowerings | about.gifts | about.raises


def adding_role(view: View) -> Role:
    """Return the role that adding people asks for."""
    is_admins = (view.setting("add") or ADD_DEFAULT) == "admins"
    return Role.ADMIN if is_admins else Role.MEMBER


def _is_known(person: Person, acts: Acts) -> bool:
    """Say whether somebody created the group or stands in some add, also one that is void."""
    return bool((person.created | person.adds) & acts)


def _is_below_owner(view: View, act: Act, counting: Acts) -> bool:
    """Say whether the target is no owner, nor made one at the same time."""
    assert act.target is not None
    if view.is_owner(act.target):
        return False
    gifts = act.about.gifts & counting
    return not gifts or not gifts & view.graph.besides(act)


def _may_admin_remove(view: View, act: Act, counting: Acts) -> bool:
    """Say whether an admin removes a plain member, whom no owner raises at the same time."""
    assert act.target is not None
    if view.role(act.author) < Role.ADMIN:
        return False
    if view.role(act.target) > Role.MEMBER:
        return False
    raises = act.about.raises & counting
    if raises and raises & view.graph.besides(act):
        return False
    return not _is_revoked(view.graph, act, Role.ADMIN, counting)


def _is_revoked(graph: Graph, act: Act, need: Role, counting: Acts) -> bool:
    """Say whether somebody who did not know of an act, or undid it, took its author's power."""
    ending = act.by.removals
    if need > Role.MEMBER:
        ending |= act.by.lowerings
    ending &= counting & ~act.ancestors
    if not ending:
        return False
    return any(not graph.accepted(each) & act.bit for each in graph.of(ending))
