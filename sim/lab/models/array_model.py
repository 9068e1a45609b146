"""The model of arrays by itself, of as many nodes as there is memory for."""

import time
from dataclasses import replace
from typing import Final

import numpy as np
import psutil

from sim.lab.models.curves import Figures, PostCurve, Results, figures_of
from sim.lab.models.pushing import TICK_US, Pushing, Rules
from sim.lab.models.vectorised import NEVER, Graph, bodies_sent, pushed, random_graph

LATENCY_US: Final = (5_000, 25_000)
POST_EVERY: Final = 1_000_000 // TICK_US
"""A second, in ticks."""


def measure(nodes: int, degree: int, posts: int, seed: int) -> Results:
    """One plain flood over a random graph, and posts under the rules of the node."""
    stopwatch = _Stopwatch()
    graph = random_graph(nodes, degree, LATENCY_US, seed)
    stopwatch.note("graph")
    flood = _flood(graph)
    stopwatch.note("flood")
    pushing = Pushing(graph, Rules(), seed=seed)
    stopwatch.note("links")
    authors = np.random.default_rng(seed).integers(nodes, size=posts).tolist()
    figures: dict[str, Figures] = {"flood": flood}
    first = pushing.post(authors[0], 0)
    stopwatch.note("first")
    figures["first"] = figures_of([first])
    if posts > 1:
        later = [pushing.post(author, n * POST_EVERY) for n, author in enumerate(authors[1:], 1)]
        stopwatch.note("later")
        figures["later"] = figures_of(later)
    return Results(
        nodes=nodes,
        links=len(graph.target) // 2,
        seed=seed,
        figures=figures,
        cpu_s=stopwatch.cpu_s,
        resident_mb=psutil.Process().memory_info().rss >> 20,
    )


def _flood(graph: Graph) -> Figures:
    """Every body over every link, by nodes that take no time and lines without jitter."""
    in_ticks = replace(graph, latency=-(-graph.latency // TICK_US))
    arrival = pushed(in_ticks, 0)
    others = arrival[(arrival != NEVER) & (arrival != 0)]
    after_ms = others * (TICK_US / 1_000)
    return figures_of([PostCurve(graph.nodes_count, after_ms, bodies_sent(graph, arrival))])


class _Stopwatch:
    """The processor's time between one call and the next."""

    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = {}
        self._since = time.process_time()

    def note(self, name: str) -> None:
        """Note what has just ended under its name."""
        now = time.process_time()
        self.cpu_s[name] = round(now - self._since, 2)
        self._since = now
