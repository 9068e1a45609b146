"""The rules of spreading as arrays, for a million nodes: how they push and prune.

Implements `docs/protocol/spreading.md`, section "Eager and lazy links", with what "Asking" says of
live mail, for small posts one after the other. A model, not the engine;
`sim.lab.models.cross_validation` holds both together on the same links.

Theory of operation. All that happens in one tick is handled at once: bodies, announcements, prunes
and grafts are arrays of directed edges. A node that is busy with a batch leaves what comes until
it is done, as a node of the simulator does. Which links are eager is what one post leaves to the
next; everything else is of one post.

Left out are doubted neighbours, races of lazy links and more than eight eager links: the first two
take minutes or liars, the last more links than a node keeps.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import numpy as np

from mesh.limits.replication import (
    ASK_TIMEOUT_MIN_MS,
    EAGER_LINKS_MIN,
    GRAFT_PAUSE_MS,
    PRUNE_AGAIN_MS,
    PRUNE_PAUSE_MS,
)
from sim.lab.models.curves import PostCurve
from sim.lab.models.vectorised import NEVER, Flags, Graph, Ints, edges_of, grouped, reverses

TICK_US: Final = 1_000
LONG_AGO: Final = -PRUNE_PAUSE_MS


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of pushing, and what lies between nodes."""

    eager_links_min: int = EAGER_LINKS_MIN
    thinking: int = 4
    """How many ticks a batch keeps a node busy."""

    jitter_us: int = 2_000
    """At most, of whatever is sent."""

    body_us: int = 90
    """How long a body keeps the wire busy: 1 KiB at 100 Mbit/s."""


class _Kind(Enum):
    """The kind of an arrival over an edge."""

    BODY = auto()
    TOLD = auto()
    PRUNED = auto()
    GRAFTED = auto()
    """The link is to be eager; nothing is asked for."""
    ASKED = auto()
    """The same, and for the post."""


