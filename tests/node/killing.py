"""The disk of a process that is killed at its work, before each call that writes."""

import functools
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

import pytest

from mesh.node.folders import ProfileFolders, profile_folders

CALLS: Final = ("open", "write", "fsync", "replace", "unlink", "rmdir", "rename", "chmod", "link")
"""The calls of the system that change what is on the disk."""

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def copy(home: Path, place: Path) -> None:
    """Copy a home; two names of one file are that there too."""
    names: dict[int, str] = {}

    def copy_file(source: str, target: str) -> None:
        former = names.setdefault(os.stat(source).st_ino, target)
        if former == target:
            shutil.copy2(source, target)
        else:
            os.link(former, target)

    shutil.copytree(home, place, copy_function=copy_file)


def left_by(folders: ProfileFolders, work: Callable[[], object]) -> list[ProfileFolders]:
    """Work on a profile, and return what stood on the disk before each call, and at the end.

    Who is killed right before a call leaves just this: what was written lies with the system, and
    locks end with their process. Equal disks that follow each other are one. Each is a home of its
    own, beside the one that was worked on.
    """
    home = folders.data.parent
    home.mkdir(exist_ok=True)
    kept: list[ProfileFolders] = []
    last: dict[Path, bytes | None] | None = None
    is_looking = False

    def look() -> None:
        nonlocal last, is_looking
        is_looking = True
        disk = {
            path: path.read_bytes() if path.is_file() else None for path in sorted(home.rglob("*"))
        }
        if disk != last:
            last = disk
            place = home.with_name(f"{home.name}-{len(kept)}")
            copy(home, place)
            kept.append(profile_folders(folders.name, {"MESH_HOME": str(place)}))
        is_looking = False

    def watched(call: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
        @functools.wraps(call)
        def watching(*arguments: Arguments.args, **options: Arguments.kwargs) -> Answer:
            if not is_looking:
                look()
            return call(*arguments, **options)

        return watching

    with pytest.MonkeyPatch.context() as patched:
        for name in CALLS:
            patched.setattr(os, name, watched(getattr(os, name)))
        work()
    look()
    return kept
