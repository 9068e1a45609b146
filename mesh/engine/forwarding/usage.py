"""The words of `mesh status`: what is carried for whom, and what was refused and why."""

from collections.abc import Mapping
from typing import Final, Literal

from mesh.commands.status import CarriedAnswer
from mesh.limits.retention import (
    CONTACTS_SHARE_PERCENT,
    FRIENDS_SHARE_PERCENT,
    OWN_SHARE_PERCENT,
    STRANGERS_SHARE_PERCENT,
)
from mesh.retention.eviction import Usage
from mesh.trust.distance import Depth

REFUSED: Final = "refused: "
"""With this begin the metrics that count what did not enter, and why."""

Whom = Literal["own", "contacts", "friends of contacts", "strangers"]

_GROUPS: Final[tuple[tuple[Whom, tuple[Depth, ...], int], ...]] = (
    ("own", (Depth.OWN,), OWN_SHARE_PERCENT),
    ("contacts", (Depth.CONTACT,), CONTACTS_SHARE_PERCENT),
    ("friends of contacts", (Depth.VOUCHED, Depth.FAR), FRIENDS_SHARE_PERCENT),
    ("strangers", (Depth.STRANGER,), STRANGERS_SHARE_PERCENT),
)


def own_share_bytes(stored_bytes_max: int) -> int:
    """Return what may be written here and be on its way; stubs of others do not make it less."""
    return stored_bytes_max * OWN_SHARE_PERCENT // 100


def carried(
    usage: Mapping[Depth, Usage], *, room_bytes: int, stored_bytes_max: int
) -> list[CarriedAnswer]:
    """Say for whom bodies are kept, nearest first."""
    return [
        CarriedAnswer(
            whom=whom,
            envelopes_count=sum(usage[depth].bodies_count for depth in depths),
            bytes=sum(usage[depth].bodies_bytes for depth in depths),
            share_bytes=own_share_bytes(stored_bytes_max)
            if whom == "own"
            else room_bytes * percent // 100,
        )
        for whom, depths, percent in _GROUPS
    ]


def refused(counters: Mapping[str, int]) -> dict[str, int]:
    """Return how many envelopes, or their bodies, were not taken since the start, by the reason."""
    return {
        name.removeprefix(REFUSED): counters[name]
        for name in sorted(counters)
        if name.startswith(REFUSED)
    }
