"""Keeping what came since of somebody whom one removed or lowered: by who did it, in another word.

Implements `docs/protocol/groups.md`, section "Keeping". A cut covers what its author had. What was
written before anybody knew of it, and came later, is apart until he says that he keeps it.
"""

from collections.abc import Callable, Sequence

from mesh.group.cuts import RunHad, joined, lacks, shared
from mesh.group.membership import Membership
from mesh.group.operations import Operation, Removal, Remove, Role, RoleChange
from mesh.group.rights import ends_of
from mesh.group.writing import may_do
from mesh.ids import VerifyKey

Here = Callable[[VerifyKey], Sequence[RunHad]]
"""The entries of somebody that are here."""


def kept(membership: Membership, operation: Operation, here: Here) -> Remove | RoleChange | None:
    """Return the action by which the author of an operation keeps what came since of those whom it
    removes or lowers; None where that lifts no cut, or he may not.
    """
    action: Remove | RoleChange | None = None
    match operation.action:
        case Remove(removals=removals):
            keys = [each.key for each in removals if each.undo is None]
            wider = [(key, _wider(membership, operation, key, Role.MEMBER, here)) for key in keys]
            found = tuple(Removal(key, None, had) for key, had in wider if had)
            action = Remove(found) if found else None
        case RoleChange(key=key, role=Role.MEMBER as role, undo=None):
            had = _wider(membership, operation, key, Role.ADMIN, here)
            action = RoleChange(key, role, None, had) if had else None
        case _:
            # Nothing else cuts anybody off; and what was undone was meant to be.
            pass
    if action is None or not may_do(membership, operation.author, action):
        return None
    return action


def is_keeping(membership: Membership, operation: Operation) -> bool:
    """Say whether an operation covers more of those whom its author had cut off before."""
    graph = membership.graph
    before = graph.closure(operation.parents)
    match operation.action:
        case Remove(removals=removals):
            words = [(graph.person(VerifyKey(one.key)).removals, one.had) for one in removals]
        case RoleChange(key=key, role=Role.MEMBER, had=had):
            person = graph.person(VerifyKey(key))
            last = graph.latest(person.given & before)
            is_raised = any(act.role is not Role.MEMBER for act in last)
            words = [(0 if is_raised else person.lowerings, had)]
        case _:
            return False
    by = operation.author
    return all(
        any(lacks(had, act.had) for act in graph.of(acts & before) if act.author == by)
        for acts, had in words
    )


def _wider(
    membership: Membership, operation: Operation, key: bytes, need: Role, here: Here
) -> tuple[RunHad, ...]:
    """Return the cut that covers what is here of somebody as well; none where an operation is not
    its author's last word on him, or the cuts of others, of which the lowest holds, leave out all
    that it leaves out. `need`: what that takes which would count; who made him a plain member
    has cut off nothing of what members may.
    """
    who, counting = VerifyKey(key), membership.view.acts
    ends = ends_of(membership.graph, who, need, counting=counting)
    own = next((end.had for end in ends if end.operation == operation.id), None)
    if own is None:
        return ()
    had = joined(own, here(who))
    lifted = had
    for end in ends:
        if end.author != operation.author:
            lifted = shared(lifted, end.had)
    return had if lacks(lifted, own) else ()
