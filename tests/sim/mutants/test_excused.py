"""A planted bug that nobody would feel: people are shown and told the same as without it."""

from collections.abc import Sequence
from typing import Final

import pytest

from mesh.ids import LinkId
from mesh.replication import want_list
from mesh.replication.want_list import WantList
from sim.patching import Patch, patched
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, opened_world
from sim.schema.scenario import parse_scenario

Seen = Sequence[tuple[int, int, str, bool, str]]

FEW: Final = 24
"""As many ids as one link may tell at once in this world; two thousand in real ones."""

LATECOMER: Final = parse_scenario(
    """
    schema = 1
    name = "much-missed"
    summary = "Somebody comes late, and lacks more than anybody notes as missing at once."
    nodes = 2
    tick_us = 10_000
    settle_s = 5

    [topology]
    network_nodes = 2

    [workload]
    boot_within_s = 2
    met_before_share = 1
    contacts = 1
    write_between_s = [10, 70]
    messages_per_second = 4
    text_letters = [10, 60]
    long_text_share = 0

    [[faults]]
    kind = "flash-crowd"
    at_s = 68
    within_s = 1
    share = 0.5
    """
)

UNFELT_US: Final = 500_000
"""Nobody feels whether a message came so much earlier, of one that waited for a laptop to open."""

CALLS: Final[list[LinkId]] = []


def _lost_for_good(wants: WantList, link: LinkId, *, pause_ms: int = 0) -> None:
    """A programmer may think: others will tell of it again. They do, and sets are compared."""
    CALLS.append(link)


def seen(seed: int) -> tuple[Seen, Sequence[int]]:
    """Return what somebody wrote, to whom, what both were shown and told of it, and when it came,
    at the end of a world that breaks no invariant.
    """
    with (
        patched(Patch(want_list, "OFFERED_IDS_PER_LINK_MAX", FEW)),
        opened_world(LATECOMER, Options(seed, is_crypto_real=False)) as world,
    ):
        run_to_verdict(world, lambda _: None)
        messages = world.message_log.messages
        shown = [(one.sender, one.recipient, one.text, one.is_shown, one.state) for one in messages]
        return shown, [one.delivered_at or 0 for one in messages]


@pytest.mark.world
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_there_was_no_room_to_note_comes_all_the_same(seed: int) -> None:
    as_it_is, came = seen(seed)
    CALLS.clear()
    with patched(Patch(WantList, "lost", _lost_for_good)):
        planted, came_planted = seen(seed)
    assert CALLS
    assert len(as_it_is) > 4 * FEW
    assert planted == as_it_is
    assert max(abs(a - b) for a, b in zip(came, came_planted, strict=True)) <= UNFELT_US
