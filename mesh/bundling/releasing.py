"""Makes keys of releases, and manifests, and signs them: `python3 dev.py release`.

docs/releases.md says who does what, and where private keys are kept.
"""

import argparse
import datetime
import hashlib
import os
import secrets
import sys
from pathlib import Path
from typing import Final

import msgspec

from mesh.bundles.file_names import find_named
from mesh.bundles.manifest import (
    ENDING,
    Manifest,
    Release,
    ReleaseFile,
    decode_manifest,
    signed_by,
)
from mesh.bundles.public_file import write_public
from mesh.bundles.verifying import hash_of, read_manifest
from mesh.bundling.freezing import ROOT
from mesh.crypto.signing import SEED_BYTES, verify_key_of
from mesh.errors import MeshError, UserError

SIGNED: Final = (
    "{path} is signed, and its files are others now: put the files that were signed back, or move "
    "it away."
)


def main() -> int:
    """Do what is asked for, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python3 dev.py release", description=__doc__)
    words = parser.add_subparsers(dest="word", required=True)
    key = words.add_parser("key", help="make a private key in FILE, and print its public one")
    key.add_argument("file", type=Path)
    key.add_argument("--name", required=True, help="what its holder is called")
    manifest = words.add_parser("manifest", help="write the manifests of a folder, unsigned")
    manifest.add_argument("folder", type=Path, nargs="?", default=ROOT / "dist")
    signing = words.add_parser("sign", help="add a signature to a manifest")
    signing.add_argument("manifest", type=Path)
    signing.add_argument("--key", type=Path, required=True, help="the file of a private key")
    try:
        do(parser.parse_args())
    except MeshError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def do(options: argparse.Namespace) -> None:
    """Do one of the three."""
    if options.word == "key":
        print(msgspec.json.encode(make_key(options.file, options.name)).decode())
    elif options.word == "manifest":
        for path in write_manifests(options.folder, today()):
            print(path)
    else:
        for each in add_signature(options.manifest, options.key):
            print(f"{each.sha256}  {each.name}")


def today() -> str:
    """Return the day of today, in Greenwich."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def make_key(file: Path, name: str) -> dict[str, str]:
    """Make a private key, readable for its owner alone; return what goes among the public ones."""
    seed = secrets.token_bytes(SEED_BYTES)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as opened:
        opened.write(seed.hex() + "\n")
    return {"key": verify_key_of(seed).hex(), "name": name}


def write_manifests(folder: Path, day: str, version: str | None = None) -> list[Path]:
    """Write a manifest of each version in a folder, or of one; of its other files nothing is said.

    A manifest of the same files stays as it is, with its day and signatures. UserError if one with
    signatures is of other files.
    """
    entries: dict[str, list[ReleaseFile]] = {}
    for path in sorted(folder.iterdir()):
        named = find_named(path.name)
        if named is not None and version in (None, named.version):
            sha256, count = hash_of(path)
            entry = ReleaseFile(
                bytes=count,
                kind=named.kind,
                name=path.name,
                sha256=sha256,
                system=named.system,
            )
            entries.setdefault(named.version, []).append(entry)
    written = []
    for each, files in sorted(entries.items()):
        release = Release(day=day, files=tuple(files), version=each)
        path = manifest_of(folder, each)
        if (former := find_signed(path)) is None:
            _write(path, Manifest(release=release, signatures=()))
        elif former.release.files != release.files:
            raise UserError("signed", SIGNED.format(path=path))
        written.append(path)
    return written


def manifest_of(folder: Path, version: str) -> Path:
    """Return where the manifest of a version lies."""
    return folder / f"mesh-{version}{ENDING}"


def find_signed(path: Path) -> Manifest | None:
    """Return a manifest that somebody signed; None if there is none, or it has no signature.

    UserError if there is something else of that name.
    """
    if not os.path.lexists(path):
        return None
    manifest = read_manifest(path)
    return manifest if manifest.signatures else None


def add_signature(manifest: Path, key: Path) -> list[ReleaseFile]:
    """Sign a manifest by one more key, and return the files of which that is true.

    UserError unless all of them lie beside it, as it lists them.
    """
    seed = bytes.fromhex(key.read_text(encoding="ascii"))
    found = read_manifest(manifest)
    for each in found.release.files:
        if hash_of(manifest.parent / each.name) != (each.sha256, each.bytes):
            raise UserError("changed", f"{each.name} is not the file that {manifest.name} lists.")
    _write(manifest, signed_by(found, [seed]))
    return [*found.release.files]


def _write(path: Path, manifest: Manifest) -> None:
    data = manifest.encode()
    # What cannot be read back would be refused by everybody.
    assert decode_manifest(data) == manifest
    write_public(path, [data], sha256=hashlib.sha256(data).hexdigest())


if __name__ == "__main__":
    sys.exit(main())
