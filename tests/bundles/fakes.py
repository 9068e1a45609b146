"""Small bundles: a folder with a program that tells its version, a library and a link."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

from mesh.bundles.packing import system_name, write_xz
from tests.bundles.making import SEEDS, THRESHOLD, entry_of, release_of, write_manifest

PROGRAM = '#!/bin/sh\n[ "$1" = version ] && echo "mesh {version} (protocol 1)"\n'


def make_folder(folder: Path, version: str) -> Path:
    """Make the folder of a bundle."""
    (folder / "_internal").mkdir(parents=True)
    program = folder / "mesh"
    program.write_text(PROGRAM.format(version=version))
    program.chmod(0o755)
    (folder / "_internal" / "library.so.1").write_text(f"library of {version}")
    (folder / "_internal" / "library.so").symlink_to("library.so.1")
    (folder / "README.txt").write_text(f"Mesh {version}")
    return folder


def make_archive(place: Path, version: str, system: str = system_name()) -> Path:
    """Make a bundle in `place`, with a manifest that counts."""
    place.mkdir(parents=True, exist_ok=True)
    name = f"mesh-{version}-{system}"
    folder = make_folder(place / name, version)
    archive = place / f"{name}.tar.xz"
    write_xz(folder, name, archive)
    sign(archive, version, system)
    return archive


def sign(
    archive: Path,
    version: str,
    system: str = system_name(),
    seeds: tuple[bytes, ...] = SEEDS[:THRESHOLD],
) -> Path:
    """Write a manifest of one bundle beside it."""
    release = release_of(entry_of(archive, "bundle", system), version=version)
    return write_manifest(archive.parent, release, seeds)


def look_of(folder: Path) -> dict[str, tuple[str, int]]:
    """Return all that is in a folder: content or target of each path, and its mode."""
    found: dict[str, tuple[str, int]] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = (f"-> {path.readlink()}", 0)
        elif path.is_file():
            found[name] = (path.read_bytes().decode(), path.stat().st_mode & 0o777)
        else:
            found[name] = ("", 0)
    return found


def archive_of(fill: Callable[[tarfile.TarFile], None]) -> bytes:
    """Return an archive that is filled by hand."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:xz") as tar:
        fill(tar)
    return written.getvalue()
