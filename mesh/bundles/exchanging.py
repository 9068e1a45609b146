"""Exchanges two folders in one step of the file system: at no moment is either missing."""

import contextlib
import ctypes
import errno
import os
import sys
from pathlib import Path
from typing import Final

from mesh.errors import UserError
from mesh.node.private_files import storage_error

# <linux/fs.h>, <linux/fcntl.h> and macOS's <sys/stdio.h>.
_RENAME_EXCHANGE: Final = 2
_RENAME_SWAP: Final = 2
_AT_FDCWD: Final = -100
_CANNOT: Final = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EXDEV)

BESIDE: Final = (
    "This disk or system cannot exchange two folders in one step, so nothing was changed: unpack "
    "the new bundle beside the old one, and start that."
)


def exchange(one: Path, other: Path) -> None:
    """Let two folders on one file system have each other's name.

    UserError `no-exchange` where that cannot be, StorageError if the disk fails.
    """
    code = _exchanged(os.fsencode(one), os.fsencode(other))
    if code is None:
        raise UserError("no-exchange", BESIDE)
    if code != 0:
        number = ctypes.get_errno()
        if number in _CANNOT:
            raise UserError("no-exchange", BESIDE)
        raise storage_error(OSError(number, os.strerror(number)), one)


def _exchanged(one: bytes, other: bytes) -> int | None:
    """Return what the system's call for it answers; None where there is no such call."""
    # A C library from before 2018 has none.
    with contextlib.suppress(AttributeError):
        if sys.platform == "linux":
            library = ctypes.CDLL(None, use_errno=True)
            return int(library.renameat2(_AT_FDCWD, one, _AT_FDCWD, other, _RENAME_EXCHANGE))
        elif sys.platform == "darwin":
            return int(ctypes.CDLL(None, use_errno=True).renamex_np(one, other, _RENAME_SWAP))
    return None
