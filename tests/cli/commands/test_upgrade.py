"""`mesh upgrade` where no node and no new bundle is needed: the way back, and clearing it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mesh.cli.commands.upgrade import make_copy
from mesh.cli.options import Choices
from mesh.cli.terminal import Terminal
from mesh.node.folders import ProfileFolders, profile_folders
from mesh.wire.backup_file import FILE_HEAD_BYTES
from tests.api.small_node import Running
from tests.bundles.fakes import make_folder
from tests.cli.conftest import Mesh
from tests.node.profiles import made_quickly

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="no two folders are exchanged there"
)


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let this process be the program of a bundle, and return its folder."""
    folder = make_folder(tmp_path / "apps" / "mesh", "0.2.0.dev0")
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(folder / "mesh"))
    return folder


@pytest.fixture
def profile(mesh: Mesh) -> ProfileFolders:
    """A profile with the copy that an upgrade made."""
    folders = made_quickly(profile_folders("cleo"))
    folders.upgrade_copy_file.write_bytes(b"a copy" * 1_000)
    folders.data.joinpath("before-upgrade.backup.part").write_bytes(b"a copy" * 500)
    return folders


def test_the_commands_of_the_way_back_keep_the_copy(
    mesh: Mesh,
    bundle: Path,
    profile: ProfileFolders,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    make_folder(bundle.with_name("mesh.other"), "0.1.0")
    ran = mesh("upgrade", "--back", "--profile", "cleo")
    assert ran.code == 0, ran.err
    before, _, after = ran.err.partition("the copy from before the upgrade")
    assert "mesh vault back --profile cleo" in before
    move, wipe, restore = (each.strip() for each in after.splitlines() if each.startswith("  "))
    subprocess.run(["/bin/sh", "-c", move], check=True, stdin=subprocess.DEVNULL)
    assert mesh(*wipe.split()[1:], "--yes").code == 0
    assert not profile.data.exists()
    kept = Path(restore.split()[2]).expanduser()
    assert kept.read_bytes() == b"a copy" * 1_000
    assert restore.endswith(" --profile cleo")


def test_without_a_former_version_the_node_goes_on(mesh: Mesh, node: Running, bundle: Path) -> None:
    ran = mesh("upgrade", "--back")
    assert ran.code == 5
    assert "No former version" in ran.err
    assert mesh("status").code == 0


def test_clearing_says_to_a_script_what_there_was(
    mesh: Mesh, bundle: Path, profile: ProfileFolders
) -> None:
    make_folder(bundle.with_name("mesh.other"), "0.1.0")
    assert mesh("--json", "upgrade", "--clear", "--profile", "cleo").json == {"was_there": True}
    assert not list(profile.data.glob("before-upgrade*"))
    assert mesh("--json", "upgrade", "--clear", "--profile", "cleo").json == {"was_there": False}


def test_a_second_copy_leaves_nothing_that_opens_of_the_first(
    mesh: Mesh, node: Running, tmp_path: Path
) -> None:
    secret = tmp_path / "backup.pass"
    secret.touch(mode=0o600)
    secret.write_text("correct horse battery staple 48")
    choices = Choices()
    file = profile_folders().data / "before-upgrade.backup"
    part = file.with_name(f"{file.name}.part")
    file.parent.mkdir(parents=True, exist_ok=True)
    for path in (file, part):
        path.write_bytes(b"former" * 1_000)
    left = [os.open(path, os.O_RDONLY) for path in (file, part)]
    assert make_copy(Terminal(choices), choices, secret) == str(file)
    for descriptor in left:
        head = os.pread(descriptor, FILE_HEAD_BYTES, 0)
        assert head != (b"former" * 1_000)[:FILE_HEAD_BYTES]
        os.close(descriptor)
    assert not part.exists()
