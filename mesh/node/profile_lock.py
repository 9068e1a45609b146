"""One daemon a profile: a lock that the system lets go of when its process ends, however it ends.

A socket that answers would not do: between two daemons that start at once neither answers yet.
"""

import os
import sys
import time
from pathlib import Path
from typing import Final

from mesh.errors import UserError
from mesh.node.private_files import FILE_MODE, storage_error

_PID_BYTES_MAX: Final = 20
_LOOK_S: Final = 0.02
_TRIES: Final = 50


class ProfileLock:
    """A lock file, held from its construction to `release`. It holds our process id in ASCII."""

    def __init__(self, path: Path, profile: str) -> None:
        try:
            self._descriptor: int | None = _lock(path, profile)
        except OSError as error:
            raise storage_error(error, path) from error

    def release(self) -> None:
        """Let another daemon have the profile. The file stays: whoever waits has it open."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def _lock(path: Path, profile: str) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
    try:
        tries_left = _TRIES
        while not _has_locked(descriptor):
            os.lseek(descriptor, 0, os.SEEK_SET)
            pid = os.read(descriptor, _PID_BYTES_MAX).decode("ascii", "replace")
            # Who holds it without a number is just coming or just going.
            if not pid and tries_left:
                tries_left -= 1
                time.sleep(_LOOK_S)
                continue
            raise UserError(
                "already-running",
                f"Mesh already runs for the profile {profile} (process {pid or 'unknown'}): "
                "use that one, or stop it with `mesh down`.",
            )
        # Who wiped it removed the file that we had opened: this lock would keep nobody out.
        if not path.exists() or not os.path.samestat(os.fstat(descriptor), path.stat()):
            raise UserError("stopping", f"The profile {profile} is just being wiped.")
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, str(os.getpid()).encode("ascii"))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


if sys.platform == "win32":
    import msvcrt

    # Windows forbids others to read what is locked, so the lock stands beyond the process id.
    _LOCKED_BYTE: Final = 1 << 20

    def _has_locked(descriptor: int) -> bool:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _has_locked(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
