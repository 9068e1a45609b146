"""The graph of a group's operations: who follows whom, and what each would do.

Implements `docs/protocol/groups.md`, section "What counts". Nothing is judged here. An *act* is
what counts or does not: an operation, or of a *remove* what it does to one person. Acts have
numbers in the order in which they came, parents first, and sets of acts are bits of integers: the
ancestors of 2,000 operations take 0.5 MB, and a question about them a few steps of the processor.
"""

from bisect import insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from mesh.content.entry import OperationId
from mesh.errors import PeerError
from mesh.group.cuts import RunHad
from mesh.group.operations import (
    Add,
    Create,
    Leave,
    Operation,
    Record,
    Remove,
    Role,
    RoleChange,
)
from mesh.group.settings import SettingsChange, SettingValue
from mesh.ids import VerifyKey

Acts = int
"""A set of acts, as bits."""


@dataclass(slots=True, eq=False)
class Person:
    """All acts about one member key, each set by what they would do."""

    created: Acts = 0
    adds: Acts = 0
    removals: Acts = 0
    """Of him, by others."""

    leaves: Acts = 0
    roles: Acts = 0
    """All roles given to him, also by himself."""

    given: Acts = 0
    """Roles given to him by others."""

    gifts: Acts = 0
    """Ownership given to him by another."""

    raises: Acts = 0
    """Roles above a member's."""

    lowerings: Acts = 0
    """A member's role, given to him by others."""

    steps: Acts = 0
    """Roles that he gave himself: his steps down."""

    own: Acts = 0
    """All that he did."""


@dataclass(slots=True, eq=False)
class Act:
    """One act. `target` and `role` are those of a role or a removal."""

    operation: Operation
    author: VerifyKey
    order: tuple[int, bytes, int]
    """Height, the longest way from the beginning; id; place in a *remove*. A parent's is less."""

    target: VerifyKey | None = None
    role: Role | None = None
    """The role that it gives; None: it removes its target, or has none."""

    undo: tuple[bytes, ...] | None = None
    had: tuple[RunHad, ...] = ()
    settings: dict[str, SettingValue] = field(default_factory=dict)

    number: int = 0
    bit: Acts = 0
    """The set that holds this act alone."""

    ancestors: Acts = 0
    by: Person = field(default_factory=Person)
    """The acts about its author, and about its target."""

    about: Person = field(default_factory=Person)


@dataclass(frozen=True, slots=True)
class Placed:
    """A member's record, and where it stands in the order of admission."""

    record: Record
    order: tuple[int, bytes, bytes]
    """Height and id of the add, then his key."""


