"""A planted bug that nobody would feel: people are shown and told the same as without it."""

from collections.abc import Sequence
from typing import Final

import pytest

from mesh.ids import LinkId
from mesh.replication.want_list import WantList
from sim.patching import Patch, patched
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, opened_world
from sim.schema.scenario import load_scenario

Seen = Sequence[tuple[int, int, str, bool, str]]

CALLS: Final[list[LinkId]] = []


def _lost_for_good(wants: WantList, link: LinkId, *, pause_ms: int = 0) -> None:
    """A programmer may think: others will tell of it again. They do, and sets are compared."""
    CALLS.append(link)


def seen(name: str, seed: int) -> Seen:
    """What somebody wrote, to whom, and what both were shown and told of it, at the end of a world
    that breaks no invariant.
    """
    scenario = load_scenario(name)
    with opened_world(scenario, Options(seed, is_crypto_real=False)) as world:
        run_to_verdict(world, lambda _: None)
        return [
            (one.sender, one.recipient, one.text, one.is_shown, one.state)
            for one in world.message_log.messages
        ]


@pytest.mark.world
@pytest.mark.parametrize("name, seed", [("jumped", 1), ("guest-wifi", 1)])
def test_what_there_was_no_room_to_note_comes_all_the_same(name: str, seed: int) -> None:
    as_it_is = seen(name, seed)
    CALLS.clear()
    with patched(Patch(WantList, "lost", _lost_for_good)):
        planted = seen(name, seed)
    assert CALLS
    assert len(planted) == len(as_it_is) > 20
    assert planted == as_it_is
