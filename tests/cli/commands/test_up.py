"""Real daemons, started as a person and as a script start them."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mesh.api.endpoint import Endpoint, find_endpoint
from mesh.node.folders import profile_folders
from tests.cli.conftest import Mesh
from tests.cli.typist import MESH, ROOT, Typist


@pytest.fixture(autouse=True)
def surroundings(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep daemons off the networks of this machine, and leave none behind."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("MESH_DISCOVERY", "false")
    monkeypatch.setenv("MESH_LISTEN_PORT", "0")
    monkeypatch.setenv("MESH_STAMP_BITS", "0")
    yield
    assert mesh("down").code == 0


def endpoint() -> Endpoint:
    """Return what the running daemon wrote about itself."""
    found = find_endpoint(profile_folders().endpoint_file)
    assert found is not None
    return found


def test_the_first_start_asks_who_this_is_and_for_a_passphrase(mesh: Mesh) -> None:
    person = Typist("up")
    person.answer("]:", "Anna")
    person.answer("for none):", "correct horse battery staple")
    person.answer("again:", "incorrect")
    person.answer("for none):", "correct horse battery staple")
    person.answer("again:", "correct horse battery staple")
    assert person.ended() == 0, person.seen
    assert "correct horse" not in person.seen
    assert "weak" not in person.seen
    assert "mesh invite" in person.seen
    status = mesh("status", "--json").json["status"]
    assert isinstance(status, dict)
    assert (status["name"], status["vault"]) == ("Anna", "open")
    assert mesh("invite").out.startswith("mesh:")
    again = mesh("up")
    assert (again.code, "running already" in again.err) == (0, True)


def test_a_name_that_cannot_be_one_is_asked_for_again(mesh: Mesh) -> None:
    person = Typist("up", "--no-passphrase")
    for name in ("   ", "x" * 65, "An\u202ena"):
        person.answer("]:", name)
    person.answer("]:", " Anna ")
    assert person.ended() == 0, person.seen
    assert "is empty" in person.seen
    assert mesh("id").out.startswith("Anna\n")


def test_a_weak_passphrase_is_told_and_taken_all_the_same(mesh: Mesh) -> None:
    person = Typist("up")
    person.answer("]:", "Annabella")
    person.answer("for none):", "annabella7")
    person.answer("[y/N]:", "n")
    person.answer("for none):", "annabella7")
    person.answer("[y/N]:", "y")
    person.answer("again:", "annabella7")
    assert person.ended() == 0, person.seen
    assert "This passphrase is weak: about" in person.seen
    assert "annabella7" not in person.seen
    assert mesh("id").out.startswith("Annabella\n")


def test_an_empty_passphrase_is_warned_of_and_confirmed(mesh: Mesh) -> None:
    person = Typist("up")
    person.answer("]:", "Anna")
    person.answer("for none):", "")
    person.answer("[y/N]:", "y")
    assert person.ended() == 0, person.seen
    assert "disk" in person.seen
    assert mesh("id").out.startswith("Anna\n")


def test_a_profile_is_opened_by_its_passphrase_alone(
    mesh: Mesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "passphrase"
    file.touch(mode=0o600)
    file.write_text("correct horse\n")
    monkeypatch.setenv("MESH_PASSPHRASE_FILE", str(file))
    started = mesh("up", "--headless", "--name", "Anna")
    assert (started.code, "This passphrase is weak" in started.err) == (0, True)
    if sys.platform == "linux":
        for name in ("cmdline", "environ"):
            assert b"correct horse" not in Path(f"/proc/{endpoint().pid}/{name}").read_bytes()
    assert mesh("down").code == 0
    file.write_text("wrong\n")
    refused = mesh("--json", "up", "--headless")
    assert (refused.code, refused.problem) == (4, "wrong-passphrase")
    assert mesh("status").code == 3
    assert mesh("up", "--locked").code == 0
    assert mesh("contacts").code == 4
    assert mesh("unlock").code == 4
    file.write_text("correct horse\n")
    assert mesh("unlock").code == 0
    assert mesh("contacts").code == 0


def test_a_profile_without_a_passphrase_is_warned_of_at_each_start(mesh: Mesh) -> None:
    first = mesh("up", "--headless", "--name", "Anna", "--no-passphrase")
    assert (first.code, "can read your messages" in first.err) == (0, True)
    for option in ((), ("--no-passphrase",), ("--quiet",)):
        assert mesh("down").code == 0
        # Nobody is there, and nobody is asked for a passphrase that there is not.
        again = mesh("up", "--headless", *option)
        assert (again.code, again.err.count("can read your messages")) == (0, 1)
    assert mesh("id").out.startswith("Anna\n")


def test_a_passphrase_for_a_profile_without_one_is_told_apart_from_a_wrong_one(
    mesh: Mesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mesh("up", "--headless", "--name", "Anna", "--no-passphrase").code == 0
    assert mesh("down").code == 0
    file = tmp_path / "passphrase"
    file.touch(mode=0o600)
    file.write_text("correct horse\n")
    monkeypatch.setenv("MESH_PASSPHRASE_FILE", str(file))
    refused = mesh("up", "--headless")
    assert (refused.code, "has no passphrase" in refused.err) == (4, True)


def test_profiles_are_listed_and_not_running_names_those_that_are(
    mesh: Mesh, tmp_path: Path
) -> None:
    assert "no profile yet" in mesh("profiles").err
    assert mesh("up", "--headless", "--name", "Anna", "--no-passphrase").code == 0
    relay = [*MESH, "up", "--relay", "--headless", "--profile", "shelf"]
    subprocess.run(relay, capture_output=True, check=True)
    (tmp_path / "photos").mkdir()
    try:
        assert mesh("profiles").out.splitlines() == [
            "default  running, as Anna, no passphrase  open mesh",
            "shelf    running, a relay                 open mesh",
        ]
        for command in (("contacts",), ("send", "Ben", "x"), ("peers",)):
            asked = mesh(*command, "--profile", "work")
            assert asked.code == 3
            assert asked.err == (
                "mesh: Mesh is not running in the profile work. Start it with: mesh up --profile "
                "work. Running now: default, shelf (say --profile NAME).\n"
            )
        assert "default, shelf" in mesh("status", "--profile", "work").out
        assert mesh("status", "--profile", "work", "--json").json["others_running"] == [
            "default",
            "shelf",
        ]
        assert "default, shelf" in mesh("down", "--profile", "work").err
    finally:
        assert mesh("down", "--profile", "shelf").code == 0
    assert mesh("down").code == 0
    assert "shelf    not running, a relay        open mesh\n" in mesh("profiles").out
    told = mesh("profiles", "--json").json["profiles"]
    assert isinstance(told, list)
    assert told[0] == {
        "name": "default",
        "is_running": False,
        "is_relay": False,
        "vault": "",
        "person": "",
        "mesh": "mesh",
        "is_closed": False,
        "is_unprotected": True,
    }
    assert told[1]["is_relay"]


def test_wipe_stops_the_daemon_and_leaves_nothing(mesh: Mesh) -> None:
    assert mesh("up", "--headless", "--name", "Anna", "--no-passphrase").code == 0
    assert mesh("wipe", "--yes").code == 0
    folders = profile_folders()
    assert not folders.data.exists()
    assert not folders.socket_file.exists()


def test_a_daemon_in_the_foreground_ends_with_the_terminal(mesh: Mesh) -> None:
    arguments = ["up", "--foreground", "--headless", "--name", "Anna", "--no-passphrase"]
    with subprocess.Popen([*MESH, *arguments], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "Ctrl-C stops it" in line:
                break
        assert endpoint().pid == process.pid
        process.send_signal(signal.SIGINT)
        process.communicate()
        assert process.returncode == 0
    assert find_endpoint(profile_folders().endpoint_file) is None


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file into which a browser writes where it was led."""
    seen = tmp_path / "seen"
    program = tmp_path / "browser"
    program.write_text(
        f"#!{sys.executable}\nimport shutil, sys\n"
        f"shutil.copy(sys.argv[1].removeprefix('file://'), {str(seen)!r})\n"
    )
    program.chmod(0o700)
    monkeypatch.setenv("BROWSER", str(program))
    return seen


