"""A twin is given the same, must want the same, and traps lie around every engine."""

import importlib
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mesh.commands import SendMessage
from mesh.effects import Effect, Reply
from mesh.engine.door import Engine
from mesh.errors import UserError
from mesh.ids import Instant, Monotonic, RequestId
from mesh.inputs import Asked
from sim.bugs.injection import ChangedEffects
from sim.hosts.driver_protocol import Door
from sim.invariants.invariants import BrokenPromise
from sim.invariants.purity_guards import TRAPS
from sim.kernel.calendar import EPOCH_US
from sim.kernel.entropy import Chance, SeededEntropy
from tests.sim.engines import laptop_of

START = Instant(Monotonic(0), EPOCH_US)


class AlwaysTwins(Chance):
    """Draws zero, so that every life has a twin."""

    def __init__(self) -> None:
        super().__init__(1, "twins")

    def below(self, bound: int) -> int:
        return 0


class Restless(SeededEntropy):
    """Chance that is not the same twice, as from the system."""

    def draw(self, length: int) -> bytes:
        return random.randbytes(length)


def test_a_twin_wants_the_same() -> None:
    laptop = laptop_of(1, watched=(4, AlwaysTwins()))
    door, first = laptop.boot(START)
    effects = door.handle(first, START)
    assert effects
    later = Instant(Monotonic(1_000_000), EPOCH_US + 1_000_000)
    door.handle([], later)


def _saying(engine: Engine, words: str) -> Door:
    """Refuses in its own words."""

    def change(effect: Effect) -> list[Effect]:
        match effect:
            case Reply(request, UserError(kind=kind)):
                return [Reply(request, UserError(kind, words))]
            case _:
                return [effect]

    return ChangedEffects(engine, change)


def test_a_twin_refuses_in_the_same_words() -> None:
    refused = Asked(RequestId(7), SendMessage(contact="00" * 32, text="hello"))

    door, first = laptop_of(1, watched=(4, AlwaysTwins())).boot(START)
    effects = door.handle([*first, refused], START)
    assert any(isinstance(one, Reply) and isinstance(one.answer, UserError) for one in effects)

    texts = iter(("one", "another"))
    laptop = laptop_of(
        1, plant=lambda engine: _saying(engine, next(texts)), watched=(4, AlwaysTwins())
    )
    door, first = laptop.boot(START)
    with pytest.raises(BrokenPromise, match=r"S15.*another Reply"):
        door.handle([*first, refused], START)


def test_an_engine_that_is_no_function_of_its_inputs_breaks_s15() -> None:
    laptop = laptop_of(1, entropy=Restless(1), watched=(4, AlwaysTwins()))
    door, first = laptop.boot(START)
    with pytest.raises(BrokenPromise, match="S15") as broken:
        door.handle(first, START)
    assert broken.value.node == 4


def test_an_engine_that_looks_at_a_clock_breaks_s17() -> None:
    def curious(engine: Engine) -> Door:
        def look(effect: Effect) -> list[Effect]:
            time.time()
            return [effect]

        return ChangedEffects(engine, look)

    laptop = laptop_of(1, plant=curious, watched=(4, Chance(1, "none")))
    with TRAPS.laid():
        door, first = laptop.boot(START)
        time.time()
        with pytest.raises(BrokenPromise, match=r"S17.*an engine calls time"):
            door.handle(first, START)


def test_an_engine_that_opens_a_file_breaks_s17() -> None:
    with TRAPS.laid():
        TRAPS.node = 3
        with pytest.raises(BrokenPromise, match=r"S17.*open"):
            Path("/etc/hostname").read_bytes()
    assert TRAPS.node is None


def test_a_module_that_is_imported_late_and_kept_as_bytecode_breaks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "imported_late.py").write_text("WORDS = 'late'\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    with TRAPS.laid():
        TRAPS.node = 3
        assert importlib.import_module("imported_late").WORDS == "late"
        TRAPS.node = None
    assert list(tmp_path.rglob("imported_late.*.pyc"))
    del sys.modules["imported_late"]


def test_what_another_thread_does_meanwhile_is_no_business_of_the_engine() -> None:
    def look() -> bytes:
        time.monotonic()
        return Path("/etc/hostname").read_bytes()

    with ThreadPoolExecutor(1) as pool, TRAPS.laid():
        TRAPS.node = 3
        assert pool.submit(look).result()
        assert TRAPS.node == 3
        TRAPS.node = None
