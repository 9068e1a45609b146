"""`mesh open` and `mesh token`: how pages and programs are let in."""

import pytest

from mesh.cli.browser import has_screen
from tests.api.small_node import Running
from tests.cli.conftest import Mesh


def test_a_token_is_shown_once_listed_and_revoked(mesh: Mesh, node: Running) -> None:
    made = mesh("token", "create", "echo-bot", "--scope", "send")
    assert made.code == 0
    token = made.out.strip()
    assert len(token) > 40
    assert "not shown again" in made.err
    listed = mesh("token", "list")
    assert token not in listed.out
    assert listed.out.split()[:2] == ["echo-bot", "send"]
    assert "never used" in listed.out
    assert mesh("token", "create", "echo-bot", "--json").problem == "exists"
    assert "is revoked" in mesh("token", "revoke", "echo-bot").err
    assert "no token" in mesh("token", "list").err
    gone = mesh("token", "revoke", "echo-bot", "--json")
    assert (gone.code, gone.problem) == (5, "not-found")


def test_a_name_of_a_token_is_a_word(mesh: Mesh, node: Running) -> None:
    assert mesh("token", "create", "two words", "--json").problem == "bad-request"
    assert mesh("token", "create", "bot", "--scope", "everything").code == 2


def test_pages_are_signed_out(mesh: Mesh, node: Running) -> None:
    assert "signed out" in mesh("token", "revoke", "--pages").err
    assert mesh("token", "revoke", "--pages", "bot").code == 2
    assert mesh("token", "revoke").code == 2


def test_a_node_without_a_door_says_so(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("MESH_API", "unix")
    request.getfixturevalue("node")
    ran = mesh("open", "--json")
    assert (ran.code, ran.problem) == (1, "no-door")


def test_a_page_is_not_opened_where_no_node_runs(mesh: Mesh) -> None:
    ran = mesh("open")
    assert ran.code == 3
    assert "mesh up" in ran.err


@pytest.mark.parametrize("variable", ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"])
def test_a_browser_is_opened_where_it_has_a_screen(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    assert not has_screen()
    monkeypatch.setenv(variable, "x")
    assert has_screen()
