"""The spread of new mail on the grounds of the design, beside rivals on the same graphs."""

from collections.abc import Mapping
from functools import partial
from typing import Final, TypedDict, get_args

from sim.lab.dissemination.measuring import Case, Figures, Shape, Who, measure, measure_heal
from sim.lab.literature.studies import SEEDS, Bound, Experiment, Golden, Published, Scope, exactly

SIZES: Final = (1_000, 10_000)
MANY_NODES: Final = 10_000
"""From here on a run takes minutes."""

HEALED_NODES: Final = 200
HEALED_POSTS: Final = 50


class Layout(TypedDict, total=False):
    """The ingredients of a case."""

    shape: Shape
    size: int
    liars: float
    crashed: float


RANDOM: Final = "random, 1 KiB"
GROUNDS: Final[Mapping[str, Layout]] = {
    RANDOM: {},
    "random, 16 KiB": {"size": 16_384},
    "random, 30 % lie": {"liars": 0.3},
    "LANs, 1 KiB": {"shape": "clusters"},
    "LANs, 30 % lie": {"shape": "clusters", "liars": 0.3},
    "random, 40 % crash": {"crashed": 0.4},
}
"""Of all of them one at ten thousand nodes: the first."""

COPIES_MOST: Final[Mapping[tuple[str, int], float]] = {
    (RANDOM, 1_000): 2.6,
    (RANDOM, 10_000): 2.6,
    ("random, 16 KiB", 1_000): 2.2,
}
P99_MOST_MS: Final[Mapping[tuple[str, int], float]] = {
    (RANDOM, 1_000): 150,
    (RANDOM, 10_000): 190,
    ("random, 30 % lie", 1_000): 200,
    ("LANs, 30 % lie", 1_000): 560,
    ("random, 40 % crash", 1_000): 300,
}
ANCHORS: Final[Mapping[tuple[Who, str, int], tuple[float, float]]] = {
    ("mesh", RANDOM, 1_000): (2.4, 147),
    ("flood", RANDOM, 1_000): (5.0, 88),
    ("gossipsub", RANDOM, 1_000): (5.0, 86),
    ("mesh", "LANs, 1 KiB", 1_000): (2.3, 296),
    ("flood", "LANs, 1 KiB", 1_000): (4.5, 170),
    ("gossipsub", "LANs, 1 KiB", 1_000): (4.5, 185),
    ("mesh", "LANs, 30 % lie", 1_000): (2.7, 553),
    ("flood", "LANs, 30 % lie", 1_000): (4.6, 355),
    ("gossipsub", "LANs, 30 % lie", 1_000): (4.6, 1_297),
    ("mesh", RANDOM, 10_000): (2.56, 186),
    ("flood", RANDOM, 10_000): (7.0, 105),
    ("gossipsub", RANDOM, 10_000): (5.75, 116),
}
"""Copies, and p99 in ms: an experiment of another simulator, before there was a node. Bodies were
of 600 bytes, and of 2 KiB among ten thousand."""


def spreading(scope: Scope) -> list[Experiment]:
    """All grounds with a thousand nodes, the first also with ten thousand; halves that meet."""
    experiments = []
    for nodes in scope.nodes or SIZES:
        for ground in GROUNDS if nodes < MANY_NODES else (RANDOM,):
            experiments += [_experiment(who, ground, nodes) for who in get_args(Who)]
    if scope.nodes:
        return experiments
    healed = (
        Golden("copies", bound=Bound(most=1.05), published=1.0),
        Golden("p99", "{:,.0f} ms"),
        Golden("coverage", "{:.2%}", bound=exactly(1)),
    )
    experiments.append(Experiment(f"halves meet, {HEALED_NODES} nodes", healed, _run_healed))
    return experiments


def _experiment(who: Who, ground: str, nodes: int) -> Experiment:
    copies: Published
    p99: Published
    copies, p99 = ANCHORS.get((who, ground, nodes), (None, None))
    is_ours = who == "mesh"
    copies_most, p99_most = COPIES_MOST.get((ground, nodes)), P99_MOST_MS.get((ground, nodes))
    goldens = (
        Golden("copies", published=copies, bound=_at_most(copies_most) if is_ours else None),
        Golden("p99", "{:,.0f} ms", published=p99, bound=_at_most(p99_most) if is_ours else None),
        Golden("coverage", "{:.2%}", bound=exactly(1) if is_ours else None),
    )
    seeds = SEEDS if nodes < MANY_NODES else SEEDS[:1]
    return Experiment(
        f"{ground}, {nodes:,} nodes, {who}", goldens, partial(_run, who, ground, nodes), seeds
    )


def _at_most(value: float | None) -> Bound | None:
    return None if value is None else Bound(most=value)


def _run(who: Who, ground: str, nodes: int, seed: int) -> dict[str, float]:
    return _figures(measure(Case(who=who, nodes=nodes, seed=seed, **GROUNDS[ground])))


def _run_healed(seed: int) -> dict[str, float]:
    case = Case(who="mesh", nodes=HEALED_NODES, posts=HEALED_POSTS, seed=seed)
    return _figures(measure_heal(case))


def _figures(found: Figures) -> dict[str, float]:
    return {"copies": found.copies, "p99": found.p99_ms, "coverage": found.coverage}
