"""More branches of Windows and macOS, with the name of the system changed (docs/platforms.md).

What a system's own call would do is written down where Linux has no such call.
"""

import ctypes
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mesh.bundles.exchanging import exchange
from mesh.bundles.packing import system_name
from mesh.cli.carry_files import PartialFile
from mesh.cli.saving import ZONE_OF_INTERNET, mark_as_from_elsewhere
from mesh.daemon.detached import _spawn
from mesh.errors import UserError
from mesh.node.discovery.beacon import _shared_socket
from mesh.node.doctor.doctor import _folder
from mesh.node.doctor.memory import memory_finding
from mesh.node.doctor.multicast import Trial
from mesh.node.doctor.network import _LOCAL_NETWORK, _what_to_do
from mesh.node.doctor.reach import _unanswered_by_ipv6
from mesh.node.doctor.surroundings import try_router
from mesh.node.folders import profile_folders
from mesh.node.interfaces import InterfaceAddress
from mesh.node.private_memory import keep_memory_private, may_keep_out_of_swap
from mesh.node.tcp.listening import _bind
from mesh.node.whole_file import WholeFile
from mesh.pictures.limited import Limits, give_up_rights

OTHERS = ("win32", "darwin")
LIMITS = Limits(512 << 20, 2, 1, 1, 1, 0)


