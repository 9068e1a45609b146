"""Noticing sleep: by either clock, and not by a busy machine."""

import pytest
import trio
from trio.testing import MockClock

from mesh.ids import Instant, Monotonic
from mesh.inputs import Woke
from mesh.limits.discovery import WAKE_GAP_MS
from mesh.node.input_queue import InputQueue
from mesh.node.suspend import SuspendWatch, has_slept

SLEPT_US = WAKE_GAP_MS * 1_000


def at(monotonic_us: int, wall_us: int) -> Instant:
    return Instant(Monotonic(monotonic_us), wall_us)


def test_sleep_is_noticed_by_the_steady_clock_or_by_the_calendar() -> None:
    assert has_slept(at(0, 0), at(SLEPT_US, 1))
    assert has_slept(at(0, 0), at(1, SLEPT_US))


def test_a_busy_machine_or_a_calendar_set_back_is_no_sleep() -> None:
    assert not has_slept(at(0, 0), at(SLEPT_US - 1, SLEPT_US - 1))
    assert not has_slept(at(0, SLEPT_US * 5), at(1_000, 0))


class _OverError(Exception):
    """The clocks have no more readings."""


def test_a_node_is_told_once_that_it_slept() -> None:
    seconds = iter([0, 1, 3_600, 3_601, 3_602])
    input_queue = InputQueue()

    def clock() -> Instant:
        second = next(seconds, None)
        if second is None:
            raise _OverError
        return at(second * 1_000_000, second * 1_000_000)

    async def main() -> None:
        await SuspendWatch(input_queue, clock, None).run()

    with pytest.raises(_OverError):
        trio.run(main, clock=MockClock(autojump_threshold=0))
    assert input_queue.take() == [Woke()]
