"""A run again, up to one of its records: there a person may look around in it."""

from contextlib import suppress

from sim.kernel.trace import NOBODY, Trace
from sim.tables.scenario import Scenario
from sim.world import Options, World


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


def replay(
    scenario: Scenario, options: Options, until: int
) -> tuple[World, tuple[int, str, int, int] | None]:
    """The world at the record `until`, and that record; None if the run ended before.

    Raises BrokenPromise where the run breaks one before.
    """
    trace = StoppingTrace(until)
    world = World(scenario, options, trace)
    with suppress(Reached):
        world.run(lambda world: None)
    return world, trace.reached
