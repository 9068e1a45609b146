"""The doctor's look at memory: whether texts and keys could stand in the swap of this computer."""

import sys
from pathlib import Path
from typing import Final

import psutil

from mesh.node.doctor.finding import Finding
from mesh.node.folders import ProfileFolders
from mesh.node.private_memory import may_keep_out_of_swap
from mesh.node.profile_lock import is_held

_PROCESSES: Final = Path("/proc")
_LOCKED: Final = "VmLck"
_PRESENT: Final = "VmRSS"


def memory_finding(folders: ProfileFolders, *, swap_bytes: int | None = None) -> Finding:
    """Say whether what the node holds in memory may be written to disk; `swap_bytes`: for tests."""
    check = "memory"
    if (psutil.swap_memory().total if swap_bytes is None else swap_bytes) == 0:
        return Finding(check=check, level="ok", found="This computer has no swap.")
    pid = _find_process(folders)
    if may_keep_out_of_swap() if pid is None else _is_locked(pid):
        return Finding(check=check, level="ok", found="Mesh keeps its memory out of the swap.")
    return Finding(
        check=check,
        level="warn",
        found="This computer may write Mesh's memory to its swap.",
        meaning="Unless the swap is encrypted, a thief of the disk may find texts and keys there, "
        "also after a lock.",
        fix="Encrypt the swap, or do without it"
        + (", or let Mesh lock its memory: ulimit -l unlimited" if sys.platform == "linux" else ""),
    )


def _find_process(folders: ProfileFolders) -> int | None:
    """Return the process that holds the profile."""
    if not is_held(folders.lock_file):
        return None
    return int(folders.lock_file.read_bytes())


def _is_locked(pid: int) -> bool:
    """Say whether a process has all its memory locked, as far as the system tells."""
    try:
        lines = (_PROCESSES / str(pid) / "status").read_text().splitlines()
    except OSError:
        return False
    kib = {
        name: words.split()[0]
        for name, _, words in (line.partition(":") for line in lines)
        if name in (_LOCKED, _PRESENT)
    }
    # Libraries lock a page or two of their own.
    return int(kib.get(_LOCKED, 0)) >= int(kib.get(_PRESENT, 1))
