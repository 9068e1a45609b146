"""Releases of small files, signed by keys that the tests made."""

import hashlib
import json
from pathlib import Path
from random import Random

from mesh.bundles.manifest import (
    ENDING,
    Kind,
    Manifest,
    Release,
    ReleaseFile,
    ReleaseKey,
    ReleaseKeys,
    signed_by,
)
from mesh.crypto.signing import verify_key_of

SEEDS = tuple(bytes([number]) * 32 for number in (1, 2, 3))
NAMES = ("Ada", "Bob", "Cleo")
THRESHOLD = 2

KEYS = ReleaseKeys(
    keys=tuple(
        ReleaseKey(key=verify_key_of(seed).hex(), name=name)
        for seed, name in zip(SEEDS, NAMES, strict=True)
    ),
    threshold=THRESHOLD,
)


def keys_file(folder: Path) -> Path:
    """Write the public keys where `--keys` takes them."""
    file = folder / "keys.json"
    known = [{"key": each.key, "name": each.name} for each in KEYS.keys]
    file.write_text(json.dumps({"keys": known, "threshold": KEYS.threshold}, indent=1))
    return file


def entry_of(path: Path, kind: Kind = "wheel", system: str = "") -> ReleaseFile:
    """Return what a manifest says of a file."""
    data = path.read_bytes()
    return ReleaseFile(
        bytes=len(data),
        kind=kind,
        name=path.name,
        sha256=hashlib.sha256(data).hexdigest(),
        system=system,
    )


def release_of(*files: ReleaseFile, version: str = "9.1.0") -> Release:
    """Return a release of these files."""
    ordered = tuple(sorted(files, key=lambda each: each.name))
    return Release(day="2026-11-28", files=ordered, version=version)


def write_manifest(
    folder: Path, release: Release, seeds: tuple[bytes, ...] = SEEDS[:THRESHOLD]
) -> Path:
    """Sign a release, and write its manifest into a folder."""
    file = folder / f"mesh-{release.version}{ENDING}"
    file.write_bytes(signed_by(Manifest(release=release, signatures=()), seeds).encode())
    return file


def small_release(folder: Path, version: str = "9.1.0", seed: int = 7) -> tuple[Path, Path]:
    """Make a folder with a wheel, source and a signed manifest; return manifest and wheel."""
    chance = Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"mesh_messenger-{version}-py3-none-any.whl"
    source = folder / f"mesh_messenger-{version}.tar.gz"
    wheel.write_bytes(chance.randbytes(2_000))
    source.write_bytes(chance.randbytes(3_000))
    release = release_of(entry_of(wheel), entry_of(source, "source"), version=version)
    return write_manifest(folder, release), wheel
