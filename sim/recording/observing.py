"""The observation of a world while it runs: who has which envelope when, which links stand.

Everything is looked at from outside: once a second of virtual time the world is sampled, and while
it runs the function by which envelopes enter a node is wrapped. Which node runs is what the trace
has recorded last. Engines do not notice.
"""

import contextlib
from collections.abc import Container, Iterator
from typing import Final

import msgspec

from mesh.engine.forwarding.intake import Intake
from mesh.ids import EnvelopeId, Instant, LinkId
from mesh.replication.replicator import Replicator
from mesh.replication.seen_sets import Element
from mesh.wire.envelope import envelope_id_of
from mesh.wire.frames import Push, Stem
from sim.invariants.purity_guards import PURITY_GUARDS
from sim.kernel.trace import NOBODY
from sim.patching import Patch, patched
from sim.recording.rows import RowFile, TransferRow
from sim.recording.trace_file import Head, RecordedTrace
from sim.run.report import injected_faults
from sim.run.world import World

SCHEMA: Final = 1
ENVELOPES_MAX: Final = 60
"""So many envelopes are followed from node to node; more would make no clearer picture."""

SAMPLES_MAX: Final = 240
"""Series are thinned to so many points in time."""

NODES_WITH_LINKS_MAX: Final = 2_000
LINK_EVENTS_MAX: Final = 40_000
STRIKES_MAX: Final = 10_000


class Arrival(msgspec.Struct, frozen=True, array_like=True):
    """A node took an envelope in; `came_from` is -1 where it was made, or not known."""

    at_us: int
    node: int
    came_from: int


class Followed(msgspec.Struct, frozen=True):
    """One envelope from its author to everybody."""

    author: int
    bytes: int
    arrivals: list[Arrival]


class LinkEvent(msgspec.Struct, frozen=True, array_like=True):
    """A link between two nodes began or ended."""

    at_us: int
    one: int
    other: int
    is_up: bool


class NodeEvent(msgspec.Struct, frozen=True, array_like=True):
    """A node was started or stopped."""

    at_us: int
    node: int
    is_up: bool


class Strike(msgspec.Struct, frozen=True, array_like=True):
    """Within one second a fault happened in the world, `times` times."""

    at_us: int
    kind: str
    times: int


class Sample(msgspec.Struct, frozen=True):
    """The world at one second. `parts`: each node's side of a cut, if there is one."""

    at_us: int
    parts: list[int] | None
    backlog: list[int]
    bytes_by_frame: dict[str, int]


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """All that was seen of one run."""

    schema: int
    nodes: int
    ended_at_us: int
    envelopes: list[Followed]
    links: list[LinkEvent]
    power: list[NodeEvent]
    samples: list[Sample]
    strikes: list[Strike] = []
    latencies_us: dict[str, list[int]]
    last_rows: list[tuple[int, int, str, int, int, int]]
    """(at, number, kind, node, peer, cause), those before the end."""


