"""Closing the accounts of who left or stepped down.

Implements `docs/protocol/groups.md`, section "Closing". Leaving ends nothing by itself, or one
would choose one's own cut: what a leaver signs with old parents counts until somebody above him
removes him. The cut of that is what he told of himself together with what is here, and after a
week, if what he told was not true, what is here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mesh.group.cuts import RunHad, joined, lacks
from mesh.group.graph import Act
from mesh.group.membership import Membership
from mesh.group.operations import Removal, Remove, Role, RoleChange
from mesh.ids import VerifyKey
from mesh.wire.payload import HLC_COUNTER_BITS


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """Somebody who gave up power, of which nobody above him took note yet."""

    key: VerifyKey
    role: Role | None
    """The role that he gave himself; None: he left."""

    told: tuple[RunHad, ...]
    """The entries that he says he wrote until then."""


def open_accounts(membership: Membership) -> list[OpenAccount]:
    """Return the accounts that are to be closed."""
    graph, counting = membership.graph, membership.view.acts
    found = []
    for key, person in graph.people.items():
        if person.removals & counting:
            continue
        if leaves := graph.latest(person.leaves & counting):
            found.append(OpenAccount(key, None, _told(leaves)))
            continue
        steps = graph.latest(person.steps & counting)
        if not steps:
            continue
        role = min(_role(act) for act in steps)
        known = 0
        for act in steps:
            known |= act.ancestors
        words = graph.of(person.given & counting & ~known)
        is_closed = any(_role(act) <= role for act in words)
        if not is_closed and membership.view.role(key) <= role:
            found.append(OpenAccount(key, role, _told(steps)))
    return found


def closers(membership: Membership, account: OpenAccount) -> list[VerifyKey]:
    """Return who may close an account, by rank: the first writes, others if he does not."""
    is_plain = account.role is None and membership.view.role(account.key) is Role.MEMBER
    least = Role.ADMIN if is_plain else Role.OWNER
    members = membership.members
    return [key for key in membership.makers if members[key].role >= least and key != account.key]


def closing(account: OpenAccount, here: Sequence[RunHad]) -> Remove | RoleChange:
    """Return the action that closes an account; `here`: the entries of it that are known."""
    return _ending(account.key, account.role, joined(here, account.told))


def closed_by(membership: Membership, closer: VerifyKey, *, before_ms: int) -> list[VerifyKey]:
    """Return whose accounts a member closed before a moment, in Unix milliseconds by his clock."""
    graph, counting = membership.graph, membership.view.acts
    found: dict[VerifyKey, None] = {}
    for act in graph.of(graph.person(closer).own & counting):
        key = act.target
        if key is None or act.operation.clock >> HLC_COUNTER_BITS >= before_ms:
            continue
        person = graph.person(key)
        if key != closer and (person.leaves | person.steps) & counting & act.ancestors:
            found[key] = None
    return list(found)


def correction(
    membership: Membership, closer: VerifyKey, key: VerifyKey, here: Sequence[RunHad]
) -> Remove | RoleChange | None:
    """Return the action by which a closer corrects his cut a week later; None if it was true.

    It was not true if it covers what never came.
    """
    graph, counting = membership.graph, membership.view.acts
    person = graph.person(key)
    given_up = (person.leaves | person.steps) & counting
    ends = (person.removals | person.given) & counting
    own = [act for act in graph.latest(ends) if act.author == closer]
    if not given_up or not own or not lacks(own[0].had, here):
        return None
    return _ending(key, own[0].role, tuple(here))


def _ending(key: VerifyKey, role: Role | None, had: tuple[RunHad, ...]) -> Remove | RoleChange:
    if role is None:
        return Remove((Removal(key, None, had),))
    return RoleChange(key, role, None, had)


def _told(acts: Sequence[Act]) -> tuple[RunHad, ...]:
    told: tuple[RunHad, ...] = ()
    for act in acts:
        told = joined(told, act.had)
    return told


def _role(act: Act) -> Role:
    assert act.role is not None
    return act.role
