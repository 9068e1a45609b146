"""The mail that goes first where room is scarce: of those who have more than their share (S30).

The rule is that of `docs/protocol/storage.md`, section "Shares": the group of whom a body goes is
the first of strangers, friends of contacts and contacts that has more than its share; if none has,
the first that has anything. What was written at the node itself never goes.
"""

from collections.abc import Callable, Mapping
from typing import Final

from mesh.inputs import Shares
from mesh.retention.eviction import Usage
from mesh.trust.distance import Depth
from sim.invariants.invariants import S30, BrokenInvariant

GROUPS: Final[Mapping[str, tuple[Depth, ...]]] = {
    "strangers": (Depth.STRANGER,),
    "friends of contacts": (Depth.VOUCHED, Depth.FAR),
    "contacts": (Depth.CONTACT,),
}
"""In the order in which they lose."""

SHARE_OF: Final[Mapping[str, Callable[[Shares], int]]] = {
    "strangers": lambda shares: shares.strangers,
    "friends of contacts": lambda shares: shares.friends,
    "contacts": lambda shares: shares.contacts,
}


def require_fair(
    node: int | None,
    usage: Mapping[Depth, Usage],
    shares: Shares,
    *,
    room_bytes: int,
    victim: Depth,
) -> None:
    """S30: with so much of each group here, a body of this one goes."""
    bytes_of = {
        group: sum(usage[depth].bodies_bytes for depth in depths)
        for group, depths in GROUPS.items()
    }
    over = [
        group
        for group, bytes_ in bytes_of.items()
        if bytes_ * 100 > room_bytes * SHARE_OF[group](shares)
    ]
    wanted = next((group for group in over or GROUPS if bytes_of[group]), None)
    if wanted is None or victim not in GROUPS[wanted]:
        had = ", ".join(f"{bytes_} of {group}" for group, bytes_ in bytes_of.items())
        detail = (
            f"with {had} in {room_bytes} bytes a body of {wanted} was to go, and one of depth "
            f"{victim.name} goes"
        )
        raise BrokenInvariant(S30, detail, node)
