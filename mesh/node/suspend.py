"""Notices that the machine slept, or that this process was stopped.

A timer of the system stands still during sleep and ends soon after it; the clocks show how long
it really was. Either clock may be the one that went on: the steady one where the system has such
a one, else the calendar. A calendar that somebody set forward looks the same, and costs a ping.
"""

from collections.abc import Callable

import structlog
import trio

from mesh.ids import Instant
from mesh.inputs import Woke
from mesh.limits.discovery import WAKE_GAP_MS, WAKE_LOOK_MS, WAKE_LOOK_SPARING_MS
from mesh.node.clock import Clock
from mesh.node.discovery.discovery import Discovery
from mesh.node.input_queue import InputQueue

_log = structlog.get_logger("mesh.waking")


class SuspendWatch:
    """Looks at the clocks again and again; tells the engine, and lets discovery begin anew."""

    def __init__(
        self,
        input_queue: InputQueue,
        clock: Clock,
        discovery: Discovery | None,
        is_power_low: Callable[[], bool],
    ) -> None:
        """`is_power_low`: then it looks seldom, and a sleep is noticed later."""
        self._input_queue = input_queue
        self._clock = clock
        self._discovery = discovery
        self._is_power_low = is_power_low
        self._before: Instant | None = None
        self._look_ms = 0
        self._pause = trio.CancelScope()

    async def run(self) -> None:
        """Look until cancelled, whenever nobody else has looked for a while."""
        while True:
            self.look(self._clock())
            with trio.CancelScope(deadline=self._pause.deadline) as self._pause:
                await trio.sleep_forever()

    def look(self, now: Instant) -> None:
        """Take what the clocks say, of whoever woke up anyway: the next look can wait."""
        look_ms = WAKE_LOOK_SPARING_MS if self._is_power_low() else WAKE_LOOK_MS
        # The pause that is over was set by how much power there was when it began.
        if self._before is not None and has_slept(self._before, now, self._look_ms):
            _log.info("the machine has slept")
            self._input_queue.put(Woke())
            if self._discovery is not None:
                self._discovery.refresh()
        self._before, self._look_ms = now, look_ms
        self._pause.deadline = trio.current_time() + look_ms / 1_000


def has_slept(before: Instant, now: Instant, look_ms: int) -> bool:
    """Say whether more time lies between two looks, meant to be so far apart, than a busy machine
    takes.
    """
    gap_us = max(now.monotonic - before.monotonic, now.wall - before.wall)
    return gap_us >= (WAKE_GAP_MS + look_ms - WAKE_LOOK_MS) * 1_000
