"""The command that shows a notification: on each system, and over a real bus."""

import base64
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mesh.node.desktop_notice import find_notice_command
from tests.programs import where_is


def among(*programs: str) -> Callable[[str], str | None]:
    """Return where programs are, of which only these are there."""
    return lambda name: f"/usr/bin/{name}" if name in programs else None


@pytest.mark.parametrize(
    "system, there, program",
    [
        ("linux", ("notify-send", "gdbus"), "notify-send"),
        ("linux", ("gdbus",), "gdbus"),
        ("darwin", ("osascript",), "osascript"),
        ("win32", ("powershell",), "powershell"),
    ],
)
def test_each_system_has_a_program_for_it(
    system: str, there: tuple[str, ...], program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    command = find_notice_command(among(*there))
    assert command is not None
    assert command[0] == f"/usr/bin/{program}"
    words = " ".join(command)
    if system == "win32":
        words = base64.b64decode(command[-1]).decode("utf-16-le")
    assert "New message" in words
    assert find_notice_command(among("sh")) is None


@pytest.fixture
def bus() -> Iterator[dict[str, str]]:
    """Return the environment of a session with a bus of its own."""
    program = where_is("dbus-daemon", required_as="dbus")
    daemon = subprocess.Popen(
        [program, "--session", "--nofork", "--print-address=1"], stdout=subprocess.PIPE, text=True
    )
    assert daemon.stdout is not None
    with daemon:
        yield {**os.environ, "DBUS_SESSION_BUS_ADDRESS": daemon.stdout.readline().strip()}
        daemon.kill()


def test_the_desktop_is_asked_over_its_bus(bus: dict[str, str], tmp_path: Path) -> None:
    gdbus = where_is("gdbus", required_as="dbus")
    monitor = where_is("dbus-monitor", required_as="dbus")
    rule = "interface='org.freedesktop.Notifications'"
    heard, told = tmp_path / "heard.txt", ""
    with heard.open("wb") as file:
        listening = subprocess.Popen([monitor, rule], env=bus, stdout=file)
    command = find_notice_command(lambda name: gdbus if name == "gdbus" else None)
    assert command is not None
    try:
        # When it listens it does not say.
        for _ in range(200):
            # Nobody shows it here, which the bus says.
            subprocess.run(command, env=bus, check=False, capture_output=True, timeout=30)
            told = heard.read_text()
            if "int32" in told:
                break
            time.sleep(0.2)
        assert "member=Notify" in told
        assert 'string "Mesh"' in told
        assert 'string "New message"' in told
        assert 'string "im.received"' in told
    finally:
        listening.kill()
        listening.wait()
