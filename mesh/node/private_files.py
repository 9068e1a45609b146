"""Files and folders that only their owner may read, written so that a crash leaves a whole file.

A folder is 0700 and a file 0600. Rights that have become wider are mended; what belongs to
somebody else is refused in words, because its owner could read or replace what we write. On
Windows the folders of a user's profile are closed to others by default, a folder that is made is
its owner's alone (Python 3.11.10, 3.12.4 and later do so for mode 0700), and rights of what is
there are left alone.
"""

import contextlib
import errno
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mesh.errors import DiskFullError, StorageError, UserError

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600

_FULL: Final = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_REFUSED: Final = (errno.EROFS, errno.EACCES, errno.EPERM)


def make_private_folder(folder: Path) -> None:
    """Make a folder with those above it, or close one that is there to others."""
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        _require_ours(folder, folder.stat(), mode=FOLDER_MODE)
    except FileExistsError:
        raise UserError("unsafe-folder", f"{folder} is in the way and is no folder.") from None
    except OSError as error:
        raise storage_error(error, folder) from error


def make_private_file(path: Path) -> None:
    """Make an empty file, or close one that is there to others."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(path, flags, FILE_MODE)
        try:
            _require_ours(path, os.fstat(descriptor), mode=FILE_MODE)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise storage_error(error, path) from error


def find_private_bytes(path: Path, *, bytes_max: int) -> bytes | None:
    """Return what a small private file holds, at most one byte too many; None if there is no
    file.
    """
    try:
        with path.open("rb") as file:
            _require_ours(path, os.fstat(file.fileno()), mode=FILE_MODE)
            return file.read(bytes_max + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_error(error, path) from error


def replace_private_bytes(path: Path, content: bytes, *, is_key: bool = False) -> None:
    """Write a file so that after any crash it has either its old or its new content.

    Durable on return. The former content is overwritten, as far as the disk does that in place; not
    where other names lead to it too, as a link or a copy by links does: it is somebody else's then.
    A key that is replaced is to be gone under every name.
    """
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.unlink(missing_ok=True)
        _write_new(fresh, content)
        with contextlib.ExitStack() as stack:
            former: int | None = None
            # A file that is open cannot be replaced on Windows.
            if sys.platform != "win32" and _may_be_overwritten(path, is_key=is_key):
                former = os.open(path, os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0))
                stack.callback(os.close, former)
            fresh.replace(path)
            sync_folder(path.parent)
            if former is not None:
                _overwrite(former)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise storage_error(error, path) from error


def _may_be_overwritten(path: Path, *, is_key: bool) -> bool:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(found.st_mode) and (is_key or found.st_nlink == 1)


def erase(path: Path) -> None:
    """Overwrite a small file, remove it, and see both through to the disk."""
    try:
        descriptor = os.open(path, os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error(error, path) from error
    try:
        try:
            _overwrite(descriptor)
        finally:
            os.close(descriptor)
        path.unlink()
        sync_folder(path.parent)
    except OSError as error:
        raise storage_error(error, path) from error


def erase_head(path: Path, length: int) -> None:
    """Overwrite the beginning of a file without which the rest is noise, and remove the file."""
    try:
        if (descriptor := _find_to_overwrite(path)) is not None:
            _overwrite_head(descriptor, length)
            path.unlink()
            sync_folder(path.parent)
    except OSError as error:
        raise storage_error(error, path) from error


@contextlib.contextmanager
def replacing_head(path: Path, length: int) -> Iterator[None]:
    """Overwrite the beginning of a file that the block replaces, once that is done."""
    try:
        # A file that is open cannot be replaced on Windows.
        descriptor = _find_to_overwrite(path) if sys.platform != "win32" else None
        try:
            yield
        except BaseException:
            if descriptor is not None:
                os.close(descriptor)
            raise
        if descriptor is not None:
            _overwrite_head(descriptor, length)
    except OSError as error:
        raise storage_error(error, path) from error


def _find_to_overwrite(path: Path) -> int | None:
    try:
        return os.open(path, os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return None


def _overwrite_head(descriptor: int, length: int) -> None:
    """Overwrite as much of an open file, see it through to the disk, and close it."""
    try:
        os.write(descriptor, os.urandom(min(length, os.fstat(descriptor).st_size)))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_folder(folder: Path, *, keep: Path) -> None:
    """Remove all that a folder holds except one file, and the folder too if nothing is left."""
    try:
        for entry in sorted(folder.iterdir()):
            if entry == keep:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        sync_folder(folder)
        if not any(folder.iterdir()):
            folder.rmdir()
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error(error, folder) from error


def sync_folder(folder: Path) -> None:
    """See the names in a folder through to the disk, where the system can do that."""
    if sys.platform != "win32":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def is_full(error: OSError) -> bool:
    """Say whether a disk, or what of it a user may have, is full."""
    return error.errno in _FULL


def storage_error(error: OSError, path: Path) -> StorageError:
    """Return what an error of the system means, in one sentence that says what to do."""
    if is_full(error):
        return DiskFullError(f"The disk is full: free some space for {path}.")
    if error.errno in _REFUSED:
        return StorageError(
            f"Mesh may not use {path}: check that it belongs to you and is on a disk that is not "
            "read-only."
        )
    return StorageError(f"Mesh could not use {path}: {error.strerror}.")


def _require_ours(path: Path, found: os.stat_result, *, mode: int) -> None:
    if sys.platform != "win32":
        if found.st_uid != os.geteuid():
            raise UserError("unsafe-folder", f"{path} belongs to another user of this computer.")
        if stat.S_IMODE(found.st_mode) & ~mode:
            path.chmod(mode)


def _write_new(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _overwrite(descriptor: int) -> None:
    length = os.fstat(descriptor).st_size
    os.write(descriptor, os.urandom(length))
    os.fsync(descriptor)