class Graph:
    """Operations of one group, each after its parents. Nothing is ever taken out."""

    def __init__(self, create: Operation) -> None:
        assert isinstance(create.action, Create)
        self.group: Final = create.id
        self.acts: list[Act] = []
        self.ordered: list[Act] = []
        """The acts by height and id: none stands before one that it follows."""

        self.setters: dict[str, Acts] = {}
        self._operations: dict[OperationId, tuple[Acts, Acts, int]] = {}
        """Of each: its own acts, its ancestors', its height."""

        self.positions: dict[OperationId, int] = {}
        """Of each: where it stands among what was said, as a clock; below all that it follows."""

        self._parents: list[Acts] = []
        self._descendants: list[Acts] = []
        self._people: dict[VerifyKey, Person] = {}
        self._places: dict[VerifyKey, list[tuple[Placed, Acts]]] = {}
        self._accepted: dict[int, Acts] = {}
        self._heads: Acts = 0
        self._add(create)

    # --- What is here -------------------------------------------------------------------------

    def __contains__(self, operation: OperationId) -> bool:
        return operation in self._operations

    def __len__(self) -> int:
        return len(self._operations)

    @property
    def all(self) -> Acts:
        """All acts."""
        return (1 << len(self.acts)) - 1

    @property
    def heads(self) -> Acts:
        """Acts that no other one follows."""
        return self._heads

    @property
    def people(self) -> dict[VerifyKey, Person]:
        """All member keys that an operation is by or about, in the order in which they came."""
        return self._people

    def person(self, key: VerifyKey) -> Person:
        """Return the acts about a member key; none about a stranger."""
        return self._people.get(key, _STRANGER)

    def records(self, key: VerifyKey) -> Sequence[tuple[Placed, Acts]]:
        """Return a member's records in the order of admission, each with the act that bears it."""
        return self._places.get(key, ())

    def operations(self, acts: Acts) -> list[Operation]:
        """Return the operations of acts, in the order in which they came."""
        found = {act.operation.id: act.operation for act in self.of(acts)}
        return list(reversed(found.values()))

    def of(self, acts: Acts) -> Iterator[Act]:
        """Yield the acts of a set, the latest first: none that is yielded follows one before."""
        while acts:
            number = acts.bit_length() - 1
            acts ^= 1 << number
            yield self.acts[number]

    def latest(self, acts: Acts) -> list[Act]:
        """Return the acts of a set that no other one in it follows."""
        found = []
        while acts:
            act = self.acts[acts.bit_length() - 1]
            found.append(act)
            acts &= ~(act.ancestors | act.bit)
        return found

    # --- Who follows whom ---------------------------------------------------------------------

    def missing(self, ids: Sequence[bytes]) -> list[OperationId]:
        """Return those of some operations that are not here."""
        return [OperationId(each) for each in ids if OperationId(each) not in self._operations]

    def acts_of(self, operation: OperationId) -> Acts:
        """Return the acts of an operation that is here."""
        return self._operations[operation][0]

    def closure(self, operations: Sequence[OperationId]) -> Acts:
        """Return the acts of operations that are here, and of their ancestors."""
        acts = 0
        for each in operations:
            own, ancestors, _ = self._operations[each]
            acts |= own | ancestors
        return acts

    def ancestors(self, operation: OperationId) -> Acts:
        """Return the acts that an operation follows."""
        return self._operations[operation][1]

    def following(self, act: Act) -> Acts:
        """Return the acts that follow one."""
        if len(self._descendants) < len(self.acts):
            self._find_descendants()
        return self._descendants[act.number]

    def besides(self, act: Act) -> Acts:
        """Return the acts that stand beside one: neither follows the other. Nothing follows a
        prepared one.
        """
        if act.number >= len(self.acts):
            return self.all & ~act.ancestors
        own = self.acts_of(act.operation.id)
        return self.all & ~(act.ancestors | own | self.following(act))

    def accepted(self, act: Act) -> Acts:
        """Return what a removal or lowered role leaves in force of those that it follows."""
        if act.undo is None:
            return act.ancestors
        found = self._accepted.get(act.number)
        if found is None:
            known = [OperationId(each) for each in act.undo if OperationId(each) in self]
            found = self._accepted[act.number] = self.closure(known) & act.ancestors
        return found

    def is_foreign(self, operation: Operation) -> bool:
        """Say whether nobody had added the author: it can never count, and is not kept."""
        author = self.person(operation.author)
        return not (author.created | author.adds) & self.closure(operation.parents)

    # --- Growing ------------------------------------------------------------------------------

    def add(self, operation: Operation) -> Acts:
        """Add an operation whose parents are here; return its acts.

        PeerError if it is another beginning.
        """
        if isinstance(operation.action, Create):
            raise PeerError("another beginning")
        assert not self.missing(operation.parents)
        return self._add(operation)

    def _add(self, operation: Operation) -> Acts:
        assert operation.id not in self._operations
        ancestors = self.closure(operation.parents)
        height = max((self._operations[each][2] + 1 for each in operation.parents), default=0)
        own = 0
        for place, act in enumerate(_acts(operation)):
            act.number, act.ancestors = len(self.acts), ancestors
            act.bit = 1 << act.number
            act.order = (height, operation.id, place)
            own |= act.bit
            self.acts.append(act)
            insort(self.ordered, act, key=lambda each: each.order)
            self._note(act)
        parents = 0
        for each in operation.parents:
            parents |= self.acts_of(each)
        self._parents += [parents] * own.bit_count()
        self._operations[operation.id] = own, ancestors, height
        before = [self.positions[each] for each in operation.parents]
        self.positions[operation.id] = max(operation.clock, max(before, default=-1) + 1)
        self._heads = self._heads & ~ancestors | own
        return own

    def _note(self, act: Act) -> None:
        """Enter an act under the people that it is by and about."""
        bit, action = act.bit, act.operation.action
        author = act.by = self._people.setdefault(act.author, Person())
        author.own |= bit
        if act.target is not None:
            act.about = self._people.setdefault(act.target, Person())
        match action:
            case Create():
                author.created |= bit
                self._place(action.record, act)
            case Add(records=records):
                for record in records:
                    self._people.setdefault(VerifyKey(record.key), Person()).adds |= bit
                    self._place(record, act)
            case Leave():
                author.leaves |= bit
            case Remove():
                if act.target != act.author:
                    act.about.removals |= bit
            case RoleChange():
                self._note_role(act)
            case SettingsChange():
                pass
        for key in act.settings:
            self.setters[key] = self.setters.get(key, 0) | bit

    def _note_role(self, act: Act) -> None:
        assert act.role is not None
        bit, target = act.bit, act.about
        target.roles |= bit
        if act.role > Role.MEMBER:
            target.raises |= bit
        if act.target == act.author:
            target.steps |= bit
            return
        target.given |= bit
        if act.role is Role.OWNER:
            target.gifts |= bit
        if act.role is Role.MEMBER:
            target.lowerings |= bit

    def _place(self, record: Record, act: Act) -> None:
        height, id_, _ = act.order
        placed = Placed(record, (height, id_, record.key))
        places = self._places.setdefault(VerifyKey(record.key), [])
        insort(places, (placed, act.bit), key=lambda each: each[0].order)

    def _find_descendants(self) -> None:
        descendants = [0] * len(self.acts)
        for number in range(len(self.acts) - 1, -1, -1):
            below = descendants[number] | 1 << number
            for parent in self.of(self._parents[number]):
                descendants[parent.number] |= below
        self._descendants = descendants


