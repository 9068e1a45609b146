"""The protocols of a virtual node: what it drives, and what it runs on.

The real engine on a `sim.hosts.host.Host` fits these, and in tests whatever else has their methods.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from mesh.database import Connection
from mesh.effects import Effect, MintStamp
from mesh.engine.engine import Engine
from mesh.ids import Instant, Monotonic
from mesh.inputs import Input
from sim.hosts.blobs import Blobs


class AnyEngine(Protocol):
    """A thing that is driven."""

    def handle(self, batch: Sequence[Input], now: Instant, /) -> list[Effect]: ...
    def deadline(self) -> Monotonic | None: ...


Injection = Callable[[Engine], AnyEngine]
"""Puts a bug into a new engine, or in front of it."""


class AnyHost(Protocol):
    """The host of a node: it keeps what was committed and starts engines over it."""

    @property
    def vault(self) -> Connection:
        """All that it has committed of its person."""
        ...

    @property
    def blobs(self) -> Blobs:
        """The bytes of its large files."""
        ...

    def boot(self, now: Instant) -> tuple[AnyEngine, list[Input]]:
        """A new engine, and what its driver tells it first."""
        ...

    def unlock(self) -> Input:
        """The user unlocks the vault again."""
        ...

    def crash(self) -> None:
        """The running engine is gone, and what it had not committed."""
        ...

    def arm(self, statements: int) -> None:
        """Let `PowerCut` be raised before the next statement but so many."""
        ...

    def take_waited_us(self) -> int:
        """For how many microseconds its disk has kept it waiting since the last call."""
        ...

    def mint(self, effect: MintStamp) -> tuple[int, Input]:
        """Return how many microseconds a stamp takes here, and the stamp."""
        ...
