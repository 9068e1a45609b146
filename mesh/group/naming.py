"""The choice of operations that are named: by the next one, by entries and by announcements.

Implements `docs/protocol/groups.md`, section "What is named". Who names little must name well: an
entry whose operations miss its author's own standing is invalid for ever.
"""

from collections.abc import Iterable, Sequence

from mesh.content.entry import OperationId
from mesh.group.graph import Act, Acts
from mesh.group.membership import Membership
from mesh.group.operations import Action, Remove, Role, RoleChange
from mesh.group.rights import SETTING_OF, Deed
from mesh.ids import VerifyKey
from mesh.limits.content import ENTRY_OPS_MAX
from mesh.limits.groups import HEADS_ANNOUNCED_MAX, OPERATION_PARENTS_MAX


def parents_of_next(
    membership: Membership, author: VerifyKey, *, ending: Sequence[VerifyKey] = ()
) -> tuple[OperationId, ...]:
    """Return the parents of an author's next operation, which may end the power of some people.

    His own last one is among them or their ancestors, so that he cannot seem to be two; then those
    above what his right rests on, and what it is about; then what counts, what those do whom it
    ends, and what else there is.
    """
    graph, counting = membership.graph, membership.view.acts
    chosen: list[Act] = []
    covered: Acts = 0

    def choose(act: Act) -> None:
        nonlocal chosen, covered
        # What this one follows need not be named beside it.
        left = [each for each in chosen if not each.bit & act.ancestors]
        if not act.bit & covered and len(left) < OPERATION_PARENTS_MAX:
            chosen = [*left, act]
            covered |= act.ancestors | graph.acts_of(act.operation.id)

    of_ending = 0
    for key in ending:
        of_ending |= graph.person(key).own
    last = _most_ancestors_first(graph.latest(counting))
    for act in _most_ancestors_first(graph.latest(graph.person(author).own)):
        choose(act)
    rests_on = [act for key in (author, *ending) for act in _standing(membership, key)]
    for needed in [*rests_on, *membership.view.setters("add")[:1]]:
        if not needed.bit & covered:
            choose(next((act for act in last if needed.bit & (act.ancestors | act.bit)), needed))
    for group in (counting, of_ending, graph.heads):
        for act in _most_ancestors_first(graph.latest(group)):
            choose(act)
    return tuple(act.operation.id for act in chosen)


def parents_for(
    membership: Membership, author: VerifyKey, action: Action
) -> tuple[OperationId, ...]:
    """Return the parents of an author's next operation with this action."""
    ending: list[VerifyKey] = []
    if isinstance(action, Remove):
        ending = [VerifyKey(each.key) for each in action.removals]
    elif isinstance(action, RoleChange):
        ending = [VerifyKey(action.key)]
    return parents_of_next(membership, author, ending=ending)


def joiner(membership: Membership) -> VerifyKey | None:
    """Return who writes an empty *set*, since more operations are the last than one can name."""
    if len(membership.graph.latest(membership.view.acts)) <= OPERATION_PARENTS_MAX:
        return None
    members = membership.members
    return next((key for key in membership.makers if members[key].role >= Role.ADMIN), None)


def named_by_entry(
    membership: Membership, author: VerifyKey, deed: Deed
) -> tuple[OperationId, ...]:
    """Return the operations that an author's entry names."""
    view, graph = membership.view, membership.graph
    person = graph.person(author)
    rests_on = [*graph.latest(person.roles & view.acts)]
    if (joined := _joined_by(membership, author)) is not None:
        rests_on.append(joined)
    if deed in SETTING_OF:
        rests_on += view.setters(SETTING_OF[deed])[:1]
    return _named(membership, rests_on, ENTRY_OPS_MAX)


def named_by_announcement(membership: Membership) -> tuple[OperationId, ...]:
    """Return the operations after which an epoch's recipients are the members."""
    return _named(membership, (), HEADS_ANNOUNCED_MAX)


def _standing(membership: Membership, key: VerifyKey) -> list[Act]:
    """Return the acts by which somebody is in, or could be, and what he is."""
    graph = membership.graph
    found = graph.latest(graph.person(key).roles & membership.view.acts)
    joined = _joined_by(membership, key)
    if joined is None and (records := graph.records(key)):
        joined = next(graph.of(records[0][1]))
    return found if joined is None else [*found, joined]


def _joined_by(membership: Membership, author: VerifyKey) -> Act | None:
    """Return the act by which somebody is in."""
    graph, counting = membership.graph, membership.view.acts
    for _, act in graph.records(author):
        if act & counting:
            return next(graph.of(act))
    return None


def _named(
    membership: Membership, rests_on: Iterable[Act], count_max: int
) -> tuple[OperationId, ...]:
    """Return so many of the last operations that count: first those above what is rested on."""
    graph = membership.graph
    last = list(_most_ancestors_first(graph.latest(membership.view.acts)))
    chosen: dict[OperationId, None] = {}
    covered: Acts = 0

    def choose(act: Act) -> None:
        nonlocal covered
        chosen[act.operation.id] = None
        covered |= act.ancestors | graph.acts_of(act.operation.id)

    for needed in rests_on:
        if not needed.bit & covered and len(chosen) < count_max:
            choose(next(act for act in last if needed.bit & (act.ancestors | act.bit)))
    for act in last:
        if len(chosen) < count_max:
            choose(act)
    return tuple(chosen)


def _most_ancestors_first(acts: Iterable[Act]) -> list[Act]:
    return sorted(acts, key=lambda act: (-act.ancestors.bit_count(), act.operation.id))
