"""What is carried for whom, and what was refused and why: the words of `mesh status`."""

from collections.abc import Mapping
from typing import Final, Literal

from mesh.commands import CarriedAnswer
from mesh.limits import (
    CONTACTS_SHARE_PERCENT,
    FRIENDS_SHARE_PERCENT,
    OWN_SHARE_PERCENT,
    STRANGERS_SHARE_PERCENT,
)
from mesh.posting.keeping import Usage
from mesh.posting.standing import Depth

REFUSED: Final = "refused: "
"""With this begin the metrics that count what did not enter, and why."""

Whom = Literal["own", "contacts", "friends of contacts", "strangers"]

_GROUPS: Final[tuple[tuple[Whom, tuple[Depth, ...], int], ...]] = (
    ("own", (Depth.OWN,), OWN_SHARE_PERCENT),
    ("contacts", (Depth.CONTACT,), CONTACTS_SHARE_PERCENT),
    ("friends of contacts", (Depth.VOUCHED, Depth.FAR), FRIENDS_SHARE_PERCENT),
    ("strangers", (Depth.STRANGER,), STRANGERS_SHARE_PERCENT),
)


def carried(usage: Mapping[Depth, Usage], room_bytes: int) -> list[CarriedAnswer]:
    """Say for whom bodies are kept, nearest first."""
    return [
        CarriedAnswer(
            whom=whom,
            envelopes_count=sum(usage[depth].bodies_count for depth in depths),
            bytes=sum(usage[depth].bodies_bytes for depth in depths),
            share_bytes=room_bytes * percent // 100,
        )
        for whom, depths, percent in _GROUPS
    ]


def refused(counters: Mapping[str, int]) -> dict[str, int]:
    """How many envelopes, or their bodies, were not taken since the start, by the reason."""
    return {
        name.removeprefix(REFUSED): counters[name]
        for name in sorted(counters)
        if name.startswith(REFUSED)
    }
