"""The command line over loopback, as where there are no unix sockets.

`MESH_API=tcp` runs all tests of the command line this way; CI does so under one of its Pythons.
"""

import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec
import pytest

from mesh.api.doors import LoopbackDoor, UnixDoor, door_of, is_over_tcp
from mesh.api.endpoint import Endpoint, find_endpoint
from mesh.api.own_requests import Unlock
from mesh.client import Client
from mesh.commands.answer import Done
from mesh.errors import UserError
from mesh.node.folders import ProfileFolders, profile_folders
from tests.api.small_node import Running, running
from tests.cli.conftest import Mesh, befriend

SECRET = "correct horse"


@pytest.fixture
def tcp(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> Mesh:
    """Return `mesh` over TCP."""
    monkeypatch.setenv("MESH_API", "tcp")
    return mesh


@pytest.fixture
def tcp_node(tcp: Mesh) -> Iterator[Running]:
    """Run a small node that listens on loopback only."""
    with running(profile_folders()) as served:
        yield served


def test_messages_go_and_come(tcp: Mesh, tcp_node: Running) -> None:
    assert not profile_folders().socket_file.exists()
    befriend(tcp)
    assert tcp("send", "Ben", "Hello").code == 0
    tcp_node.receive_on_subscription("Ben", "Good day")
    assert "Good day" in tcp("tail", "Ben", "--count", "1").out
    assert "Hello" in tcp("read", "Ben").out


def test_nobody_runs_where_no_file_says_where(tcp: Mesh) -> None:
    ran = tcp("contacts", "--json")
    assert (ran.code, ran.problem) == (3, "not-running")


def test_the_token_is_for_its_owner_alone_and_for_one_run(tcp: Mesh) -> None:
    folders = profile_folders()
    tokens = []
    for _ in range(2):
        with running(folders):
            assert stat.S_IMODE(folders.token_file.stat().st_mode) == 0o600
            tokens.append(folders.token_file.read_text())
            assert tokens[-1] not in folders.door_file.read_text()
            assert tokens[-1] not in tcp("token", "list", "--json").out
        assert not folders.token_file.exists()
    assert tokens[0] != tokens[1]


def test_a_wrong_token_lets_nobody_in(tcp: Mesh, tcp_node: Running) -> None:
    profile_folders().token_file.write_text("x" * 43)
    ran = tcp("contacts", "--json")
    assert (ran.code, ran.problem) == (3, "not-running")


def test_a_program_that_took_the_port_is_told_nothing(tcp: Mesh) -> None:
    folders = profile_folders()
    with running(folders):
        left = folders.token_file.read_bytes()
    with impostor(folders, left) as heard:
        client = Client(door_of(folders))
        assert not client.is_running()
        with pytest.raises(UserError) as caught:
            client.ask(Unlock(SECRET), Done)
        assert caught.value.kind == "not-running"
    said = b"".join(heard)
    assert said.count(b"POST /v1/session/proof") == 2
    assert left not in said
    assert SECRET.encode() not in said


@contextmanager
def impostor(folders: ProfileFolders, left: bytes) -> Iterator[list[bytes]]:
    """Listen where a node that crashed left its files, and answer whatever comes."""
    heard: list[bytes] = []
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 80\r\n\r\n" + b'{"proof":"%s"}' % (b"0" * 68)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def listen() -> None:
            while True:
                try:
                    stream, _ = listener.accept()
                except OSError:
                    return
                # A client that has read enough closes while a second answer is on its way to it.
                with stream, suppress(ConnectionError):
                    while told := stream.recv(4_096):
                        heard.append(told)
                        stream.sendall(answer)

        port = listener.getsockname()[1]
        endpoint = Endpoint(pid=1, started=0, version="test", port=port)
        folders.endpoint_file.write_bytes(msgspec.json.encode(endpoint))
        folders.token_file.write_bytes(left)
        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield heard
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_the_way_is_chosen_by_system_daemon_and_variable(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = profile_folders()
    monkeypatch.setenv("MESH_API", "unix")
    assert isinstance(door_of(folders), UnixDoor)
    monkeypatch.setenv("MESH_API", "tcp")
    assert isinstance(door_of(folders), LoopbackDoor)
    monkeypatch.delenv("MESH_API")
    with monkeypatch.context() as patched:
        patched.setattr("sys.platform", "win32")
        assert isinstance(door_of(folders), LoopbackDoor)
    # The daemon opened no unix socket.
    endpoint = Endpoint(pid=1, started=0, version="test", port=9)
    folders.endpoint_file.parent.mkdir(parents=True, exist_ok=True)
    folders.endpoint_file.write_bytes(msgspec.json.encode(endpoint))
    assert find_endpoint(folders.endpoint_file) == endpoint
    assert isinstance(door_of(folders), LoopbackDoor)
    with pytest.raises(UserError, match="MESH_API"):
        is_over_tcp({"MESH_API": "pipe"})
