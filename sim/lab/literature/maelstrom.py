"""Maelstrom: the plain broadcast of its guide, and the broadcast challenges of Gossip Glomers."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from sim.lab.literature.studies import Bound, Experiment, Golden, Scope, exactly, near
from sim.lab.maelstrom.node import Windows
from sim.lab.maelstrom.workload import Challenge, Scores, challenge, flooding

GUIDE: Final[Mapping[str, tuple[float, float | None, float]]] = {
    "grid": (27.81, 791, 800),
    "line": (12.006, None, 2_400),
    "tree4": (11.99, 505, 500),
    "total": (290.6, 97, 100),
}
"""Messages an operation; the slowest value in ms, which it samples by reads, of a line none; and
what that must be: 100 ms for each link of the longest way."""

GUIDE_SHARE: Final = 0.03
"""The guide drew for itself which operations are broadcasts."""

CHALLENGES: Final[Mapping[str, Windows]] = {
    "3d": Windows(),
    "3e": Windows(bodies_us=100_000, rest_us=1_000_000),
}
MOST: Final[Mapping[str, tuple[float, float, float]]] = {
    "3d": (15, 300, 600),
    "3e": (8, 950, 2_000),
}
"""Messages an operation, median and slowest in ms: half or so of what the challenges allow."""

SOLVED: Final[Mapping[str, tuple[float, float, float]]] = {
    "3d": (23.38, 181, 207),
    "3e": (9, 952, 1_566),
}
"""What others have published who solved them, with a hub and with a grid."""

FLOORS: Final = (1, 3)


def guide(scope: Scope) -> list[Experiment]:
    """Check that our workload counts and times what Maelstrom's does."""
    return [
        Experiment(
            topology,
            (
                Golden("messages", "{:.2f}", messages, near(messages, share=GUIDE_SHARE)),
                Golden("slowest", "{:,.0f} ms", sampled_ms, exactly(slowest_ms)),
                Golden("lost", "{:.0f}", 0, exactly(0)),
            ),
            partial(_run_guide, topology),
        )
        for topology, (messages, sampled_ms, slowest_ms) in GUIDE.items()
    ]


def glomers(scope: Scope) -> list[Experiment]:
    """Our machine of spreading on a tree, under both broadcasts that are to be efficient."""
    return [
        _glomer(name, floor, has_partitions=has_partitions)
        for has_partitions in (False, True)
        for name in CHALLENGES
        for floor in scope.floors or FLOORS
    ]


def _glomer(name: str, floor: int, *, has_partitions: bool) -> Experiment:
    messages, median_ms, slowest_ms = MOST[name]
    solved = SOLVED[name]
    counted = (
        Golden(
            "messages", published=None if has_partitions else solved[0], bound=Bound(most=messages)
        ),
        Golden("lost", "{:.0f}", 0, exactly(0)),
    )
    # How long a cut lasts says how late a value is; nobody published that.
    timed = (
        Golden("median", "{:,.0f} ms", solved[1], Bound(most=median_ms)),
        Golden("slowest", "{:,.0f} ms", solved[2], Bound(most=slowest_ms)),
    )
    cut = " with partitions" if has_partitions else ""
    return Experiment(
        f"{name}{cut}, floor {floor}",
        counted if has_partitions else counted + timed,
        partial(_run_glomer, name, floor, has_partitions=has_partitions),
    )


def _run_guide(topology: str, seed: int) -> dict[str, float]:
    return _figures(flooding(topology, Challenge(seed=seed)))


def _run_glomer(name: str, floor: int, seed: int, *, has_partitions: bool) -> dict[str, float]:
    windows = CHALLENGES[name]
    ours = Windows(windows.bodies_us, windows.rest_us, windows.fan_out, floor)
    return _figures(challenge(ours, Challenge(has_partitions=has_partitions, seed=seed)))


def _figures(scores: Scores) -> dict[str, float]:
    return {
        "messages": scores.messages_per_operation,
        "median": scores.median_ms,
        "slowest": scores.max_ms,
        "lost": scores.lost,
    }
