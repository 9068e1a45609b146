"""Unpacks the archive of a bundle, believing none of the names and sizes in it.

All lies in one folder. Files, folders and links that stay inside are taken; anything else, a path
that leaves, a link within a path, a name that comes twice, refuses the whole archive.
"""

import lzma
import os
import tarfile
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from mesh.errors import PeerError
from mesh.limits.bundles import (
    UNPACKED_BYTES_MAX,
    UNPACKED_FILES_MAX,
    UNPACKED_NAME_CHARACTERS_MAX,
    UNPACKING_MEMORY_BYTES_MAX,
)

_PIECE_BYTES: Final = 1024 * 1024


class XzStream:
    """The content of a file of xz, bounded in length and memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=UNPACKING_MEMORY_BYTES_MAX)
        self._bytes_count = 0

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most so many; PeerError if it is no xz, cut or too large."""
        data = b""
        while not data and not self._decoder.eof:
            more = self._file.read(_PIECE_BYTES) if self._decoder.needs_input else b""
            if self._decoder.needs_input and not more:
                raise PeerError("it is cut")
            try:
                data = self._decoder.decompress(more, max_length=size)
            except lzma.LZMAError:
                raise PeerError("it is damaged") from None
        self._bytes_count += len(data)
        if self._bytes_count > UNPACKED_BYTES_MAX:
            raise PeerError("it is too large")
        return data


def unpack(file: BinaryIO, into: Path) -> Path:
    """Unpack an archive into an empty folder, and return the one folder that came out of it.

    PeerError if it is none that could be a bundle; what was unpacked until then stays.
    """
    links: dict[str, tuple[Path, str]] = {}
    try:
        with tarfile.open(fileobj=XzStream(file), mode="r|") as tar:  # type: ignore[call-overload] # A stream needs no more than `read`.
            for count, member in enumerate(tar):
                if count >= UNPACKED_FILES_MAX:
                    raise PeerError("it holds too many files")
                name = _checked(member.name)
                target = into / name
                if any(_key(each) in links for each in name.parents):
                    raise PeerError(f"{member.name[:80]!r} lies behind a link")
                if member.isdir():
                    target.mkdir(mode=0o755)
                elif member.issym():
                    _require_inside(member)
                    links[_key(name)] = (target, member.linkname)
                elif member.isreg() and not member.issparse():
                    _write(tar, member, target)
                else:
                    raise PeerError(f"{member.name[:80]!r} is no file")
        # Last, so that no path leads through one.
        for target, leads in links.values():
            target.symlink_to(leads)
    except (tarfile.TarError, ValueError, FileExistsError, NotADirectoryError):
        raise PeerError("it is no archive of a bundle") from None
    except FileNotFoundError:
        raise PeerError("a file in it has no folder") from None
    (*found,) = into.iterdir()
    if len(found) != 1 or not found[0].is_dir() or found[0].is_symlink():
        raise PeerError("it is not one folder")
    return found[0]


def _checked(name: str) -> PurePosixPath:
    """Return a path that stays inside, by its letters."""
    path = PurePosixPath(name)
    is_plain = (
        0 < len(name) <= UNPACKED_NAME_CHARACTERS_MAX
        and name.isprintable()
        and not set(name) & set("\\:")
        and not path.is_absolute()
        and ".." not in path.parts
        and path.parts
    )
    if not is_plain:
        raise PeerError(f"{name[:80]!r} is no path in a bundle")
    return path


def _key(path: PurePosixPath) -> str:
    """Return what two paths share that some disks take for the same."""
    return str(path).casefold()


def _require_inside(member: tarfile.TarInfo) -> None:
    """Refuse a link that leads out of the folder in which all lies."""
    leads = list(PurePosixPath(member.linkname).parts)
    depth = len(PurePosixPath(member.name).parts) - 1
    # Upward steps come first: behind a name they could begin where another link leads.
    while leads[:1] == [".."]:
        leads.pop(0)
        depth -= 1
    if depth < 1:
        raise PeerError(f"the link {member.name[:80]!r} leads out of the bundle")
    _checked("/".join(leads) if member.linkname[:1] != "/" else "/")


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    source = tar.extractfile(member)
    assert source is not None
    mode = 0o755 if member.mode & 0o100 else 0o644
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(target, flags, mode), "wb") as file:
        while piece := source.read(_PIECE_BYTES):
            file.write(piece)
        if file.tell() != member.size:
            raise PeerError("it is cut")
