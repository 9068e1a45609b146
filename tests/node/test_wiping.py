"""Wiping at once: also when it is killed, nobody reads the vault any more."""

import errno
import os
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from itertools import groupby
from pathlib import Path

import pytest

from mesh.errors import MeshError, UserError
from mesh.node.folders import ProfileFolders, profile_folders
from mesh.node.key_files import WrappedKey
from mesh.node.profile import Profile
from mesh.node.wiped_keys import erase_keys
from mesh.node.wiping import wipe_at_once
from mesh.wire.backup_file import FILE_HEAD_BYTES
from tests.node.killing import left_by
from tests.node.profiles import CHEAP, made_quickly

needs_rights = pytest.mark.skipif(os.name == "nt", reason="there are no such rights on Windows")

HANG = """
import signal, sys, time
from mesh.node.folders import profile_folders
from mesh.node.profile import Profile
from mesh.node.wiped_keys import erase_keys
profile = Profile(profile_folders("anna", {"MESH_HOME": sys.argv[1]}))
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
print("held", flush=True)
while True:
    time.sleep(60)
"""


def made(home: Path) -> ProfileFolders:
    """A profile with both databases, and what a change that was killed has left."""
    folders = profile_folders("anna", {"MESH_HOME": str(home)})
    made_quickly(folders)
    with Profile.held(folders, cost=CHEAP) as profile:
        profile.open_store().close()
        profile.open_vault("horse").close()
    left = folders.vault_key_file.with_name(".vault.key.new")
    left.write_bytes(folders.vault_key_file.read_bytes())
    return folders


def openers(folders: ProfileFolders) -> list[str]:
    """The files beside the vault that open it with the passphrase."""
    if not folders.vault_file.exists():
        return []
    found: list[str] = []
    for file in sorted(folders.data.iterdir()):
        with suppress(MeshError):
            WrappedKey.decode(file.read_bytes(), "").unwrap("horse")
            found.append(file.name)
    return found


def hanging(home: Path) -> subprocess.Popen[str]:
    """A process that holds the profile and hears no polite signal."""
    process = subprocess.Popen(
        [sys.executable, "-c", HANG, home], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    process.stdout.close()
    return process


def test_a_process_that_hangs_is_ended_and_the_profile_is_gone(tmp_path: Path) -> None:
    folders = made(tmp_path)
    process = hanging(tmp_path)
    with pytest.raises(UserError, match="already runs"):
        Profile(folders)
    wipe_at_once(folders, timeout_s=30)
    assert process.wait() == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []


def test_who_cannot_be_ended_keeps_the_files_and_not_the_keys(tmp_path: Path) -> None:
    folders = made(tmp_path)
    # This process cannot end itself and go on.
    with Profile.held(folders):
        with pytest.raises(UserError, match="keys of the profile anna are destroyed") as caught:
            wipe_at_once(folders, timeout_s=0)
        assert caught.value.kind == "timeout"
        assert openers(folders) == []
        assert folders.vault_file.exists()
    wipe_at_once(folders, timeout_s=0)
    assert list(tmp_path.iterdir()) == []


def test_the_socket_of_a_killed_daemon_goes_too(tmp_path: Path) -> None:
    folders = made(tmp_path)
    folders.socket_file.parent.mkdir(parents=True)
    folders.socket_file.touch()
    wipe_at_once(folders, timeout_s=10)
    assert not folders.socket_file.parent.exists()


@needs_rights
def test_what_an_unfinished_change_left_goes_when_the_profile_is_next_held(tmp_path: Path) -> None:
    folders = made(tmp_path)
    left = folders.vault_key_file.with_name(".vault.key.new")
    assert left.exists()
    with Profile.held(folders) as profile:
        assert not left.exists()
        profile.open_vault("horse").close()


@needs_rights
@pytest.mark.slow
@pytest.mark.parametrize(
    "how, stages",
    [
        ("wipe", [["vault.key"], []]),
        ("wipe at once", [[".vault.key.new", "vault.key"], ["vault.key"], []]),
    ],
)
def test_a_wipe_that_is_killed_anywhere_leaves_a_profile_that_opens_or_a_vault_that_nobody_opens(
    tmp_path: Path, how: str, stages: list[list[str]]
) -> None:
    begun = made(tmp_path / "home")
    # Who holds a profile has erased what a change that was killed has left.
    wipe = Profile(begun).wipe if how == "wipe" else partial(wipe_at_once, begun, timeout_s=10)
    seen: list[list[str]] = []
    for folders in left_by(begun, wipe):
        seen.append(openers(folders))
        wipe_at_once(folders, timeout_s=10)
        assert not folders.data.exists()
    assert len(seen) > 5, seen
    # Never one that only an unfinished copy opens: it would look wiped.
    assert [names for names, _ in groupby(seen)] == stages


@needs_rights
@pytest.mark.slow
def test_a_wipe_that_is_killed_anywhere_leaves_no_copy_without_the_key_of_the_vault(
    tmp_path: Path,
) -> None:
    """It would look wiped, and the passphrase of backups would open it."""
    begun = made(tmp_path / "home")
    copies = {
        path.name: os.urandom(2 * FILE_HEAD_BYTES)
        for path in (*begun.copy_files, *begun.upgrade_copy_files)
    }
    for name, content in copies.items():
        (begun.data / name).write_bytes(content)

    def whole(folders: ProfileFolders) -> list[str]:
        left = {path.name: path.read_bytes() for path in folders.data.glob("*backup*")}
        return [
            name
            for name, content in copies.items()
            if left.get(name, b"")[:FILE_HEAD_BYTES] == content[:FILE_HEAD_BYTES]
        ]

    seen = [
        (folders.vault_key_file.exists(), len(whole(folders)))
        for folders in left_by(begun, partial(wipe_at_once, begun, timeout_s=10))
    ]
    stages = [stage for stage, _ in groupby(seen)]
    assert stages == [(True, 4), (True, 3), (True, 2), (True, 1), (True, 0), (False, 0)]


def test_a_copy_that_cannot_be_erased_keeps_nothing_else_and_is_told(tmp_path: Path) -> None:
    folders = made(tmp_path)
    process = hanging(tmp_path)
    folders.copy_file.mkdir()
    with pytest.raises(UserError, match="The profile anna is gone") as caught:
        wipe_at_once(folders, timeout_s=30)
    assert (caught.value.kind, caught.value.fields) == ("copy-stays", {"files": "weekly.backup"})
    assert process.wait() == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["store.key", "mesh.key", "backup.key"])
