"""The membership of one group: its operations, what counts of them, and what follows from that.

Implements `docs/protocol/groups.md`. Everything here is a function of the set of operations; what
is kept beside them are caches, which `recomputed` does without.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mesh.content.entry import ID_BYTES, OperationId
from mesh.group.graph import Act, Acts, Graph, prepared
from mesh.group.members import Member, View, makers
from mesh.group.operations import (
    Action,
    Add,
    Create,
    Leave,
    Operation,
    Remove,
    Role,
    RoleChange,
)
from mesh.group.rights import Deed, Rights, rights_of
from mesh.group.settings import Settings, SettingsChange
from mesh.group.solving import Solution, counts, solve
from mesh.ids import VerifyKey
from mesh.limits.groups import (
    VIEWS_KEPT_MAX,
    VOID_OPERATIONS_PER_AUTHOR_MAX,
)

STRANGERS: Final = VerifyKey(bytes(32))
"""All whom nobody added, as if they were one."""


@dataclass(frozen=True, slots=True)
class Change:
    """The changes that operations brought."""

    counting: tuple[OperationId, ...] = ()
    """Those that count and did not before, the new ones among them."""

    void: tuple[OperationId, ...] = ()
    """Those that do not count any more."""

    whose: tuple[VerifyKey, ...] = ()
    """Authors of whose entries something may have changed that were judged before."""

    is_everybody: bool = False
    """The same of all authors."""


class Membership:
    """The operations of one group, each after its parents, and what counts of them."""

    def __init__(self, create: Operation) -> None:
        self.graph = Graph(create)
        self._solution = solve(self.graph, self.graph.all)
        self._views: dict[Acts, Acts] = {}
        self._members: dict[VerifyKey, Member] | None = None
        self._by_seq: dict[tuple[VerifyKey, int], list[OperationId]] = {
            (create.author, create.seq): [create.id]
        }

    @classmethod
    def of(cls, operations: Iterable[Operation]) -> "Membership":
        """Return the membership of operations of which the first is the *create*."""
        ordered = iter(operations)
        membership = cls(next(ordered))
        membership.add(*ordered)
        return membership

    def recomputed(self) -> "Membership":
        """Return the same without any cache."""
        return Membership.of(self.graph.operations(self.graph.all))

    # --- What holds ---------------------------------------------------------------------------

    @property
    def view(self) -> View:
        """The acts that count among all operations."""
        return View(self.graph, self._solution.acts)

    @property
    def members(self) -> dict[VerifyKey, Member]:
        """All who are in."""
        if self._members is None:
            self._members = self.view.members()
        return self._members

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.view.settings()

    @property
    def makers(self) -> list[VerifyKey]:
        """All members by their rank as makers of epochs, the first rank first."""
        return makers(self.members)

    def is_effective(self, operation: OperationId) -> bool:
        """Say whether an operation that is here counts, or something of it does."""
        return bool(self.graph.acts_of(operation) & self._solution.acts)

    def twins(self) -> list[tuple[OperationId, ...]]:
        """Return the operations of which one author used a number twice.

        There are two copies of a vault, or he deceives: everybody is told.
        """
        return [tuple(ids) for ids in self._by_seq.values() if len(ids) > 1]

    def surplus(self, among: Acts) -> list[OperationId]:
        """Return the newest of some operations that do not count, where their authors have more of
        such than are kept. Nothing that is kept follows one of them.
        """
        graph, counting = self.graph, self._solution.acts
        kept, over = graph.all, dict[VerifyKey, int]()
        found: list[OperationId] = []
        for act in graph.of(among & ~counting):
            own = graph.acts_of(act.operation.id)
            if own & counting or not own & kept:
                continue
            if act.author not in over:
                over[act.author] = _void_count(self, act.author) - VOID_OPERATIONS_PER_AUTHOR_MAX
            if over[act.author] > 0 and not graph.following(act) & kept & ~own:
                kept &= ~own
                over[act.author] -= 1
                found.append(act.operation.id)
        return found

    def without(self, operations: Collection[OperationId]) -> "Membership":
        """Return the same without operations that no other one here follows."""
        kept = self.graph.operations(self.graph.all)
        return Membership.of(each for each in kept if each.id not in operations)

    # --- What entries may ---------------------------------------------------------------------

    def named(self, operations: Sequence[OperationId]) -> View:
        """Return what counts among operations that are here and their ancestors, by these alone."""
        return View(self.graph, self._counting_among(self.graph.closure(operations)))

    def now(self, operations: Sequence[OperationId]) -> View:
        """Return what counts among the same, by all that is known."""
        return View(self.graph, self.graph.closure(operations) & self._solution.acts)

    def heeds(self, operations: Sequence[OperationId], key: str) -> bool:
        """Say whether operations, or their ancestors, hold the word that is in force on a setting.

        Who names older ones keeps what it took; his objects are folded where they stand after it.
        """
        setters = self.view.setters(key)
        return not setters or bool(setters[0].bit & self.graph.closure(operations))

    def is_solved(self, operations: Sequence[OperationId]) -> bool:
        """Say whether `named` is at hand; else it takes up to as long as solving all anew."""
        acts = self.graph.closure(operations)
        return acts == self.graph.all or acts in self._views

    def rights(self, author: VerifyKey, deed: Deed, operations: Sequence[OperationId]) -> Rights:
        """Return what an entry may that names operations which are all here."""
        acts = self.graph.closure(operations)
        return rights_of(
            author,
            deed,
            named=self.named(operations),
            now=self.now(operations),
            counting=self._solution.acts & ~acts,
        )

    def _counting_among(self, acts: Acts) -> Acts:
        """Return what counts among acts closed under parents, from what is known of fewer."""
        if acts == self.graph.all:
            return self._solution.acts
        chain: list[Acts] = []
        while acts not in self._views and (last := self._settled_alone(acts)):
            chain.append(last)
            acts &= ~last
        counting = self._views.get(acts)
        if counting is None:
            counting = solve(self.graph, acts).acts
            self._keep(acts, counting)
        for last in reversed(chain):
            acts |= last
            counting |= self._judge(last, counting)
        self._keep(acts, counting)
        return counting

    def _settled_alone(self, acts: Acts) -> Acts:
        """Return the acts of an operation that follows all others in a set, if it undoes nothing:
        what counts of the others does not change by it.
        """
        last = self.graph.acts[acts.bit_length() - 1]
        own = self.graph.acts_of(last.operation.id)
        follows_all = last.ancestors | own == acts and bool(last.ancestors)
        undoes = any(act.undo is not None for act in self.graph.of(own))
        return own if follows_all and not undoes else 0

    def _judge(self, acts: Acts, counting: Acts) -> Acts:
        """Return those of the acts of one operation that count where these do."""
        found = 0
        for act in self.graph.of(acts):
            if counts(self.graph, act, counting):
                found |= act.bit
        return found

    def _keep(self, acts: Acts, counting: Acts) -> None:
        self._views.pop(acts, None)
        self._views[acts] = counting
        while len(self._views) > VIEWS_KEPT_MAX:
            del self._views[next(iter(self._views))]

    # --- Growing ------------------------------------------------------------------------------

    def add(self, *operations: Operation, is_strict: bool = False) -> Change:
        """Add operations, each with its parents here or before it; return what they change.

        `is_strict`: what can never count, by somebody whom nobody had added, is passed over, and
        what follows it. PeerError if one is another beginning: those before it are in.
        """
        known, before = self.graph.all, self._solution.acts
        self._keep(known, before)
        is_alone = True
        for operation in operations:
            if operation.id in self.graph or (is_strict and self._is_lost(operation)):
                continue
            own = self.graph.add(operation)
            self._by_seq.setdefault((operation.author, operation.seq), []).append(operation.id)
            is_alone = is_alone and self._is_read_by_none(operation)
            if is_alone:
                counting = self._solution.acts
                counting |= self._judge(own, counting)
                self._solution = Solution(counting, is_settled=self._solution.is_settled)
        if not is_alone:
            self._solution = solve(self.graph, self.graph.all)
        self._members = None
        return self._change(known, before)

    def _is_lost(self, operation: Operation) -> bool:
        return bool(self.graph.missing(operation.parents)) or self.graph.is_foreign(operation)

    def _is_read_by_none(self, operation: Operation) -> bool:
        """Say whether what counts of the others cannot change by an operation that came last.

        An add, a setting or a leave matters to those who follow it only.
        """
        if isinstance(operation.action, Add | SettingsChange | Leave):
            return self._solution.is_settled
        return bool(self._settled_alone(self.graph.all))

    def _change(self, known: Acts, before: Acts) -> Change:
        """Return what changed since `known` were all, of which `before` counted."""
        graph, after = self.graph, self._solution.acts
        whose: dict[VerifyKey, None] = {}
        for act in graph.of(before ^ after):
            whose.update(dict.fromkeys(_concerned(act, is_new=not act.bit & known)))
        return Change(
            counting=_ids(graph.of(after & ~before)),
            void=_ids(graph.of(before & ~after)),
            whose=tuple(whose),
            is_everybody=self._rules_all((before ^ after) & known),
        )

    def _rules_all(self, turned: Acts) -> bool:
        """Say whether acts that count no more, or again, may change what everybody may: one is a
        setting, or about somebody who set something.
        """
        if not turned:
            return False
        setters = 0
        for each in self.graph.setters.values():
            setters |= each
        authors = {act.author for act in self.graph.of(setters)}
        return any(
            act.settings or (act.target or act.author) in authors for act in self.graph.of(turned)
        )


def effective_count(membership: Membership) -> int:
    """Return how many operations count, or something of each does."""
    return len(membership.graph.operations(membership.view.acts))


def payer(membership: Membership, key: VerifyKey, *, otherwise: VerifyKey = STRANGERS) -> VerifyKey:
    """Return to whose account it goes what the words of a member key cost: its own, once it stands
    in an add that counts. Keys cost nothing, so all others together are as one.
    """
    person = membership.graph.person(key)
    return key if (person.created | person.adds) & membership.view.acts else otherwise


def remover(membership: Membership, key: VerifyKey) -> VerifyKey | None:
    """Return by whose word somebody is out: of several that count the first in the stream; None:
    by his own, or by nobody's.
    """
    graph = membership.graph
    removals = graph.of(graph.person(key).removals & membership.view.acts)
    operations = [act.operation for act in removals]
    first = min(operations, key=lambda each: (each.clock, each.id), default=None)
    return None if first is None else first.author


def would_count(
    membership: Membership, author: VerifyKey, action: Action, parents: tuple[OperationId, ...]
) -> bool:
    """Say whether all of an operation would count that is not here, but for what it ends."""
    operation = Operation(OperationId(bytes(ID_BYTES)), author, 0, 0, parents, (), action)
    graph, counting = membership.graph, membership.view.acts
    return all(counts(graph, act, counting) for act in prepared(graph, operation))


def _void_count(membership: Membership, author: VerifyKey) -> int:
    graph = membership.graph
    void = graph.operations(graph.person(author).own & ~membership.view.acts)
    return sum(not membership.is_effective(each.id) for each in void)


def _concerned(act: Act, *, is_new: bool) -> tuple[VerifyKey, ...]:
    """Return the authors whose earlier entries may be judged otherwise since an act counts, or does
    not count any more. Of a new one, no earlier entry names it: it can only end something.
    """
    match act.operation.action:
        case Remove():
            return (act.target,) if act.target is not None else ()
        case RoleChange(role=role):
            is_end = role is Role.MEMBER and act.target != act.author
            return (act.target,) if act.target is not None and (is_end or not is_new) else ()
        case Add(records=records):
            return () if is_new else tuple(VerifyKey(record.key) for record in records)
        case Leave():
            return () if is_new else (act.author,)
        case SettingsChange() | Create():
            return ()


def _ids(acts: Iterable[Act]) -> tuple[OperationId, ...]:
    return tuple(dict.fromkeys(act.operation.id for act in acts))
