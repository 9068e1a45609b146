"""The course of posts, whoever spread them: copies, percentiles, and who has them after which
time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

CURVE_MS: Final = (25, 50, 75, 100, 125, 150, 200, 300)


@dataclass(frozen=True, slots=True)
class PostCurve:
    """One post: after how many ms each of the others had it who got it, and how many bodies came.

    `nodes` counts all, its author too.
    """

    nodes: int
    after_ms: npt.NDArray[np.float64]
    bodies_count: int


class Figures(msgspec.Struct, frozen=True):
    """The result of some posts. `copies` are bodies received for each node that got one."""

    posts: int
    copies: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    coverage: float
    curve: tuple[float, ...]
    """Which share of the nodes had a post after each of `CURVE_MS`, in the mean."""


class Results(msgspec.Struct, frozen=True):
    """The figures that a command measured, by who spread which posts, and what each took."""

    nodes: int
    links: int
    seed: int
    figures: dict[str, Figures]
    cpu_s: dict[str, float]
    resident_mb: int


def figures_of(post_curves: Sequence[PostCurve]) -> Figures:
    """Of several posts together."""
    after_ms = np.sort(np.concatenate([post_curve.after_ms for post_curve in post_curves]))
    came = len(after_ms)
    wanted = sum(post_curve.nodes - 1 for post_curve in post_curves)
    return Figures(
        posts=len(post_curves),
        copies=round(sum(post_curve.bodies_count for post_curve in post_curves) / max(1, came), 3),
        p50_ms=_share_after(after_ms, 0.5),
        p99_ms=_share_after(after_ms, 0.99),
        max_ms=_share_after(after_ms, 1),
        coverage=came / wanted,
        curve=tuple(
            int(np.searchsorted(after_ms, moment, side="right")) / wanted for moment in CURVE_MS
        ),
    )


def _share_after(ordered: npt.NDArray[np.float64], share: float) -> float:
    """By when so many of those that came had come."""
    if not len(ordered):
        return 0
    return float(ordered[max(0, round(share * len(ordered)) - 1)])
