"""Files of messages, kept where a person wants them.

What a contact calls a file is only a wish: a name is made safe first, no file is ever replaced,
nothing that is saved can be run, and it is marked as from elsewhere where the system knows such
marks: so that who opens it is asked, or shown it in a mode that trusts it less.
"""

import contextlib
import ctypes
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from mesh.cli.sanitise import is_hidden
from mesh.errors import UserError

NAME_BYTES_MAX = 200
"""So much of a name is kept: there is room for a number behind it in every file system."""

NUMBERS_MAX = 1_000
"""Files of one name in a folder."""

RESERVED = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))]
)
"""Names that mean devices on Windows."""

ZONE_OF_INTERNET = b"[ZoneTransfer]\r\nZoneId=3\r\n"

ORIGIN = b"mesh:"
"""It stands where a browser would put an address."""

FORBIDDEN = frozenset('<>:"|?*/\\')


def safe_name(name: str) -> str:
    """Return a name that means a plain, visible file in whatever folder, on every system."""
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join("_" if one in FORBIDDEN or is_hidden(one) else one for one in last)
    shown = shown.strip(" .")
    stem, dot, suffix = shown.rpartition(".")
    if not dot:
        stem, suffix = shown, ""
    suffix = cut(suffix, NAME_BYTES_MAX // 4)
    stem = cut(stem, NAME_BYTES_MAX - len(suffix.encode())).rstrip(" .")
    if not stem or stem.partition(".")[0].strip().lower() in RESERVED:
        stem = f"file_{stem}"
    return f"{stem}.{suffix}" if suffix else stem


def cut(text: str, most: int) -> str:
    """Return what of a text fits so many bytes, in whole letters."""
    return text.encode()[:most].decode(errors="ignore")


def save_new(wanted: Path, pieces: Iterable[bytes]) -> Path:
    """Write a file that was not there, readable for the person alone; return where it is.

    Where the name is taken it gets a number. What fails leaves nothing.
    """
    source = iter(pieces)
    # Whatever is refused is refused before there is a file.
    first = next(source, b"")
    for path in numbered(wanted):
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
            descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0), 0o600)
        except FileExistsError:
            continue
        except OSError as error:
            raise UserError("bad-file", f"Cannot write {path}: {error.strerror}.") from None
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(first)
                for piece in source:
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise UserError("disk", f"Cannot write {path}: {error.strerror}.") from None
            raise
        # A file system that knows no marks keeps the file all the same.
        with contextlib.suppress(OSError):
            mark_as_from_elsewhere(path)
        return path
    raise UserError("exists", f"There are too many files called {wanted.name} already.")


def mark_as_from_elsewhere(path: Path) -> None:
    """Note that a file came from others, and not from whom: who gets a copy may see the mark.

    OSError where that cannot be noted. The forms are those of freedesktop.org (shared file
    metadata), of the quarantine of macOS, and of the zones of Windows.
    """
    if sys.platform == "win32":
        path.with_name(f"{path.name}:Zone.Identifier").write_bytes(ZONE_OF_INTERNET)
    elif sys.platform == "darwin":
        value = f"0081;{int(time.time()):08x};Mesh;".encode()
        set_mark = ctypes.CDLL(None, use_errno=True).setxattr
        if set_mark(os.fsencode(path), b"com.apple.quarantine", value, len(value), 0, 0):
            raise OSError(ctypes.get_errno(), "the file was not marked")
    else:
        os.setxattr(path, "user.xdg.origin.url", ORIGIN)


def numbered(wanted: Path) -> Iterator[Path]:
    """Yield a path, and then the same with numbers."""
    yield wanted
    for number in range(2, NUMBERS_MAX):
        yield wanted.with_name(f"{wanted.stem} ({number}){wanted.suffix}")
