"""Files that are for others to read, written so that they have their name only when whole."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from mesh.bundles.verifying import hash_of
from mesh.errors import StorageError
from mesh.node.private_files import sync_folder


def write_public(path: Path, pieces: Iterable[bytes], *, sha256: str) -> None:
    """Write a file with the rights of the umask, in place of whatever has its name.

    It is written as `NAME.part`, which is made anew, so that no link or pipe is written through.
    StorageError if it reads back as something else, OSError if the disk fails: then the former
    file stays.
    """
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.unlink(missing_ok=True)
    try:
        with unfinished.open("xb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        if hash_of(unfinished)[0] != sha256:
            raise StorageError(f"What was written to {path} reads back as something else.")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        # Some file systems of sticks cannot sync a folder, and need not.
        sync_folder(path.parent)
