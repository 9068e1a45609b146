"""Makers of a release make keys and a manifest, and sign it one after another."""

import json
import stat
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from mesh.bundles.verifying import read_manifest
from mesh.bundling.releasing import add_signature, make_key, write_manifests
from mesh.errors import UserError


def release(*words: str) -> str:
    """Run `dev.py release`."""
    return subprocess.run(
        [sys.executable, "-m", "mesh.bundling.releasing", *words],
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_a_release_that_two_signed_is_verified_by_their_keys(tmp_path: Path) -> None:
    folder = tmp_path / "dist"
    folder.mkdir()
    (folder / "mesh-9.1.0-linux-x86_64.tar.xz").write_bytes(b"a bundle")
    (folder / "mesh_messenger-9.1.0-py3-none-any.whl").write_bytes(b"a wheel")
    (folder / "notes.txt").write_bytes(b"not of a release")
    manifest = Path(release("manifest", str(folder)).strip())
    known = []
    for name in ("Ada", "Bob"):
        key = tmp_path / f"{name}.key"
        known.append(json.loads(release("key", str(key), "--name", name)))
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        release("sign", str(manifest), "--key", str(key))
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": known, "threshold": 2}))
    files = [str(each) for each in sorted(folder.glob("mesh*"))]
    verify = [sys.executable, "-m", "mesh.cli.main", "verify", "--keys", str(keys)]
    told = subprocess.run([*verify, *files], check=True, capture_output=True, text=True).stdout
    assert told.count("signed by Ada, Bob") == 3
    notes = subprocess.run([*verify, str(folder / "notes.txt")], check=False, capture_output=True)
    assert notes.returncode == 1


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    """Return the manifest of a release that somebody signed."""
    folder = tmp_path / "dist"
    folder.mkdir()
    (folder / "mesh-9.1.0-linux-x86_64.tar.xz").write_bytes(b"a bundle")
    (folder / "mesh_messenger-9.1.0-py3-none-any.whl").write_bytes(b"a wheel")
    (manifest,) = write_manifests(folder, "2026-11-28")
    make_key(tmp_path / "key", "Ada")
    listed = add_signature(manifest, tmp_path / "key")
    assert [each.name for each in listed] == sorted(
        each.name for each in folder.iterdir() if each != manifest
    )
    return manifest


def test_signatures_outlive_a_second_making_of_the_manifest(signed: Path) -> None:
    before = signed.read_bytes()
    assert len(read_manifest(signed).signatures) == 1
    assert write_manifests(signed.parent, "2026-11-29") == [signed]
    assert signed.read_bytes() == before
    (signed.parent / "mesh_messenger-9.1.0-py3-none-any.whl").write_bytes(b"another")
    with pytest.raises(UserError, match="is signed"):
        write_manifests(signed.parent, "2026-11-29")
    assert signed.read_bytes() == before


@pytest.mark.parametrize("how", ["changed", "missing"])
def test_nobody_signs_for_files_that_are_not_there(signed: Path, tmp_path: Path, how: str) -> None:
    before = signed.read_bytes()
    wheel = signed.parent / "mesh_messenger-9.1.0-py3-none-any.whl"
    if how == "changed":
        wheel.write_bytes(b"a whee1")
    else:
        wheel.unlink()
    make_key(tmp_path / "other", "Bob")
    with pytest.raises(UserError):
        add_signature(signed, tmp_path / "other")
    assert signed.read_bytes() == before


def test_a_bundle_is_not_made_into_a_folder_that_was_signed(tmp_path: Path) -> None:
    version = metadata.version("mesh-messenger")
    (tmp_path / f"mesh_messenger-{version}.tar.gz").write_bytes(b"source")
    (manifest,) = write_manifests(tmp_path, "2026-11-28")
    make_key(tmp_path / "key", "Ada")
    add_signature(manifest, tmp_path / "key")
    before = manifest.read_bytes()
    words = [sys.executable, "-m", "mesh.bundling", "--out", str(tmp_path)]
    ran = subprocess.run(words, check=False, capture_output=True, text=True)
    assert ran.returncode == 1
    assert "is signed" in ran.stderr
    assert manifest.read_bytes() == before
