"""The files of `mesh carry`, with the rights of whoever calls it, and safe against what they find.

A file is written beside its place as FILE.part and gets its name when it is whole; what is there of
it after an interruption can be imported all the same. Only plain files are read: a pipe could wait
for ever, and a link on somebody's stick may point anywhere.
"""

import errno
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final

from mesh.errors import StorageError, UserError
from mesh.node.plain_files import not_plain
from mesh.node.whole_file import WholeFile

_FLAGS: Final = (
    getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)


def require_replaceable(path: Path) -> bool:
    """Return whether a plain file is there, which would be replaced; refuse anything else."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise UserError("not-found", f"There is no folder {path.parent}.") from None
        return False
    except OSError as error:
        raise UserError("bad-file", f"Cannot write {path}: {error.strerror}.") from None
    if not stat.S_ISREG(mode):
        raise not_plain(path)
    return True


def part_of(path: Path, *, is_for_some: bool = False) -> Path:
    """Return where a file is written until it is whole.

    `is_for_some`: it holds what one contact or one node lacks, and no other export goes on with it,
    in which it would stand out by its order.
    """
    return path.with_name(f"{path.name}.{'some.part' if is_for_some else 'part'}")


def write_for_oneself(path: Path, content: bytes, what: str) -> None:
    """Write a file whole or not at all, readable for the person alone; `what` it is, for errors."""
    try:
        with WholeFile(path, part_of(path)) as file:
            file.write(content)
            file.check()
            file.keep()
    except StorageError as error:
        raise UserError("disk", f"No {what} was written to {path}. {error}") from None


class PartialFile:
    """A file that is being written; `keep` gives it its name."""

    def __init__(self, path: Path, *, kept_bytes: int = 0, is_for_some: bool = False) -> None:
        """Of what an earlier export left so many bytes are kept; it is for none to begin anew."""
        self.path = path
        self.part = part_of(path, is_for_some=is_for_some)
        self.bytes_count = kept_bytes
        if require_replaceable(self.part) and not kept_bytes:
            self.part.unlink()
        flags = os.O_WRONLY | _FLAGS | (0 if kept_bytes else os.O_CREAT | os.O_EXCL)
        try:
            # The rights that the person's umask gives: it is for others to carry.
            self._file = os.fdopen(os.open(self.part, flags, 0o666), "wb")
            self._file.truncate(kept_bytes)
            self._file.seek(kept_bytes)
        except OSError as error:
            raise UserError("bad-file", f"Cannot write {self.part}: {error.strerror}.") from None

    def __enter__(self) -> "PartialFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._file.close()
        if self.bytes_count == 0:
            with suppress(OSError):
                self.part.unlink(missing_ok=True)

    def write(self, piece: bytes) -> None:
        """Go on; UserError if the disk does not take it."""
        try:
            self._file.write(piece)
        except OSError as error:
            raise self._full(error) from None
        self.bytes_count += len(piece)

    def keep(self) -> None:
        """All of it is there: make it last, whatever is pulled out next, and give it its name."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self.part.replace(self.path)
        except OSError as error:
            raise self._full(error) from None
        if sys.platform != "win32":
            # Some file systems of sticks cannot sync a folder, and need not.
            with suppress(OSError):
                folder = os.open(self.path.parent, os.O_RDONLY)
                try:
                    os.fsync(folder)
                finally:
                    os.close(folder)

    def _full(self, error: OSError) -> UserError:
        reasons = {
            errno.ENOSPC: "there is no room left; say --max SIZE",
            errno.EFBIG: "this disk takes no larger file; say --max 4GB",
        }
        reason = reasons.get(error.errno or 0, error.strerror or "the disk failed")
        return UserError(
            "disk",
            f"Cannot write {self.part}: {reason}. What is there of it can be imported.",
        )
