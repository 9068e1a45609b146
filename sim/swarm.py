"""Swarm testing: each seed draws which families of hardship befall its world, and how hard.

A world in which everything befalls a little hides what only a few things together bring about. So
a seed draws how many families there are, from one to all, which they are, and the rate of each.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import msgspec

from sim.cut_tables import CutFault, Mode, Partitions, Swizzles
from sim.entropy import Chance
from sim.fault_tables import (
    Absences,
    Blocks,
    Clocks,
    Crashes,
    Fault,
    Locks,
    Rollbacks,
    Seconds,
    Strict,
)
from sim.laws import LogNormal
from sim.line_tables import (
    BurstTable,
    Clogs,
    Corruptions,
    Delays,
    HalfOpen,
    Holds,
    LineFault,
    Losses,
    Trickles,
    Truncations,
)
from sim.node_tables import (
    Churn,
    Drifts,
    DutyCycles,
    MassFailure,
    NodeFault,
    Pauses,
    Sessions,
    SlowCpus,
)

AnyFault = Fault | CutFault | LineFault | NodeFault

Family = Literal[
    "absences",
    "blocks",
    "churn",
    "clocks",
    "clogs",
    "corruptions",
    "crashes",
    "delays",
    "drifts",
    "duty-cycles",
    "half-open",
    "holds",
    "locks",
    "losses",
    "mass-failure",
    "one-way",
    "partitions",
    "pauses",
    "rollbacks",
    "slow-cpus",
    "swizzles",
    "trickles",
    "truncations",
]

MODES: Final[tuple[Mode, ...]] = (
    "isolate",
    "halves",
    "uniform",
    "parts",
    "arcs",
    "bridge",
    "ring",
)
SESSIONS: Final[tuple[Sessions, ...]] = ("poisson", "heavy-tailed", "bimodal")


class Swarm(Strict, frozen=True, kw_only=True):
    """Which families a seed draws from, and when what it draws befalls."""

    families: Annotated[tuple[Family, ...], msgspec.Meta(min_length=1)] | None = None
    """None: all that lose no disk, so that everything must arrive."""
    between_s: tuple[Seconds, Seconds]


@dataclass(frozen=True, slots=True)
class _Draw:
    """What one family draws from: its own stream, and the time that there is."""

    chance: Chance
    begin_s: float
    end_s: float

    @property
    def share(self) -> float:
        """How many are struck: anything from a few to most."""
        return 0.05 + 0.6 * self.chance.fraction()

    @property
    def between_s(self) -> tuple[float, float]:
        """What has to end begins in the first two thirds."""
        return self.begin_s, self.begin_s + (self.end_s - self.begin_s) * 2 / 3

    @property
    def for_s(self) -> tuple[float, float]:
        """Up to a third of the time, and at least a tenth of that."""
        longest = (self.end_s - self.begin_s) / 3 * (0.1 + 0.9 * self.chance.fraction())
        return max(0.1, longest / 10), max(0.2, longest)

    @property
    def moment_s(self) -> float:
        """When something begins that lasts a third of the time."""
        return self.begin_s + (self.end_s - self.begin_s) * 2 / 3 * self.chance.fraction()

    def struck(self) -> tuple[tuple[float, float], tuple[float, float], float]:
        """When, how long, how many."""
        return self.between_s, self.for_s, self.share


def drawn_faults(swarm: Swarm, seed: int) -> tuple[AnyFault, ...]:
    """The tables of one seed, in the order of their families' names."""
    families = sorted(dict.fromkeys(swarm.families or _GENTLE))
    chance = Chance(seed, "swarm")
    chance.shuffle(families)
    chosen = sorted(families[: 1 + chance.below(len(families))])
    begin_s, end_s = swarm.between_s
    return tuple(
        FAMILIES[family](_Draw(Chance(seed, "swarm", family), begin_s, end_s)) for family in chosen
    )


# --- The families --------------------------------------------------------------------------------


def _absences(draw: _Draw) -> AnyFault:
    between_s, for_s, share = draw.struck()
    return Absences(between_s=between_s, for_s=for_s, share=share)


def _blocks(draw: _Draw) -> AnyFault:
    between_s, for_s, share = draw.struck()
    return Blocks(between_s=between_s, for_s=for_s, share=share / 2)


def _churn(draw: _Draw) -> AnyFault:
    return Churn(
        between_s=(draw.begin_s, draw.end_s),
        share=draw.share,
        sessions=draw.chance.pick(SESSIONS),
        up_s=10 + 110 * draw.chance.fraction(),
        down_s=5 + 55 * draw.chance.fraction(),
    )


def _clocks(draw: _Draw) -> AnyFault:
    between_s, for_s, share = draw.struck()
    hours = (1.0, 1.0 + 40 * draw.chance.fraction())
    frozen_share = draw.chance.fraction() / 2
    return Clocks(
        between_s=between_s,
        for_s=for_s,
        share=share / 3,
        wrong_h=hours,
        frozen_share=frozen_share,
    )


def _clogs(draw: _Draw) -> AnyFault:
    between_s, for_s, share = draw.struck()
    return Clogs(between_s=between_s, for_s=for_s, share=share)


def _one_way(draw: _Draw) -> AnyFault:
    between_s, for_s, share = draw.struck()
    return Clogs(between_s=between_s, for_s=for_s, share=share, ways="one")


