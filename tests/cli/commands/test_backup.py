"""`mesh backup`, `mesh restore` and `mesh takeover` at the command line."""

from pathlib import Path

import pytest

from mesh.node.folders import profile_folders
from mesh.node.profile import Profile
from tests.api.small_backup import small_backup
from tests.api.small_node import Running
from tests.cli.conftest import Mesh
from tests.mounts import run_on_disk

PASSPHRASE = "correct horse battery staple 48"


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a place outside of the home."""
    return tmp_path_factory.mktemp("files")


def private(path: Path, content: str) -> str:
    path.touch(mode=0o600)
    path.write_text(content)
    return str(path)


@pytest.fixture
def secret(folder: Path) -> str:
    """Return a file with a passphrase for backups."""
    return private(folder / "backup.pass", PASSPHRASE)


def test_a_backup_is_written_read_back_and_says_what_it_keeps(
    mesh: Mesh, node: Running, folder: Path, secret: str
) -> None:
    assert "none yet" in mesh("backup").out
    file = folder / "anna.backup"
    ran = mesh("backup", str(file), "--passphrase-file", secret)
    assert (ran.code, ran.out) == (0, "")
    assert "read back whole" in ran.err
    assert "what you delete later" in ran.err
    assert "is you" in ran.err
    assert "each week" in ran.err
    assert "weak" not in ran.err
    assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in folder.iterdir()) == ["anna.backup", "backup.pass"]
    assert "have a passphrase" in mesh("backup").out
    again = mesh("backup", str(file), "--passphrase-file", secret, "--yes", "--json")
    assert again.json["bytes"] == file.stat().st_size


def test_nothing_is_replaced_unasked_or_by_what_was_cut_short(
    mesh: Mesh, node: Running, folder: Path, secret: str
) -> None:
    file = folder / "anna.backup"
    file.write_bytes(b"the former one")
    asked = mesh("backup", str(file), "--passphrase-file", secret)
    assert asked.code == 1
    assert "--yes" in asked.err
    node.node.is_cut_short = True
    cut = mesh("backup", str(file), "--passphrase-file", secret, "--yes")
    assert cut.code == 3
    assert "before the backup was whole" in cut.err or "stopped before" in cut.err
    assert file.read_bytes() == b"the former one"
    assert sorted(path.name for path in folder.iterdir()) == ["anna.backup", "backup.pass"]
    node.node.is_cut_short = False
    other = private(folder / "other.pass", "another")
    node.node.backup_passphrase = PASSPHRASE.encode()
    wrong = mesh("backup", str(file), "--passphrase-file", other, "--yes")
    assert wrong.code == 4
    assert file.read_bytes() == b"the former one"


def test_a_weak_passphrase_for_backups_is_told(mesh: Mesh, node: Running, folder: Path) -> None:
    weak = private(folder / "weak.pass", "hello")
    ran = mesh("backup", str(folder / "x"), "--passphrase-file", weak)
    assert ran.code == 0
    assert "weak" in ran.err
    assert "a copy of the file" in ran.err


def test_without_a_person_a_passphrase_comes_from_a_file(
    mesh: Mesh, node: Running, folder: Path
) -> None:
    ran = mesh("backup", str(folder / "x"))
    assert ran.code == 4
    assert "--passphrase-file" in ran.err
    assert not (folder / "x").exists()


@pytest.fixture
def backup(folder: Path) -> Path:
    """Return a backup."""
    path = folder / "anna.backup"
    path.write_bytes(b"".join(small_backup("Anna", PASSPHRASE, 200_000)))
    return path


def test_a_backup_is_checked_without_a_profile(
    mesh: Mesh, folder: Path, secret: str, backup: Path
) -> None:
    ran = mesh("restore", str(backup), "--check", "--passphrase-file", secret)
    assert ran.code == 0
    assert "Anna" in ran.out
    assert (
        mesh("restore", str(backup), "--check", "--passphrase-file", secret, "--json").json["name"]
        == "Anna"
    )
    assert not profile_folders().data.exists()
    backup.write_bytes(backup.read_bytes()[:-1])
    damaged = mesh("restore", str(backup), "--check", "--passphrase-file", secret)
    assert damaged.code == 1
    assert "damaged or cut short" in damaged.err


def test_a_restore_makes_no_profile_of_what_does_not_hang_together(
    mesh: Mesh, folder: Path, secret: str, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The drafts of this one are of a conversation that is not there.
    monkeypatch.setenv("MESH_PASSPHRASE_FILE", private(folder / "own.pass", "horse"))
    ran = mesh("restore", str(backup), "--passphrase-file", secret)
    assert ran.code == 1
    assert not profile_folders().vault_file.exists()
    wrong = mesh("restore", str(backup), "--passphrase-file", private(folder / "w", "horse"))
    assert wrong.code == 4


def test_there_is_no_restore_over_a_profile(
    mesh: Mesh, folder: Path, secret: str, backup: Path
) -> None:
    with Profile.held(profile_folders()) as profile:
        profile.open_store().close()
    ran = mesh("restore", str(backup), "--passphrase-file", secret)
    assert ran.code == 1
    assert "--profile NAME" in ran.err


def test_a_takeover_where_there_is_nothing_to_take_over_says_so(mesh: Mesh, node: Running) -> None:
    ran = mesh("takeover", "--yes")
    assert ran.code == 0
    assert "present machine already" in ran.err


ON_A_FULL_DISK = """
import os, sys
from pathlib import Path
from mesh.cli.commands.backup import write_backup
from mesh.cli.options import Choices
from mesh.cli.terminal import Terminal
from mesh.errors import UserError
from tests.api.small_backup import small_backup

path = Path(sys.argv[1]) / "anna.backup"
size = 100_000 if sys.argv[2] == "first" else 3_000_000
try:
    write_backup(Terminal(Choices()), path, small_backup("Anna", "x", size), "x", expected=size)
except UserError as error:
    print(error)
print(sorted(os.listdir(path.parent)), path.stat().st_size)
"""


def test_a_full_stick_leaves_the_former_backup(tmp_path: Path) -> None:
    first, sentence, second = run_on_disk(tmp_path, "size=1m", ON_A_FULL_DISK).splitlines()
    assert first == second
    assert "['anna.backup']" in second
    assert sentence.startswith("No backup was written")
    assert "The disk is full" in sentence
    assert "start Mesh" not in sentence
