"""The model of arrays, held against the event loop with the same graph, latencies and ticks."""

import numpy as np
import pytest

from sim.kernel.entropy import Chance
from sim.lab.dissemination.graphs import random_regular
from sim.lab.dissemination.network import SpeakingNetwork
from sim.lab.dissemination.speakers import Flooding
from sim.lab.models.vectorised import NEVER, bodies_sent, graph_of, pushed, random_graph, repaired

TICK_US = 1_000


@pytest.mark.parametrize("nodes", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_flood_of_arrays_is_the_flood_of_events_to_the_tick(nodes: int) -> None:
    chance = Chance(5, "graph")
    edges = random_regular(nodes, (6, 8), chance)
    latencies = [chance.between(5, 25) for _ in edges]
    network = SpeakingNetwork(
        [Flooding() for _ in range(nodes)],
        [],
        latency_us=(0, 0),
        # Bodies take no time on the wire, and so the arrays need not know of it.
        bytes_per_second=10**12,
        chance=chance,
    )
    for (one, other), latency in zip(edges, latencies, strict=True):
        network.join(one, other, latency * TICK_US)
    network.publish(3, 1_024)
    network.run_until(10_000_000)
    spread = network.posts[0]

    graph = graph_of(nodes, edges, latencies)
    arrival = pushed(graph, 3)
    found = {node: int(at) * TICK_US for node, at in enumerate(arrival) if at != NEVER}
    assert found == spread.first_at
    assert bodies_sent(graph, arrival) == sum(spread.bodies_at.values())


def test_what_a_lossy_push_misses_anti_entropy_repairs() -> None:
    graph = random_graph(20_000, 7, (5, 25), seed=2)
    arrival = pushed(graph, 0, lost=0.6, seed=3)
    has = arrival != NEVER
    assert 0.5 < has.mean() < 0.98
    shares = repaired(graph, has, 12, seed=4)
    assert shares == sorted(shares)
    assert shares[0] == pytest.approx(float(has.mean()))
    linked = float((np.diff(graph.first) > 0).mean())
    assert shares[-1] == pytest.approx(linked)


def test_a_round_of_anti_entropy_is_what_drawing_one_by_one_gives() -> None:
    """Means over many seeds: arrays for one round, and the same round in plain loops."""
    nodes = 400
    chance = Chance(1, "graph")
    edges = random_regular(nodes, (6, 6), chance)
    graph = graph_of(nodes, edges, [1] * len(edges))
    neighbours: dict[int, list[int]] = {node: [] for node in range(nodes)}
    for one, other in edges:
        neighbours[one].append(other)
        neighbours[other].append(one)
    has = np.zeros(nodes, dtype=np.bool_)
    has[: nodes // 10] = True
    by_arrays = np.mean([repaired(graph, has, 1, seed=seed)[1] for seed in range(60)])
    plain = []
    for _ in range(60):
        state = {node: bool(has[node]) for node in range(nodes)}
        for node, others in neighbours.items():
            peer = chance.pick(others)
            if has[node] or has[peer]:
                state[node] = state[peer] = True
        plain.append(sum(state.values()) / nodes)
    assert by_arrays == pytest.approx(np.mean(plain), rel=0.02)


def test_the_same_seed_gives_the_same_graph_and_flood() -> None:
    graphs = [random_graph(5_000, 7, (5, 25), seed=9) for _ in range(2)]
    assert all(np.array_equal(graphs[0].target, graph.target) for graph in graphs)
    one, other = (pushed(graph, 7, lost=0.2, seed=1) for graph in graphs)
    assert np.array_equal(one, other)
    assert int((one != NEVER).sum()) > 4_900
