"""The socket file, and a server that no client can hold up."""

import os
import socket
import stat
from pathlib import Path

import pytest
import trio

from mesh.api.unix_socket import UnixListener
from mesh.commands.contacts import AddContact
from mesh.errors import UserError
from mesh.limits.api import API_CONNECTIONS_MAX
from tests.api.conftest import Serving


def test_the_socket_and_its_folder_are_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "run" / "api.sock"
    listener = UnixListener.bind(path)
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.lstat().st_mode) == 0o700
    listener.close()
    assert not path.exists()


def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    folder.chmod(0o750)
    with pytest.raises(UserError, match="chmod 700"):
        UnixListener.bind(folder / "api.sock")


def test_a_link_to_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "run").symlink_to(tmp_path / "real")
    with pytest.raises(UserError, match="not a folder of yours"):
        UnixListener.bind(tmp_path / "run" / "api.sock")


def test_a_socket_that_somebody_answers_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "run" / "api.sock"
    first = UnixListener.bind(path)
    with pytest.raises(UserError) as caught:
        UnixListener.bind(path)
    assert caught.value.kind == "already-running"
    assert path.exists()
    first.close()


def test_a_socket_that_a_crash_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "run" / "api.sock"
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as crashed:
        crashed.bind(os.fspath(path))
    UnixListener.bind(path).close()


def test_the_socket_of_a_later_daemon_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "run" / "api.sock"
    first = UnixListener.bind(path)
    path.rename(path.with_suffix(".old"))
    second = UnixListener.bind(path)
    first.close()
    assert path.exists()
    second.close()


def test_a_path_that_is_no_socket_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "run" / "api.sock"
    path.parent.mkdir(mode=0o700)
    path.write_text("mine")
    with pytest.raises(UserError, match="no socket"):
        UnixListener.bind(path)
    assert path.read_text() == "mine"


def test_a_path_that_no_system_takes_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        UnixListener.bind(tmp_path / ("x" * 104) / "api.sock")
    assert caught.value.kind == "path-too-long"


async def test_a_client_that_does_not_read_cannot_hold_up_the_stop(
    serving: Serving, autojump_clock: trio.testing.MockClock
) -> None:
    serving.node.answer(AddContact("mesh:Ben"))
    for _ in range(200):
        serving.node.receive("Ben", "x" * 50_000)
    async with await trio.open_unix_socket(serving.path) as stalled:
        request = b"GET /v1/messages?limit=1000 HTTP/1.1\r\nHost: mesh\r\n\r\n"
        await stalled.send_all(request)
        await stalled.receive_some(1)
        serving.stopping.set()
        await serving.stopped.wait()


async def test_a_subscriber_that_does_not_read_cannot_hold_up_the_stop(
    serving: Serving, autojump_clock: trio.testing.MockClock
) -> None:
    serving.node.answer(AddContact("mesh:Ben"))
    async with await trio.open_unix_socket(serving.path) as stalled:
        await stalled.send_all(b"GET /v1/events HTTP/1.1\r\nHost: mesh\r\n\r\n")
        await stalled.receive_some(1)
        for _ in range(100):
            serving.node.receive("Ben", "x" * 50_000)
        serving.stopping.set()
        await serving.stopped.wait()


async def test_an_idle_connection_does_not_hold_up_the_stop(serving: Serving) -> None:
    async with await trio.open_unix_socket(serving.path) as idle:
        await idle.send_all(b"GET /v1/status HTTP/1.1\r\nHost: mesh\r\n\r\n")
        await idle.receive_some()
        serving.stopping.set()
        await serving.stopped.wait()


async def test_connections_are_bounded_and_closed_ones_do_not_count(serving: Serving) -> None:
    request = b"GET /v1/status HTTP/1.1\r\nHost: mesh\r\n\r\n"
    for _ in range(2):
        streams = []
        for _ in range(API_CONNECTIONS_MAX):
            streams.append(await trio.open_unix_socket(serving.path))
            await streams[-1].send_all(request)
            assert (await streams[-1].receive_some()).startswith(b"HTTP/1.1 200")
        async with await trio.open_unix_socket(serving.path) as refused:
            assert await refused.receive_some() == b""
        for stream in streams:
            await stream.send_eof()
            async for _ in stream:
                pass
            await stream.aclose()
