"""Ten nodes that share a processor: whoever is late asks for little of what is on its way.

As ten daemons on one machine are measured (`tests/bench/tenfold.py`), without the daemons: what a
batch takes is added up, and while one node has the processor the others' frames wait for them.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations

from mesh.wire.frames import Graft
from sim.kernel.loop import Loop
from sim.lab.dissemination.network import Said
from sim.lab.dissemination.speakers import Ids, MeshSpeaker, SaidBody, SaidFrame

NODES = 10
BATCH_SAID_MAX = 64
BATCH_US, NEW_BODY_US, KNOWN_BODY_US, FRAME_US = 1_500, 250, 60, 30
CABLE_US = 200
QUIET, AT_ONCE = 100, 400


@dataclass(slots=True)
class Busy:
    """Ten machines of spreading, all neighbours, and one processor that they take in turns."""

    speakers: list[MeshSpeaker]
    loop: Loop = field(default_factory=lambda: Loop(tick_us=100))
    inboxes: list[deque[tuple[int, Said]]] = field(
        default_factory=lambda: [deque() for _ in range(NODES)]
    )
    turns: deque[int] = field(default_factory=deque)
    is_taken: bool = False
    has: list[dict[int, None]] = field(default_factory=lambda: [{} for _ in range(NODES)])
    copies_count: int = 0
    asked_count: int = 0

    def publish(self, node: int, post: int) -> None:
        """A user writes at a node."""
        self.has[node][post] = None
        self.speakers[node].publish(post, 1_024, self.loop.now)
        self.wake(node)

    def wake(self, node: int) -> None:
        """A node has something to do, and queues for the processor."""
        if node not in self.turns:
            self.turns.append(node)
            self._next()

    def _next(self) -> None:
        if self.is_taken or not self.turns:
            return
        self.is_taken = True
        node = self.turns.popleft()
        speaker, now = self.speakers[node], self.loop.now
        spent_us = BATCH_US + sum(self._hear(node) for _ in self._waiting(node))
        deadline = speaker.deadline()
        if deadline is not None and deadline <= now:
            speaker.deadline_passed(now)
        said = speaker.take(now)
        self.loop.after(spent_us, partial(self._leave, node, said))

    def _waiting(self, node: int) -> range:
        return range(min(len(self.inboxes[node]), BATCH_SAID_MAX))

    def _hear(self, node: int) -> int:
        """Let a node hear what came next; return what it takes."""
        sender, said = self.inboxes[node].popleft()
        self.speakers[node].heard(sender, said, self.loop.now)
        if not isinstance(said, SaidBody):
            return FRAME_US
        if said.post in self.has[node]:
            self.copies_count += 1
            return KNOWN_BODY_US
        self.has[node][said.post] = None
        return NEW_BODY_US

    def _leave(self, node: int, said: list[tuple[int, Said]]) -> None:
        self.is_taken = False
        for peer, one in said:
            if isinstance(one, SaidFrame) and isinstance(one.frame, Graft):
                self.asked_count += len(one.frame.ids) // 32
            self.loop.after(CABLE_US, partial(self._arrive, node, peer, one))
        deadline = self.speakers[node].deadline()
        if self.inboxes[node]:
            self.wake(node)
        elif deadline is not None:
            self.loop.at(max(deadline, self.loop.now + 1), partial(self.wake, node))
        self._next()

    def _arrive(self, sender: int, receiver: int, said: Said) -> None:
        self.inboxes[receiver].append((sender, said))
        self.wake(receiver)


def joined() -> Busy:
    ids = Ids()
    made = Busy([MeshSpeaker(ids, 1, number) for number in range(NODES)])
    for one, other in combinations(range(NODES), 2):
        made.speakers[one].link_up(other, 0, is_dialled_by_us=True, round_trip_us=2 * CABLE_US)
        made.speakers[other].link_up(one, 0, is_dialled_by_us=False, round_trip_us=2 * CABLE_US)
    return made


def after(world: Busy, posts: range, every_us: int, write: Callable[[int, int], None]) -> None:
    """Let users write so often, each node in its turn, and all have all."""
    for place, post in enumerate(posts):
        world.loop.after(every_us * (place + 1), partial(write, post % NODES, post))
    world.loop.run_until(world.loop.now + every_us * len(posts) + 20_000_000)
    assert all(len(has) == posts.stop for has in world.has)


def test_who_shares_a_processor_asks_for_little_that_is_on_its_way() -> None:
    """A body that came late from everybody was asked for, and who gave it pushed from then on."""
    world = joined()
    after(world, range(QUIET), 50_000, world.publish)
    world.copies_count = world.asked_count = 0
    after(world, range(QUIET, QUIET + AT_ONCE), 500, world.publish)
    deliveries = AT_ONCE * (NODES - 1)
    assert world.copies_count < 1.6 * deliveries
    assert world.asked_count < 0.5 * deliveries