def test_with_a_page_nothing_is_asked_in_the_terminal(mesh: Mesh, browser: Path) -> None:
    person = Typist("up", "--open")
    assert person.ended() == 0, person.seen
    page = f"http://127.0.0.1:{endpoint().port}/"
    assert f"at {page}" in person.seen
    assert f"{page}#code=" in browser.read_text()
    # Nothing of the code is on the screen of who stands behind, nor in what a shell records.
    assert "code=" not in person.seen
    # Whoever does it first says who this is; here in the terminal all the same.
    person = Typist("up")
    person.answer("]:", "Anna")
    person.answer("for none):", "correct horse battery staple")
    person.answer("again:", "correct horse battery staple")
    assert person.ended() == 0, person.seen
    assert "mesh invite" in person.seen
    assert mesh("lock").code == 0
    # A page that asks for the passphrase does it in place of the terminal.
    person = Typist("up", "--open")
    assert person.ended() == 0, person.seen
    status = mesh("status", "--json").json["status"]
    assert isinstance(status, dict)
    assert (status["name"], status["vault"]) == ("", "locked")


def test_without_a_browser_the_address_is_told(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    told = mesh("up", "--open")
    assert told.code == 0
    assert told.out.startswith(f"http://127.0.0.1:{endpoint().port}/#code=")
    assert "within 60 seconds" in told.err
    assert mesh("open", "--no-browser").out != told.out


def test_a_script_and_a_relay_open_no_page(mesh: Mesh, browser: Path) -> None:
    assert mesh("up", "--open", "--headless", "--name", "Anna", "--no-passphrase").code == 0
    # In a process of its own, whose settings do not stay.
    subprocess.run([*MESH, "up", "--open", "--relay", "--profile", "box"], check=True)
    assert not browser.exists()
    assert mesh("down", "--profile", "box").code == 0


def test_a_daemon_in_the_foreground_opens_its_page(mesh: Mesh, browser: Path) -> None:
    person = Typist("up", "--foreground", "--open")
    person.interrupt("The page opens in your browser")
    assert person.ended() == 0, person.seen
    assert "#code=" in browser.read_text()


@pytest.mark.parametrize(
    "arguments, code, kind",
    [
        (("--headless",), 1, "no-name"),
        (("--headless", "--name", "Anna"), 4, "no-passphrase"),
        (("--headless", "--name", "x" * 65), 1, "bad-name"),
        (("--headless", "--name", " "), 1, "bad-name"),
        (("--headless", "--name", "An\u202ena", "--no-passphrase"), 1, "bad-name"),
        (("--mesh-secret-file", "/nowhere"), 2, "usage"),
        (("--port", "70000"), 2, "usage"),
        (("--local", "--no-discovery"), 2, "usage"),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_made(
    mesh: Mesh, arguments: tuple[str, ...], code: int, kind: str
) -> None:
    ran = mesh("--json", "up", *arguments)
    assert (ran.code, ran.problem) == (code, kind)
    assert not profile_folders().vault_key_file.exists()
