"""The table of a scenario that says how many nodes are hostile, and how."""

from typing import Annotated, Literal

import msgspec

from sim.schema.fault_tables import Positive, Seconds, Strict

AdversaryShare = Annotated[float, msgspec.Meta(gt=0, lt=1)]
"""Of all nodes of a world; the honest ones are the scenario's `nodes`."""

Kind = Literal[
    "black-hole",
    "selective",
    "swallows-stems",
    "lying-digests",
    "id-spam",
    "garbage",
    "bad-signatures",
    "replay",
    "revives",
    "forged-author",
    "equivocation",
    "forged-retirements",
    "empty-wants",
    "flood",
    "over-quota",
    "sybil",
    "eclipse",
    "time-lies",
    "time-shifts",
    "malformed-handshakes",
    "slow-loris",
    "later-version",
]


class AdversaryTable(Strict, frozen=True, kw_only=True):
    """Nodes beside the honest ones that stand among them and behave as `kind` says."""

    kind: Kind
    share: AdversaryShare
    per_second: Positive = 2
    """How much each of them does: envelopes of a flood, frames of spam, trials of a handshake."""
    from_s: Seconds = 0
    """When they come."""
    dials: bool = True
    """Whether they call all in sight, and again when they are turned away; else they let others
    call. What is a real engine (`selective`, `swallows-stems`) dials as a node does."""
    kib: Literal[1, 4, 16, 64] = 1
    """How large each envelope of a flood is."""


def hostile_kinds(tables: tuple[AdversaryTable, ...], honest_count: int) -> list[AdversaryTable]:
    """The table of each hostile node; all shares together leave the honest ones."""
    total = honest_count / max(1 - sum(one.share for one in tables), 0.01)
    kinds: list[AdversaryTable] = []
    for one in tables:
        kinds += [one] * max(1, round(total * one.share))
    return kinds
