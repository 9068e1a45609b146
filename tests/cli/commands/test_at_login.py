"""`mesh service`: what a session manager starts is a node, and only one."""

import contextlib
import os
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mesh.cli.commands.up import warn_if_untried
from mesh.cli.options import Choices
from mesh.cli.terminal import Terminal
from mesh.node.folders import profile_folders
from mesh.node.login_start import LoginStart
from tests.api.small_node import Running
from tests.cli.conftest import Mesh
from tests.cli.typist import ROOT


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home of its own, where start-up entries are made."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return tmp_path


def test_it_is_installed_shown_and_removed(mesh: Mesh) -> None:
    assert mesh("service", "status", "--json").json["is_installed"] is False
    assert "starts when you log in" in mesh("service", "install").out
    installed = mesh("service", "status", "--json").json
    assert installed == {"is_installed": True, "how": LoginStart("default").how}
    assert "does not start" in mesh("service", "remove").out
    assert "mesh service install" in mesh("service", "status").err


@pytest.mark.parametrize("name, word", [("win32", "Windows"), ("darwin", "macOS"), ("linux", "")])
def test_who_is_the_first_on_a_system_is_told_so(
    name: str, word: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.platform", name)
    warn_if_untried(Terminal(Choices()))
    told = capfd.readouterr().err
    assert (word in told, bool(told)) == (True, bool(word))


def test_a_wipe_takes_it_along(mesh: Mesh) -> None:
    profile_folders().state.mkdir(parents=True)
    assert mesh("service", "install").code == 0
    file = LoginStart("default").file
    assert file.exists()
    assert mesh("wipe", "--yes").code == 0
    assert not file.exists()


def test_who_runs_already_is_left_alone(mesh: Mesh, node: Running) -> None:
    ran = mesh("service", "run")
    assert (ran.code, ran.err) == (0, "The node runs already.\n")


def started_as_by(start: LoginStart, home: Path) -> subprocess.Popen[bytes]:
    """Start what the unit says, as systemd does."""
    lines = start.file.read_text().splitlines()
    says = [line.partition("=")[::2] for line in lines if "=" in line]
    command = shlex.split(dict(says)["ExecStart"].removeprefix(":"))
    kept = dict(shlex.split(value)[0].split("=", 1) for key, value in says if key == "Environment")
    assert kept["MESH_HOME"] == os.environ["MESH_HOME"]
    surroundings = {
        "HOME": str(home),
        "NOTIFY_SOCKET": str(home / "notify"),
        "PYTHONPATH": str(ROOT),
        "MESH_DISCOVERY": "false",
        "MESH_LISTEN_PORT": "0",
        **kept,
    }
    return subprocess.Popen(command, env=surroundings, stderr=subprocess.PIPE)


@contextlib.contextmanager
def manager_of(home: Path) -> Iterator[socket.socket]:
    """Listen as systemd does for who is ready."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(home / "notify"))
        manager.settimeout(60)
        yield manager


def test_the_command_of_a_unit_starts_a_node_that_says_when_it_is_ready(
    mesh: Mesh, home: Path
) -> None:
    start = LoginStart("default", systemd=home)
    start.install()
    with manager_of(home) as manager, started_as_by(start, home) as process:
        try:
            assert manager.recv(64) == b"READY=1"
            status = mesh("status", "--json").json["status"]
            assert isinstance(status, dict)
            # Nobody was asked; the page does the first run.
            assert status["vault"] == "empty"
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=90)
    assert process.returncode == 0


def test_what_a_wipe_killed_is_not_there_again_when_its_manager_starts_it_once_more(
    mesh: Mesh, home: Path
) -> None:
    start = LoginStart("default", systemd=home)
    start.install()
    unit = start.file.read_bytes()
    with manager_of(home) as manager:
        with started_as_by(start, home) as process:
            try:
                assert manager.recv(64) == b"READY=1"
                assert mesh("wipe", "--now").code == 0
                assert process.wait(timeout=90) == -signal.SIGKILL
            finally:
                process.kill()
        # The manager has the unit in its memory.
        start.file.write_bytes(unit)
        with started_as_by(start, home) as process:
            try:
                assert manager.recv(64) == b"READY=1"
                _, told = process.communicate(timeout=120)
            finally:
                process.kill()
    assert not start.is_asked_for
    # A failure would be tried again and again.
    assert (process.returncode, b"There is no profile default" in told) == (0, True)
    assert not profile_folders().data.exists()
