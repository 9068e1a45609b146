"""The socket file, and a server that no client can hold up."""

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

import pytest
import trio

from mesh.api.unix_socket import UnixListener
from mesh.commands.contacts import AddContact
from mesh.errors import UserError
from mesh.limits.api import API_CONNECTIONS_MAX, API_WRITE_TIMEOUT_MS
from tests.api.conftest import Serving
from tests.api.test_stream_ends import begin

CUT_OFF = "a client of the API that does not read was cut off"


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


async def is_cut_off_once(stalled: trio.SocketStream, caplog: pytest.LogCaptureFixture) -> bool:
    """Say whether a client that reads nothing is let go of in its time, and told of once."""
    await trio.sleep(API_WRITE_TIMEOUT_MS / 1000 + 1)
    try:
        await stalled.send_all(b"x")
    except trio.BrokenResourceError:
        return [each.getMessage() for each in caplog.records] == [CUT_OFF]
    return False


async def test_an_answer_that_nobody_reads_is_cut_off_once(
    serving: Serving, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    serving.node.answer(AddContact("mesh:Ben"))
    for _ in range(200):
        serving.node.receive("Ben", "x" * 50_000)
    async with await trio.open_unix_socket(serving.path) as stalled:
        await stalled.send_all(b"GET /v1/messages?limit=1000 HTTP/1.1\r\nHost: mesh\r\n\r\n")
        await stalled.receive_some(1)
        assert await is_cut_off_once(stalled, caplog)


async def test_events_that_nobody_reads_are_cut_off_once(
    serving: Serving, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    serving.node.answer(AddContact("mesh:Ben"))
    async with await trio.open_unix_socket(serving.path) as stalled:
        await begin(stalled, "mesh")
        # Two events of each: fewer bytes than are remembered.
        for _ in range(50):
            serving.node.receive("Ben", "x" * 50_000)
        assert await is_cut_off_once(stalled, caplog)


async def test_an_idle_connection_does_not_hold_up_the_stop(serving: Serving) -> None:
    async with await trio.open_unix_socket(serving.path) as idle:
        await idle.send_all(b"GET /v1/status HTTP/1.1\r\nHost: mesh\r\n\r\n")
        await idle.receive_some()
        serving.stopping.set()
        await serving.stopped.wait()


async def opened(serving: Serving, sent: bytes) -> trio.SocketStream:
    """Return a connection on which something was sent."""
    stream = await trio.open_unix_socket(serving.path)
    await stream.send_all(sent)
    return stream


async def is_answered(stream: trio.SocketStream) -> bool:
    """Say whether the status was told, after reading it to its end."""
    told = b""
    while not told.endswith(b"}"):
        piece = await stream.receive_some()
        if not piece:
            return False
        told += piece
    return told.startswith(b"HTTP/1.1 200")


async def closed(streams: list[trio.SocketStream]) -> None:
    """End connections, and wait until the server has done so too."""
    for stream in streams:
        await stream.send_eof()
        async for _ in stream:
            pass
        await stream.aclose()


STATUS = b"GET /v1/status HTTP/1.1\r\nHost: mesh\r\n\r\n"
UNFINISHED = b"POST /v1/invites HTTP/1.1\r\nHost: mesh\r\nContent-Length: 99\r\n\r\n{"
STREAM = b"GET /v1/events HTTP/1.1\r\nHost: mesh\r\n\r\n"


@pytest.mark.parametrize("sent", [b"", b"GET /v1/sta", STATUS])
async def test_idle_connections_make_room_the_longest_idle_first(
    serving: Serving, sent: bytes
) -> None:
    listening = await opened(serving, STREAM)
    while b"hello" not in (await listening.receive_some()):
        pass
    streams = []
    for _ in range(API_CONNECTIONS_MAX - 1):
        streams.append(await opened(serving, sent))
        if sent == STATUS:
            assert await is_answered(streams[-1])
    newcomers = []
    for ended in range(2):
        newcomers.append(await opened(serving, STATUS))
        assert await is_answered(newcomers[-1])
        with suppress(trio.BrokenResourceError):
            # What it had sent and nobody had read is told as a connection that broke.
            assert await streams[ended].receive_some() == b""
        await streams[ended].aclose()
    # Whoever listens is not idle, and neither is who came in time.
    serving.node.answer(AddContact("mesh:Ben"))
    assert b"contact-added" in await listening.receive_some()
    await closed([listening, *newcomers, *streams[2:]])


async def test_who_comes_while_all_are_busy_is_told_so(serving: Serving) -> None:
    for _ in range(2):
        streams = [await opened(serving, UNFINISHED) for _ in range(API_CONNECTIONS_MAX)]
        await trio.testing.wait_all_tasks_blocked()
        async with await opened(serving, STATUS) as refused:
            told = b"".join([piece async for piece in refused])
        assert told.startswith(b"HTTP/1.1 503")
        assert b"urn:mesh:problem:busy" in told
        await closed(streams)
        # Places that were given back count as free.
        async with await opened(serving, STATUS) as welcome:
            assert await is_answered(welcome)
