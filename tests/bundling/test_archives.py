"""Wheel, source archive and bundle are the same bytes whenever they are made."""

import hashlib
import os
import sys
import tarfile
from pathlib import Path

import pytest

from mesh.bundling.archives import distributions, packed
from mesh.bundling.debian import CONTROL, debian_version
from mesh.bundling.freezing import libraries
from mesh.bundling.licences import text_of
from mesh.bundling.started import give_back_environment
from tests.bundling.bare_root import PACKAGES


def test_the_debian_package_asks_for_all_that_it_runs_beside() -> None:
    (asked,) = (line for line in CONTROL.splitlines() if line.startswith("Depends: "))
    essential = {"base-files", "dash"}
    named = {part.split()[0] for part in asked.removeprefix("Depends: ").split(", ")}
    assert named == {*PACKAGES} - essential


@pytest.mark.slow
def test_two_builds_of_wheel_and_source_are_equal(tmp_path: Path) -> None:
    builds = [distributions(tmp_path / name) for name in ("first", "second")]
    first, second = ([digest(file) for file in build] for build in builds)
    assert first == second
    with tarfile.open(builds[0][1]) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    assert {"dev.py", "mesh/bundling/__main__.py", "requirements-bundle.txt", "LICENSE"} <= {*names}


def digest(file: Path) -> str:
    """Return the hash of a file, with its name."""
    return f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}"


@pytest.mark.skipif(sys.platform == "win32", reason="a zip file is made there")
def test_an_archive_tells_neither_when_nor_by_whom_it_was_made(tmp_path: Path) -> None:
    archives = []
    for number, moment in enumerate((1_000_000_000, 1_700_000_000)):
        folder = tmp_path / str(number) / "mesh"
        (folder / "licences").mkdir(parents=True)
        for name, mode in (("mesh", 0o700), ("README.txt", 0o600), ("licences/a", 0o640)):
            (folder / name).write_text(name)
            (folder / name).chmod(mode)
            os.utime(folder / name, (moment, moment))
        archives.append(packed(folder, folder.parent))
    first, second = (archive.read_bytes() for archive in archives)
    assert first == second
    with tarfile.open(archives[0]) as archive:
        modes = {member.name: member.mode for member in archive if member.isfile()}
    assert modes == {"mesh/README.txt": 0o644, "mesh/licences/a": 0o644, "mesh/mesh": 0o755}


def test_every_library_brings_its_licence() -> None:
    told = {name: text_of(name, library) for name, library in libraries().items()}
    assert {"trio", "pynacl", "cffi", "zeroconf", "sqlcipher3"} <= {*told}
    # Equal, so that no excuse outlives its cause: these ship no text, and name their licence.
    bare = sorted(name for name, text in told.items() if "\n--- " not in text)
    assert bare == []


def test_a_browser_that_a_bundle_starts_gets_the_libraries_of_the_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "ours")
    monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", "theirs")
    monkeypatch.setenv("_PYI_ARCHIVE_FILE", "ours")
    give_back_environment()
    assert os.environ["LD_LIBRARY_PATH"] == "theirs"
    assert "LD_LIBRARY_PATH_ORIG" not in os.environ
    assert "_PYI_ARCHIVE_FILE" not in os.environ
    give_back_environment()
    assert "LD_LIBRARY_PATH" not in os.environ


def test_a_development_version_comes_before_its_release() -> None:
    assert debian_version("0.2.0.dev0") == "0.2.0~dev0"
