"""A node that is busy is told from one that does not run."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from mesh.api.doors import UnixDoor, door_of
from mesh.client import Client
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.errors import UserError
from mesh.limits.api import API_CONNECTIONS_MAX
from tests.api.small_node import Running
from tests.cli.conftest import Mesh

UNFINISHED = {"Content-Length": "99", "Expect": "100-continue"}


@contextmanager
def connections(node: Running, count: int, *, is_idle: bool) -> Iterator[None]:
    """Hold connections, on each of which a request may have begun."""
    door = door_of(node.folders)
    with ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(closing(door.connect(5)))
            if not is_idle:
                connection.begin("POST", "/v1/invites", UNFINISHED)
                # The node has begun with this request.
                assert connection.sock.recv(4_096).startswith(b"HTTP/1.1 100")
        yield


def test_idle_connections_lock_nobody_out(mesh: Mesh, node: Running) -> None:
    with connections(node, API_CONNECTIONS_MAX + 20, is_idle=True):
        assert mesh("status").code == 0
        assert mesh("invite").code == 0


def test_busy_is_not_called_not_running(mesh: Mesh, node: Running) -> None:
    with connections(node, API_CONNECTIONS_MAX, is_idle=False):
        for command in (("status",), ("tail",), ("send", "Ben", "x" * 50_000)):
            refused = mesh("--json", *command)
            assert (refused.code, refused.problem) == (8, "busy"), command
        assert "not running" not in mesh("status").err
    # The node needs a moment to see that they are gone; each ask gives it one.
    assert any(mesh("status").code == 0 for _ in range(50))


def test_a_node_that_takes_no_connection_is_there_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with socket.socket(socket.AF_UNIX) as hanging, ExitStack() as stack:
        hanging.bind(os.fspath(path))
        hanging.listen(0)
        waiting = stack.enter_context(socket.socket(socket.AF_UNIX))
        waiting.connect(os.fspath(path))
        client = Client(UnixDoor(path), timeout_s=0.1)
        assert client.is_running()
        with pytest.raises(UserError) as caught:
            client.ask(AskStatus(), StatusAnswer)
        assert caught.value.kind == "busy"