def _corruptions(draw: _Draw) -> AnyFault:
    between_s, for_s, share = draw.struck()
    chunks = 0.2 * draw.chance.fraction()
    return Corruptions(between_s=between_s, for_s=for_s, share=share, chunks=chunks)


def _truncations(draw: _Draw) -> AnyFault:
    between_s, for_s, share = draw.struck()
    chunks = 0.2 * draw.chance.fraction()
    return Truncations(between_s=between_s, for_s=for_s, share=share, chunks=chunks)


def _crashes(draw: _Draw) -> AnyFault:
    return Crashes(
        between_s=draw.between_s,
        share=draw.share,
        down_s=draw.for_s,
        silent_share=draw.chance.fraction(),
        within_batch_share=draw.chance.fraction(),
    )


def _delays(draw: _Draw) -> AnyFault:
    between_s, for_s, share = draw.struck()
    law = LogNormal(median_ms=10 + 490 * draw.chance.fraction(), sigma=1)
    return Delays(between_s=between_s, for_s=for_s, share=share, delay=law)


def _drifts(draw: _Draw) -> AnyFault:
    return Drifts(
        between_s=draw.between_s,
        share=draw.share,
        ppm=(10, 10 + 990 * draw.chance.fraction()),
        period_s=None if draw.chance.is_true(0.5) else 30,
    )


def _duty_cycles(draw: _Draw) -> AnyFault:
    period_s = 10 + 50 * draw.chance.fraction()
    return DutyCycles(
        between_s=(draw.begin_s, draw.end_s),
        share=draw.share,
        period_s=period_s,
        awake_s=period_s * (0.2 + 0.6 * draw.chance.fraction()),
    )


def _half_open(draw: _Draw) -> AnyFault:
    return HalfOpen(between_s=draw.between_s, share=draw.share)


def _holds(draw: _Draw) -> AnyFault:
    between_s, for_s, share = draw.struck()
    return Holds(between_s=between_s, for_s=for_s, share=share)


def _locks(draw: _Draw) -> AnyFault:
    between_s, for_s, share = draw.struck()
    return Locks(between_s=between_s, for_s=for_s, share=share)


def _losses(draw: _Draw) -> AnyFault:
    between_s, for_s, share = draw.struck()
    if draw.chance.is_true(0.5):
        loss = 0.3 * draw.chance.fraction()
        return Losses(between_s=between_s, for_s=for_s, share=share, loss=loss)
    bursts = BurstTable(enters=0.05 * draw.chance.fraction(), leaves=0.2)
    return Losses(between_s=between_s, for_s=for_s, share=share, bursts=bursts)


def _mass_failure(draw: _Draw) -> AnyFault:
    share = 0.1 + 0.85 * draw.chance.fraction()
    return MassFailure(at_s=draw.moment_s, share=share, down_s=draw.for_s)


def _partitions(draw: _Draw) -> AnyFault:
    chance = draw.chance
    return Partitions(
        at_s=draw.moment_s,
        for_s=draw.for_s[1],
        mode=chance.pick(MODES),
        parts=2 + chance.below(4),
        symmetric=chance.is_true(0.7),
        flaps_s=(3, 2) if chance.is_true(0.3) else None,
        reset_share=chance.fraction(),
    )


def _pauses(draw: _Draw) -> AnyFault:
    between_s, for_s, share = draw.struck()
    return Pauses(between_s=between_s, for_s=for_s, share=share)


def _rollbacks(draw: _Draw) -> AnyFault:
    return Rollbacks(
        between_s=draw.between_s, share=draw.share / 2, down_s=(1, 10), back_s=draw.for_s
    )


def _slow_cpus(draw: _Draw) -> AnyFault:
    between_s, for_s, share = draw.struck()
    times = 2 + 98 * draw.chance.fraction()
    return SlowCpus(between_s=between_s, for_s=for_s, share=share, times=times)


def _swizzles(draw: _Draw) -> AnyFault:
    return Swizzles(
        at_s=draw.moment_s,
        for_s=(draw.end_s - draw.begin_s) / 3,
        share=draw.share,
        symmetric=draw.chance.is_true(0.7),
    )


def _trickles(draw: _Draw) -> AnyFault:
    between_s, for_s, share = draw.struck()
    rate = 50 + 2_000 * draw.chance.fraction()
    return Trickles(between_s=between_s, for_s=for_s, share=share, bytes_per_second=rate)


FAMILIES: Final[Mapping[Family, Callable[[_Draw], AnyFault]]] = {
    "absences": _absences,
    "blocks": _blocks,
    "churn": _churn,
    "clocks": _clocks,
    "clogs": _clogs,
    "corruptions": _corruptions,
    "crashes": _crashes,
    "delays": _delays,
    "drifts": _drifts,
    "duty-cycles": _duty_cycles,
    "half-open": _half_open,
    "holds": _holds,
    "locks": _locks,
    "losses": _losses,
    "mass-failure": _mass_failure,
    "one-way": _one_way,
    "partitions": _partitions,
    "pauses": _pauses,
    "rollbacks": _rollbacks,
    "slow-cpus": _slow_cpus,
    "swizzles": _swizzles,
    "trickles": _trickles,
    "truncations": _truncations,
}

_GENTLE: Final[tuple[Family, ...]] = tuple(
    family for family in FAMILIES if family not in ("blocks", "rollbacks")
)
"""What excuses no message."""