class Observer:
    """Observes one world; make it with the trace that the world is given.

    With `rows` it writes what studies ask for, of every envelope and of every link.
    """

    def __init__(self, trace: RecordedTrace, rows: RowFile | None = None) -> None:
        self._trace = trace
        self._rows = rows
        self._followed: dict[EnvelopeId, Followed] = {}
        self._links: list[LinkEvent] = []
        self._standing: dict[tuple[int, int], None] = {}
        self._power: list[NodeEvent] = []
        self._is_up: dict[int, bool] = {}
        self._samples: list[Sample] = []
        self._strikes: list[Strike] = []
        self._injected: dict[str, int] = {}
        self._every = 1
        self._seconds = 0
        self._world: World | None = None

    @contextlib.contextmanager
    def observing(self, world: World) -> Iterator[None]:
        """While inside, what enters engines and what leaves them is seen."""
        self._world = world
        accepted, pushed = Replicator.accepted, Intake.pushed
        observer = self

        def brought(intake: Intake, link: LinkId, push: Push | Stem, now: Instant) -> None:
            observer._pushed(link, push)
            pushed(intake, link, push, now)

        def seen(
            spreading: Replicator,
            id_: EnvelopeId,
            element: Element,
            link: LinkId | None,
            now: Instant,
            *,
            is_new: bool,
            stem_links: Container[LinkId] = (),
            is_announced: bool = False,
        ) -> None:
            observer._entered(id_, element, link)
            accepted(
                spreading,
                id_,
                element,
                link,
                now,
                is_new=is_new,
                stem_links=stem_links,
                is_announced=is_announced,
            )

        with patched(Patch(Replicator, "accepted", seen), Patch(Intake, "pushed", brought)):
            yield

    def look(self, world: World) -> None:
        """A second has passed."""
        now = world.loop.now
        self._note_power(world, now)
        self._note_strikes(world, now)
        is_drawn = len(world.nodes) <= NODES_WITH_LINKS_MAX
        if is_drawn or self._rows is not None:
            self._note_links(world, now, is_drawn=is_drawn)
        self._seconds += 1
        if self._seconds % self._every:
            return
        backlog = [0] * len(world.nodes)
        for message in world.message_log.outstanding():
            backlog[message.recipient] += 1
        sides = world.network.reach.sides()
        parts = None if sides is None else sides[: len(world.nodes)]
        self._samples.append(Sample(now, parts, backlog, dict(world.observers.frames.bytes)))
        if len(self._samples) >= SAMPLES_MAX:
            self._samples = self._samples[1::2]
            self._every *= 2

    def observed(self, world: World) -> Observed:
        """All that was seen."""
        latencies: dict[str, list[int]] = {}
        for message in world.message_log.messages:
            if message.delivered_at is not None:
                phase = world.faults.phase_of(message)
                latencies.setdefault(phase, []).append(message.delivered_at - message.asked_at)
        return Observed(
            schema=SCHEMA,
            nodes=len(world.nodes),
            ended_at_us=world.loop.now,
            envelopes=list(self._followed.values()),
            links=self._links,
            power=self._power,
            samples=self._samples,
            strikes=self._strikes,
            latencies_us={phase: sorted(times) for phase, times in latencies.items()},
            last_rows=[
                (row.at_us, row.number, row.kind, row.node, row.peer, row.cause)
                for row in self._trace.last_rows
            ],
        )

    def _pushed(self, link: LinkId, push: Push | Stem) -> None:
        """A neighbour brings a body, whether it is new or not."""
        node, world = PURITY_GUARDS.node, self._world
        if self._rows is None or world is None or node is None or PURITY_GUARDS.is_double:
            return
        envelope = envelope_id_of(push.envelope)
        row = TransferRow(
            at_us=world.loop.now,
            envelope=envelope.hex(),
            size=len(push.envelope),
            from_host=self._trace.links.get((node, link), NOBODY),
            to_host=node,
            is_first=not world.observers.arrivals.has_had_body(node, envelope),
        )
        self._rows.put(row)

    def _entered(self, id_: EnvelopeId, element: Element, link: LinkId | None) -> None:
        followed = self._followed.get(id_)
        if followed is None:
            is_written = self._world is not None and self._world.mail_workload.planned_count > 0
            if link is not None or not is_written or len(self._followed) >= ENVELOPES_MAX:
                return
        row = self._trace.last_rows[-1]
        if followed is None:
            followed = Followed(row.node, element.size_bytes, [])
            self._followed[id_] = followed
        came_from = NOBODY if link is None else self._trace.links.get((row.node, link), NOBODY)
        followed.arrivals.append(Arrival(row.at_us, row.node, came_from))

    def _note_power(self, world: World, now: int) -> None:
        for node in world.nodes:
            if self._is_up.get(node.index, False) != node.is_up:
                self._is_up[node.index] = node.is_up
                self._power.append(NodeEvent(now, node.index, node.is_up))

    def _note_strikes(self, world: World, now: int) -> None:
        if len(self._strikes) < STRIKES_MAX:
            counts = injected_faults(world)
            for kind, count in counts.items():
                times = count - self._injected.get(kind, 0)
                if times:
                    self._strikes.append(Strike(now, kind, times))
            self._injected = counts

    def _note_links(self, world: World, now: int, *, is_drawn: bool) -> None:
        standing = dict.fromkeys(
            (min(one, other), max(one, other)) for one, other in world.network.streams.links()
        )
        if self._rows is not None:
            self._rows.links(standing, now)
        if is_drawn and len(self._links) < LINK_EVENTS_MAX:
            for pair in standing:
                if pair not in self._standing:
                    self._links.append(LinkEvent(now, *pair, True))
            for pair in self._standing:
                if pair not in standing:
                    self._links.append(LinkEvent(now, *pair, False))
        self._standing = standing


def head_of(world_scenario: str, seed: int, nodes: int) -> Head:
    """The head of a trace file of such a run."""
    return Head(SCHEMA, world_scenario, seed, nodes)
