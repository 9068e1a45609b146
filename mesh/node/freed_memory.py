"""Keeps a little of the memory that was freed, in place of giving it back to the system each time.

glibc gives the end of its heap back as soon as 128 KiB of it are free, and maps larger pieces by
themselves. A batch that seals or opens half a megabyte takes and frees several times that, and
each page that comes back costs a page fault: four times as long as the sealing itself.
"""

import ctypes
import sys
from typing import Final

from mesh.limits.daemon import FREED_BYTES_MAX, MAPPED_BYTES_MIN

# <malloc.h>
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3


def keep_freed_memory() -> None:
    """Tell the C library of this process, where it is one that can be told."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        # musl has none.
        if mallopt is not None:
            mallopt(_M_TRIM_THRESHOLD, FREED_BYTES_MAX)
            mallopt(_M_MMAP_THRESHOLD, MAPPED_BYTES_MIN)
