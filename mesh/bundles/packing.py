"""Packs the folder of a bundle: the same bytes whenever and by whomever it is done."""

import gzip
import lzma
import platform
import stat
import sys
import tarfile
from pathlib import Path
from typing import Final

from mesh.release import release

MOMENT: Final = 1_577_836_800
"""Each file of an archive has this time: the beginning of 2020."""


def system_name() -> str:
    """Return the system and processor that a bundle is for, such as linux-x86_64."""
    system = {"win32": "windows", "darwin": "macos"}.get(sys.platform, sys.platform)
    return f"{system}-{platform.machine().lower()}"


def bundle_name() -> str:
    """Return what the folder of a bundle of this program for this system is called."""
    return f"mesh-{release()}-{system_name()}"


def write_xz(folder: Path, name: str, archive: Path) -> None:
    """Write a folder as a tar with xz; within it the folder has that name."""
    with lzma.open(archive, "wb", preset=6) as stream:
        write_tar(folder, name, stream)


def write_tar(folder: Path, name: str, stream: lzma.LZMAFile | gzip.GzipFile) -> None:
    """Write a folder as a tar of files that belong to nobody, in the order of their names."""
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in [folder, *sorted(folder.rglob("*"))]:
            inside = (Path(name) / path.relative_to(folder)).as_posix()
            tar.add(path, arcname=inside, recursive=False, filter=plain)


def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Return a member of an archive without who made it, and when."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = MOMENT
    if not member.issym():
        is_program = member.isdir() or bool(member.mode & stat.S_IXUSR)
        member.mode = 0o755 if is_program else 0o644
    return member
