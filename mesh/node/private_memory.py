"""Keeps the memory of this process from others: no core dump, no look by other programs, no swap.

Implements `docs/protocol/storage.md`, section "Locking". Linux alone has all three; what is not to
be had is left out, and `mesh doctor` says so of the swap.
"""

import ctypes
import sys
from pathlib import Path
from typing import Final

# <sys/prctl.h>, <sys/mman.h>
_PR_SET_DUMPABLE: Final = 4
_MCL_CURRENT: Final = 1
_MCL_FUTURE: Final = 2
_MCL_ONFAULT: Final = 4
# <linux/capability.h>
_CAP_IPC_LOCK: Final = 14


def keep_memory_private() -> None:
    """Do all of it that this system lets us do; to be called before a secret is read."""
    if sys.platform != "win32":
        import resource

        # A process that crashes is not to leave its memory, with keys, in a file.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # Other programs of the same person are not to read it; who is root still can.
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        if may_keep_out_of_swap():
            # What is not touched takes no memory by it. Where it fails after all, the doctor sees.
            ctypes.CDLL(None).mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT)


def may_keep_out_of_swap() -> bool:
    """Say whether a process of this person may lock as much memory as it likes."""
    if sys.platform != "linux":
        return False
    else:
        import resource

        # Within a limit it would succeed, and a later allocation fail: a passphrase needs 256 MiB
        # at once.
        limit, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
        return limit == resource.RLIM_INFINITY or _may_lock_beyond_limits()


def _may_lock_beyond_limits() -> bool:
    """Say whether no limit binds this process: root in a container may lack the right."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return False
    rights = [int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")]
    return bool(rights) and bool(rights[0] >> _CAP_IPC_LOCK & 1)
