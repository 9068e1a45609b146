"""A double is given the same, must want the same, and traps lie around every engine."""

import importlib
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mesh.commands.identity import CreateIdentity
from mesh.commands.invites import CreateInvite, InviteAnswer
from mesh.commands.messages import SendMessage
from mesh.effects import Effect, MintStamp, Reply
from mesh.engine.engine import Engine
from mesh.errors import UserError
from mesh.ids import Instant, Monotonic, PostingKey, RequestId
from mesh.inputs import Asked
from sim.bugs.injection import ChangedEffects
from sim.hosts.driver_protocol import AnyEngine
from sim.invariants.invariants import BrokenInvariant
from sim.invariants.purity_guards import PURITY_GUARDS
from sim.kernel.calendar import EPOCH_US
from sim.kernel.entropy import Chance, SeededEntropy
from tests.sim.engines import host_of

START = Instant(Monotonic(0), EPOCH_US)


class AlwaysDoubles(Chance):
    """Draws zero, so that every life has a double."""

    def __init__(self) -> None:
        super().__init__(1, "twins")

    def below(self, bound: int) -> int:
        return 0


class Restless(SeededEntropy):
    """Chance that is not the same twice, as from the system."""

    def draw(self, length: int) -> bytes:
        return random.randbytes(length)


def test_a_twin_wants_the_same() -> None:
    host = host_of(1, observed=(4, AlwaysDoubles()))
    driven, first = host.boot(START)
    effects = driven.handle(first, START)
    assert effects
    later = Instant(Monotonic(1_000_000), EPOCH_US + 1_000_000)
    driven.handle([], later)


def test_a_twin_draws_the_same_after_a_stamp_was_minted() -> None:
    """An engine does not draw where the search for a stamp begins; whoever drives it does."""
    host = host_of(1, observed=(4, AlwaysDoubles()))
    driven, first = host.boot(START)
    driven.handle([*first, Asked(RequestId(1), CreateIdentity("ada"))], START)
    _, minted = host.mint(MintStamp(PostingKey(bytes(32)), 1, 1))
    # What an invite holds is drawn.
    effects = driven.handle([minted, Asked(RequestId(2), CreateInvite())], START)
    assert [type(each.answer) for each in effects if isinstance(each, Reply)] == [InviteAnswer]


def _saying(engine: Engine, words: str) -> AnyEngine:
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

    driven, first = host_of(1, observed=(4, AlwaysDoubles())).boot(START)
    effects = driven.handle([*first, refused], START)
    assert any(isinstance(one, Reply) and isinstance(one.answer, UserError) for one in effects)

    texts = iter(("one", "another"))
    host = host_of(
        1, inject=lambda engine: _saying(engine, next(texts)), observed=(4, AlwaysDoubles())
    )
    driven, first = host.boot(START)
    with pytest.raises(BrokenInvariant, match=r"S15.*another Reply"):
        driven.handle([*first, refused], START)


def test_an_engine_that_is_no_function_of_its_inputs_breaks_s15() -> None:
    host = host_of(1, entropy=Restless(1), observed=(4, AlwaysDoubles()))
    driven, first = host.boot(START)
    with pytest.raises(BrokenInvariant, match="S15") as broken:
        driven.handle(first, START)
    assert broken.value.node == 4


def test_an_engine_that_looks_at_a_clock_breaks_s17() -> None:
    def curious(engine: Engine) -> AnyEngine:
        def look(effect: Effect) -> list[Effect]:
            time.time()
            return [effect]

        return ChangedEffects(engine, look)

    host = host_of(1, inject=curious, observed=(4, Chance(1, "none")))
    with PURITY_GUARDS.laid():
        driven, first = host.boot(START)
        time.time()
        with pytest.raises(BrokenInvariant, match=r"S17.*an engine calls time"):
            driven.handle(first, START)


def test_an_engine_that_opens_a_file_breaks_s17() -> None:
    with PURITY_GUARDS.laid():
        PURITY_GUARDS.node = 3
        with pytest.raises(BrokenInvariant, match=r"S17.*open"):
            Path("/etc/hostname").read_bytes()
    assert PURITY_GUARDS.node is None


def test_a_module_that_is_imported_late_and_kept_as_bytecode_breaks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "imported_late.py").write_text("WORDS = 'late'\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    with PURITY_GUARDS.laid():
        PURITY_GUARDS.node = 3
        assert importlib.import_module("imported_late").WORDS == "late"
        PURITY_GUARDS.node = None
    assert list(tmp_path.rglob("imported_late.*.pyc"))
    del sys.modules["imported_late"]


def test_what_another_thread_does_meanwhile_is_no_business_of_the_engine() -> None:
    def look() -> bytes:
        time.monotonic()
        return Path("/etc/hostname").read_bytes()

    with ThreadPoolExecutor(1) as pool, PURITY_GUARDS.laid():
        PURITY_GUARDS.node = 3
        assert pool.submit(look).result()
        assert PURITY_GUARDS.node == 3
        PURITY_GUARDS.node = None