def test_a_key_that_cannot_be_erased_after_that_of_the_vault_ends_no_wipe(
    tmp_path: Path, name: str
) -> None:
    folders = made(tmp_path)
    file = folders.data / name
    file.unlink(missing_ok=True)
    file.mkdir()
    assert erase_keys(folders) == [name]
    keys = (folders.store_key_file, folders.mesh_file, folders.backup_key_file)
    assert [key for key in keys if key.is_file()] == []
    with pytest.raises(UserError, match=f"The profile anna is gone.*{name}"):
        wipe_at_once(folders, timeout_s=10)
    assert list(tmp_path.iterdir()) == []


@needs_rights
def test_a_key_of_the_vault_that_cannot_be_erased_keeps_the_profile_and_is_told(
    tmp_path: Path,
) -> None:
    folders = made(tmp_path)
    elsewhere = tmp_path / "elsewhere.key"
    folders.vault_key_file.rename(elsewhere)
    folders.vault_key_file.symlink_to(elsewhere)
    with pytest.raises(UserError, match="anna is not wiped") as caught:
        wipe_at_once(folders, timeout_s=10)
    assert caught.value.kind == "not-wiped"
    with Profile.held(folders) as profile:
        profile.open_vault("horse").close()
    # What reads as destroyed ends no wipe; that nobody saw it overwritten is told.
    elsewhere.write_bytes(os.urandom(elsewhere.stat().st_size))
    with pytest.raises(UserError, match=r"The profile anna is gone.*vault\.key"):
        wipe_at_once(folders, timeout_s=10)
    assert list(tmp_path.iterdir()) == [elsewhere]


def test_a_file_that_cannot_be_removed_does_not_hide_that_the_keys_are_gone(tmp_path: Path) -> None:
    folders = made(tmp_path)
    folders.copy_file.mkdir()
    in_the_way = folders.vault_file.with_name("vault.db-journal")
    in_the_way.mkdir()
    with pytest.raises(UserError, match=r"keys of the profile anna are destroyed.*weekly") as told:
        wipe_at_once(folders, timeout_s=10)
    assert told.value.kind == "files-stay"
    assert openers(folders) == []
    in_the_way.rmdir()


def test_a_key_whose_overwriting_the_disk_did_not_confirm_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = made(tmp_path)
    confirm = os.fsync

    def fail(number: int) -> None:
        if os.readlink(f"/proc/self/fd/{number}") == str(folders.vault_key_file):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        confirm(number)

    monkeypatch.setattr(os, "fsync", fail)
    assert erase_keys(folders) == ["vault.key"]
