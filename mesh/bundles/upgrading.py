"""Puts a verified bundle in the place of the one that is there, and keeps that for a way back.

Beside the folder of the bundle, `FOLDER.other` is the version that does not run now: the former
one after an upgrade, the later one after going back. The new version is verified, unpacked and
tried out in a folder of its own, gets the name `FOLDER.other` as a whole, and then both names are
exchanged in one step. Whoever is killed at any moment leaves the old or the new version, whole.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mesh.bundles.exchanging import exchange
from mesh.bundles.manifest import ReleaseKeys
from mesh.bundles.packing import system_name
from mesh.bundles.unpacking import unpack
from mesh.bundles.verifying import Judged, hash_of, judge, manifests_beside, read_manifest, with_own
from mesh.bundles.versions import find_rank
from mesh.errors import PeerError, UserError
from mesh.limits.bundles import TRYING_OUT_SECONDS
from mesh.node.private_files import FILE_MODE, storage_error, sync_folder
from mesh.node.profile_lock import has_locked
from mesh.program import is_bundle
from mesh.release import release

_STAGE: Final = ".mesh-upgrade-"
_LOCK: Final = ".mesh-upgrade.lock"

NOT_A_BUNDLE: Final = (
    "This Mesh runs from Python, and its bundles are no upgrade of it: take the new source (and "
    "`python3 dev.py`), or install the new wheel with the pip or pipx that installed this one."
)
BUSY: Final = "Another upgrade is going on in {folder}: wait until it has ended."
NOT_OURS: Final = (
    "You may not change {folder}: if a package brought Mesh here, install the new package instead, "
    "with `sudo apt install ./FILE.deb`."
)


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of a bundle, and which version is in it."""

    folder: Path
    version: str

    @property
    def other(self) -> Path:
        """Return where the version lies that does not run."""
        return self.folder.with_name(f"{self.folder.name}.other")


def own_place() -> Place:
    """Return where this bundle lies; UserError if it cannot be exchanged."""
    if not is_bundle():
        raise UserError("not-a-bundle", NOT_A_BUNDLE)
    place = Place(Path(sys.executable).resolve().parent, release())
    if not os.access(place.folder.parent, os.W_OK):
        raise UserError("forbidden", NOT_OURS.format(folder=place.folder))
    return place


def require_upgrade(judged: Judged, version: str) -> None:
    """Refuse what is not verified, no bundle for this system, or no later version."""
    if judged.verdict != "verified":
        raise UserError("not-verified", f"It is not taken, as it is not verified. {judged.told}")
    if judged.kind != "bundle" or judged.system != system_name():
        raise UserError(
            "other-system", f"It is not taken: it is no bundle for {system_name()}, as this one is."
        )
    own, new = find_rank(version), find_rank(judged.release)
    if own is None or new is None or new <= own:
        what = "the same version" if new == own else "older"
        raise UserError(
            "downgrade",
            f"It is not taken: {judged.release} is {what}, and {version} is here. Who wants the "
            "former version back says `mesh upgrade --back`.",
        )


@contextlib.contextmanager
def prepared(
    place: Place, file: Path, keys: ReleaseKeys, manifest: Path | None = None
) -> Iterator[tuple[Path, Judged]]:
    """Verify and unpack a bundle, and try it out; yield its folder. It is gone after the block.

    Judged is a copy, which nobody else can change meanwhile. UserError `busy` while somebody else
    upgrades here.
    """
    manifests = None if manifest is None else [manifest]
    require_upgrade(judge(file, keys, manifests), place.version)
    try:
        with _alone(place), _stage(place) as stage:
            _require_exchange(stage)
            copy = stage / file.name
            with copy.open("xb") as target:
                hash_of(file, target.write)
            if manifest is None:
                _take_manifests(file, stage)
            judged = judge(copy, keys, manifests)
            require_upgrade(judged, place.version)
            with copy.open("rb") as packed:
                (stage / "new").mkdir()
                try:
                    fresh = unpack(packed, stage / "new")
                except PeerError as error:
                    raise UserError("bad-bundle", f"It is not taken: {error}.") from None
            if version_in(fresh) != judged.release:
                raise UserError(
                    "bad-bundle", "It is not taken: what is in it does not start on this computer."
                )
            _see_through(fresh)
            yield fresh, judged
    except OSError as error:
        raise storage_error(error, place.folder.parent) from error


