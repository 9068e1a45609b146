"""The known graphs and entries of `tests/vectors/`, and graphs by names instead of keys."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random

import msgspec
from hypothesis import strategies as st

from mesh.content.entry import OperationId
from mesh.group.cuts import Hole, RunHad
from mesh.group.operations import (
    NO_CONSENT,
    RULES,
    Action,
    Add,
    Create,
    Leave,
    Operation,
    Record,
    Removal,
    Remove,
    Role,
    RoleChange,
)
from mesh.group.settings import SettingsChange, setting_change
from mesh.ids import VerifyKey

VECTORS = Path(__file__).parent.parent / "vectors"
ROLES = {"member": Role.MEMBER, "admin": Role.ADMIN, "owner": Role.OWNER}


class KnownOperation(msgspec.Struct):
    """An operation of the known answers. `order` stands for its id."""

    op: int
    author: str
    kind: str
    parents: list[int]
    order: str
    targets: list[str] = []
    target: str = ""
    role: str = "member"
    undo: list[int] | None = None
    had: list[tuple[int, int, list[tuple[int, int]]]] = []
    name: str | None = None
    add: str | None = None
    write: str | None = None
    pin: str | None = None
    timer: str | None = None
    closed: str | None = None


class KnownEntry(msgspec.Struct):
    """An entry of the known answers, and what it may."""

    author: str
    right: str
    ops: list[int]
    run: int
    number: int
    named: bool
    now: bool
    ends: list[int]
    covered: list[bool]
    verdict: str


class KnownGraph(msgspec.Struct):
    """A graph of the known answers."""

    name: str
    ops: list[KnownOperation]
    effective: list[int]
    members: dict[str, str]
    settings: dict[str, str]
    makers: list[str]
    entries: list[KnownEntry] = []


class _Known(msgspec.Struct):
    scenarios: list[KnownGraph]
    random: list[KnownGraph]


@cache
def known_graphs(name: str) -> tuple[KnownGraph, ...]:
    """Return the graphs of a file of known answers."""
    known = msgspec.json.decode((VECTORS / f"{name}.json").read_bytes(), type=_Known)
    return (*known.scenarios, *known.random)


def key_of(name: str) -> VerifyKey:
    """Return the member key that stands for a name."""
    return VerifyKey(name.encode().ljust(32, b"\0"))


def name_of(key: bytes) -> str:
    """Return the name of a key."""
    return key.rstrip(b"\0").decode()


def id_of(order: str) -> OperationId:
    """Return an id that compares as this text does."""
    return OperationId(order.encode().ljust(32, b"\0"))


def record_of(name: str) -> Record:
    """Return the record of somebody."""
    return Record(key_of(name), bytes(32), bytes(32), bytes(16), name, NO_CONSENT)


def operations_of(graph: KnownGraph) -> list[Operation]:
    """Return the operations of a known graph, parents first."""
    ids = {each.op: id_of(each.order) for each in graph.ops}
    counts: dict[str, int] = {}
    found = []
    for each in graph.ops:
        seq = counts[each.author] = counts.get(each.author, -1) + 1
        found.append(
            Operation(
                id=ids[each.op],
                author=key_of(each.author),
                clock=each.op,
                seq=seq,
                parents=tuple(ids[parent] for parent in each.parents),
                seen=(),
                action=_action(each, ids),
            )
        )
    return found


def _action(each: KnownOperation, ids: dict[int, OperationId]) -> Action:
    undo = None if each.undo is None else tuple(ids[op] for op in each.undo)
    had = tuple(
        RunHad(run, below, tuple(Hole(*hole) for hole in holes)) for run, below, holes in each.had
    )
    match each.kind:
        case "create":
            return Create(RULES, bytes(16), record_of(each.author), SettingsChange())
        case "add":
            return Add(tuple(record_of(name) for name in each.targets))
        case "remove":
            return Remove((Removal(key_of(each.target), undo, had),))
        case "leave":
            return Leave(had)
        case "role":
            return RoleChange(key_of(each.target), ROLES[each.role], undo, had)
        case _:
            keys = ("name", "add", "write", "pin", "timer", "closed")
            values = {key: getattr(each, key) for key in keys}
            return setting_change({key: value for key, value in values.items() if value})


# --- Graphs by hand and by chance ---------------------------------------------------------------

PEOPLE = ("O", "A", "B", "C", "D", "M", "N")


class Story:
    """Operations as they are told: each knows of those that it names."""

    def __init__(self, *others: str) -> None:
        self.operations: list[Operation] = []
        self._seqs: dict[str, int] = {}
        self.create = self.tell(
            "O", Create(RULES, bytes(16), record_of("O"), SettingsChange()), order="000"
        )
        if others:
            self.tell("O", add(*others))

    @property
    def last(self) -> OperationId:
        """The operation that was told last."""
        return self.operations[-1].id

    def tell(
        self, author: str, action: Action, *parents: OperationId, order: str | None = None
    ) -> OperationId:
        """Add an operation after its parents, or after the last one."""
        seq = self._seqs[author] = self._seqs.get(author, -1) + 1
        known = parents or tuple(each.id for each in self.operations[-1:])
        id_ = id_of(order or f"{len(self.operations):03}")
        clock = len(self.operations)
        self.operations.append(Operation(id_, key_of(author), clock, seq, known, (), action))
        return id_


def add(*names: str) -> Add:
    """Return an add of some people."""
    return Add(tuple(record_of(name) for name in names))


def remove(*names: str, undo: Sequence[OperationId] | None = None) -> Remove:
    """Return a removal of some people."""
    undone = None if undo is None else tuple(undo)
    return Remove(tuple(Removal(key_of(name), undone, ()) for name in names))


def role(name: str, role: Role, undo: Sequence[OperationId] | None = None) -> RoleChange:
    """Return a role for somebody."""
    return RoleChange(key_of(name), role, None if undo is None else tuple(undo), ())


def stories(most: int = 24) -> st.SearchStrategy[list[Operation]]:
    """Draw what hostile people may write: anybody, anything, after any operations."""
    return st.builds(random_story, randoms(), st.integers(2, most))


def randoms() -> st.SearchStrategy[Random]:
    """Draw a source of choices by its seed: there is nothing inside to be made smaller."""
    return st.builds(Random, st.integers(0, 1 << 32))


def random_story(random: Random, count: int) -> list[Operation]:
    """Return so many operations that hostile people may write, parents first."""
    story = Story("A", "B", "C", "M")
    story.tell("O", role("A", Role.ADMIN))
    story.tell("O", role("B", random.choice(list(Role))))
    while len(story.operations) < count:
        near = story.operations[-6:] if random.random() < 0.8 else story.operations
        parents = tuple(
            each.id for each in random.sample(near, min(len(near), random.choice((1, 1, 1, 2, 3))))
        )
        order = f"{random.random():.9f}"
        story.tell(random.choice(PEOPLE), _any_action(random, story), *parents, order=order)
    return story.operations


def adds_and_settings(count: int) -> list[Operation]:
    """Return a group that was only added to and renamed."""
    story = Story()
    while len(story.operations) < count:
        number = len(story.operations)
        action = add(f"p{number}") if number % 2 else setting_change({"name": f"{number}"})
        story.tell("O", action, order=f"{number:05}")
    return story.operations


def _any_action(random: Random, story: Story) -> Action:
    whom = random.choice(PEOPLE)
    undo = None
    if random.random() < 0.3:
        mine = [each.id for each in story.operations if each.author == key_of(whom)]
        undo = random.sample(mine, min(len(mine), random.choice((0, 1, 2))))
    had = (RunHad(random.choice((1, 2)), random.choice((0, 3, 9)), ()),)
    match random.choice(("add", "remove", "remove", "role", "role", "set", "leave")):
        case "add":
            return add(*random.sample(PEOPLE, random.choice((1, 2))))
        case "remove":
            names = random.sample(PEOPLE, random.choice((1, 1, 2)))
            undone = None if undo is None else tuple(undo)
            return Remove(tuple(Removal(key_of(name), undone, had) for name in names))
        case "role":
            undone = None if undo is None else tuple(undo)
            return RoleChange(key_of(whom), random.choice(list(Role)), undone, had)
        case "leave":
            return Leave(had)
        case _:
            key = random.choice(("add", "write", "pin", "timer", "closed", "name"))
            values = ("no", "yes") if key == "closed" else ("members", "admins")
            return setting_change({key: random.choice(values)})


def shuffled(operations: Sequence[Operation], random: Random) -> list[Operation]:
    """Return operations in another order in which parents come first."""
    waiting, here = list(operations), list[Operation]()
    known: dict[OperationId, None] = {}
    while waiting:
        ready = [each for each in waiting if all(parent in known for parent in each.parents)]
        chosen = random.choice(ready)
        waiting.remove(chosen)
        here.append(chosen)
        known[chosen.id] = None
    return here
