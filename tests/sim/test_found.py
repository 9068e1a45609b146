"""Worlds in which a search over seeds found something: each broke a promise before its fix."""

import pytest

from sim.running import Request, run
from sim.world import World

FOUND = [
    # Two copies of one vault had agreed on new keys; who was left was met by none of these.
    ("clone", 4, 1012),
]


def quietly(_world: World) -> None:
    """Show no progress."""


@pytest.mark.parametrize("name, nodes, seed", FOUND)
def test_what_was_found_stays_mended(name: str, nodes: int, seed: int) -> None:
    report = run(Request(name=name, seed=seed, nodes=nodes, is_crypto_real=False), quietly)
    assert report.verdict == "pass", report.broken
