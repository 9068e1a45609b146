"""Swarm testing: each seed draws which families of faults its world has, and how hard, and
which hostile nodes stand in it.

A world that has a little of every fault hides what only a few things together bring about. So
a seed draws how many families there are, from one to all, which they are, and the rate of each.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal, get_args

import msgspec

from sim.kernel.entropy import Chance
from sim.schema.adversary_table import AdversaryShare, AdversaryTable, Kind
from sim.schema.cut_tables import CutFault, Mode, Partitions, Swizzles
from sim.schema.delay_laws import LogNormal
from sim.schema.disk_tables import (
    SEEN_WITHIN_S,
    TRIED_WITHIN_S,
    DiskFault,
    FailingDisks,
    FullDisks,
    LostFsyncs,
    Rots,
    SlowDisks,
)
from sim.schema.fault_tables import (
    Absences,
    Blocks,
    Clocks,
    Clones,
    Crashes,
    Fault,
    Locks,
    Removals,
    Revocations,
    Rollbacks,
    Seconds,
    Strict,
    Wipes,
)
from sim.schema.node_tables import (
    Churn,
    Drifts,
    DutyCycles,
    FlashCrowd,
    Leases,
    MassFailure,
    NodeFault,
    Pauses,
    Sessions,
    SlowCpus,
    Stragglers,
)
from sim.schema.wire_tables import (
    BurstTable,
    Clogs,
    Corruptions,
    Delays,
    HalfOpen,
    Holds,
    Losses,
    Trickles,
    Truncations,
    WireFault,
)

AnyFault = Fault | CutFault | WireFault | NodeFault | DiskFault | LostFsyncs | Rots

Family = Literal[
    "absences",
    "blocks",
    "churn",
    "clones",
    "clocks",
    "clogs",
    "corruptions",
    "crashes",
    "delays",
    "drifts",
    "duty-cycles",
    "failing-disks",
    "flash-crowd",
    "full-disks",
    "half-open",
    "holds",
    "leases",
    "locks",
    "losses",
    "lost-fsyncs",
    "mass-failure",
    "one-way",
    "partitions",
    "pauses",
    "removals",
    "revocations",
    "rollbacks",
    "slow-cpus",
    "slow-disks",
    "stragglers",
    "swizzles",
    "trickles",
    "truncations",
    "wipes",
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
    """The families that a seed draws from, and when its faults happen."""

    families: Annotated[tuple[Family, ...], msgspec.Meta(min_length=1)] | None = None
    """None: all that lose no disk, so that everything must arrive."""
    between_s: tuple[Seconds, Seconds]
    hostile_share: AdversaryShare | None = None
    """How much of all nodes is hostile at the most, in every second world. None: nobody ever is."""
    hostile_kinds: Annotated[tuple[Kind, ...], msgspec.Meta(min_length=1)] = get_args(Kind)
    """What these are drawn from; the default is every kind."""


ADVERSARY_KINDS_MAX: Final = 4
"""Kinds that stand in one world: each takes a node at least."""


@dataclass(frozen=True, slots=True)
class _Hat:
    """The source of one family's draws: a stream of its own, and the time that there is."""

    chance: Chance
    begin_s: float
    end_s: float

    def draw_share(self) -> float:
        """Return how many have it: anything from a few to most."""
        return 0.05 + 0.6 * self.chance.fraction()

    @property
    def between_s(self) -> tuple[float, float]:
        """Return a start in the first two thirds, for what has to end."""
        return self.begin_s, self.begin_s + (self.end_s - self.begin_s) * 2 / 3

    def draw_for_s(self) -> tuple[float, float]:
        """Up to a third of the time, and at least a tenth of that."""
        longest = (self.end_s - self.begin_s) / 3 * (0.1 + 0.9 * self.chance.fraction())
        return max(0.1, longest / 10), max(0.2, longest)

    def draw_moment_s(self) -> float:
        """Return when something begins that lasts a third of the time."""
        return self.begin_s + (self.end_s - self.begin_s) * 2 / 3 * self.chance.fraction()

    def draw_targets(self) -> tuple[tuple[float, float], tuple[float, float], float]:
        """Return when, how long, how many."""
        return self.between_s, self.draw_for_s(), self.draw_share()


