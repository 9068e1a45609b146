"""Says of a file whether it belongs to a release, by the manifests that lie beside it."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from mesh.bundles.file_names import find_named
from mesh.bundles.manifest import (
    ENDING,
    Manifest,
    ReleaseFile,
    ReleaseKeys,
    decode_manifest,
    signers,
)
from mesh.bundles.versions import find_rank
from mesh.errors import PeerError, UserError
from mesh.limits.bundles import BUNDLE_FILE_BYTES_MAX, MANIFEST_BYTES_MAX, MANIFESTS_MAX
from mesh.node.plain_files import opened_plainly
from mesh.release import release as this_release

Verdict = Literal["verified", "no-keys", "not-signed", "no-manifest", "bad-manifest", "changed"]

_PIECE_BYTES: Final = 1024 * 1024

NO_KEYS: Final = (
    "this program knows no release keys, so it cannot say by whom a file is. Compare the hash with "
    "somebody you trust"
)


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a file. Where it is `verified`, `signers` are the names of who signed.

    `told`: a sentence for people. `release`, `day` and `kind` are as the manifest says, and empty
    where none lists the file.
    """

    file: str
    bytes: int
    sha256: str
    verdict: Verdict
    told: str
    release: str = ""
    day: str = ""
    kind: str = ""
    system: str = ""
    signers: list[str] = []
    threshold: int = 0
    is_older: bool = False
    """Whether it is of an earlier release than this program."""


def hash_of(path: Path, take: Callable[[bytes], object] | None = None) -> tuple[str, int]:
    """Return the SHA-256 and the length of a plain file, each piece of which `take` is given.

    UserError if it is none, or too large for anything of a release.
    """
    seen = hashlib.sha256()
    count = 0
    with opened_plainly(path) as (file, _):
        while piece := file.read(_PIECE_BYTES):
            count += len(piece)
            if count > BUNDLE_FILE_BYTES_MAX:
                raise UserError("too-large", f"{path} is too large to belong to a release.")
            seen.update(piece)
            if take is not None:
                take(piece)
    return seen.hexdigest(), count


def read_manifest(path: Path) -> Manifest:
    """Return a manifest; UserError if it is none."""
    with opened_plainly(path) as (file, _):
        data = file.read(MANIFEST_BYTES_MAX + 1)
    try:
        return decode_manifest(data)
    except PeerError as error:
        raise UserError("bad-manifest", f"{path.name} is no manifest: {error}.") from None


def manifests_beside(folder: Path) -> list[Path]:
    """Return the manifests of a folder, not more than are looked at."""
    found = sorted(path for path in folder.glob(f"*{ENDING}") if path.is_file())
    return found[:MANIFESTS_MAX]


def with_own(path: Path, manifests: Sequence[Path]) -> list[Path]:
    """Return manifests with that of a file's release: there may be more than are looked at."""
    named = find_named(path.name)
    if named is not None:
        own = path.with_name(f"mesh-{named.version}{ENDING}")
        if own not in manifests and own.is_file():
            return [*manifests, own]
    return list(manifests)


def judge(path: Path, keys: ReleaseKeys, manifests: Sequence[Path] | None = None) -> Judged:
    """Say whether a file is what its name says in a signed release.

    Looked at are the manifests that are named, or those that lie beside it, that of its release
    among them; the best verdict counts. UserError if the file cannot be read.
    """
    sha256, count = hash_of(path)
    bare = Judged(
        file=path.name,
        bytes=count,
        sha256=sha256,
        verdict="no-manifest",
        told=f"There is no manifest of a release (*{ENDING}) that lists it.",
    )
    if manifests is None:
        manifests = with_own(path, manifests_beside(path.parent))
    found = [_by_manifest(bare, each, keys) for each in manifests]
    ranks = ("verified", "changed", "no-keys", "not-signed", "bad-manifest", "no-manifest")
    return min([*found, bare], key=lambda each: ranks.index(each.verdict))


def judge_manifest(path: Path, keys: ReleaseKeys) -> Judged:
    """Say by whom a manifest is."""
    sha256, count = hash_of(path)
    bare = Judged(file=path.name, bytes=count, sha256=sha256, verdict="no-manifest", told="")
    return _judged(bare, path, keys, lambda manifest: None)


def _by_manifest(bare: Judged, path: Path, keys: ReleaseKeys) -> Judged:
    return _judged(bare, path, keys, lambda manifest: _entry(bare, manifest))


def _judged(
    bare: Judged, path: Path, keys: ReleaseKeys, find: Callable[[Manifest], ReleaseFile | None]
) -> Judged:
    """Judge by one manifest; what it lists of a file, `find` says."""
    change = msgspec.structs.replace
    try:
        manifest = read_manifest(path)
        entry = find(manifest)
        names = signers(manifest, keys)
    except (UserError, PeerError) as error:
        said = str(error) if isinstance(error, UserError) else f"{path.name}: {error}."
        return change(bare, verdict="bad-manifest", told=said)
    is_file = bare.file != path.name
    if is_file and entry is None:
        return bare
    release = manifest.release
    bare = change(
        bare,
        release=release.version,
        day=release.day,
        signers=names,
        threshold=keys.threshold,
        is_older=is_older(release.version),
        kind="manifest" if entry is None else entry.kind,
        system="" if entry is None else entry.system,
    )
    of = f"Mesh {release.version} of {release.day}"
    is_same = entry is None or (entry.sha256, entry.bytes) == (bare.sha256, bare.bytes)
    # Anybody can write a manifest: only one that counts makes a file a false one.
    as_said = "as" if is_same else "not as"
    if is_same and entry is not None and entry.name != bare.file:
        as_said = f"{entry.name}, as"
    if not keys.keys:
        said = f"It is {as_said} {path.name} says, but {NO_KEYS}."
        return change(bare, verdict="no-keys", told=said)
    if len(names) < keys.threshold:
        by = f"by {', '.join(names)} alone" if names else "by nobody who is known here"
        of = f"{of}, which is signed {by}; {keys.threshold} must have signed"
        said = f"It is {as_said} {path.name} says of {of}."
        return change(bare, verdict="not-signed", told=said)
    if not is_same:
        said = f"It is not the file of this name in {of}: throw it away."
        return change(bare, verdict="changed", told=said)
    if entry is not None and entry.name != bare.file:
        said = f"It is {entry.name} of {of} under a false name: give it its own."
        return change(bare, verdict="changed", told=said)
    return change(bare, verdict="verified", told=f"{of}, signed by {', '.join(names)}.")


def is_older(version: str) -> bool:
    """Say whether a release came before this program."""
    own, other = find_rank(this_release()), find_rank(version)
    return own is not None and other is not None and other < own


def _entry(bare: Judged, manifest: Manifest) -> ReleaseFile | None:
    """Return the file of that name, or else the one with these bytes."""
    files = manifest.release.files
    named = [each for each in files if each.name == bare.file]
    same = [each for each in files if each.sha256 == bare.sha256]
    return next(iter([*named, *same]), None)
