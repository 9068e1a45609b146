"""The files of profiles tell their names and kinds without being opened."""

import itertools
from pathlib import Path

import pytest

from mesh.node.folders import ProfileFolders, profile_folders
from mesh.node.key_files import EMPTY_COST, PassphraseCost
from mesh.node.profile import Profile
from mesh.node.profiles import all_profiles, find_wrapped_key, is_unprotected

OTHER = PassphraseCost(memory_bytes=16 * 1024, passes=1)
"""Stands for the usual cost, which would take a second."""


def made(folders: ProfileFolders, passphrase: str, cost: PassphraseCost = OTHER) -> None:
    """A profile with a passphrase, or none."""
    with Profile.held(folders, cost=cost) as profile:
        profile.create(passphrase)


def test_a_profile_without_a_passphrase_says_so(folders: ProfileFolders) -> None:
    assert not is_unprotected(folders)
    made(folders, "")
    assert is_unprotected(folders)
    with Profile.held(folders, cost=OTHER) as profile:
        profile.change_passphrase("", "horse")
        assert not is_unprotected(folders)
        profile.change_passphrase("horse", "")
        assert is_unprotected(folders)


def test_a_short_way_to_a_key_does_not_mean_that_there_is_no_passphrase(
    folders: ProfileFolders,
) -> None:
    made(folders, "horse", EMPTY_COST)
    assert not is_unprotected(folders)


def test_a_file_of_an_earlier_release_says_so_once_it_was_opened(
    folders: ProfileFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr("mesh.node.profile.EMPTY_COST", OTHER)
        made(folders, "")
    assert not is_unprotected(folders)
    wrapped = find_wrapped_key(folders)
    assert wrapped is not None
    assert wrapped.opens_without()
    for _ in range(2):
        with Profile.held(folders, cost=OTHER) as profile:
            profile.open_vault("").close()
        assert is_unprotected(folders)


def test_a_damaged_key_file_says_nothing(folders: ProfileFolders) -> None:
    made(folders, "")
    folders.vault_key_file.write_bytes(b"nothing")
    assert not is_unprotected(folders)


@pytest.mark.parametrize("has_home", [True, False])
def test_profiles_are_found_where_the_system_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_home: bool
) -> None:
    if has_home:
        monkeypatch.setenv("MESH_HOME", str(tmp_path))
    else:
        monkeypatch.delenv("MESH_HOME", raising=False)
        for number, name in enumerate(("CONFIG", "DATA", "STATE")):
            monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / str(number)))
    assert all_profiles() == []
    for name in ("work", "anna"):
        made(profile_folders(name), "horse")
    # Something that is no profile, a name that is none, and one that was never started.
    for root, name in itertools.product(
        (profile_folders().config.parent, profile_folders().data.parent), ("photos", "My Files")
    ):
        (root / name).mkdir(exist_ok=True)
    (profile_folders().config.parent / "a file").touch()
    assert [folders.name for folders in all_profiles()] == ["anna", "work"]