def drawn_faults(swarm: Swarm, seed: int) -> tuple[AnyFault, ...]:
    """The tables of one seed, in the order of their families' names."""
    families = sorted(dict.fromkeys(swarm.families or _GENTLE))
    chance = Chance(seed, "swarm")
    chance.shuffle(families)
    chosen = sorted(families[: 1 + chance.below(len(families))])
    begin_s, end_s = swarm.between_s
    return tuple(
        FAMILIES[family](_Hat(Chance(seed, "swarm", family), begin_s, end_s)) for family in chosen
    )


def drawn_adversaries(swarm: Swarm, seed: int) -> tuple[AdversaryTable, ...]:
    """Return who is hostile in the world of one seed: a few kinds, and how much each of them
    does.
    """
    chance = Chance(seed, "swarm", "hostile")
    if swarm.hostile_share is None or chance.is_true(0.5):
        return ()
    kinds = sorted(dict.fromkeys(swarm.hostile_kinds))
    chance.shuffle(kinds)
    chosen = sorted(kinds[: 1 + chance.below(min(len(kinds), ADVERSARY_KINDS_MAX))])
    share = swarm.hostile_share * (0.2 + 0.8 * chance.fraction()) / len(chosen)
    return tuple(
        AdversaryTable(kind=kind, share=share, per_second=0.2 * 50 ** chance.fraction())
        for kind in chosen
    )


# --- The families --------------------------------------------------------------------------------


def _absences(hat: _Hat) -> AnyFault:
    between_s, for_s, share = hat.draw_targets()
    return Absences(between_s=between_s, for_s=for_s, share=share)


def _blocks(hat: _Hat) -> AnyFault:
    between_s, for_s, share = hat.draw_targets()
    return Blocks(between_s=between_s, for_s=for_s, share=share / 2)


def _churn(hat: _Hat) -> AnyFault:
    return Churn(
        between_s=(hat.begin_s, hat.end_s),
        share=hat.draw_share(),
        sessions=hat.chance.pick(SESSIONS),
        up_s=10 + 110 * hat.chance.fraction(),
        down_s=5 + 55 * hat.chance.fraction(),
    )


def _clocks(hat: _Hat) -> AnyFault:
    between_s, for_s, share = hat.draw_targets()
    hours = (1.0, 1.0 + 40 * hat.chance.fraction())
    frozen_share = hat.chance.fraction() / 2
    return Clocks(
        between_s=between_s,
        for_s=for_s,
        share=share / 3,
        wrong_h=hours,
        frozen_share=frozen_share,
    )


def _clones(hat: _Hat) -> AnyFault:
    count = 1 + hat.chance.below(3)
    return Clones(between_s=hat.between_s, for_s=hat.draw_for_s(), count=count)


def _clogs(hat: _Hat) -> AnyFault:
    between_s, for_s, share = hat.draw_targets()
    return Clogs(between_s=between_s, for_s=for_s, share=share)


def _one_way(hat: _Hat) -> AnyFault:
    between_s, for_s, share = hat.draw_targets()
    return Clogs(between_s=between_s, for_s=for_s, share=share, ways="one")


def _corruptions(hat: _Hat) -> AnyFault:
    between_s, for_s, share = hat.draw_targets()
    chunks = 0.2 * hat.chance.fraction()
    return Corruptions(between_s=between_s, for_s=for_s, share=share, chunks=chunks)


def _truncations(hat: _Hat) -> AnyFault:
    between_s, for_s, share = hat.draw_targets()
    chunks = 0.2 * hat.chance.fraction()
    return Truncations(between_s=between_s, for_s=for_s, share=share, chunks=chunks)


def _crashes(hat: _Hat) -> AnyFault:
    return Crashes(
        between_s=hat.between_s,
        share=hat.draw_share(),
        down_s=hat.draw_for_s(),
        silent_share=hat.chance.fraction(),
        within_batch_share=hat.chance.fraction(),
    )


