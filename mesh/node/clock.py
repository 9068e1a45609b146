"""The node's two clocks: one that never jumps, and the calendar.

A laptop sleeps. The steady clock goes on during sleep where the system offers one that does
(CLOCK_BOOTTIME on Linux; Windows' own does so by nature), so that after an hour under a closed
lid all timeouts of that hour have passed at once and dead links are seen as dead. Where it stands
still (macOS), links find out by their pings, 40 seconds after waking.
"""

import time
from collections.abc import Callable

from mesh.ids import Instant, Monotonic

Clock = Callable[[], Instant]

_BOOT_CLOCK: int | None = getattr(time, "CLOCK_BOOTTIME", None)


def system_now() -> Instant:
    """Read both clocks of this machine."""
    steady_ns = time.monotonic_ns() if _BOOT_CLOCK is None else time.clock_gettime_ns(_BOOT_CLOCK)
    return Instant(Monotonic(steady_ns // 1_000), time.time_ns() // 1_000)
