"""The node's two clocks: one that never jumps, and the calendar.

A laptop sleeps. The steady clock is one that goes on during sleep (CLOCK_BOOTTIME on Linux,
CLOCK_MONOTONIC_RAW on macOS; Windows' own does so by nature), so that after an hour under a closed
lid all timeouts of that hour have passed at once and dead links are seen as dead.
"""

import sys
import time
from collections.abc import Callable

from mesh.ids import Instant, Monotonic

Clock = Callable[[], Instant]


def system_now() -> Instant:
    """Read both clocks of this machine."""
    return Instant(Monotonic(_steady_ns() // 1_000), time.time_ns() // 1_000)


def _steady_ns() -> int:
    if sys.platform == "linux":
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    elif sys.platform == "darwin":
        # Despite its name the one that goes on during sleep there.
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
    else:
        return time.monotonic_ns()
