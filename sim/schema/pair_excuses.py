"""The pairs of a chore and a fault that cannot be, with their reasons."""

from typing import Final

from sim.schema.pair_table import ChoreKind, PairFault

READS_ONLY: Final[tuple[ChoreKind, ...]] = ("look", "repeat")
"""They write nothing, so no transaction can fail in them."""

SENDS_NOTHING_AT_ONCE: Final[tuple[ChoreKind, ...]] = (
    "rename",
    "verify",
    "call-oneself",
    "note",
    "set-up",
    "write-later",
    "choose-receipts",
    "turn-down",
    "give-up",
)
"""What they change is the vault's alone, or is told to others later with something else."""

NEEDS_A_GROUP: Final[tuple[ChoreKind, ...]] = (
    "choose-receipts",
    "be-known",
    "copy",
    "turn-down",
    "repeat",
)
"""They wait for a group of three."""


def why_not_reached(chore: ChoreKind, fault: PairFault) -> str | None:
    """Return why a fault may not fall in the middle of a chore, or the chore may not be done."""
    if chore in READS_ONLY and fault in ("crash-in-transaction", "crash-in-store"):
        return "It only reads."
    if chore in SENDS_NOTHING_AT_ONCE and fault == "crash-in-store":
        return "It gives the store nothing at once."
    if chore == "peers" and fault == "crash-in-transaction":
        return "It changes the store alone: addresses stand there."
    if chore in NEEDS_A_GROUP and fault == "moved":
        return "Three who are carried about from the start are in no group together by then."
    return None