_STRANGER: Final = Person()


def prepared(graph: Graph, operation: Operation) -> list[Act]:
    """Return the acts of an operation as they would be, without adding it."""
    ancestors = graph.closure(operation.parents)
    acts = _acts(operation)
    for number, act in enumerate(acts, len(graph.acts)):
        act.number, act.bit, act.ancestors = number, 1 << number, ancestors
        act.by = graph.person(act.author)
        act.about = _STRANGER if act.target is None else graph.person(act.target)
    return acts


def _acts(operation: Operation) -> list[Act]:
    """Return the acts of an operation, which find their places when they are added."""
    action = operation.action
    match action:
        case Create(settings=settings):
            return [_act(operation, settings=settings.items())]
        case SettingsChange():
            return [_act(operation, settings=action.items())]
        case Add():
            return [_act(operation)]
        case Leave(had=had):
            return [_act(operation, had=had)]
        case RoleChange(key=key, role=role, undo=undo, had=had):
            return [_act(operation, VerifyKey(key), role, undo, had)]
        case Remove(removals=removals):
            return [
                _act(operation, VerifyKey(each.key), None, each.undo, each.had) for each in removals
            ]


def _act(
    operation: Operation,
    target: VerifyKey | None = None,
    role: Role | None = None,
    undo: tuple[bytes, ...] | None = None,
    had: tuple[RunHad, ...] = (),
    settings: dict[str, SettingValue] | None = None,
) -> Act:
    return Act(
        operation=operation,
        author=operation.author,
        order=(0, operation.id, 0),
        target=target,
        role=role,
        undo=undo,
        had=had,
        settings=settings or {},
    )
