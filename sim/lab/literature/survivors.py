"""The survivors of a mesh of which most fails at one moment (HyParView, DSN 2007)."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from sim.lab.literature.studies import SEEDS, Bound, Experiment, Golden, Scope
from sim.lab.models.survivors import Internet
from sim.run.forks import CAN_FORK, try_forks

NODES: Final = 10_000
WARM_S: Final = 900
LOOKED_AT: Final[Mapping[str, int]] = {"at once": 0, "after 1 s": 1, "after 30 s": 30}
"""After so many seconds; the last one is the time that the anchor has for its repair."""

REACHED: Final[Mapping[float, tuple[float, float]]] = {0.9: (0.994, 0.99), 0.95: (0.895, 0.88)}
"""By the share that fails: which share of the survivors one reaches in the mean, computed for ten
thousand nodes with HyParView's views and one repair from the passive ones; and our least."""


def survivors(scope: Scope) -> list[Experiment]:
    """Our overlay in that place: from one mesh of each size, each share fails."""
    return [
        Experiment(
            f"{nodes:,} nodes",
            (
                Golden("links before"),
                *(golden for failed in REACHED for golden in _goldens(failed, nodes)),
            ),
            partial(_run, nodes),
            SEEDS[:1] if nodes >= NODES else SEEDS,
        )
        for nodes in scope.nodes or (NODES,)
    ]


def _goldens(failed: float, nodes: int) -> tuple[Golden, ...]:
    anchor, least = REACHED[failed]
    at_once, after_one, repaired = (f"{failed:.0%} fail: {when}" for when in LOOKED_AT)
    # Of a few who are left one who knows nobody else that lives weighs more.
    has_anchor = nodes == NODES
    return (
        Golden(at_once, "{:.1%}"),
        Golden(after_one, "{:.1%}"),
        Golden(repaired, "{:.1%}", anchor, Bound(least=least))
        if has_anchor
        else Golden(repaired, "{:.1%}"),
    )


def _run(nodes: int, seed: int) -> dict[str, float]:
    internet = _warm(nodes, seed)
    found = {"links before": internet.links_mean}
    if CAN_FORK:
        fates = [partial(_fail, failed=failed) for failed in REACHED]
        for fate in try_forks(internet, fates, dict[str, float]):
            found |= fate
        return found
    for failed in REACHED:
        found |= _fail(_warm(nodes, seed), failed)
    return found


def _warm(nodes: int, seed: int) -> Internet:
    internet = Internet(nodes=nodes, seed=seed)
    internet.run(WARM_S)
    return internet


def _fail(internet: Internet, failed: float) -> dict[str, float]:
    internet.fail(failed)
    found: dict[str, float] = {}
    passed = 0
    for when, seconds in LOOKED_AT.items():
        internet.run(seconds - passed)
        passed = seconds
        found[f"{failed:.0%} fail: {when}"] = internet.reached()
    return found
