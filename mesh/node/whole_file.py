"""A large private file that gets its name only when it is whole and was read back."""

import contextlib
import hashlib
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Final

from mesh.errors import StorageError
from mesh.node.private_files import FILE_MODE, storage_error, sync_folder

_PIECE_BYTES: Final = 1024 * 1024
_HEAD_FLAGS: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class WholeFile:
    """A file that is being written under another name; `keep` gives it its own.

    Whoever is killed before leaves the former file as it was. All failures are StorageErrors.
    """

    def __init__(self, path: Path, unfinished: Path) -> None:
        """The file that a killed writer left as `unfinished` is removed first."""
        self.path = path
        self.unfinished = unfinished
        self.bytes_count = 0
        self._hash = hashlib.blake2b()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _HEAD_FLAGS
        try:
            unfinished.unlink(missing_ok=True)
            self._file = os.fdopen(os.open(unfinished, flags, FILE_MODE), "r+b")
        except OSError as error:
            raise storage_error(error, unfinished) from error

    def __enter__(self) -> "WholeFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
        if error is not None:
            with contextlib.suppress(OSError):
                self.unfinished.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """Go on with it."""
        try:
            self._file.write(data)
        except OSError as error:
            raise storage_error(error, self.unfinished) from error
        self._hash.update(data)
        self.bytes_count += len(data)

    def check(self) -> None:
        """See it through to the disk, and read it back: StorageError if it is not what was
        written.
        """
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            if sys.platform == "linux":
                # Else what is read is the memory's copy, and says nothing of the disk.
                os.posix_fadvise(self._file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            self._file.seek(0)
            read = hashlib.blake2b()
            while piece := self._file.read(_PIECE_BYTES):
                read.update(piece)
        except OSError as error:
            raise storage_error(error, self.unfinished) from error
        if read.digest() != self._hash.digest():
            raise StorageError(
                f"What was written to {self.unfinished} reads back as something else: the disk "
                "is failing."
            )

    def keep(self) -> None:
        """Give it its name, in place of a former file."""
        try:
            self._file.close()
            self.unfinished.replace(self.path)
        except OSError as error:
            raise storage_error(error, self.path) from error
        with contextlib.suppress(OSError):
            # Some file systems of sticks cannot sync a folder, and need not.
            sync_folder(self.path.parent)
