"""A profile on disk: what is left when a process is killed, or the disk is full."""

from pathlib import Path

import pytest

from mesh.errors import UserError
from mesh.node.folders import ProfileFolders, profile_folders
from mesh.node.profile import Profile
from tests.mounts import run_on_disk
from tests.node.killing import left_by
from tests.node.profiles import CHEAP, is_noted, made_quickly, needs_rights, note


def folders_in(folder: Path) -> ProfileFolders:
    return profile_folders("anna", {"MESH_HOME": str(folder / "home")})


@needs_rights
@pytest.mark.slow
def test_a_first_run_that_is_killed_anywhere_starts_again(tmp_path: Path) -> None:
    begun = folders_in(tmp_path)

    def begin() -> None:
        with Profile.held(begun, cost=CHEAP) as profile:
            profile.create("horse")
            profile.open_store().close()
            profile.open_vault("horse").close()

    places = left_by(begun, begin)
    for folders in places:
        with Profile.held(folders, cost=CHEAP) as profile:
            if not profile.is_created:
                profile.create("horse")
            profile.open_store().close()
            profile.open_vault("horse").close()
    assert len(places) > 10


@needs_rights
@pytest.mark.slow
def test_a_change_of_passphrase_that_is_killed_anywhere_leaves_one_of_the_two(
    tmp_path: Path,
) -> None:
    begun = made_quickly(folders_in(tmp_path))

    def change() -> None:
        with Profile.held(begun, cost=CHEAP) as profile:
            profile.change_passphrase("horse", "battery")

    with Profile.held(begun) as profile:
        vault = profile.open_vault("horse")
        note(vault)
        vault.close()
    opened_by = []
    for folders in left_by(begun, change):
        with Profile.held(folders) as again:
            try:
                vault = again.open_vault("horse")
                opened_by.append("horse")
            except UserError:
                vault = again.open_vault("battery")
                opened_by.append("battery")
            assert is_noted(vault)
            vault.close()
    assert len(opened_by) >= 5
    assert opened_by == sorted(opened_by, reverse=True)
    assert {"horse", "battery"} == set(opened_by)


@needs_rights
@pytest.mark.slow
def test_a_wipe_that_is_killed_anywhere_is_finished_by_the_next(tmp_path: Path) -> None:
    begun = made_quickly(folders_in(tmp_path))
    with Profile.held(begun) as profile:
        profile.open_store().close()
        profile.open_vault("horse").close()
    seen_unfinished = 0
    *killed, done = left_by(begun, lambda: Profile(begun).wipe())
    assert not done.data.exists()
    for folders in killed:
        again = Profile(folders, cost=CHEAP)
        if not again.is_created and folders.vault_file.exists():
            seen_unfinished += 1
            with pytest.raises(UserError) as caught:
                again.create("horse")
            assert caught.value.kind == "wipe-unfinished"
        again.wipe()
        assert not folders.data.exists()
    assert seen_unfinished > 0


FILL = """
import sys
from pathlib import Path
from mesh.errors import MeshError
from mesh.node.folders import profile_folders
from mesh.node.key_files import PassphraseCost
from mesh.node.profile import Profile
folders = profile_folders("anna", {"MESH_HOME": sys.argv[1]})
try:
    with Profile.held(folders, cost=PassphraseCost(memory_bytes=8192, passes=1)) as profile:
        if not profile.is_created:
            profile.create("horse")
        profile.open_store().close()
        profile.open_vault("horse").close()
        print("opened")
except MeshError as error:
    print(error)
"""


def test_a_full_disk_is_told_at_first_run_and_the_next_run_succeeds(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "if sys.argv[2] == 'first':\n"
        "    file = (pathlib.Path(sys.argv[1]) / 'ballast').open('wb', buffering=0)\n"
        "    try:\n"
        "        while True:\n"
        "            file.write(bytes(4096))\n"
        "    except OSError:\n"
        "        pass\n" + FILL
    )
    said = run_on_disk(
        tmp_path, "size=4m", program, then='head -c 0 /dev/null >"$DISK/ballast"'
    ).splitlines()
    assert said[0].startswith("The disk is full: free some space")
    assert said[1:] == ["opened"]


def test_a_read_only_disk_is_told_in_a_sentence(tmp_path: Path) -> None:
    said = run_on_disk(tmp_path, "size=4m", FILL, then='mount -o remount,ro "$DISK"').splitlines()
    assert said[0] == "opened"
    assert said[1].endswith("is on a disk that is not read-only.")