class Pushing:
    """All nodes of one mesh; latencies of its graph are in microseconds."""

    def __init__(self, graph: Graph, rules: Rules, *, seed: int) -> None:
        nodes, edges = graph.nodes_count, len(graph.target)
        self.graph = graph
        self.eager: Flags = np.ones(edges, dtype=np.bool_)
        """Of each directed edge: whether its source pushes over it."""

        self._rules = rules
        self._random = np.random.default_rng(seed)
        self._source = np.repeat(np.arange(nodes, dtype=np.int32), np.diff(graph.first))
        self._reverse = reverses(graph)
        self._eager_count: Ints = np.diff(graph.first).astype(np.int32)
        self._pruned_at = np.full(edges, LONG_AGO, dtype=np.int32)
        self._round_trip: Ints = 2 * graph.latency // TICK_US + rules.thinking
        self._place = np.empty(nodes, dtype=np.int64)
        self._begin()

    def _begin(self) -> None:
        """Nobody has the next post, and nobody is busy."""
        nodes, edges = self.graph.nodes_count, len(self.graph.target)
        self._arrival = np.full(nodes, NEVER, dtype=np.int32)
        self._busy_until = np.full(nodes, LONG_AGO, dtype=np.int32)
        # Until when what was announced is waited for, and whether somebody was asked for it.
        self._due_at = np.full(nodes, NEVER, dtype=np.int32)
        self._is_owed: Flags = np.zeros(nodes, dtype=np.bool_)
        # Of each edge, whether its source knows that its target has the post, and has asked it.
        self._known: Flags = np.zeros(edges, dtype=np.bool_)
        self._asked: Flags = np.zeros(edges, dtype=np.bool_)
        self._coming: dict[int, dict[_Kind, list[Ints]]] = {}
        self._due: dict[int, list[Ints]] = {}
        self._bodies_count = 0

    def post(self, source: int, at: int) -> PostCurve:
        """Let a post of somebody spread until nothing of it is on its way; `at` is a tick."""
        self._begin()
        author = np.asarray([source], dtype=np.int32)
        self._keep_floor(np.arange(self.graph.nodes_count, dtype=np.int32), at)
        self._arrival[author] = at
        self._busy_until[author] = at + self._rules.thinking
        self._spread(author, at)
        tick = at
        while self._coming or self._due:
            tick += 1
            coming, due = self._coming.pop(tick, {}), self._due.pop(tick, [])
            if coming or due:
                self._batch(coming, due, tick)
        has = self._arrival != NEVER
        has[source] = False
        after_ms = (self._arrival[has] - at) * (TICK_US / 1_000)
        return PostCurve(self.graph.nodes_count, after_ms, self._bodies_count)

    # --- One tick -------------------------------------------------------------------------------

    def _batch(self, coming: dict[_Kind, list[Ints]], due: list[Ints], tick: int) -> None:
        """All nodes that are free handle what has come to them by now."""
        here = {kind: self._of_free(kind, parts, tick) for kind, parts in coming.items()}
        timers = np.concatenate(due) if due else np.empty(0, dtype=np.int32)
        is_free = self._busy_until[timers] <= tick
        for wait, part in grouped(timers[~is_free], self._busy_until[timers[~is_free]] - tick):
            self._due.setdefault(tick + wait, []).append(part)
        timers = timers[is_free]
        timers = np.unique(
            timers[(self._arrival[timers] == NEVER) & (self._due_at[timers] <= tick)]
        )
        target = self.graph.target
        for edges in here.values():
            self._busy_until[target[edges]] = tick + self._rules.thinking
        self._busy_until[timers] = tick + self._rules.thinking
        nothing = np.empty(0, dtype=np.int32)
        reached = self._receive(here.get(_Kind.BODY, nothing), tick)
        self._hear(here.get(_Kind.TOLD, nothing), tick)
        self._be_pruned(here.get(_Kind.PRUNED, nothing), tick)
        self._turn(self._reverse[here.get(_Kind.GRAFTED, nothing)], is_eager=True)
        self._be_asked(here.get(_Kind.ASKED, nothing), tick)
        self._ask(timers, tick)
        self._spread(reached, tick)

    def _of_free(self, kind: _Kind, parts: list[Ints], tick: int) -> Ints:
        """Yield what comes to nodes that are free; the rest comes again when they are."""
        edges = np.concatenate(parts)
        busy_until = self._busy_until[self.graph.target[edges]]
        is_free = busy_until <= tick
        for wait, part in grouped(edges[~is_free], busy_until[~is_free] - tick):
            self._coming.setdefault(tick + wait, {}).setdefault(kind, []).append(part)
        return edges[is_free]

    def _receive(self, edges: Ints, tick: int) -> Ints:
        """Bodies come; returns the nodes to which they are new."""
        ends, back = self.graph.target[edges], self._reverse[edges]
        self._bodies_count += len(edges)
        self._known[back] = True
        is_first = self._one_of_each(ends, self._arrival[ends] == NEVER)
        self._arrival[ends[is_first]] = tick
        is_unasked = ~self._asked[back]
        bringers = back[is_first & is_unasked]
        self._turn(bringers[self._is_over(bringers, PRUNE_PAUSE_MS, tick)], is_eager=True)
        again = back[~is_first & is_unasked]
        self._prune_needless(again[self.eager[again]], tick)
        crossed = again[~self.eager[again]]
        self._prune(crossed[self._is_over(crossed, PRUNE_AGAIN_MS, tick)], tick)
        return ends[is_first]

    def _hear(self, edges: Ints, tick: int) -> None:
        """It is announced: who lacks it waits a little for a push."""
        back = self._reverse[edges]
        self._known[back] = True
        ends = self.graph.target[edges]
        is_awaited = (self._arrival[ends] == NEVER) & ~self._is_owed[ends]
        patience = np.maximum(GRAFT_PAUSE_MS, self._round_trip[back] // 2)
        self._wait(ends[is_awaited], patience[is_awaited], tick)

    def _be_pruned(self, edges: Ints, tick: int) -> None:
        back = self._reverse[edges]
        self._turn(back, is_eager=False)
        self._pruned_at[back] = tick
        self._keep_floor(np.unique(self.graph.target[edges]), tick)

    def _be_asked(self, edges: Ints, tick: int) -> None:
        back = self._reverse[edges]
        self._turn(back, is_eager=True)
        has = self._arrival[self.graph.target[edges]] != NEVER
        self._send(_Kind.BODY, back[has], tick)

    def _ask(self, nodes: Ints, tick: int) -> None:
        """It has not come by itself: the nearest that announced it is asked, then another."""
        edges = edges_of(self.graph, nodes)
        edges = self._nearest(edges[self._known[edges] & ~self._asked[edges]])
        self._asked[edges] = True
        self._turn(edges, is_eager=True)
        self._send(_Kind.ASKED, edges, tick)
        self._due_at[nodes] = NEVER
        self._is_owed[nodes] = False
        self._is_owed[self._source[edges]] = True
        patience = np.maximum(ASK_TIMEOUT_MIN_MS, 10 + 3 * self._round_trip[edges])
        self._wait(self._source[edges], patience, tick)

    def _wait(self, nodes: Ints, patience: Ints, tick: int) -> None:
        """These nodes wait so long, or as long as they wait already if that is less."""
        np.minimum.at(self._due_at, nodes, tick + patience)
        nodes = np.unique(nodes)
        for wait, part in grouped(nodes, np.maximum(self._due_at[nodes] - tick, 1)):
            self._due.setdefault(tick + wait, []).append(part)

    def _spread(self, nodes: Ints, tick: int) -> None:
        """Push it, or announce it, to all who are not known to have it."""
        edges = edges_of(self.graph, nodes)
        edges = edges[~self._known[edges]]
        self._send(_Kind.BODY, edges[self.eager[edges]], tick)
        self._send(_Kind.TOLD, edges[~self.eager[edges]], tick)

    # --- Which links are eager ------------------------------------------------------------------

    def _prune_needless(self, edges: Ints, tick: int) -> None:
        """Over these came what was there: so many become lazy that enough are left."""
        edges = edges[np.argsort(self._source[edges], kind="stable")]
        nodes = self._source[edges]
        numbers = np.arange(len(edges), dtype=np.int64)
        is_begin = np.diff(nodes, prepend=-1) != 0
        rank = numbers - np.maximum.accumulate(np.where(is_begin, numbers, 0))
        self._prune(edges[rank < self._eager_count[nodes] - self._rules.eager_links_min], tick)

    def _prune(self, edges: Ints, tick: int) -> None:
        self._turn(edges, is_eager=False)
        self._pruned_at[edges] = tick
        self._send(_Kind.PRUNED, edges, tick)

    def _keep_floor(self, nodes: Ints, tick: int) -> None:
        """Make others eager for who pushes to too few, but not who has pruned it just now."""
        while True:
            nodes = nodes[self._eager_count[nodes] < self._rules.eager_links_min]
            edges = edges_of(self.graph, nodes)
            edges = edges[~self.eager[edges] & self._is_over(edges, PRUNE_PAUSE_MS, tick)]
            edges = self._drawn(edges)
            if not len(edges):
                return
            self._turn(edges, is_eager=True)
            self._send(_Kind.GRAFTED, edges, tick)

    def _turn(self, edges: Ints, *, is_eager: bool) -> None:
        changed = np.unique(edges[self.eager[edges] != is_eager])
        self.eager[changed] = is_eager
        np.add.at(self._eager_count, self._source[changed], 1 if is_eager else -1)

    def _is_over(self, edges: Ints, pause: int, tick: int) -> Flags:
        """Say whether so long ago or longer a prune went over an edge, or none did."""
        over: Flags = tick - self._pruned_at[edges] >= pause
        return over

    # --- Sending and drawing --------------------------------------------------------------------

    def _send(self, kind: _Kind, edges: Ints, tick: int) -> None:
        rules = self._rules
        delay_us = self.graph.latency[edges] + (rules.body_us if kind is _Kind.BODY else 0)
        if rules.jitter_us:
            delay_us += self._random.integers(0, rules.jitter_us + 1, len(edges), dtype=np.int32)
        for delay, part in grouped(edges, -(-delay_us // TICK_US)):
            self._coming.setdefault(tick + delay, {}).setdefault(kind, []).append(part)

    def _drawn(self, edges: Ints) -> Ints:
        """Of these edges one for each source."""
        return self._last_of_each(self._random.permutation(edges))

    def _nearest(self, edges: Ints) -> Ints:
        """Of these edges the shortest one for each source."""
        return self._last_of_each(edges[np.argsort(-self.graph.latency[edges], kind="stable")])

    def _last_of_each(self, edges: Ints) -> Ints:
        return edges[self._one_of_each(self._source[edges], np.ones(len(edges), dtype=np.bool_))]

    def _one_of_each(self, nodes: Ints, is_able: Flags) -> Flags:
        """Of each node that is among the able ones, one place."""
        places = np.flatnonzero(is_able)
        # Of a node that stands there twice the last place stays, without a sort.
        self._place[nodes[places]] = places
        chosen: Flags = np.zeros(len(nodes), dtype=np.bool_)
        chosen[places] = self._place[nodes[places]] == places
        return chosen
