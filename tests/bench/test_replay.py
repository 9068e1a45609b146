"""A world whose engines cost nothing is the world that was written down."""

from pathlib import Path

import pytest

from mesh.engine.engine import Engine
from sim.invariants.invariants import BrokenInvariant
from sim.patching import Patch, patched
from sim.run.runner import Request
from tests.bench.replay import Script, ran

REQUEST = Request("partition-heal", seed=7, nodes=4, duration_s=60, is_crypto_real=False)


def test_the_same_happens_without_an_engine_and_without_a_database(tmp_path: Path) -> None:
    script = tmp_path / "script"
    shipped = ran(REQUEST, Script(script, is_written=True))

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("an engine is made")

    with patched(Patch(Engine, "__init__", forbidden)):
        replayed = ran(REQUEST, Script(script, is_written=False))
    assert (replayed.events, replayed.trace) == (shipped.events, shipped.trace)
    assert replayed.events > 1_000
    assert replayed.cpu_seconds < shipped.cpu_seconds / 2


def test_another_world_does_not_follow_the_script(tmp_path: Path) -> None:
    script = tmp_path / "script"
    ran(REQUEST, Script(script, is_written=True))
    other = Request("partition-heal", seed=8, nodes=4, duration_s=60, is_crypto_real=False)
    with pytest.raises(BrokenInvariant):
        ran(other, Script(script, is_written=False))