def install(place: Place, fresh: Path) -> None:
    """Put a bundle that was prepared in place of the one that is there, within that block."""
    try:
        # Before the way back is given up for it.
        (fresh / "mesh").stat()
        _put_away(place)
        fresh.rename(place.other)
        sync_folder(place.folder.parent)
        exchange(place.folder, place.other)
        sync_folder(place.folder.parent)
    except OSError as error:
        raise storage_error(error, place.folder) from error


def require_former(place: Place) -> str:
    """Return the version that `go_back` leads to.

    UserError if there is none, it is later, or somebody else owns it, whose program is not started.
    """
    if place.other.is_dir() and _owners(place.other) != {place.folder.stat().st_uid}:
        raise UserError("forbidden", f"{place.other} belongs to somebody else: remove it.")
    former = version_in(place.other) if place.other.is_dir() else ""
    own, other = find_rank(place.version), find_rank(former)
    if own is None or other is None or other >= own:
        raise UserError("not-found", f"No former version lies beside {place.folder}.")
    return former


def go_back(place: Place) -> str:
    """Exchange the bundle with the former one, and return the version of that.

    UserError if there is none, or it is not a former one.
    """
    try:
        with _alone(place):
            former = require_former(place)
            exchange(place.folder, place.other)
            sync_folder(place.folder.parent)
    except OSError as error:
        raise storage_error(error, place.folder) from error
    return former


def clear(place: Place) -> bool:
    """Remove the version that does not run; False if there is none."""
    try:
        with _alone(place):
            was_there = place.other.exists()
            _put_away(place)
    except OSError as error:
        raise storage_error(error, place.folder) from error
    return was_there


def version_in(folder: Path) -> str:
    """Return the version that the program in a folder tells; empty if it does not start."""
    program = folder / "mesh"
    try:
        # A program of ours: what is there already, or what was verified.
        told = subprocess.run(  # noqa: S603
            [program, "version"],
            capture_output=True,
            text=True,
            check=True,
            timeout=TRYING_OUT_SECONDS,
            stdin=subprocess.DEVNULL,
        ).stdout.split()
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    return told[1] if told[:1] == ["mesh"] and len(told) > 1 else ""


@contextlib.contextmanager
def _alone(place: Place) -> Iterator[None]:
    """Let nobody else upgrade beside this bundle, and remove what somebody left who was killed."""
    lock = place.folder.parent / _LOCK
    descriptor = _locked(lock)
    try:
        for left in place.folder.parent.glob(f"{_STAGE}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        # Windows removes no file that is open; an empty one that stays is in nobody's way.
        with contextlib.suppress(PermissionError):
            lock.unlink()
        os.close(descriptor)


def _locked(lock: Path) -> int:
    """Return the lock file, open and held; UserError `busy` if another process has it."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(lock, flags, FILE_MODE)
    try:
        if not has_locked(descriptor):
            raise UserError("busy", BUSY.format(folder=lock.parent))
        # Who held it until now has removed the file that was opened: it would keep nobody out.
        if not lock.exists() or not os.path.samestat(os.fstat(descriptor), lock.stat()):
            raise UserError("busy", BUSY.format(folder=lock.parent))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextlib.contextmanager
def _stage(place: Place) -> Iterator[Path]:
    """Yield a private folder beside the bundle."""
    with tempfile.TemporaryDirectory(
        prefix=_STAGE, dir=place.folder.parent, ignore_cleanup_errors=True
    ) as stage:
        yield Path(stage)


def _require_exchange(stage: Path) -> None:
    """Find out whether this disk can do it, before anything else is done."""
    (stage / "a").mkdir()
    (stage / "b").mkdir()
    exchange(stage / "a", stage / "b")


def _take_manifests(file: Path, stage: Path) -> None:
    """Write down what the manifests beside a file say; what is none, or a link, is passed over."""
    for path in with_own(file, manifests_beside(file.parent)):
        with contextlib.suppress(UserError):
            manifest = read_manifest(path)
            (stage / path.name).write_bytes(manifest.encode())


def _owners(folder: Path) -> set[int]:
    """Return who owns a folder of a bundle and the program in it, without following a link."""
    program = folder / "mesh"
    return {each.lstat().st_uid for each in (folder, program) if os.path.lexists(each)}


def _put_away(place: Place) -> None:
    """Remove the version that does not run; first its name, so that nobody starts half of it."""
    if place.other.exists():
        with _stage(place) as stage:
            place.other.rename(stage / "former")


def _see_through(folder: Path) -> None:
    """See all files of a folder through to the disk."""
    for path in [*folder.rglob("*"), folder]:
        if not path.is_symlink():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
