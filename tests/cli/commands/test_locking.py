"""`mesh lock`, `mesh unlock`, `mesh passphrase`, `mesh wipe --now`, with and without a daemon."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mesh.errors import UserError
from mesh.node.folders import profile_folders
from mesh.node.key_files import PassphraseCost
from mesh.node.profile import Profile
from tests.api.small_node import Running
from tests.api.small_vault import PASSPHRASE
from tests.cli.conftest import Mesh

Write = Callable[[str, str], Path]
CHEAP = PassphraseCost(memory_bytes=8 * 1024, passes=1)


@pytest.fixture
def write(tmp_path_factory: pytest.TempPathFactory) -> Write:
    """Write a private file outside of the home, and return its path."""
    folder = tmp_path_factory.mktemp("files")

    def call(name: str, content: str) -> Path:
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(content)
        return path

    return call


@pytest.fixture
def former(write: Write, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with the present passphrase, which the variable names."""
    path = write("former", PASSPHRASE.decode() + "\n")
    monkeypatch.setenv("MESH_PASSPHRASE_FILE", str(path))
    return path


def opens(passphrase: str) -> bool:
    """Say whether a profile without a daemon opens with a passphrase."""
    with Profile.held(profile_folders()) as profile:
        try:
            profile.open_vault(passphrase).close()
        except UserError as error:
            if error.kind != "wrong-passphrase":
                raise
            return False
    return True


def create() -> None:
    """A profile that nobody runs."""
    with Profile.held(profile_folders(), cost=CHEAP) as profile:
        profile.create(PASSPHRASE.decode())


def test_a_locked_node_refuses_with_a_kind_and_an_exit_code(
    mesh: Mesh, node: Running, former: Path
) -> None:
    locked = mesh("lock")
    assert (locked.code, locked.out) == (0, "")
    assert "mesh unlock" in locked.err
    for command in (("contacts",), ("send", "Ben", "x"), ("read",), ("invite",)):
        refused = mesh("--json", *command)
        assert (refused.code, refused.problem) == (4, "locked")
    status = mesh("status")
    assert "locked since 2027-01-1" in status.out
    assert mesh("lock", "--json").json == {}
    assert mesh("unlock").code == 0
    assert mesh("contacts").code == 0
    assert "vault      open" in mesh("status").out


def test_a_node_without_a_passphrase_is_not_locked(mesh: Mesh, node: Running) -> None:
    node.node.passphrase = b""
    refused = mesh("--json", "lock")
    assert (refused.code, refused.problem) == (4, "no-passphrase")


def test_the_passphrase_of_a_node_that_runs_is_changed_through_it(
    mesh: Mesh, node: Running, former: Path, write: Write
) -> None:
    profile_folders().vault_key_file.touch(mode=0o600)
    new = write("new", "battery staple\n")
    changed = mesh("passphrase", "--new-file", str(new))
    assert changed.code == 0
    assert "still holds the former passphrase" in changed.err
    assert "This passphrase is weak" in changed.err
    assert node.node.passphrase == b"battery staple"
    wrong = mesh("--json", "passphrase", "--new-file", str(new))
    assert (wrong.code, wrong.problem) == (4, "wrong-passphrase")


def test_the_passphrase_of_a_profile_that_does_not_run_is_changed_in_its_file(
    mesh: Mesh, former: Path, write: Write
) -> None:
    create()
    new = write("new", "battery staple")
    assert mesh("passphrase", "--new-file", str(new), "--json").json == {}
    assert not opens(PASSPHRASE.decode())
    assert opens("battery staple")
    assert mesh("passphrase", "--new-file", str(new)).code == 4
    former.write_text("battery staple")
    removed = mesh("passphrase", "--remove", "--yes")
    assert removed.code == 0
    assert "can read your messages" in removed.err
    assert opens("")
    former.write_text("")
    assert mesh("passphrase", "--new-file", str(new)).code == 0
    assert opens("battery staple")


def test_a_passphrase_is_not_removed_by_accident(mesh: Mesh, former: Path, write: Write) -> None:
    create()
    unconfirmed = mesh("--json", "passphrase", "--remove")
    assert unconfirmed.code == 1
    assert '"urn:mesh:problem:no-answer"' in unconfirmed.err
    empty = mesh("--json", "passphrase", "--new-file", str(write("empty", "\n")))
    assert (empty.code, empty.problem) == (1, "bad-passphrase")
    both = mesh("passphrase", "--remove", "--new-file", str(former))
    assert both.code == 2
    nobody = mesh("--json", "passphrase")
    assert (nobody.code, nobody.problem) == (4, "no-passphrase")
    assert opens(PASSPHRASE.decode())


def test_a_profile_that_was_never_made_has_no_passphrase_to_change(mesh: Mesh) -> None:
    refused = mesh("--json", "passphrase", "--remove", "--yes")
    assert (refused.code, refused.problem) == (5, "not-found")


def test_a_file_that_others_may_read_is_warned_of(mesh: Mesh, former: Path, write: Write) -> None:
    create()
    new = write("new", "battery staple")
    new.chmod(0o644)
    assert f"Others may read {new}" in mesh("passphrase", "--new-file", str(new)).err


def test_wiping_at_once_asks_nobody_and_says_what_a_disk_may_hold(
    mesh: Mesh, tmp_path: Path
) -> None:
    assert mesh("wipe", "--now").code == 5
    create()
    wiped = mesh("wipe", "--now")
    assert wiped.code == 0
    assert "flash disk" in wiped.err
    assert "nobody guesses your passphrase" in wiped.err
    assert not profile_folders().data.exists()
    create()
    assert mesh("wipe", "--now", "--json").json == {}


@pytest.mark.parametrize("options", [("--now",), ("--yes",)])
def test_wiping_says_nothing_of_guesses_where_there_is_no_passphrase(
    mesh: Mesh, options: tuple[str, ...]
) -> None:
    with Profile.held(profile_folders(), cost=CHEAP) as profile:
        profile.create("")
    wiped = mesh("wipe", *options)
    assert wiped.code == 0
    assert "flash disk" in wiped.err
    assert "guess" not in wiped.err
    assert "without a passphrase" in wiped.err


@pytest.mark.parametrize("options", [("--now",), ("--yes",)])
def test_wiping_says_that_all_is_gone_where_a_copy_could_not_be_overwritten(
    mesh: Mesh, options: tuple[str, ...]
) -> None:
    create()
    profile_folders().copy_file.mkdir()
    wiped = mesh("wipe", *options)
    assert wiped.code == 1
    assert "nobody guesses your passphrase" in wiped.err
    assert "The profile default is gone." in wiped.err
    assert "could not be overwritten" in wiped.err
    assert "weekly.backup" in wiped.err
    assert not profile_folders().data.exists()
    create()
    profile_folders().copy_file.mkdir()
    assert mesh("wipe", *options, "--json").problem == "copy-stays"


def test_nobody_is_asked_for_a_passphrase_that_there_is_not(mesh: Mesh, write: Write) -> None:
    with Profile.held(profile_folders(), cost=CHEAP) as profile:
        profile.create("")
    chosen = mesh("passphrase", "--new-file", str(write("new", "battery staple")))
    assert chosen.code == 0
    assert opens("battery staple")
    refused = mesh("--json", "passphrase", "--new-file", str(write("newer", "horse")))
    assert (refused.code, refused.problem) == (4, "no-passphrase")