@pytest.fixture(params=OTHERS)
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of another system, of which this one now takes itself to be."""
    name = str(request.param)
    monkeypatch.setattr(sys, "platform", name)
    return name


@pytest.fixture
def resource_calls(monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """Write down which bounds a process asks for, and let it have none."""
    calls: dict[int, int] = {}
    monkeypatch.setattr(resource, "setrlimit", lambda kind, both: calls.update({kind: both[1]}))
    return calls


def test_the_memory_is_said_to_be_open_to_the_swap_and_only_core_dumps_are_forbidden(
    system: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    resource_calls: dict[int, int],
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", _no_library)
    assert not may_keep_out_of_swap()
    found = memory_finding(profile_folders("anna", {"MESH_HOME": str(tmp_path)}), swap_bytes=1)
    assert (found.level, "ulimit" in found.fix) == ("warn", False)
    keep_memory_private()
    wanted = {resource.RLIMIT_CORE: 0} if system == "darwin" else {}
    assert resource_calls == wanted


def _no_library(*_: object, **__: object) -> ctypes.CDLL:
    raise AssertionError("nothing of Linux's C library is called there")


def test_a_process_that_draws_has_the_bounds_that_its_system_knows(
    system: str, monkeypatch: pytest.MonkeyPatch, resource_calls: dict[int, int]
) -> None:
    note = resource.setrlimit

    def set_on_macos(kind: int, both: tuple[int, int]) -> None:
        if kind == resource.RLIMIT_AS:
            raise ValueError("current limit exceeds maximum limit")
        note(kind, both)

    monkeypatch.setattr(resource, "setrlimit", set_on_macos)
    give_up_rights(LIMITS)
    none = {resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC}
    wanted = dict.fromkeys(none | {resource.RLIMIT_NOFILE}, 0) | {resource.RLIMIT_CPU: 2}
    assert resource_calls == (wanted if system == "darwin" else {})


def test_linux_alone_must_have_a_bound_of_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(kind: int, both: tuple[int, int]) -> None:
        raise ValueError(kind, both)

    monkeypatch.setattr(resource, "setrlimit", refuse)
    with pytest.raises(ValueError, match=str(LIMITS.memory_bytes)):
        give_up_rights(LIMITS)


def test_nobody_else_may_take_the_port_of_peers_on_windows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    # An option that can be read back stands for the one of Windows.
    monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_KEEPALIVE, raising=False)
    with socket.socket() as listener:
        _bind(listener, "127.0.0.1", 0)
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert not listener.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)


@pytest.mark.parametrize("name, shares", [("linux", 0), ("win32", 0), ("darwin", 1)])
def test_macos_shares_the_port_of_beacons_by_an_option_of_its_own(
    name: str, shares: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", name)
    with _shared_socket(socket.AF_INET) as opened:
        assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 1
        assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) == shares


def test_the_doctor_asks_for_no_rights_of_folders_on_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o755)
    assert _folder(tmp_path).level == "warn"
    monkeypatch.setattr(sys, "platform", "win32")
    assert _folder(tmp_path).level == "ok"


def test_what_linux_alone_tells_of_neighbours_and_routers_is_not_known(system: str) -> None:
    assert try_router() == "unknown"
    assert _unanswered_by_ipv6() == {}


def test_on_macos_the_way_out_of_silence_is_a_right_in_the_settings(
    system: str,
) -> None:
    address = InterfaceAddress(4, "en0", "192.0.2.7", 24)
    trial = Trial(address, "beacon", b"", 41730, OSError(65, "No route to host"))
    wanted = {"darwin": _LOCAL_NETWORK, "win32": "mesh peer add HOST:PORT"}
    assert _what_to_do(trial) == wanted[system]


def test_a_daemon_has_no_console_on_windows_and_a_session_of_its_own_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[dict[str, object]] = []
    monkeypatch.setattr(subprocess, "Popen", lambda _words, **options: told.append(options))
    for name in (*OTHERS, "linux"):
        monkeypatch.setattr(sys, "platform", name)
        _spawn("anna")
    detached = 0x00000008 | 0x00000200
    seen = [(each["start_new_session"], each["creationflags"]) for each in told]
    assert seen == [(False, detached), (True, 0), (True, 0)]


def test_what_is_saved_has_the_mark_of_its_system(
    system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "map.pdf"
    file.write_bytes(b"map")
    marks: list[tuple[bytes, bytes]] = []
    answers = [0, -1]

    class Library:
        """The C library of macOS, as far as it is asked."""

        def setxattr(self, path: bytes, name: bytes, value: bytes, *more: int) -> int:
            assert path == os.fsencode(file)
            assert more == (len(value), 0, 0)
            marks.append((name, value))
            return answers.pop(0)

    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Library())
    mark_as_from_elsewhere(file)
    if system == "win32":
        zone = tmp_path / "map.pdf:Zone.Identifier"
        assert (zone.read_bytes(), marks) == (ZONE_OF_INTERNET, [])
        return
    ((name, value),) = marks
    assert name == b"com.apple.quarantine"
    assert (value[:5], value[-6:]) == (b"0081;", b";Mesh;")
    with pytest.raises(OSError, match="not marked"):
        mark_as_from_elsewhere(file)


def test_folders_are_synced_where_they_can_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []
    sync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(os.path.isdir(f"/proc/self/fd/{descriptor}"))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    for name, wanted in (("linux", [False, True]), ("win32", [False])):
        monkeypatch.setattr(sys, "platform", name)
        synced.clear()
        with PartialFile(tmp_path / name) as file:
            file.write(b"mail")
            file.keep()
        assert synced == wanted, name
        assert (tmp_path / name).read_bytes() == b"mail"


def test_a_file_is_read_back_without_the_word_that_linux_has_for_it(
    system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "posix_fadvise")
    with WholeFile(tmp_path / "backup", tmp_path / "backup.part") as file:
        file.write(b"all of it")
        file.check()
        file.keep()
    assert (tmp_path / "backup").read_bytes() == b"all of it"


def test_two_folders_are_exchanged_by_the_call_of_macos_and_not_on_windows(
    system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[bytes, bytes, int]] = []

    class Library:
        """The C library of macOS, as far as it is asked."""

        def renamex_np(self, one: bytes, other: bytes, how: int) -> int:
            asked.append((one, other, how))
            return 0

    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Library())
    one, other = tmp_path / "one", tmp_path / "other"
    if system == "darwin":
        exchange(one, other)
        # <sys/stdio.h>: RENAME_SWAP.
        assert asked == [(os.fsencode(one), os.fsencode(other), 2)]
        return
    with pytest.raises(UserError):
        exchange(one, other)
    assert asked == []


def test_a_bundle_says_which_system_it_is_for(system: str) -> None:
    assert system_name().partition("-")[0] == {"win32": "windows", "darwin": "macos"}[system]
