"""The check that an engine is a function of its databases and inputs (S15), by running it twice.

Of some lives of nodes a double is started: another engine over copies of both databases, with a
copy of the entropy. For a while it is given the same inputs; every effect must be the same. The
double's effects go nowhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from mesh.database import Connection
from mesh.effects import Effect, Reply
from mesh.errors import UserError
from mesh.ids import Instant, Monotonic
from mesh.inputs import Input, VaultOpened
from sim.hosts.driver_protocol import AnyEngine
from sim.invariants.invariants import S15, BrokenInvariant
from sim.invariants.purity_guards import PURITY_GUARDS

BATCHES_COMPARED: Final = 200
DOUBLE_ONE_IN: Final = 16
"""One life in so many has a double, drawn: its first batches cost twice."""


@dataclass(slots=True)
class Double:
    """The second engine of one life."""

    engine: AnyEngine
    vault: Connection
    batches_left: int = BATCHES_COMPARED

    def compare(
        self, node: int, batch: Sequence[Input], now: Instant, effects: Sequence[Effect]
    ) -> None:
        """Give it the same; S15 if it wants something else."""
        self.batches_left -= 1
        own = [
            replace(one, connection=self.vault) if isinstance(one, VaultOpened) else one
            for one in batch
        ]
        PURITY_GUARDS.is_double = True
        try:
            theirs = self.engine.handle(own, now)
        finally:
            PURITY_GUARDS.is_double = False
        for place, (one, other) in enumerate(zip(effects, theirs, strict=False)):
            if one != other and not _are_same_refusals(one, other):
                detail = f"the same batch gave another {type(one).__name__} at place {place}"
                raise BrokenInvariant(S15, detail, node)
        if len(effects) != len(theirs):
            detail = f"the same batch gave {len(effects)} effects and {len(theirs)}"
            raise BrokenInvariant(S15, detail, node)


def _are_same_refusals(one: Effect, other: Effect) -> bool:
    """Errors are equal to themselves only, so what they say is compared."""
    match one, other:
        case Reply(request, UserError() as first), Reply(again, UserError() as second):
            return (request, first.kind, str(first)) == (again, second.kind, str(second))
        case _:
            return False


class ObservedEngine:
    """A node's engine with guards around it (S17) and, for a while, a double beside it (S15)."""

    def __init__(self, node: int, engine: AnyEngine, double: Double | None) -> None:
        self._node = node
        self._engine = engine
        self._double = double

    def handle(self, batch: Sequence[Input], now: Instant, /) -> list[Effect]:
        """Return what the engine wants done; a power cut ends the double's life too."""
        double = self._double
        PURITY_GUARDS.node = self._node
        try:
            effects = self._engine.handle(batch, now)
            if double is not None:
                double.compare(self._node, batch, now, effects)
        finally:
            PURITY_GUARDS.node = None
        if double is not None and double.batches_left <= 0:
            self._double = None
        return effects

    def deadline(self) -> Monotonic | None:
        """Return when the engine wants to be called."""
        return self._engine.deadline()
