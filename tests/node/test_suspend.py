"""Noticing sleep: by either clock, and not by a busy machine."""

import pytest
import trio
from trio.testing import MockClock

from mesh.ids import Instant, Monotonic
from mesh.inputs import Input, Woke
from mesh.limits.discovery import WAKE_GAP_MS, WAKE_LOOK_MS, WAKE_LOOK_SPARING_MS
from mesh.node.input_queue import InputQueue
from mesh.node.suspend import SuspendWatch, has_slept

SLEPT_US = WAKE_GAP_MS * 1_000


def at(monotonic_us: int, wall_us: int) -> Instant:
    return Instant(Monotonic(monotonic_us), wall_us)


def test_sleep_is_noticed_by_the_steady_clock_or_by_the_calendar() -> None:
    assert has_slept(at(0, 0), at(SLEPT_US, 1), WAKE_LOOK_MS)
    assert has_slept(at(0, 0), at(1, SLEPT_US), WAKE_LOOK_MS)


def test_a_busy_machine_or_a_calendar_set_back_is_no_sleep() -> None:
    assert not has_slept(at(0, 0), at(SLEPT_US - 1, SLEPT_US - 1), WAKE_LOOK_MS)
    assert not has_slept(at(0, SLEPT_US * 5), at(1_000, 0), WAKE_LOOK_MS)


class _OverError(Exception):
    """The clocks have no more readings."""


def told_of(seconds: list[int], *, is_power_low: bool) -> tuple[list[Input], float]:
    """Return what a node is told whose clock reads so at its looks, and for how long it looked."""
    readings = iter(seconds)
    input_queue = InputQueue()
    ended_at = 0.0

    def clock() -> Instant:
        second = next(readings, None)
        if second is None:
            raise _OverError
        return at(second * 1_000_000, second * 1_000_000)

    async def main() -> None:
        nonlocal ended_at
        began = trio.current_time()
        try:
            await SuspendWatch(input_queue, clock, None, lambda: is_power_low).run()
        finally:
            ended_at = trio.current_time() - began

    with pytest.raises(_OverError):
        trio.run(main, clock=MockClock(autojump_threshold=0))
    return input_queue.take(), ended_at


def test_a_node_is_told_once_that_it_slept() -> None:
    told, took_s = told_of([0, 2, 3_600, 3_602, 3_604], is_power_low=False)
    assert told == [Woke()]
    assert took_s == pytest.approx(5 * WAKE_LOOK_MS / 1_000)


def test_with_a_low_battery_it_looks_seldom_and_takes_no_look_for_a_sleep() -> None:
    told, took_s = told_of([0, 10, 22, 3_600, 3_610], is_power_low=True)
    assert told == [Woke()]
    assert took_s == pytest.approx(5 * WAKE_LOOK_SPARING_MS / 1_000)


def test_a_charger_that_is_plugged_in_is_no_sleep() -> None:
    is_low = True
    input_queue = InputQueue()
    watch = SuspendWatch(input_queue, lambda: at(0, 0), None, lambda: is_low)

    async def main() -> None:
        nonlocal is_low
        watch.look(at(0, 0))
        is_low = False
        watch.look(at(WAKE_LOOK_SPARING_MS * 1_000, 0))
        assert input_queue.take() == []
        # From here on it looks often again.
        watch.look(at(WAKE_LOOK_SPARING_MS * 1_000 + SLEPT_US, 0))
        assert input_queue.take() == [Woke()]

    trio.run(main)


def test_while_somebody_else_reads_the_clocks_nobody_is_woken_to_look() -> None:
    own_looks_count = 0

    def clock() -> Instant:
        nonlocal own_looks_count
        own_looks_count += 1
        return now()

    def now() -> Instant:
        return at(int(trio.current_time() * 1_000_000), 0)

    async def main() -> None:
        input_queue = InputQueue()
        watch = SuspendWatch(input_queue, clock, None, lambda: False)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch.run)
            for _ in range(20):
                await trio.sleep(WAKE_LOOK_MS / 1_000 - 0.5)
                watch.look(now())
            assert own_looks_count == 1
            await trio.sleep(2.5 * WAKE_LOOK_MS / 1_000)
            assert own_looks_count == 3
            # Whoever looks first after a sleep tells of it.
            slept = now()
            watch.look(at(slept.monotonic + SLEPT_US, 0))
            assert input_queue.take() == [Woke()]
            nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))
