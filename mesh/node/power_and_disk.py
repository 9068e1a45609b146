"""Looks now and then at what the machine can spare: its battery, and the disk of the store.

What the system does not tell is as if there was enough of it.
"""

from pathlib import Path

import psutil
import structlog
import trio

from mesh.inputs import DiskMeasured, PowerChanged
from mesh.limits.node import DISK_CHANGE_BYTES_MIN, POWER_AND_DISK_LOOK_MS
from mesh.node.input_queue import InputQueue

_log = structlog.get_logger("mesh.machine")


class PowerAndDisk:
    """Tells the engine of a low battery and of the free disk, at first and when they change."""

    def __init__(
        self, input_queue: InputQueue, *, disk: Path | None, battery_low_percent: int
    ) -> None:
        self._input_queue = input_queue
        self._disk = disk
        self._low_percent = battery_low_percent
        self._is_low = False
        self._free_bytes: int | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            # The system may take its time, as a disk does that sleeps.
            self._tell(*await trio.to_thread.run_sync(self._look))
            await trio.sleep(POWER_AND_DISK_LOOK_MS / 1_000)

    def _look(self) -> tuple[bool, int | None]:
        free_bytes = find_free_bytes(self._disk) if self._disk is not None else None
        return is_battery_low(self._low_percent), free_bytes

    def _tell(self, is_low: bool, free_bytes: int | None) -> None:
        if is_low != self._is_low:
            self._is_low = is_low
            _log.info("the battery is low" if is_low else "the battery will do")
            self._input_queue.put(PowerChanged(is_low))
        before = self._free_bytes
        if free_bytes is None:
            return
        if before is None or abs(free_bytes - before) >= DISK_CHANGE_BYTES_MIN:
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
