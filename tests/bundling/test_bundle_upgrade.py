"""A real bundle is replaced by a later one while a node runs from it, comes back, and packs itself.

It needs `MESH_BUNDLE`, as `test_bundle.py` does.
"""

import json
import lzma
import os
import re
import shutil
import signal
import stat
import subprocess
import tarfile
from pathlib import Path
from typing import Final

import pytest

from mesh.bundles.packing import write_tar
from tests.bundles.fakes import sign
from tests.bundles.making import keys_file
from tests.bundling import test_bundle as bundle
from tests.bundling.test_bundle import only

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]

made = bundle.made


LATER: Final = "99.1.0"
WITHIN_S: Final = 900


class Installed:
    """A bundle in a folder of its own, with a home of its own."""

    def __init__(self, archive: Path, place: Path) -> None:
        with tarfile.open(archive) as opened:
            opened.extractall(place / "apps", filter="tar")
        (self.folder,) = (place / "apps").iterdir()
        self.passphrase = place / "passphrase"
        self.passphrase.touch(mode=0o600)
        self.passphrase.write_text("a passphrase of the tests")
        self.environment = {
            "HOME": str(place),
            "PATH": os.defpath,
            "MESH_HOME": str(place / "home"),
            "MESH_DISCOVERY": "false",
        }

    def attempt(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run `mesh`."""
        return subprocess.run(
            [self.folder / "mesh", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=WITHIN_S,
        )

    def run(self, *words: str) -> str:
        """Run `mesh`, which must succeed."""
        done = self.attempt(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def installed(made: Path, tmp_path: Path) -> Installed:
    """The bundle, unpacked."""
    return Installed(only(made, "mesh-*.tar.xz"), tmp_path)


def make_later(installed: Installed, stick: Path) -> Path:
    """Make a bundle of the same program that says it is later, and sign it."""
    name = re.sub(r"-[0-9][^-]*-", f"-{LATER}-", installed.folder.name, count=1)
    shutil.copytree(installed.folder, stick / name, symlinks=True)
    (told,) = (stick / name / "_internal").glob("mesh_messenger-*.dist-info/METADATA")
    text = re.sub(r"(?m)^Version: .*$", f"Version: {LATER}", told.read_text(), count=1)
    told.write_text(text)
    archive = stick / f"{name}.tar.xz"
    # The quickest level: that of a release takes minutes on a busy machine.
    with lzma.open(archive, "wb", preset=0) as stream:
        write_tar(stick / name, name, stream)
    sign(archive, LATER)
    return archive


def test_a_node_goes_on_in_a_later_bundle_and_back_in_the_former(
    installed: Installed, tmp_path: Path
) -> None:
    own = installed.run("version").split()[1]
    installed.run("up", "--headless", "--name", "Anna", "--no-passphrase")
    try:
        installed.run("send", "me", "before the upgrade")
        archive = make_later(installed, tmp_path / "stick")
        refused = installed.attempt("upgrade", str(archive))
        assert refused.returncode == 1
        assert "knows no release keys" in refused.stderr
        words = ("--keys", str(keys_file(tmp_path)), "--passphrase-file", str(installed.passphrase))
        told = json.loads(installed.run("--json", "upgrade", str(archive), *words, "--yes"))
        assert (told["version"], told["former"]) == (LATER, own)
        copy = Path(told["copy"])
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        assert installed.run("version").split()[1] == LATER
        installed.run("up", "--headless")
        assert "before the upgrade" in installed.run("read", "me", "--after", "0")
        again = installed.attempt("upgrade", str(archive), *words)
        assert "is the same version" in again.stderr
        installed.run("upgrade", "--back")
        assert installed.run("version").split()[1] == own
        installed.run("up", "--headless")
        assert "before the upgrade" in installed.run("read", "me", "--after", "0")
        installed.run("upgrade", "--clear")
        assert not copy.exists()
        assert [each.name for each in installed.folder.parent.iterdir()] == [installed.folder.name]
    finally:
        installed.attempt("down")


def test_a_bundle_that_shares_itself_is_the_one_that_was_made(
    made: Path, installed: Installed
) -> None:
    archive = only(made, "mesh-*.tar.xz")
    process = subprocess.Popen(
        [installed.folder / "mesh", "--json", "share"],
        env=installed.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=WITHIN_S)
    (shared,) = told["files"]
    assert shared["file"] == archive.name
    listed = json.loads(only(made, "*.manifest.json").read_bytes())["release"]["files"]
    (own,) = (each for each in listed if each["kind"] == "bundle")
    assert shared["sha256"] == own["sha256"]
