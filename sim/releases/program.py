"""The process of another release: its engines over its own databases, driven through a pipe.

It runs with that release's `mesh` and `sim`; a release from before this program has it from the
simulator that started it. One process has all machines of its release. It reads no clock and draws
no chance: both come with what it is asked, as everywhere in a simulated world.
"""

import sys
from dataclasses import dataclass
from importlib.metadata import version
from typing import IO

from sqlcipher3 import dbapi2

from mesh.crypto.signing import is_signature_valid
from mesh.errors import StorageError
from mesh.ids import Instant, Monotonic
from mesh.link.link import begin_noise
from sim.hosts.driver_protocol import AnyEngine
from sim.hosts.fragile import PowerCut
from sim.hosts.host import Host
from sim.hosts.kem import KyberPyKem
from sim.hosts.modelled_kem import ModelledKem
from sim.hosts.plain_links import begin_plainly
from sim.kernel.entropy import Chance, SeededEntropy
from sim.releases.messages import Plain, effects_out, inputs_in, machine_in, receive, send


@dataclass(slots=True)
class _Machine:
    host: Host
    engine: AnyEngine | None = None


class Program:
    """The machines of one release; each method is one question of the simulator."""

    def __init__(self) -> None:
        self._machines: dict[int, _Machine] = {}

    def version(self) -> str:
        """Return which release this is."""
        return version("mesh-messenger")

    def host(self, index: int, told: Plain) -> None:
        """A machine joins the world."""
        machine = machine_in(told)
        host = Host(
            settings=machine.settings,
            entropy=SeededEntropy(machine.seed, "node", index),
            chance=Chance(machine.seed, "minting", index),
            kem=KyberPyKem() if machine.is_crypto_real else ModelledKem(),
            verify=is_signature_valid,
            begin=begin_noise if machine.has_noise else begin_plainly,
        )
        self._machines[index] = _Machine(host)

    def boot(self, index: int, monotonic: Monotonic, wall: int) -> int | None:
        """An engine starts over what was committed; return when it wants to be called."""
        machine = self._machines[index]
        machine.engine, _ = machine.host.boot(Instant(monotonic, wall))
        return machine.engine.deadline()

    def handle(
        self, index: int, inputs: list[list[Plain]], monotonic: Monotonic, wall: int
    ) -> Plain:
        """Something happens to a machine; return what it wants done, and its next deadline."""
        machine = self._machines[index]
        assert machine.engine is not None
        batch, refused = inputs_in(inputs, machine.host.unlock)
        effects = machine.engine.handle(batch, Instant(monotonic, wall))
        return [effects_out([*effects, *refused]), machine.engine.deadline()]

    def crash(self, index: int) -> None:
        """The machine stops, and what it had not committed is gone."""
        self._machines[index].engine = None
        self._machines[index].host.crash()

    def arm(self, index: int, statements: int) -> None:
        """The power fails before the next statement but so many."""
        self._machines[index].host.arm(statements)

    def copy(self, index: int, which: str, path: str) -> None:
        """Copy a database into a file, for who looks at what it holds."""
        host = self._machines[index].host
        file = dbapi2.connect(path)
        (host.store if which == "store" else host.vault).whole.backup(file)
        file.close()


def serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until the simulator ends."""
    program = Program()
    while (asked := receive(questions)) is not None:
        name, *arguments = asked
        try:
            answer: Plain = ["done", getattr(program, str(name))(*arguments)]
        except PowerCut:
            answer = ["power-cut", None]
        except StorageError as error:
            answer = ["storage", str(error)]
        except Exception as error:
            # The last guard of this process: its simulator says what escaped, and ends the run.
            answer = ["escaped", f"{type(error).__name__}: {error}"]
        send(answers, answer)


def main() -> None:
    """Serve over the standard streams, where nothing else is written."""
    answers = sys.stdout.buffer
    sys.stdout = sys.stderr
    serve(sys.stdin.buffer, answers)
