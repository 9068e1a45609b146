"""The place of a profile, and the names and places that are refused."""

import os
from pathlib import Path

import pytest

from mesh.errors import UserError
from mesh.limits.api import API_SOCKET_PATH_BYTES_MAX
from mesh.node.folders import profile_folders


def test_mesh_home_holds_all_of_a_profile(tmp_path: Path) -> None:
    folders = profile_folders("anna", {"MESH_HOME": str(tmp_path)})
    files = [
        folders.config_file,
        folders.store_file,
        folders.store_key_file,
        folders.vault_file,
        folders.vault_key_file,
        folders.lock_file,
        folders.endpoint_file,
        folders.token_file,
        folders.door_file,
    ]
    assert {file.parent for file in files} == {tmp_path / "anna"}
    assert len({file.name for file in files}) == len(files)


def test_a_relative_mesh_home_does_not_move_with_the_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert profile_folders("anna", {"MESH_HOME": "here"}).data == tmp_path / "here" / "anna"


def test_without_mesh_home_each_profile_has_folders_of_its_own() -> None:
    anna, ben = profile_folders("anna", {}), profile_folders("ben", {})
    for one, other in ((anna.config, ben.config), (anna.data, ben.data), (anna.state, ben.state)):
        assert one.parent == other.parent
        assert one.is_absolute()
        assert one.name == "anna"
        assert other.name == "ben"


@pytest.mark.parametrize(
    "name", ["", "..", "a/b", "Anna", "-a", "a" * 33, "a b", "con", "lpt1", "ä", "a\n"]
)
def test_a_name_that_some_system_would_read_otherwise_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="is no name for a profile") as caught:
        profile_folders(name, {})
    assert caught.value.kind == "bad-profile"


def test_the_socket_is_in_the_runtime_folder_of_the_session(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    folders = profile_folders("anna", {"XDG_RUNTIME_DIR": str(tmp_path)})
    assert folders.socket_file == tmp_path / "mesh" / "anna" / "api.sock"


@pytest.mark.skipif(os.name == "nt", reason="there are no such rights on Windows")
def test_a_runtime_folder_that_others_may_enter_is_not_used(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    folders = profile_folders("anna", {"XDG_RUNTIME_DIR": str(tmp_path)})
    assert tmp_path not in folders.socket_file.parents


def test_under_mesh_home_two_homes_never_share_a_socket(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    sockets = {
        profile_folders(
            "anna", {"MESH_HOME": str(tmp_path / home), "XDG_RUNTIME_DIR": str(tmp_path)}
        ).socket_file
        for home in ("a", "b")
    }
    assert len(sockets) == 2


def test_a_socket_path_is_never_too_long(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 30)
    one = profile_folders("anna", {"MESH_HOME": str(deep)}).socket_file
    other = profile_folders("ben", {"MESH_HOME": str(deep)}).socket_file
    assert len(os.fsencode(one)) <= API_SOCKET_PATH_BYTES_MAX
    assert deep not in one.parents
    assert one.parent != other.parent
    assert one == profile_folders("anna", {"MESH_HOME": str(deep)}).socket_file
