"""The broadcast workload of Maelstrom in virtual time, with its figures.

Half of what clients ask are broadcasts, half are reads, at a constant rate, each of a node that is
drawn. A value is *stable* when the last node has it; latency is the time until then, exactly, where
Maelstrom finds it by sampling reads. Messages per operation count what nodes send each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from sim.kernel.entropy import Chance
from sim.kernel.loop import Loop
from sim.lab.maelstrom.flooding import TOPOLOGIES, FloodingNode
from sim.lab.maelstrom.node import Body, MaelstromNode, Message, Value, Windows

CLIENT: Final = "c1"
BEGUN_US: Final = 1_800_000_000_000_000
SETTLE_US: Final = 30_000_000


class Node(Protocol):
    """The program that Maelstrom talks to."""

    def received(self, message: Message, now: int) -> None: ...
    def deadline(self) -> int | None: ...
    def deadline_passed(self, now: int) -> None: ...
    def take(self, now: int) -> list[Message]: ...
    @property
    def values(self) -> list[Value]: ...


@dataclass(frozen=True, slots=True)
class Challenge:
    """The options of a run of Maelstrom; its nemesis cuts the nodes in halves at times."""

    nodes: int = 25
    rate: int = 100
    seconds: int = 20
    latency_us: int = 100_000
    has_partitions: bool = False
    partition_us: int = 5_000_000
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Scores:
    """The report of Maelstrom."""

    operations: int
    messages_per_operation: float
    median_ms: float
    max_ms: float
    lost: int


class Broadcasting:
    """One run of the workload. Run it once."""

    def __init__(self, nodes: Sequence[Node], challenge: Challenge) -> None:
        self._nodes = nodes
        self._challenge = challenge
        self._loop = Loop(tick_us=100)
        self._names = [f"n{number}" for number in range(len(nodes))]
        self._chance = Chance(challenge.seed, "maelstrom")
        self._sides: dict[int, int] = {}
        self._asked_at: dict[Value, int] = {}
        self._known_by: dict[Value, int] = {}
        self._stable_at: dict[Value, int] = {}
        self._counts = [0] * len(nodes)
        self._waking: dict[int, int] = {}
        self._messages = 0
        self._operations = 0

    def run(self) -> Scores:
        """From init to the last value's being everywhere, or the end of patience."""
        challenge = self._challenge
        for number in range(len(self._nodes)):
            body = Body(type="init", msg_id=1, node_id=self._names[number], node_ids=self._names)
            self._say(number, Message(CLIENT, self._names[number], body))
        between_us = 1_000_000 // challenge.rate
        first = 2_000_000
        for number in range(challenge.seconds * challenge.rate):
            self._loop.at(first + number * between_us, partial(self._ask, number))
        end = first + challenge.seconds * 1_000_000
        if challenge.has_partitions:
            for start in range(first, end - challenge.partition_us, 2 * challenge.partition_us):
                self._loop.at(start + challenge.partition_us // 2, self._cut)
                self._loop.at(start + challenge.partition_us * 3 // 2, self._sides.clear)
        self._loop.at(end, self._sides.clear)
        self._loop.run_until(end + SETTLE_US)
        latencies = sorted(at - self._asked_at[value] for value, at in self._stable_at.items())
        return Scores(
            operations=self._operations,
            messages_per_operation=round(self._messages / self._operations, 2),
            median_ms=latencies[len(latencies) // 2] / 1_000,
            max_ms=latencies[-1] / 1_000,
            lost=len(self._asked_at) - len(latencies),
        )

    def _ask(self, number: int) -> None:
        node = self._chance.below(len(self._nodes))
        self._operations += 1
        if self._chance.is_true(0.5):
            self._asked_at[number] = self._loop.now
            body = Body(type="broadcast", msg_id=number + 2, message=number)
        else:
            body = Body(type="read", msg_id=number + 2)
        self._say(node, Message(CLIENT, self._names[node], body))

    def _cut(self) -> None:
        self._sides.update({node: self._chance.below(2) for node in range(len(self._nodes))})

    def _say(self, node: int, message: Message) -> None:
        self._nodes[node].received(message, self._time)
        self._tend(node)

    @property
    def _time(self) -> int:
        return BEGUN_US + self._loop.now

    def _tend(self, node: int) -> None:
        """Note what is new at a node, send what it says, and plan its deadline."""
        one = self._nodes[node]
        for message in one.take(self._time):
            if message.dest in self._names:
                self._messages += 1
                other = self._names.index(message.dest)
                if self._sides.get(node) == self._sides.get(other):
                    hear = partial(self._say, other, message)
                    self._loop.after(self._challenge.latency_us, hear)
        self._note(node)
        deadline = one.deadline()
        if deadline is None:
            return
        when = max(deadline - BEGUN_US, self._loop.now + 1)
        planned = self._waking.get(node)
        if planned is None or when < planned or planned <= self._loop.now:
            self._waking[node] = when
            self._loop.at(when, partial(self._wake, node, when))

    def _wake(self, node: int, when: int) -> None:
        if self._waking.get(node) == when:
            del self._waking[node]
            self._nodes[node].deadline_passed(self._time)
            self._tend(node)

    def _note(self, node: int) -> None:
        values = self._nodes[node].values
        for value in values[self._counts[node] :]:
            self._known_by[value] = self._known_by.get(value, 0) + 1
            if self._known_by[value] == len(self._nodes):
                self._stable_at[value] = self._loop.now
        self._counts[node] = len(values)


def challenge(windows: Windows, rules: Challenge) -> Scores:
    """Our nodes under a challenge."""
    nodes = [MaelstromNode(windows) for _ in range(rules.nodes)]
    return Broadcasting(nodes, rules).run()


def flooding(topology: str, rules: Challenge) -> Scores:
    """The plain broadcast of Maelstrom's guide on one of its topologies."""
    neighbours_of = TOPOLOGIES[topology]
    nodes = [FloodingNode(neighbours_of(own, rules.nodes)) for own in range(rules.nodes)]
    return Broadcasting(nodes, rules).run()