def _delays(hat: _Hat) -> AnyFault:
    between_s, for_s, share = hat.draw_targets()
    law = LogNormal(median_ms=10 + 490 * hat.chance.fraction(), sigma=1)
    return Delays(between_s=between_s, for_s=for_s, share=share, delay=law)


def _drifts(hat: _Hat) -> AnyFault:
    return Drifts(
        between_s=hat.between_s,
        share=hat.draw_share(),
        ppm=(10, 10 + 990 * hat.chance.fraction()),
        period_s=None if hat.chance.is_true(0.5) else 30,
    )


def _duty_cycles(hat: _Hat) -> AnyFault:
    period_s = 10 + 50 * hat.chance.fraction()
    return DutyCycles(
        between_s=(hat.begin_s, hat.end_s),
        share=hat.draw_share(),
        period_s=period_s,
        awake_s=period_s * (0.2 + 0.6 * hat.chance.fraction()),
    )


def _failing_disks(hat: _Hat) -> AnyFault:
    between_s, for_s, share = hat.draw_targets()
    statements = 0.1 * hat.chance.fraction()
    return FailingDisks(
        between_s=between_s,
        # What is tried again after it was over must fit in too.
        for_s=(for_s[0] * 2 / 3, for_s[1] * 2 / 3),
        share=share,
        statements=statements,
        tries_s=_tries_s(for_s),
    )


def _flash_crowd(hat: _Hat) -> AnyFault:
    share, within_s = hat.draw_share(), 0.1 + 5 * hat.chance.fraction()
    return FlashCrowd(at_s=hat.draw_moment_s(), share=share, within_s=within_s)


def _full_disks(hat: _Hat) -> AnyFault:
    between_s, for_s, share = hat.draw_targets()
    seen_s = SEEN_WITHIN_S + TRIED_WITHIN_S
    lasts_s = (max(0.1, for_s[0] - seen_s), max(0.2, for_s[1] - seen_s))
    return FullDisks(between_s=between_s, for_s=lasts_s, share=share)


def _tries_s(for_s: tuple[float, float]) -> tuple[float, float]:
    return min(1, for_s[1] / 6), for_s[1] / 3


def _half_open(hat: _Hat) -> AnyFault:
    return HalfOpen(between_s=hat.between_s, share=hat.draw_share())


def _holds(hat: _Hat) -> AnyFault:
    between_s, for_s, share = hat.draw_targets()
    return Holds(between_s=between_s, for_s=for_s, share=share)


def _leases(hat: _Hat) -> AnyFault:
    return Leases(
        between_s=hat.between_s,
        share=hat.draw_share(),
        reused_share=hat.chance.fraction(),
        renamed_share=hat.chance.fraction(),
        at_once=hat.chance.is_true(0.3),
    )


def _locks(hat: _Hat) -> AnyFault:
    between_s, for_s, share = hat.draw_targets()
    return Locks(between_s=between_s, for_s=for_s, share=share)


def _losses(hat: _Hat) -> AnyFault:
    between_s, for_s, share = hat.draw_targets()
    if hat.chance.is_true(0.5):
        loss = 0.3 * hat.chance.fraction()
        return Losses(between_s=between_s, for_s=for_s, share=share, loss=loss)
    bursts = BurstTable(enters=0.05 * hat.chance.fraction(), leaves=0.2)
    return Losses(between_s=between_s, for_s=for_s, share=share, bursts=bursts)


def _lost_fsyncs(hat: _Hat) -> AnyFault:
    share = hat.draw_share() / 2
    return LostFsyncs(between_s=hat.between_s, share=share, down_s=(1, 10), commits=(1, 30))


def _mass_failure(hat: _Hat) -> AnyFault:
    share = 0.1 + 0.85 * hat.chance.fraction()
    return MassFailure(at_s=hat.draw_moment_s(), share=share, down_s=hat.draw_for_s())


def _partitions(hat: _Hat) -> AnyFault:
    chance = hat.chance
    return Partitions(
        at_s=hat.draw_moment_s(),
        for_s=hat.draw_for_s()[1],
        mode=chance.pick(MODES),
        parts=2 + chance.below(4),
        symmetric=chance.is_true(0.7),
        flaps_s=(3, 2) if chance.is_true(0.3) else None,
        reset_share=chance.fraction(),
    )


