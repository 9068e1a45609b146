"""The cost of the simulator's oracles: which share of a run's CPU time each of them takes.

A timer that counts CPU time interrupts a run again and again, and the stack says who works. What an
oracle calls counts as its own, except the function of `mesh` in whose place it stands.
"""

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

import msgspec

from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.scenario import load_scenario
from tests.bench.table import Row

ROOT: Final = Path(__file__).parents[2]
ORACLES: Final = ("sim/invariants/", "sim/observers/")
DOUBLES: Final = {
    ("sim/hosts/double_execution.py", "Double.compare"): None,
    ("sim/hosts/host.py", "Host._double"): None,
}
"""Whatever these call is done a second time."""
CIPHER: Final = ("sim/observers/ciphers.py", "observing_cipher.<locals>.Watched.")
"""Told of each box, it calls the library as the engine would: what it does itself is that."""
ENGINE: Final = "mesh/"
TICK_S: Final = 0.001
"""Where the kernel's own tick is longer, that is how often it is."""
WORLDS: Final = (("partition-heal", 24, 7), ("desk", 2, 1), ("groups", 6, 1), ("swarm", 10, 1))
"""Scenario, nodes, seed."""
TOLD_PERCENT: Final = 0.5
"""Cheaper ones have no row of their own."""


@dataclass(slots=True)
class Samples:
    """The counts of ticks in which somebody worked: each oracle by its file, and all together."""

    by_oracle: dict[str, int] = field(default_factory=dict)
    ticks: int = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """While inside, the main thread is interrupted. Counts what it does at that moment."""
        former = signal.signal(signal.SIGPROF, self._tick)
        signal.setitimer(signal.ITIMER_PROF, TICK_S, TICK_S)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, former)

    def _tick(self, number: int, frame: FrameType | None) -> None:
        self.ticks += 1
        oracle = working(frame)
        if oracle is not None:
            self.by_oracle[oracle] = self.by_oracle.get(oracle, 0) + 1


def working(innermost: FrameType | None) -> str | None:
    """Return the file of the oracle that works in a stack, or None if none does."""
    if innermost is not None and _is_cipher(innermost):
        innermost = innermost.f_back
    frames: list[FrameType] = []
    while innermost is not None:
        frames.append(innermost)
        innermost = innermost.f_back
    oracle: str | None = None
    looking: FrameType | None = None
    for frame in reversed(frames):
        file = _file_of(frame)
        if (file, frame.f_code.co_qualname) in DOUBLES:
            return file
        if file.startswith(ORACLES):
            oracle, looking = file, frame
        elif looking is not None and file.startswith(ENGINE) and _stands_for(looking, frame):
            oracle = looking = None
    return oracle


def _file_of(frame: FrameType) -> str:
    return frame.f_code.co_filename.removeprefix(f"{ROOT}/")


def _is_cipher(frame: FrameType) -> bool:
    file, name = CIPHER
    return _file_of(frame) == file and frame.f_code.co_qualname.startswith(name)


def _stands_for(looking: FrameType, frame: FrameType) -> bool:
    """Say whether an oracle's function was put in the place of one of the engine, and calls it."""
    held = list(looking.f_locals.values())
    return any(getattr(one, "__code__", None) is frame.f_code for one in held)


def rows(worlds: Sequence[tuple[str, int, int]] = WORLDS) -> Iterator[Row]:
    """Each world, with modelled crypto: all oracles together, and each that costs something."""
    for name, nodes, seed in worlds:
        samples, began = Samples(), time.process_time()
        scenario = msgspec.structs.replace(load_scenario(name), nodes=nodes)
        world = World(scenario, Options(seed=seed, is_crypto_real=False))
        with samples.taken():
            run_to_verdict(world, lambda world: None)
        note = f"{samples.ticks:,} samples of {time.process_time() - began:.1f} CPU s"
        together = 100 * sum(samples.by_oracle.values()) / samples.ticks
        what = f"`{name}`, {nodes} nodes, seed {seed}: all together"
        yield Row("oracles", what, together, "%", note)
        for file, count in sorted(samples.by_oracle.items(), key=lambda each: -each[1]):
            percent = 100 * count / samples.ticks
            if percent >= TOLD_PERCENT:
                yield Row("oracles", f"`{name}`: `{file}`", percent, "%")
