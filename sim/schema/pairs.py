"""One chore and one fault in its middle: what a table `pair` of a scenario stands for.

Where a chance world seldom has a power cut in just the batch that carries out a command, here
each chore meets each fault. Times are exact: commands that are asked at an instant are one batch of
a node that rests, and what is asked for in answer to it is the next, some milliseconds later.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sim.kernel.entropy import Chance
from sim.schema.cut_tables import Partitions
from sim.schema.delay_laws import Constant
from sim.schema.disk_tables import FailingDisks, FullDisks, LostFsyncs, SlowDisks
from sim.schema.fault_tables import (
    Absences,
    Blocks,
    Clocks,
    Clones,
    Crashes,
    Locks,
    Removals,
    Rollbacks,
    Wipes,
)
from sim.schema.node_tables import DutyCycles, Pauses, SlowCpus
from sim.schema.pair_table import ChoreKind, OneChore, Pair, PairFault
from sim.schema.swarm import AnyFault
from sim.schema.topology_tables import Couriers, Topology
from sim.schema.wire_tables import (
    Clogs,
    Corruptions,
    Delays,
    HalfOpen,
    Holds,
    Losses,
    OnWires,
    Trickles,
    Truncations,
)

BEFORE_S: Final = 0.001
"""A tick before the chore: what is armed then waits for its batch."""

SOON_S: Final = 0.05
"""Its first commands were carried out, and what they made is on its way."""

LASTS_S: Final = 8.0
Who = Literal["doer", "others", "everybody", "lines"]


@dataclass(frozen=True, slots=True)
class Middle:
    """A fault in the middle of a chore that begins at the time that `tables` are given."""

    who: Who
    tables: Callable[[float], tuple[AnyFault, ...]]
    shows: str
    """The mark, or what a report counts of faults, that says that it befell."""

    begins_s: float = SOON_S
    """After the beginning of the chore."""


def _lasting(
    kind: type[Absences] | type[Blocks] | type[FullDisks] | type[Locks] | type[Pauses],
    begins_s: float,
) -> Callable[[float], tuple[AnyFault, ...]]:
    """One fault of a kind, so long after the beginning of a chore, for `FOR_S`."""

    def tables(at_s: float) -> tuple[AnyFault, ...]:
        return (kind(between_s=(at_s + begins_s,) * 2, for_s=FOR_S, share=1),)

    return tables


def _crash(
    begins_s: float, shows: str, *, statements: tuple[int, int] | None = None, share: float = 0
) -> Middle:
    """A crash of whoever does the chore; `share` is that of silent ones."""

    def tables(at_s: float) -> tuple[AnyFault, ...]:
        return (
            Crashes(
                between_s=(at_s + begins_s,) * 2,
                share=1,
                down_s=(3, 3),
                silent_share=share,
                within_batch_share=0 if statements is None else 1,
                statements=statements or (1, 1),
            ),
        )

    return Middle("doer", tables, shows, begins_s)


def _before_answer(at_s: float) -> tuple[AnyFault, ...]:
    """A disk takes long over the commit, and the power fails before anybody is told of it."""
    slow = SlowDisks(
        between_s=(at_s - SOON_S,) * 2, for_s=(1, 1), share=1, commit=Constant(ms=400), spikes=0
    )
    return slow, *_crash(0.2, "").tables(at_s)


def _back(which: Literal["store", "vault", "both"]) -> Middle:
    return Middle(
        "doer",
        lambda at_s: (
            Rollbacks(
                between_s=(at_s + 0.5,) * 2, share=1, down_s=(2, 2), back_s=(1, 1), which=which
            ),
        ),
        "rollbacks",
        0.5,
    )


def _cut(shows: str, *, reset_share: float, symmetric: bool = True) -> Middle:
    return Middle(
        "everybody",
        lambda at_s: (
            Partitions(
                at_s=at_s + SOON_S,
                for_s=LASTS_S,
                mode="alone" if symmetric else "halves",
                symmetric=symmetric,
                reset_share=reset_share,
            ),
        ),
        shows,
    )


def _lines(made: Callable[[tuple[float, float]], OnWires | HalfOpen], begins_s: float) -> Middle:
    """Something is wrong with all lines from a moment on."""

    def tables(at_s: float) -> tuple[AnyFault, ...]:
        fault = made((at_s + begins_s,) * 2)
        assert isinstance(fault, AnyFault)
        return (fault,)

    return Middle("lines", tables, "lines_struck", begins_s)


FOR_S: Final = (LASTS_S, LASTS_S)

MIDDLES: Final[Mapping[PairFault, Middle]] = {
    # The batch that carries out the commands, the one after it, and what lies between.
    "crash-in-transaction": _crash(-BEFORE_S, "crash-within-vault", statements=(3, 9)),
    # What was made is read from the vault, and a transaction of the store begins, before these.
    "crash-in-store": _crash(0, "crash-within-store", statements=(3, 4)),
    "crash-before-answer": Middle("doer", _before_answer, "crash-before-effects", 0.2),
    "crash-after-answer": _crash(2 * BEFORE_S, "crashes"),
    "crash-between-steps": _crash(0.7, "crash-without-a-word", share=1),
    "switched-off": Middle("doer", _lasting(Absences, SOON_S), "absences"),
    "lock-before": Middle("doer", _lasting(Locks, -BEFORE_S), "asked-while-locked", -BEFORE_S),
    "lock-between": Middle("doer", _lasting(Locks, SOON_S), "locks"),
    "full-disk": Middle("doer", _lasting(FullDisks, -SOON_S), "full_disks", -SOON_S),
    "failing-disk": Middle(
        "doer",
        lambda at_s: (
            FailingDisks(
                between_s=(at_s - SOON_S,) * 2, for_s=FOR_S, share=1, statements=0.1, tries_s=(1, 2)
            ),
        ),
        "failing_disks",
        -SOON_S,
    ),
    "slow-disk": Middle(
        "doer",
        lambda at_s: (SlowDisks(between_s=(at_s - SOON_S,) * 2, for_s=FOR_S, share=1, spikes=0.2),),
        "slow_disks",
        -SOON_S,
    ),
    "lost-commits": Middle(
        "doer",
        lambda at_s: (
            LostFsyncs(between_s=(at_s + 0.5,) * 2, share=1, down_s=(2, 2), commits=(1, 6)),
        ),
        "lost_fsyncs",
        0.5,
    ),
    "store-back": _back("store"),
    "vault-back": _back("vault"),
    "both-back": _back("both"),
    "wiped": Middle(
        "doer",
        lambda at_s: (Wipes(between_s=(at_s + 0.5,) * 2, share=1, down_s=(1, 1)),),
        "disk-lost",
        0.5,
    ),
    "second-machine": Middle(
        "doer",
        lambda at_s: (Clones(between_s=(at_s + SOON_S,) * 2, for_s=FOR_S),),
        "second-machine",
    ),
    "clock-jump": Middle(
        "doer",
        lambda at_s: (
            Clocks(between_s=(at_s + SOON_S,) * 2, share=1, wrong_h=(30, 30), for_s=FOR_S),
        ),
        "clock_jumps",
    ),
    "clock-stands": Middle(
        "doer",
        lambda at_s: (
            Clocks(between_s=(at_s + SOON_S,) * 2, share=1, frozen_share=1, for_s=FOR_S),
        ),
        "clocks_frozen",
    ),
    "standstill": Middle("doer", _lasting(Pauses, 2 * BEFORE_S), "pauses", 2 * BEFORE_S),
    "slow-cpu": Middle(
        "doer",
        lambda at_s: (SlowCpus(between_s=(at_s - SOON_S,) * 2, for_s=FOR_S, share=1, times=100),),
        "slow_cpus",
        -SOON_S,
    ),
    "dozing": Middle(
        "doer",
        lambda at_s: (
            DutyCycles(between_s=(at_s - 1, at_s + LASTS_S), share=1, awake_s=0.5, period_s=2),
        ),
        "naps",
        -1,
    ),
    "moved": Middle("everybody", lambda at_s: (), "moves", -SOON_S),
    # What lies between nodes.
    "cut-reset": _cut("stream-reset", reset_share=1),
    "cut-stall": _cut("stream-stalled", reset_share=0),
    "cut-one-way": _cut("cuts", reset_share=0.5, symmetric=False),
    "lossy-lines": _lines(
        lambda when: Losses(between_s=when, for_s=FOR_S, share=1, loss=0.4), -SOON_S
    ),
    "slow-lines": _lines(
        lambda when: Delays(between_s=when, for_s=FOR_S, share=1, delay=Constant(ms=1_500)), -SOON_S
    ),
    "trickling-lines": _lines(
        lambda when: Trickles(between_s=when, for_s=FOR_S, share=1, bytes_per_second=300), -SOON_S
    ),
    "clogged-lines": _lines(lambda when: Clogs(between_s=when, for_s=FOR_S, share=1), SOON_S),
    "one-way-lines": _lines(
        lambda when: Clogs(between_s=when, for_s=FOR_S, share=0.5, ways="one"), SOON_S
    ),
    "held-lines": _lines(lambda when: Holds(between_s=when, for_s=FOR_S, share=1), -SOON_S),
    "flipped-bits": _lines(
        lambda when: Corruptions(between_s=when, for_s=FOR_S, share=1, chunks=0.2), -SOON_S
    ),
    "cut-streams": _lines(
        lambda when: Truncations(between_s=when, for_s=FOR_S, share=1, chunks=0.2), -SOON_S
    ),
    "forgotten-streams": _lines(lambda when: HalfOpen(between_s=when, share=1), SOON_S),
    # What people do meanwhile.
    "blocked": Middle("doer", _lasting(Blocks, SOON_S), "blocks"),
    "removed": Middle(
        "doer",
        lambda at_s: (Removals(between_s=(at_s + 0.3,) * 2, share=1),),
        "removals",
        0.3,
    ),
    # What befalls those with whom it is done.
    "others-crash": Middle(
        "others",
        lambda at_s: (
            Crashes(
                between_s=(at_s + SOON_S,) * 2,
                share=1,
                down_s=(4, 4),
                silent_share=1,
                within_batch_share=1,
            ),
        ),
        "crashes",
    ),
    "others-off": Middle("others", _lasting(Absences, SOON_S), "absences"),
    "others-locked": Middle("others", _lasting(Locks, -BEFORE_S), "locks", -BEFORE_S),
    "others-full-disks": Middle("others", _lasting(FullDisks, -SOON_S), "full_disks", -SOON_S),
    "others-vaults-back": Middle(
        "others",
        lambda at_s: (
            Rollbacks(
                between_s=(at_s + 1,) * 2, share=1, down_s=(2, 2), back_s=(1, 1), which="vault"
            ),
        ),
        "rollbacks",
        1,
    ),
    "others-wiped": Middle(
        "others",
        lambda at_s: (Wipes(between_s=(at_s + 0.5,) * 2, share=1, down_s=(1, 1)),),
        "disk-lost",
        0.5,
    ),
}

WITHOUT: Final[Mapping[str, str]] = {
    "churn": "It is `absences`, again and again.",
    "drifts": "Within a chore a calendar drifts by less than a millisecond.",
    "flash-crowd": "It is over before anybody can do a chore.",
    "halves": "It is `partitions` by another name.",
    "leases": "It is `moved`, but that the other address is one of the same network.",
    "left-out": "It is nothing.",
    "mass-failure": "It is `crashes` of several at once, as `others-crash` has them.",
    "revocations": "It is a chore: `invite` takes one back.",
    "rots": "It befalls a disk over which nobody runs, so nothing is in its middle.",
    "stragglers": "They never get well; `slow-cpu` and the cuts do, and then all must be mended.",
    "swizzles": "They are cuts, one after the other.",
}
"""The kinds of faults of which none falls in the middle of a chore, with the reason."""

BEFORE: Final[Mapping[ChoreKind, Sequence[ChoreKind]]] = {
    "turn-down": ("copy",),
}
"""The chores that all others do just before, so that there is something to do."""

IN_GROUPS: Final[tuple[ChoreKind, ...]] = (
    "link",
    "choose-receipts",
    "be-known",
    "copy",
    "hide",
    "lead",
    "turn-down",
    "repeat",
)
"""For other chores there are no groups: a world takes twice the time with one."""

HARSH: Final[tuple[PairFault, ...]] = (
    "lost-commits",
    "store-back",
    "vault-back",
    "both-back",
    "wiped",
    "second-machine",
    "blocked",
    "removed",
    "others-vaults-back",
    "others-wiped",
)
"""They lose what a disk or somebody knew: people write again and again afterwards."""

STEPS_S: Final[Mapping[ChoreKind, float]] = {"link": 34}
"""How long a chore goes on; others are over after `STEPS_AT_MOST_S`."""

STEPS_AT_MOST_S: Final = 22.0
FOLLOWS_AFTER_S: Final = 12.0
"""So long after a contact lost their disk they are a contact again."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The chores and faults that a table `pair` stands for with one seed and so many nodes."""

    pair: Pair
    seed: int
    nodes: int

    @property
    def doer(self) -> int:
        """Return who does the chore: the first, or whose disk is drawn to be copied."""
        is_cloned = self.pair.fault == "second-machine"
        return Chance(self.seed, "cloned").below(self.nodes) if is_cloned else 0

    @property
    def begins_s(self) -> float:
        """Return when the chore begins."""
        return self.pair.at_s + (FOLLOWS_AFTER_S if self._is_after_loss else 0)

    @property
    def lasts_s(self) -> float:
        """Return how long people do not rest."""
        return self.begins_s + STEPS_S.get(self.pair.chore, STEPS_AT_MOST_S)

    @property
    def is_harsh(self) -> bool:
        """Say whether a disk is lost or put back, or somebody shut out."""
        return self.pair.fault in HARSH or self._is_after_loss

    @property
    def has_groups(self) -> bool:
        """Say whether the chore is one of groups that are there before."""
        return self.pair.chore in IN_GROUPS

    @property
    def chores(self) -> tuple[OneChore, ...]:
        """Return what is done; the chore of the pair is the first."""
        struck_at_s = self.begins_s + self._middle.begins_s
        own = OneChore(
            kind=self.pair.chore, by=self.doer, at_s=self.begins_s, struck_at_s=struck_at_s
        )
        before = (
            OneChore(kind=kind, by=node, at_s=self.begins_s - 1)
            for kind in BEFORE.get(self.pair.chore, ())
            for node in self._others
        )
        return own, *before

    @property
    def faults(self) -> tuple[AnyFault, ...]:
        """Return what befalls; what must have befallen before the chore stands at the end."""
        lost: tuple[AnyFault, ...] = ()
        if self._is_after_loss:
            lost = (Wipes(between_s=(self.pair.at_s - 1,) * 2, share=1, down_s=(0.5, 0.5)),)
        return *self._middle.tables(self.begins_s), *lost

    @property
    def strikes(self) -> tuple[str, ...]:
        """Return whom that strikes, as `Only.strikes` names it."""
        tables_count = len(self._middle.tables(self.begins_s))
        struck = [f"{number}{one}" for number in range(tables_count) for one in self._struck]
        lost = [f"{tables_count}/{self._others[0]}"] if self._is_after_loss else []
        return *struck, *lost

    def topology(self, given: Topology) -> Topology:
        """Return where all stand: one who is carried about stands on a network at a time."""
        if self.pair.fault != "moved":
            return given
        return Couriers(
            network_nodes=2,
            couriers=self.nodes,
            stay_s=(4, 6),
            travel_s=(0.5, 1.5),
            until_s=self.begins_s + LASTS_S,
        )

    @property
    def _middle(self) -> Middle:
        return MIDDLES[self.pair.fault]

    @property
    def _is_after_loss(self) -> bool:
        # Nobody follows anybody who has lost nothing.
        return self.pair.chore == "follow"

    @property
    def _others(self) -> list[int]:
        return [node for node in range(self.nodes) if node != self.doer]

    @property
    def _struck(self) -> list[str]:
        """Return the ends of the names of strikes."""
        match self._middle.who:
            case "doer":
                # Of copies it is their place among them.
                return ["/0"] if self.pair.fault == "second-machine" else [f"/{self.doer}"]
            case "others":
                return [f"/{node}" for node in self._others]
            case "everybody":
                return [""]
            case "lines":
                every = range(self.nodes)
                return [f"/{one}>{other}" for one in every for other in every if one != other]
