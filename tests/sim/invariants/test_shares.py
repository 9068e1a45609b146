"""The mail that goes where room is scarce (S30)."""

import pytest

from mesh.inputs import Shares
from mesh.retention.eviction import Usage
from mesh.trust.distance import Depth
from sim.invariants.invariants import S30, BrokenInvariant
from sim.invariants.shares import require_fair

ROOM = 1_000
SHARES = Shares(own=10, contacts=25, friends=35, strangers=20)


def look(victim: Depth, **bytes_: int) -> None:
    """One body goes, where so many bytes are here of each depth."""
    usage = {depth: Usage(1, bytes_.get(depth.name.lower(), 0)) for depth in Depth}
    require_fair(0, usage, SHARES, room_bytes=ROOM, victim=victim)


@pytest.mark.parametrize(
    "victim, bytes_",
    [
        (Depth.STRANGER, {"stranger": 201, "contact": 900}),
        (Depth.FAR, {"stranger": 200, "vouched": 200, "far": 151, "contact": 900}),
        (Depth.CONTACT, {"stranger": 200, "vouched": 350, "contact": 251}),
        # Own mail has more than its share: all others lose in turn.
        (Depth.STRANGER, {"stranger": 1, "contact": 200, "own": 900}),
        (Depth.CONTACT, {"contact": 200, "own": 900}),
    ],
)
def test_the_first_that_has_more_than_its_share_loses(
    victim: Depth, bytes_: dict[str, int]
) -> None:
    look(victim, **bytes_)


@pytest.mark.parametrize(
    "victim, bytes_",
    [
        (Depth.CONTACT, {"stranger": 201, "contact": 900}),
        (Depth.VOUCHED, {"stranger": 201, "vouched": 900}),
        (Depth.STRANGER, {"stranger": 200, "vouched": 200, "far": 151}),
        (Depth.OWN, {"stranger": 201, "own": 900}),
        (Depth.CONTACT, {"stranger": 1, "contact": 200, "own": 900}),
    ],
)
def test_another_that_goes_is_named(victim: Depth, bytes_: dict[str, int]) -> None:
    with pytest.raises(BrokenInvariant, match=f"depth {victim.name}") as caught:
        look(victim, **bytes_)
    assert caught.value.invariant is S30
