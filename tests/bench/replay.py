"""A simulated world whose engines cost nothing, since all that they wanted was written down before.

The first run is the shipped one. Of each batch of each engine it writes down what the engine wanted
done and when it wanted to be called again. The second run has that in the engines' place: there is
no engine, no database, and nothing that looks into either. Loop, networks, discovery, nodes, users,
message log, faults and trace are the same in both, and so is the trace. What writing down and
reading take counts for neither. The cost of repairs is watched in neither: that plans looks of its
own, which move what else happens in a world.
"""

import copyreg
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import psutil

from mesh.effects import Effect
from mesh.errors import UserError
from mesh.ids import Instant, Monotonic
from mesh.inputs import Input, VaultOpened
from sim.hosts import host as hosts
from sim.hosts.databases import MemoryDatabase
from sim.hosts.driver_protocol import AnyEngine
from sim.hosts.fragile import PowerCut
from sim.hosts.host import Host
from sim.invariants.authenticity import Authenticity
from sim.invariants.repair_cost import RepairCost
from sim.invariants.secrecy import Secrecy
from sim.observers import observers
from sim.observers.message_states import MessageStates
from sim.patching import Patch, patched
from sim.run.runner import Request, options_of, scenario_of
from sim.run.world import WATCH_US, World, opened_world
from tests.bench.table import Row

ROOT: Final = Path(__file__).resolve().parents[2]
MIB: Final = 1024 * 1024
_boot = Host.boot


class Ran(msgspec.Struct):
    """The figures of a world up to where it settles."""

    events: int
    cpu_seconds: float
    resident_bytes: int
    trace: str


class Script:
    """A file of the wants of engines, in the order in which they are called.

    An entry is the effects of a batch, None where the power failed within it, or a deadline.
    """

    def __init__(self, path: Path, *, is_written: bool) -> None:
        self.is_written = is_written
        self.seconds = 0.0
        """What writing and reading have taken, of the processor's time."""

        self._file = path.open("wb" if is_written else "rb")

    def note(self, entry: object) -> None:
        """Write one entry down."""
        began = time.process_time()
        pickle.dump(entry, self._file)
        self.seconds += time.process_time() - began

    def next(self) -> object:
        """Return the next entry."""
        began = time.process_time()
        entry: object = pickle.load(self._file)
        self.seconds += time.process_time() - began
        return entry

    def close(self) -> None:
        """End it."""
        self._file.close()


@dataclass(frozen=True, slots=True)
class _Writing:
    """An engine of which it is written down what it wants."""

    engine: AnyEngine
    script: Script

    def handle(self, batch: Sequence[Input], now: Instant, /) -> list[Effect]:
        try:
            effects = self.engine.handle(batch, now)
        except PowerCut:
            self.script.note(None)
            raise
        self.script.note(effects)
        return effects

    def deadline(self) -> Monotonic | None:
        at = self.engine.deadline()
        self.script.note(at)
        return at


@dataclass(frozen=True, slots=True)
class _Reading:
    """Stands where an engine would, and says what that one wanted."""

    script: Script

    def handle(self, batch: Sequence[Input], now: Instant, /) -> list[Effect]:
        effects = self.script.next()
        if effects is None:
            raise PowerCut
        assert isinstance(effects, list)
        return effects

    def deadline(self) -> Monotonic | None:
        at = self.script.next()
        assert at is None or isinstance(at, int)
        return None if at is None else Monotonic(at)


def ran(request: Request, script: Script) -> Ran:
    """Run a world up to where it settles, with engines or with what they wanted."""
    patches = _written(script) if script.is_written else _replayed(script)
    scenario = scenario_of(request)
    options = options_of(request, scenario)
    with closing(script), patched(*patches), opened_world(scenario, options) as world:
        began = time.process_time()
        world.run_until(world.settles_at)
        taken = time.process_time() - began - script.seconds
        return Ran(
            events=world.loop.events_count,
            cpu_seconds=taken,
            resident_bytes=psutil.Process().memory_info().rss,
            trace=world.trace.hexdigest(),
        )


def _written(script: Script) -> tuple[Patch, ...]:
    def boot(host: Host, now: Instant) -> tuple[AnyEngine, list[Input]]:
        engine, first = _boot(host, now)
        return _Writing(engine, script), first

    return (Patch(Host, "boot", boot), *_UNWATCHED)


def _replayed(script: Script) -> tuple[Patch, ...]:
    def boot(host: Host, now: Instant) -> tuple[AnyEngine, list[Input]]:
        return _Reading(script), [VaultOpened(_NO_DATABASE)]

    return (
        Patch(Host, "boot", boot),
        Patch(Host, "crash", _nothing),
        Patch(Host, "unlock", lambda host: VaultOpened(_NO_DATABASE)),
        Patch(hosts, "_new_databases", lambda: (_NO_DATABASE, _NO_DATABASE)),
        Patch(World, "running", _unobserved),
        Patch(World, "_look", _look_at_nothing),
        Patch(MessageStates, "told", _nothing),
        Patch(observers, "require_true_devices", _nothing),
        Patch(Authenticity, "require_opened", _nothing),
        Patch(Secrecy, "sending", _nothing),
        *_UNWATCHED,
    )


class _NoDatabase(MemoryDatabase):
    """Stands where a database would, and is none."""

    def __init__(self) -> None:
        """Open nothing."""


_NO_DATABASE: Final = _NoDatabase()


def _nothing(*_: object) -> None:
    """Nobody looks."""


_UNWATCHED: Final = (Patch(RepairCost, "cut", _nothing), Patch(RepairCost, "healed", _nothing))


@contextmanager
def _unobserved(world: World) -> Iterator[None]:
    world._begin()
    yield


def _look_at_nothing(world: World) -> None:
    world.loop.after(WATCH_US, world._look)


def _refusal(kind: str, sentence: str, fields: dict[str, str | int]) -> UserError:
    return UserError(kind, sentence, **fields)


# It takes more than its arguments to make one.
copyreg.pickle(UserError, lambda error: (_refusal, (error.kind, str(error), error.fields)))


def rows(scratch: Path, nodes: int) -> Iterator[Row]:
    """The usual scenario with so many nodes, and a swarm, as shipped and with engines that cost
    nothing.
    """
    script = scratch / "script"
    for name, seed, count in (("partition-heal", 7, nodes), ("swarm", 1, 10)):
        told = {
            words: _process(name, seed, count, script, words)
            for words in ("shipped", "without engines")
        }
        shipped, without = told.values()
        assert (without.events, without.trace) == (shipped.events, shipped.trace)
        for words, one in told.items():
            what = f"`{name}`, {count} nodes, {words}"
            speed = one.events / one.cpu_seconds
            yield Row("Mesh", f"{what}: events", speed, "/s", f"{one.events:,} events")
            yield Row("Mesh", f"{what}: a run", one.cpu_seconds, "s", "of CPU")
            yield Row("Mesh", f"{what}: memory", one.resident_bytes / MIB, "MiB", "of the process")


def _process(name: str, seed: int, nodes: int, script: Path, words: str) -> Ran:
    program = [sys.executable, "-m", __name__, name, str(seed), str(nodes), str(script), words]
    done = subprocess.run(program, cwd=ROOT, check=True, capture_output=True)
    return msgspec.json.decode(done.stdout, type=Ran)


def main(name: str, seed: str, nodes: str, script: str, words: str) -> None:
    """Run one of both and say what it came to."""
    request = Request(name, seed=int(seed), nodes=int(nodes), is_crypto_real=False)
    told = ran(request, Script(Path(script), is_written=words == "shipped"))
    sys.stdout.write(msgspec.json.encode(told).decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
