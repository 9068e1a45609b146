"""The branches of Windows and macOS, with the name of the system changed.

That each branch is reached and does what it says is all that this shows: nothing of it was run on
those systems (docs/platforms.md).
"""

import os
import signal
import socket
import sys
import time
from pathlib import Path

import platformdirs
import pytest
from platformdirs.macos import MacOS
from platformdirs.windows import Windows

from mesh.api.loopback import LoopbackListener
from mesh.api.unix_socket import unix_stream
from mesh.cli.browser import has_screen
from mesh.node.clock import system_now
from mesh.node.doctor.firewall import opening_command
from mesh.node.folders import ProfileFolders, profile_folders, user_id
from mesh.node.interfaces import _open_netlink
from mesh.node.private_files import (
    erase,
    find_private_bytes,
    make_private_file,
    make_private_folder,
    replace_private_bytes,
)
from mesh.node.wiping import killing_signal

OTHERS = ("win32", "darwin")


@pytest.fixture(params=OTHERS)
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of another system, of which this one now takes itself to be."""
    name = str(request.param)
    monkeypatch.setattr(sys, "platform", name)
    return name


@pytest.fixture
def windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take from this system what Python has not on Windows."""
    monkeypatch.setattr(sys, "platform", "win32")
    for name in ("geteuid", "getuid", "O_NOFOLLOW"):
        monkeypatch.delattr(os, name)
    monkeypatch.delattr(signal, "SIGKILL")
    monkeypatch.delattr(socket, "AF_UNIX")


@pytest.mark.usefixtures("windows")
def test_private_files_need_no_rights_on_windows(tmp_path: Path) -> None:
    folder = tmp_path / "mesh"
    make_private_folder(folder)
    # What others may read is left as it is: a user's folders are closed there by themselves.
    folder.chmod(0o755)
    make_private_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o755
    file = folder / "vault.key"
    make_private_file(file)
    for content in (b"former", b"new"):
        replace_private_bytes(file, content)
    assert find_private_bytes(file, bytes_max=64) == b"new"
    erase(file)
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("windows")
def test_windows_has_no_user_number_no_unix_socket_and_one_end() -> None:
    assert user_id() == 0
    with pytest.raises(OSError, match="no unix sockets"):
        unix_stream()
    assert killing_signal() is signal.SIGTERM
    folders = profile_folders("anna", {"XDG_RUNTIME_DIR": "/nowhere"})
    assert folders.socket_file.name == "api.sock"


def test_on_windows_nobody_else_may_take_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    # An option that can be read back stands for the one of Windows.
    monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_KEEPALIVE, raising=False)
    listener = LoopbackListener.bind(0)
    for each in listener.sockets:
        assert each.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert not each.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
    listener.close()


def test_other_systems_have_a_screen_and_tell_of_no_interfaces(system: str) -> None:
    assert has_screen()
    assert _open_netlink() is None


def test_the_advice_on_the_firewall_is_that_of_the_system(system: str) -> None:
    wanted = {"win32": "Set-NetConnectionProfile", "darwin": "System Settings"}
    assert wanted[system] in opening_command(41730)


@pytest.mark.parametrize(
    "name, number",
    [("linux", time.CLOCK_BOOTTIME), ("darwin", time.CLOCK_MONOTONIC_RAW), ("win32", -1)],
)
def test_the_steady_clock_is_one_that_goes_on_during_sleep(
    name: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", name)
    with monkeypatch.context() as patched:
        # Each clock stands at its number.
        patched.setattr(time, "clock_gettime_ns", lambda clock: clock * 1_000)
        patched.setattr(time, "monotonic_ns", lambda: -1_000)
        assert system_now().monotonic == number


@pytest.mark.parametrize("found", [MacOS, Windows])
def test_where_a_system_has_one_place_for_all_no_two_files_share_a_name(
    found: type[platformdirs.PlatformDirsABC], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.windows.get_win_folder", lambda name: str(tmp_path / name))
    monkeypatch.setattr(platformdirs, "PlatformDirs", found)
    folders = profile_folders("anna", {})
    assert folders.config == folders.data == folders.state
    assert folders.config.name == "anna"
    files = files_of(folders)
    assert len(set(files)) == len(files)


def files_of(folders: ProfileFolders) -> list[Path]:
    """Return every file that a profile has a name for."""
    names = [name for name in dir(ProfileFolders) if name.endswith("_file")]
    return [getattr(folders, name) for name in names]
