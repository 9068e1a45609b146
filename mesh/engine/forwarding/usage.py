"""The words of `mesh status`: what is carried for whom, and what was refused and why."""

from collections.abc import Mapping
from typing import Final, Literal

from mesh.commands.status import CarriedAnswer, KnownKeysAnswer
from mesh.ids import UnixSeconds
from mesh.inputs import Shares
from mesh.retention.eviction import Usage
from mesh.trust.distance import Depth, Distances
from mesh.wire.envelope import SECONDS_PER_DAY

REFUSED: Final = "refused: "
"""With this begin the metrics that count what did not enter, and why."""

Whom = Literal["own", "contacts", "friends of contacts", "strangers"]

_DEPTHS: Final[dict[Whom, tuple[Depth, ...]]] = {
    "own": (Depth.OWN,),
    "contacts": (Depth.CONTACT,),
    "friends of contacts": (Depth.VOUCHED, Depth.FAR),
    "strangers": (Depth.STRANGER,),
}


def own_share_bytes(stored_bytes_max: int, shares: Shares) -> int:
    """Return what may be written here and be on its way; stubs of others do not make it less."""
    return stored_bytes_max * shares.own // 100


def carried(
    usage: Mapping[Depth, Usage], shares: Shares, *, room_bytes: int, stored_bytes_max: int
) -> list[CarriedAnswer]:
    """Say for whom bodies are kept, nearest first."""
    share_bytes: dict[Whom, int] = {
        "own": own_share_bytes(stored_bytes_max, shares),
        "contacts": room_bytes * shares.contacts // 100,
        "friends of contacts": room_bytes * shares.friends // 100,
        "strangers": room_bytes * shares.strangers // 100,
    }
    return [
        CarriedAnswer(
            whom=whom,
            envelopes_count=sum(usage[depth].bodies_count for depth in depths),
            bytes=sum(usage[depth].bodies_bytes for depth in depths),
            share_bytes=share_bytes[whom],
        )
        for whom, depths in _DEPTHS.items()
    ]


def refused(counters: Mapping[str, int]) -> dict[str, int]:
    """Return how many envelopes, or their bodies, were not taken since the start, by the reason."""
    return {
        name.removeprefix(REFUSED): counters[name]
        for name in sorted(counters)
        if name.startswith(REFUSED)
    }


def known_keys(distances: Distances, mesh_now: UnixSeconds) -> KnownKeysAnswer:
    """Return how many posting keys of today are known, by whose they are."""
    counts = distances.counts(mesh_now // SECONDS_PER_DAY)
    return KnownKeysAnswer(
        contacts=counts.contacts, friends_of_contacts=counts.vouched, further=counts.far
    )
