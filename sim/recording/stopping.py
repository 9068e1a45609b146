"""A run again, up to one of its records: there a user may look around in it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from sim.invariants.invariants import BrokenInvariant
from sim.kernel.trace import NOBODY, Trace
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World, opened_world
from sim.schema.scenario import Scenario


class Reached(Exception):
    """The record that was asked for has come; the run stops before anything follows from it."""


class StoppingTrace(Trace):
    """A trace that stops its run."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number
        self.reached: tuple[int, str, int, int] | None = None

    def record(self, now: int, kind: str, node: int, peer: int = NOBODY, body: bytes = b"") -> None:
        """Fold one record in, and stop if it is the one."""
        is_last = self.records_count == self._number
        super().record(now, kind, node, peer, body)
        if is_last:
            self.reached = (now, kind, node, peer)
            raise Reached


@dataclass(frozen=True, slots=True)
class Replayed:
    """The end of a run: the record that was asked for, a broken invariant, or its own end."""

    world: World
    reached: tuple[int, str, int, int] | None = None
    broken: BrokenInvariant | None = None


@contextmanager
def replayed(scenario: Scenario, options: Options, until: int) -> Iterator[Replayed]:
    """Run up to the record `until`, if nothing breaks before; the world stands while inside."""
    trace = StoppingTrace(until)
    with opened_world(scenario, options, trace) as world:
        broken: BrokenInvariant | None = None
        try:
            with suppress(Reached):
                run_to_verdict(world, lambda world: None)
        except BrokenInvariant as error:
            broken = error
        yield Replayed(world, trace.reached, broken)
