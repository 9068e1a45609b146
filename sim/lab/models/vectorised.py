"""Push and anti-entropy over a million nodes as arrays: what the event loop computes, far faster.

A model, not the engine: one message, pushed over every link of a graph (or over those that are
eager), then repaired in rounds in which each node compares with a random neighbour. On a graph
that both can hold the pushed part is exactly what the event loop computes with flooding, to the
tick; the tests hold it to that at 1,000 and at 10,000 nodes.

Shapes: a graph of n nodes and m directed edges is three arrays in the compressed sparse row form:
`first` (n + 1), `target` (m) and `latency` (m, in ticks).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int32]
Flags: TypeAlias = npt.NDArray[np.bool_]

NEVER: Final = np.iinfo(np.int32).max
LATENCY_MAX: Final = np.iinfo(np.int16).max


@dataclass(frozen=True, slots=True)
class Graph:
    """Directed edges by their source; each link stands twice."""

    first: Ints
    target: Ints
    latency: Ints

    @property
    def nodes_count(self) -> int:
        """Nodes, with links or without."""
        return len(self.first) - 1


def graph_of(nodes: int, edges: Sequence[tuple[int, int]], latencies: Sequence[int]) -> Graph:
    """A graph of links, each with the latency of both its directions, in ticks."""
    ends = np.asarray(edges, dtype=np.int32).reshape(-1, 2)
    both = np.asarray(latencies, dtype=np.int32)
    return _graph(
        nodes,
        np.concatenate([ends[:, 0], ends[:, 1]]),
        np.concatenate([ends[:, 1], ends[:, 0]]),
        np.concatenate([both, both]),
    )


def graph_of_lines(nodes: int, lines: Sequence[tuple[int, int, int]]) -> Graph:
    """A graph of directed edges, each with its latency; every edge has its reverse among them."""
    each = np.asarray(lines, dtype=np.int32).reshape(-1, 3)
    return _graph(nodes, each[:, 0], each[:, 1], each[:, 2])


def random_graph(nodes: int, degree: int, latency: tuple[int, int], seed: int) -> Graph:
    """About `degree` links a node, by the configuration model; loops and doubles are dropped."""
    random = np.random.default_rng(seed)
    stubs = np.repeat(np.arange(nodes, dtype=np.int32), degree)
    random.shuffle(stubs)
    half = len(stubs) // 2
    one, other = stubs[:half], stubs[half : 2 * half]
    kept = one != other
    one, other = one[kept], other[kept]
    pairs = np.minimum(one, other).astype(np.int64) * nodes + np.maximum(one, other)
    _, chosen = np.unique(pairs, return_index=True)
    one, other = one[chosen], other[chosen]
    both = random.integers(latency[0], latency[1] + 1, len(one), dtype=np.int32)
    return _graph(
        nodes,
        np.concatenate([one, other]),
        np.concatenate([other, one]),
        np.concatenate([both, both]),
    )


def pushed(graph: Graph, source: int, *, lost: float = 0.0, seed: int = 0) -> Ints:
    """Return when each node has what `source` pushes at tick zero; `NEVER` where it does not come.

    `lost` is the share of pushes that are lost, drawn for each directed edge. Dijkstra's algorithm
    with a bucket for each tick (Dial, CACM 12(11), 1969), a whole bucket at once.
    """
    arrival = np.full(graph.nodes_count, NEVER, dtype=np.int32)
    place = np.empty(graph.nodes_count, dtype=np.int32)
    passes = None
    if lost:
        passes = np.random.default_rng(seed).random(len(graph.target)) >= lost
    longest = int(graph.latency.max(initial=1))
    assert longest <= LATENCY_MAX
    buckets: list[list[Ints]] = [[] for _ in range(longest + 1)]
    buckets[0].append(np.asarray([source], dtype=np.int32))
    waiting, tick = 1, 0
    while waiting:
        bucket, buckets[tick % (longest + 1)] = buckets[tick % (longest + 1)], []
        if bucket:
            waiting -= len(bucket)
            reached = np.concatenate(bucket)
            reached = reached[arrival[reached] == NEVER]
            # Of a node that is reached twice the last place stays, without a sort.
            place[reached] = np.arange(len(reached), dtype=np.int32)
            reached = reached[place[reached] == np.arange(len(reached), dtype=np.int32)]
            arrival[reached] = tick
            edges = edges_of(graph, reached)
            if passes is not None:
                edges = edges[passes[edges]]
            edges = edges[arrival[graph.target[edges]] == NEVER]
            for latency, targets in grouped(graph.target[edges], graph.latency[edges]):
                buckets[(tick + latency) % (longest + 1)].append(targets)
                waiting += 1
        tick += 1
    return arrival


def bodies_sent(graph: Graph, arrival: Ints) -> int:
    """Bodies that flooding sends: to every neighbour but the one that brought it."""
    degrees = np.diff(graph.first)
    got = arrival != NEVER
    return int(degrees[got].sum()) - int(got.sum()) + 1


def repaired(graph: Graph, has: Flags, rounds: int, *, seed: int) -> list[float]:
    """The share of nodes that have it after each round of anti-entropy, the state before first.

    In a round each node compares with one random neighbour, one after another in a drawn order as
    far as arrays can: all read the state at the beginning of the round, and both ends learn.
    """
    random = np.random.default_rng(seed)
    degrees = np.diff(graph.first)
    asking = np.flatnonzero(degrees)
    state = has.copy()
    shares = [float(state.mean())]
    for _ in range(rounds):
        chosen = (random.random(len(asking)) * degrees[asking]).astype(np.int64)
        peers = graph.target[graph.first[asking] + chosen]
        before = state.copy()
        state[asking] |= before[peers]
        state[peers[before[asking]]] = True
        shares.append(float(state.mean()))
    return shares


def edges_of(graph: Graph, nodes: Ints) -> Ints:
    """The numbers of all edges that leave these nodes."""
    begins = graph.first[nodes]
    counts = graph.first[nodes + 1] - begins
    ends = np.cumsum(counts, dtype=np.int32)
    total = int(ends[-1]) if len(ends) else 0
    edges: Ints = np.repeat(begins - (ends - counts), counts)
    edges += np.arange(total, dtype=np.int32)
    return edges


def reverses(graph: Graph) -> Ints:
    """Of each edge the number of the one that leads back."""
    source = np.repeat(np.arange(graph.nodes_count, dtype=np.int32), np.diff(graph.first))
    reverse = np.empty(len(source), dtype=np.int32)
    reverse[np.lexsort((graph.target, source))] = np.lexsort((source, graph.target))
    return reverse


def grouped(items: Ints, keys: Ints) -> list[tuple[int, Ints]]:
    """The items by their keys, such as how long each takes; keys are small and not negative."""
    if not len(items):
        return []
    # Numbers of 16 bits are sorted by their digits, in linear time.
    short = keys.astype(np.int16)
    order = np.argsort(short, kind="stable")
    short, ordered = short[order], items[order]
    starts = np.flatnonzero(np.diff(short, prepend=short[0] - 1))
    return [
        (int(short[start]), part)
        for start, part in zip(starts, np.split(ordered, starts[1:]), strict=True)
    ]


def _graph(nodes: int, source: Ints, target: Ints, latency: Ints) -> Graph:
    order = np.argsort(source, kind="stable")
    first = np.zeros(nodes + 1, dtype=np.int32)
    np.cumsum(np.bincount(source, minlength=nodes), out=first[1:])
    return Graph(first, target[order], latency[order])
