"""Bug injection: how a bug gets into an engine from outside, by a patch or in front of it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from mesh.effects import Effect
from mesh.engine.engine import Engine
from mesh.ids import Instant, Monotonic
from mesh.inputs import Input
from sim.hosts.driver_protocol import AnyEngine, Injection
from sim.patching import Patch, patched


def _as_it_is(engine: Engine) -> AnyEngine:
    return engine


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug with a sentence for users."""

    sentence: str
    inject: Injection = _as_it_is
    patches: tuple[Patch, ...] = ()

    def injected(self) -> AbstractContextManager[None]:
        """While inside, functions are patched."""
        return patched(*self.patches)


@dataclass(slots=True)
class ChangedEffects:
    """An engine whose effects are changed on their way to the driver."""

    engine: Engine
    change: Callable[[Effect], list[Effect]]

    def handle(self, batch: Sequence[Input], now: Instant, /) -> list[Effect]:
        """Return what the engine wants done, changed."""
        effects = self.engine.handle(batch, now)
        return [changed for effect in effects for changed in self.change(effect)]

    def deadline(self) -> Monotonic | None:
        """Return when the engine wants to be called."""
        return self.engine.deadline()
