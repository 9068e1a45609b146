"""Notices that the machine slept, or that this process was stopped.

A timer of the system stands still during sleep and ends soon after it; the clocks show how long
it really was. Either clock may be the one that went on: the steady one where the system has such
a one, else the calendar. A calendar that somebody set forward looks the same, and costs a ping.
"""

import structlog
import trio

from mesh.ids import Instant
from mesh.inputs import Woke
from mesh.limits.discovery import WAKE_GAP_MS, WAKE_LOOK_MS
from mesh.node.clock import Clock
from mesh.node.discovery.discovery import Discovery
from mesh.node.input_queue import InputQueue

_log = structlog.get_logger("mesh.waking")


class SuspendWatch:
    """Looks at the clocks again and again; tells the engine, and lets discovery begin anew."""

    def __init__(self, input_queue: InputQueue, clock: Clock, discovery: Discovery | None) -> None:
        self._input_queue = input_queue
        self._clock = clock
        self._discovery = discovery

    async def run(self) -> None:
        """Look until cancelled."""
        before = self._clock()
        while True:
            await trio.sleep(WAKE_LOOK_MS / 1_000)
            now = self._clock()
            if has_slept(before, now):
                _log.info("the machine has slept")
                self._input_queue.put(Woke())
                if self._discovery is not None:
                    self._discovery.refresh()
            before = now


def has_slept(before: Instant, now: Instant) -> bool:
    """Say whether more time lies between two looks than a busy machine takes."""
    gap_us = max(now.monotonic - before.monotonic, now.wall - before.wall)
    return gap_us >= WAKE_GAP_MS * 1_000
