"""One daemon a profile: a lock that the system lets go of when its process ends, however it ends.

A socket that answers would not do: between two daemons that start at once neither answers yet.
"""

import os
import sys
import time
from pathlib import Path
from typing import Final

from mesh.errors import UserError
from mesh.node.private_files import FILE_MODE, is_full, storage_error

_PID_BYTES_MAX: Final = 20
_LOOK_S: Final = 0.02
_TRIES: Final = 50


class ProfileLock:
    """A lock file, held from its construction to `release`. It holds our process id in ASCII."""

    def __init__(self, path: Path, profile: str, *, inherited: int | None = None) -> None:
        """`inherited` is the lock of the program that this process was before."""
        try:
            locked = _lock(path, profile) if inherited is None else inherited
            self._descriptor: int | None = locked
        except OSError as error:
            raise storage_error(error, path) from error

    def hand_on(self) -> int:
        """Return the locked file, for the next program of this process; nobody else gets in."""
        descriptor, self._descriptor = self._descriptor, None
        assert descriptor is not None
        return descriptor

    def release(self) -> None:
        """Let another daemon have the profile. The file stays: whoever waits has it open."""
        if self._descriptor is not None:
            _write_number(self._descriptor, "")
            os.close(self._descriptor)
            self._descriptor = None


def is_held(path: Path) -> bool:
    """Say whether a living process holds a profile: it empties the file when it lets go."""
    # Nobody but who asks this needs it, and it is large. Signal 0, which asks the same elsewhere,
    # interrupts the process on Windows.
    import psutil

    try:
        return bool(psutil.pid_exists(int(path.read_bytes())))
    except (OSError, ValueError, OverflowError):
        return False


def _lock(path: Path, profile: str) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
    try:
        tries_left = _TRIES
        while not has_locked(descriptor):
            os.lseek(descriptor, 0, os.SEEK_SET)
            pid = os.read(descriptor, _PID_BYTES_MAX).decode("ascii", "replace").strip()
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
        _write_number(descriptor, str(os.getpid()))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _write_number(descriptor: int, number: str) -> None:
    """Write over what is there, and never shorten it: a full disk has room for that."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        os.write(descriptor, number.ljust(_PID_BYTES_MAX).encode("ascii"))
    except OSError as error:
        # The lock is what counts; without its number a process is told as `unknown`.
        if not is_full(error):
            raise


if sys.platform == "win32":
    import msvcrt

    # Windows forbids others to read what is locked, so the lock stands beyond the process id.
    _LOCKED_BYTE: Final = 1 << 20

    def has_locked(descriptor: int) -> bool:
        """Lock an open file until it is closed; False if somebody else has."""
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def has_locked(descriptor: int) -> bool:
        """Lock an open file until it is closed; False if somebody else has."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
