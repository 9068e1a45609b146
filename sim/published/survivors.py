"""Who is left of a mesh after most has failed at one moment (HyParView, DSN 2007)."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from sim.models.survivors import Internet
from sim.published.studies import Bound, Experiment, Golden, Scope

NODES: Final = 10_000
WARM_S: Final = 900
REPAIR_S: Final = 30
REACHED: Final[Mapping[float, tuple[float, float]]] = {0.9: (0.994, 0.99), 0.95: (0.895, 0.88)}
"""By the share that fails: which share of the survivors one reaches in the mean, computed for ten
thousand nodes with HyParView's views and one repair from the passive ones; and our least."""


def survivors(scope: Scope) -> list[Experiment]:
    """Our overlay in that place."""
    return [
        Experiment(
            f"{failed:.0%} of {nodes:,} fail",
            (
                Golden("links before"),
                Golden("reached at once", "{:.1%}"),
                Golden("reached after 1 s", "{:.1%}"),
                _repaired(failed, nodes),
            ),
            partial(_run, failed, nodes),
        )
        for nodes in scope.nodes or (NODES,)
        for failed in REACHED
    ]


def _repaired(failed: float, nodes: int) -> Golden:
    anchor, least = REACHED[failed]
    figure = f"reached after {REPAIR_S} s"
    if nodes != NODES:
        # Of a few who are left one who knows nobody else that lives weighs more.
        return Golden(figure, "{:.1%}")
    return Golden(figure, "{:.1%}", anchor, Bound(least=least))


def _run(failed: float, nodes: int, seed: int) -> dict[str, float]:
    internet = Internet(nodes=nodes, seed=seed)
    internet.run(WARM_S)
    found = {"links before": internet.links_mean}
    internet.fail(failed)
    found["reached at once"] = internet.reached()
    internet.run(1)
    found["reached after 1 s"] = internet.reached()
    internet.run(REPAIR_S - 1)
    found[f"reached after {REPAIR_S} s"] = internet.reached()
    return found
