"""Mesh itself on a stick, in a folder beside the mail that is carried."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final

from mesh.bundles.file_names import find_named
from mesh.bundles.manifest import ReleaseKeys
from mesh.bundles.public_file import write_public
from mesh.bundles.shelf import Offer
from mesh.bundles.verifying import Judged, hash_of, judge, manifests_beside, with_own
from mesh.errors import UserError
from mesh.limits.bundles import SHARE_FILES_MAX, SHARE_PIECE_BYTES, STICK_BYTES_MAX
from mesh.node.private_files import storage_error

FOLDER: Final = "mesh-program"

README: Final = (
    "Mesh, a messenger without servers. Before you start it, compare the SHA-256 of the file with "
    "somebody you trust.\n"
    "Linux and macOS: unpack mesh-*.tar.xz for your system, and start the program in it that "
    "begins with start. Windows: the same with mesh-*.zip.\n"
    "Who has Mesh already: `mesh verify FILE` says whether a file is genuine, and `mesh upgrade "
    "FILE` takes it.\n"
)


def program_folder(beside: Path) -> Path:
    """Return where the program lies beside a file of mail."""
    return beside.parent / FOLDER


def require_plain_folders(folder: Path) -> None:
    """Refuse a folder for the program that is a link: somebody else may have made the stick."""
    for each in (folder, folder / "wheels"):
        if os.path.lexists(each) and (each.is_symlink() or not each.is_dir()):
            raise UserError("bad-file", f"{each} is no plain folder: remove it, and say it again.")


def write_program(offers: list[Offer], folder: Path) -> None:
    """Write files and a README into a folder; what is there as it is to be stays.

    Each file gets its name when it is whole, in place of whatever had it, and nothing is written
    through a link. StorageError if the stick is full or fails, UserError if a file was changed
    since it was looked at, or a folder is none.
    """
    require_plain_folders(folder)
    readme = README.encode()
    try:
        for offer in offers:
            target = folder / offer.name
            target.parent.mkdir(parents=True, exist_ok=True)
            if not _is_there(offer, target):
                with offer.opened() as source:
                    pieces = iter(partial(source.read, SHARE_PIECE_BYTES), b"")
                    write_public(target, pieces, sha256=offer.judged.sha256)
        write_public(folder / "README.txt", [readme], sha256=sha256(readme).hexdigest())
    except OSError as error:
        raise storage_error(error, folder) from error


def program_on_stick(folder: Path, keys: ReleaseKeys) -> list[Judged]:
    """Return what is known of the files of a release that lie in a folder; empty without one."""
    try:
        names = sorted(os.listdir(folder))[:SHARE_FILES_MAX]
        # Once: whoever fills a stick may have put a hundred thousand there.
        manifests = manifests_beside(folder)
    except OSError:
        return []
    judged = []
    left_bytes = STICK_BYTES_MAX
    for size, path in sorted(_plain_files(folder, names)):
        left_bytes -= size
        try:
            judged.append(
                judge(path, keys, with_own(path, manifests))
                if left_bytes >= 0
                else _not_read(path, size)
            )
        except (UserError, OSError):
            # It was exchanged or cannot be read: it is no program.
            continue
    return sorted(judged, key=lambda each: each.file)


def _plain_files(folder: Path, names: list[str]) -> Iterator[tuple[int, Path]]:
    """Return those files whose names are of a release, with their sizes."""
    for name in names:
        with suppress(OSError):
            looked = (folder / name).lstat()
            if find_named(name) and stat.S_ISREG(looked.st_mode):
                yield looked.st_size, folder / name


def _not_read(path: Path, size: int) -> Judged:
    told = f"There is too much on the stick to read this too; ask alone: mesh verify {path}"
    return Judged(file=path.name, bytes=size, sha256="", verdict="no-manifest", told=told)


def _is_there(offer: Offer, target: Path) -> bool:
    if target.is_symlink() or not target.is_file() or target.stat().st_size != offer.judged.bytes:
        return False
    return hash_of(target)[0] == offer.judged.sha256
