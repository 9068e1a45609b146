"""Plain files that somebody else may have written, opened so that nothing else is read.

A pipe could wait for ever, and a link on somebody's stick may point anywhere.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from mesh.errors import UserError
from mesh.limits.api import API_CHUNK_BYTES

_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NONBLOCK", 0)
)


@contextmanager
def opened_plainly(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """Open a plain file for reading; with its size, beyond which nothing of it is read."""
    try:
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError:
        raise UserError("not-found", f"There is no file {path}.") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise not_plain(path) from None
        raise UserError("bad-file", f"Cannot read {path}: {error.strerror}.") from None
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        # Of a folder no file object can be made, which would close it.
        os.close(descriptor)
        raise not_plain(path)
    with os.fdopen(descriptor, "rb") as file:
        yield file, found.st_size


def pieces_of(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield the bytes that a file had when it was opened."""
    while size > 0 and (piece := file.read(min(size, API_CHUNK_BYTES))):
        size -= len(piece)
        yield piece


def not_plain(path: Path) -> UserError:
    """Return the refusal of anything that is no plain file."""
    return UserError("bad-file", f"{path} is no plain file; name the file itself.")