def _pauses(hat: _Hat) -> AnyFault:
    between_s, for_s, share = hat.draw_targets()
    return Pauses(between_s=between_s, for_s=for_s, share=share)


def _removals(hat: _Hat) -> AnyFault:
    return Removals(between_s=hat.between_s, share=hat.draw_share() / 2)


def _revocations(hat: _Hat) -> AnyFault:
    between_s, for_s, share = hat.draw_targets()
    return Revocations(between_s=between_s, for_s=for_s, share=share)


def _rollbacks(hat: _Hat) -> AnyFault:
    return Rollbacks(
        between_s=hat.between_s, share=hat.draw_share() / 2, down_s=(1, 10), back_s=hat.draw_for_s()
    )


def _slow_cpus(hat: _Hat) -> AnyFault:
    between_s, for_s, share = hat.draw_targets()
    times = 2 + 98 * hat.chance.fraction()
    return SlowCpus(between_s=between_s, for_s=for_s, share=share, times=times)


def _slow_disks(hat: _Hat) -> AnyFault:
    between_s, for_s, share = hat.draw_targets()
    law = LogNormal(median_ms=5 + 195 * hat.chance.fraction(), sigma=1)
    spikes = 0.1 * hat.chance.fraction()
    return SlowDisks(between_s=between_s, for_s=for_s, share=share, commit=law, spikes=spikes)


def _stragglers(hat: _Hat) -> AnyFault:
    share = 0.05 + 0.3 * hat.chance.fraction()
    return Stragglers(at_s=hat.draw_moment_s(), share=share)


def _swizzles(hat: _Hat) -> AnyFault:
    return Swizzles(
        at_s=hat.draw_moment_s(),
        for_s=(hat.end_s - hat.begin_s) / 3,
        share=hat.draw_share(),
        symmetric=hat.chance.is_true(0.7),
    )


def _trickles(hat: _Hat) -> AnyFault:
    between_s, for_s, share = hat.draw_targets()
    rate = 50 + 2_000 * hat.chance.fraction()
    return Trickles(between_s=between_s, for_s=for_s, share=share, bytes_per_second=rate)


def _wipes(hat: _Hat) -> AnyFault:
    return Wipes(between_s=hat.between_s, share=hat.draw_share() / 3, down_s=(1, 10))


FAMILIES: Final[Mapping[Family, Callable[[_Hat], AnyFault]]] = {
    "absences": _absences,
    "blocks": _blocks,
    "churn": _churn,
    "clones": _clones,
    "clocks": _clocks,
    "clogs": _clogs,
    "corruptions": _corruptions,
    "crashes": _crashes,
    "delays": _delays,
    "drifts": _drifts,
    "duty-cycles": _duty_cycles,
    "failing-disks": _failing_disks,
    "flash-crowd": _flash_crowd,
    "full-disks": _full_disks,
    "half-open": _half_open,
    "holds": _holds,
    "leases": _leases,
    "locks": _locks,
    "losses": _losses,
    "lost-fsyncs": _lost_fsyncs,
    "mass-failure": _mass_failure,
    "one-way": _one_way,
    "partitions": _partitions,
    "pauses": _pauses,
    "removals": _removals,
    "revocations": _revocations,
    "rollbacks": _rollbacks,
    "slow-cpus": _slow_cpus,
    "slow-disks": _slow_disks,
    "stragglers": _stragglers,
    "swizzles": _swizzles,
    "trickles": _trickles,
    "truncations": _truncations,
    "wipes": _wipes,
}

HARSH: Final[tuple[Family, ...]] = (
    "blocks",
    "clones",
    "lost-fsyncs",
    "removals",
    "rollbacks",
    "stragglers",
    "wipes",
)
"""What excuses messages, since it loses what a disk or a user knew, or is never over."""

_GENTLE: Final[tuple[Family, ...]] = tuple(family for family in FAMILIES if family not in HARSH)
