"""Looks now and then at what the machine can spare: its battery, and the disk of the store.

What the system does not tell is as if there was enough of it.
"""

from pathlib import Path

import psutil
import structlog
import trio

from mesh.inputs import DiskMeasured, PowerChanged
from mesh.limits.node import (
    BATTERY_LOOK_MS,
    DISK_AMPLE_BYTES,
    DISK_AMPLE_LOOK_MS,
    DISK_CHANGE_BYTES_MIN,
    DISK_LOOK_MS,
)
from mesh.node.input_queue import InputQueue

_log = structlog.get_logger("mesh.machine")


class PowerAndDisk:
    """Tells the engine of a low battery and of the free disk, at first and when they change."""

    def __init__(
        self, input_queue: InputQueue, *, disk: Path | None, battery_low_percent: int
    ) -> None:
        self._input_queue = input_queue
        self._disk = disk
        self.low_percent = battery_low_percent
        self._is_low = False
        self._free_bytes: int | None = None

    @property
    def is_power_low(self) -> bool:
        """Say whether the battery was low at the last look."""
        return self._is_low

    async def run(self) -> None:
        """Look until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_disk)
            while True:
                await self._look_at_battery()
                await trio.sleep(BATTERY_LOOK_MS / 1_000)

    async def look(self) -> None:
        """Look now."""
        await self._look_at_battery()
        await self._look_at_disk()

    async def _watch_disk(self) -> None:
        while self._disk is not None:
            await self._look_at_disk()
            is_ample = (self._free_bytes or 0) >= DISK_AMPLE_BYTES
            await trio.sleep((DISK_AMPLE_LOOK_MS if is_ample else DISK_LOOK_MS) / 1_000)

    async def _look_at_battery(self) -> None:
        # The system may take its time, as a disk does that sleeps.
        self._tell_power(await trio.to_thread.run_sync(is_battery_low, self.low_percent))

    async def _look_at_disk(self) -> None:
        if self._disk is not None:
            self._tell_disk(await trio.to_thread.run_sync(find_free_bytes, self._disk))

    def _tell_power(self, is_low: bool) -> None:
        if is_low != self._is_low:
            self._is_low = is_low
            _log.info("the battery is low" if is_low else "the battery will do")
            self._input_queue.put(PowerChanged(is_low))

    def _tell_disk(self, free_bytes: int | None) -> None:
        before = self._free_bytes
        if free_bytes is None or free_bytes == before:
            return
        if before is None or abs(free_bytes - before) >= min(DISK_CHANGE_BYTES_MIN, before // 4):
            self._free_bytes = free_bytes
            self._input_queue.put(DiskMeasured(free_bytes))


def is_battery_low(low_percent: int) -> bool:
    """Say whether there is a battery below so many percent that is not being charged."""
    try:
        battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    except (OSError, RuntimeError, NotImplementedError):
        # What some systems answer where there is no battery, or one that they cannot read.
        return False
    if battery is None or battery.power_plugged is not False:
        return False
    return bool(battery.percent < low_percent)


def find_free_bytes(folder: Path) -> int | None:
    """Return what is free for us on the disk of a folder."""
    try:
        return int(psutil.disk_usage(str(folder)).free)
    except OSError:
        return None
