"""The tables of a scenario that say that one chore is done, and which fault falls in its middle."""

from typing import Annotated, Literal

import msgspec

from sim.schema.fault_tables import Seconds, Strict

ChoreKind = Literal[
    "invite",
    "rename",
    "verify",
    "renew",
    "call-oneself",
    "compare",
    "introduce",
    "follow",
    "peers",
    "nearby",
    "look",
    "note",
    "set-up",
    "read",
    "write-later",
    "remind",
    "rewrite",
    "withdraw",
    "decide",
    "picture",
    "link",
    "choose-receipts",
    "be-known",
    "copy",
    "hide",
    "lead",
    "turn-down",
    "give-up",
    "repeat",
]
"""The chores of everyday life (`sim/users/all_chores.py`)."""

TimedKind = Literal["picture-taken-back", "large-file", "introduce-again", "letter"]
"""Chores that are done at a time of their own alone (`sim/users/all_chores.py`)."""

PairFault = Literal[
    "crash-in-transaction",
    "crash-in-store",
    "crash-before-answer",
    "crash-after-answer",
    "crash-between-steps",
    "switched-off",
    "lock-before",
    "lock-between",
    "full-disk",
    "failing-disk",
    "slow-disk",
    "lost-commits",
    "store-back",
    "vault-back",
    "both-back",
    "wiped",
    "second-machine",
    "clock-jump",
    "clock-stands",
    "standstill",
    "slow-cpu",
    "dozing",
    "moved",
    "cut-reset",
    "cut-stall",
    "cut-one-way",
    "lossy-lines",
    "slow-lines",
    "trickling-lines",
    "clogged-lines",
    "one-way-lines",
    "held-lines",
    "flipped-bits",
    "cut-streams",
    "forgotten-streams",
    "blocked",
    "removed",
    "others-crash",
    "others-off",
    "others-locked",
    "others-full-disks",
    "others-vaults-back",
    "others-wiped",
]
"""The faults that fall in the middle of a chore (`sim/schema/pairs.py`)."""


class OneChore(Strict, frozen=True, kw_only=True):
    """Somebody begins this chore at this time, whatever else is drawn."""

    kind: ChoreKind | TimedKind
    by: Annotated[int, msgspec.Meta(ge=0)] = 0
    at_s: Seconds
    struck_at_s: Seconds | None = None
    """When a fault falls in its middle: the run counts whether it had steps to go then."""


class Pair(Strict, frozen=True, kw_only=True):
    """One chore and one fault in its middle, at exact times."""

    chore: ChoreKind
    fault: PairFault
    at_s: Seconds
    """When the chore begins; the fault begins a moment before or after."""
