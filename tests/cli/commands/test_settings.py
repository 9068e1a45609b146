"""`mesh settings` with a node and without."""

import pytest

from mesh.node.config_file import load_config
from mesh.node.folders import profile_folders
from tests.api.small_node import Running
from tests.cli.conftest import Mesh


def test_without_a_node_the_file_is_changed(mesh: Mesh) -> None:
    assert "carried_days             30" in mesh("settings").out
    ran = mesh("settings", "carried_days", "7")
    assert (ran.code, ran.err) == (0, "carried_days is 7 when Mesh starts.\n")
    file = profile_folders().config_file
    assert load_config(file).carried_days == 7
    assert "# stored_bytes_max" in file.read_text()
    told = mesh("settings", "carried_days").out
    assert "carried_days = 7  (file)" in told
    assert "bounds     1 to 30" in told
    assert "changes    at once" in told
    assert (
        mesh("settings", "carried_days", "--reset").err == "carried_days is 30 when Mesh starts.\n"
    )
    assert load_config(file).carried_days == 30


def test_a_size_is_typed_as_people_write_it(mesh: Mesh) -> None:
    assert mesh("settings", "stored_bytes_max", "2GiB").code == 0
    assert load_config(profile_folders().config_file).stored_bytes_max == 2**31
    assert "2147483648 (2.0 GiB)" in mesh("settings", "stored_bytes_max").out


def test_mistakes_are_told_and_change_nothing(mesh: Mesh) -> None:
    ran = mesh("settings", "carried_day", "7")
    assert (ran.code, "did you mean `carried_days`?" in ran.err) == (5, True)
    assert mesh("settings", "carried_day").code == 5
    ran = mesh("settings", "mesh_name", "club")
    assert (ran.code, "mesh join" in ran.err) == (1, True)
    assert mesh("settings", "mesh_name").code == 1
    ran = mesh("settings", "carried_days", "31")
    assert (ran.code, "carried_days: expected `int` <= 30" in ran.err) == (1, True)
    assert mesh("settings", "--reset").code == 2
    assert mesh("settings", "beacon", "false", "--reset").code == 2
    assert not profile_folders().config_file.exists()


def test_who_looks_for_receipts_among_them_is_told_the_command(mesh: Mesh, node: Running) -> None:
    for words in (("receipts",), ("read_receipts", "true")):
        ran = mesh("settings", *words)
        assert (ran.code, "mesh contact receipts NAME on" in ran.err) == (5, True)


def test_the_environment_wins_and_says_so(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESH_CARRIED_DAYS", "3")
    assert "environment: MESH_CARRIED_DAYS" in mesh("settings").out
    ran = mesh("settings", "carried_days", "7")
    assert ran.code == 0
    assert "MESH_CARRIED_DAYS" in ran.err
    assert "stays 3" in ran.err
    assert mesh("settings", "carried_days", "--json").json["source"] == "environment"
    monkeypatch.delenv("MESH_CARRIED_DAYS")
    assert mesh("settings", "carried_days", "--json").json["value"] == 7


def test_a_node_that_runs_says_when_it_takes_effect(mesh: Mesh, node: Running) -> None:
    assert mesh("settings", "carried_days", "7").err == "carried_days is 7 now.\n"
    waiting = mesh("settings", "beacon", "false")
    assert waiting.err.startswith("beacon is false from the next start on: mesh down")
    listed = mesh("settings").out
    assert "beacon                   false                 file, from the next start on" in listed
    assert mesh("settings", "beacon", "--json").json["is_waiting"] is True
