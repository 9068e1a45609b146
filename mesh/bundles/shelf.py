"""The files of Mesh that are here, to be given away: bundles, packages, wheels, source, manifests.

Only what is named like a file of a release is found, in one folder, and wheels in its folder
`wheels`: whoever shares their folder of downloads shares nothing else of it.
"""

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from mesh.bundles.file_names import find_named, is_manifest, is_wheel
from mesh.bundles.packing import bundle_name, write_xz
from mesh.bundles.release_keys import own_keys
from mesh.bundles.verifying import Judged, hash_of, judge, judge_manifest
from mesh.errors import UserError
from mesh.limits.bundles import BUNDLE_FILE_BYTES_MAX, SHARE_FILES_MAX
from mesh.node.plain_files import opened_plainly
from mesh.program import is_bundle

NOTHING: Final = (
    "There is no bundle, wheel or source of Mesh in {folder}: `python3 dev.py bundle` makes them "
    "in `dist` of a source tree, and `mesh share --from FOLDER` gives those of another folder."
)


@dataclass(frozen=True, slots=True)
class Offer:
    """A file that was seen, hashed and judged once. `name`: as it is asked for."""

    name: str
    path: Path
    judged: Judged
    seen: tuple[int, int, int]
    """Number, length and time of the file, by which a later change shows."""

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Open the file; UserError if it is not the one that was seen."""
        with opened_plainly(self.path) as (file, _):
            if _mark_of(os.fstat(file.fileno())) != self.seen:
                raise UserError("changed", f"{self.name} was changed since it was looked at.")
            yield file


def home_folder() -> Path:
    """Return where the files of this program would lie: beside a bundle, or in `dist`."""
    if is_bundle():
        return Path(sys.executable).resolve().parent.parent
    return Path(__file__).absolute().parent.parent.parent / "dist"


def find_offers(folder: Path) -> list[Offer]:
    """Return all that can be given away, bundles first; UserError if there is nothing."""
    paths = [
        path
        for path in _plain_files(folder)
        if find_named(path.name) is not None or is_manifest(path.name)
    ]
    paths += [path for path in _plain_files(folder / "wheels") if is_wheel(path.name)]
    if not paths:
        raise UserError("not-found", NOTHING.format(folder=folder))
    offers = [_offer(folder, path) for path in paths[:SHARE_FILES_MAX]]
    return sorted(offers, key=lambda each: (_rank(each), each.name))


@contextmanager
def own_offers(chosen: Path | None) -> Iterator[list[Offer]]:
    """Yield what is in a folder, or of this program; a bundle without its archive packs itself.

    That takes half a minute, and the archive is removed at the end.
    """
    folder = home_folder() if chosen is None else chosen
    own = folder / f"{bundle_name()}.tar.xz"
    is_packed = chosen is not None or not is_bundle() or own.is_file()
    # On Windows a bundle is a zip, and those are not made here.
    if is_packed or os.name == "nt":
        yield find_offers(folder)
        return
    with tempfile.TemporaryDirectory(prefix="mesh-share-") as temporary:
        packed = Path(temporary) / own.name
        write_xz(Path(sys.executable).resolve().parent, bundle_name(), packed)
        yield find_offers(packed.parent)


def _plain_files(folder: Path) -> list[Path]:
    """Return the files of a folder that are no links, in the order of their names."""
    try:
        found = [
            path
            for path in sorted(folder.iterdir())
            if stat.S_ISREG(path.lstat().st_mode) and path.stat().st_size <= BUNDLE_FILE_BYTES_MAX
        ]
    except (FileNotFoundError, NotADirectoryError):
        return []
    # What lies behind a link is not in this folder.
    return [] if folder.is_symlink() and folder.name == "wheels" else found


def _offer(folder: Path, path: Path) -> Offer:
    seen = _mark_of(path.lstat())
    name = path.relative_to(folder).as_posix()
    keys = own_keys()
    if is_manifest(path.name):
        judged = judge_manifest(path, keys)
    elif find_named(path.name) is not None:
        judged = judge(path, keys)
    else:
        sha256, count = hash_of(path)
        judged = Judged(
            file=path.name,
            bytes=count,
            sha256=sha256,
            verdict="no-manifest",
            told="A library; `dev.py --wheels` checks it by the hashes in the source.",
        )
    return Offer(name, path, judged, seen)


def _mark_of(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns


def _rank(offer: Offer) -> int:
    named = find_named(offer.path.name)
    kinds = ["bundle", "package", "wheel", "source"]
    return len(kinds) if named is None else kinds.index(named.kind)
