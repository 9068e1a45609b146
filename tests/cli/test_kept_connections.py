"""A client asks over one connection for as long as the node keeps that."""

import os
import select
import socket
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mesh.api.doors import Door, DoorConnection, UnixDoor, door_of
from mesh.client import Client
from mesh.commands.answer import Answer
from mesh.commands.contacts import AddContact
from mesh.commands.invites import CreateInvite, InviteAnswer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.errors import UserError
from mesh.limits.api import API_CONNECTIONS_MAX
from tests.api.small_node import Running
from tests.cli.test_busy import connections


@dataclass
class CountedDoor:
    """A door that knows who came in."""

    door: Door
    made: list[DoorConnection] = field(default_factory=list)

    def connect(self, timeout_s: float) -> DoorConnection:
        """Connect."""
        self.made.append(self.door.connect(timeout_s))
        return self.made[-1]


def test_questions_share_a_connection(node: Running) -> None:
    door = CountedDoor(door_of(node.folders))
    client = Client(door)
    for _ in range(5):
        client.ask(AskStatus(), StatusAnswer)
        client.ask(CreateInvite(), InviteAnswer)
    with pytest.raises(UserError):
        client.ask(AddContact("no link"), Answer)
    client.ask(AskStatus(), StatusAnswer)
    assert len(door.made) == 1


def test_threads_do_not_share_one_at_a_time(node: Running) -> None:
    client = Client(door_of(node.folders))
    answers: list[str] = []

    def ask() -> None:
        for _ in range(20):
            answers.append(client.ask(AskStatus(), StatusAnswer).vault)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert answers == ["open"] * 80


class Slow(list[tuple[float, DoorConnection]]):
    """A list between a look at which and what follows another thread has its turn."""

    def __len__(self) -> int:
        found = super().__len__()
        time.sleep(0.5)
        return found


def test_threads_that_find_what_has_ended_take_nothing_twice(tmp_path: Path) -> None:
    client = Client(UnixDoor(tmp_path / "nobody.sock"))
    ours, theirs = socket.socketpair()
    theirs.close()
    client._kept = Slow([(time.monotonic(), DoorConnection(ours, "", timeout_s=5))])
    found: list[DoorConnection | None] = []
    threads = [threading.Thread(target=lambda: found.append(client._find_kept())) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found == [None] * 3
    assert ours.fileno() == -1


def test_what_the_node_has_ended_is_not_asked(node: Running) -> None:
    door = CountedDoor(door_of(node.folders))
    client = Client(door)
    client.ask(CreateInvite(), InviteAnswer)
    with connections(node, API_CONNECTIONS_MAX, is_idle=True):
        # The one that has been idle for longest goes first, which is ours.
        assert select.select([door.made[0].sock], [], [], 10)[0]
        client.ask(CreateInvite(), InviteAnswer)
    assert len(door.made) == 2


def test_what_ends_under_a_question_that_changes_nothing_is_asked_again(
    node: Running, tmp_path: Path
) -> None:
    with closing(door_of(node.folders).connect(5)) as connection:
        connection.ask("GET", "/v1/status", None, {})
        body = connection.getresponse().read()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    path = tmp_path / "short.sock"

    def serve(listener: socket.socket) -> None:
        for _ in range(2):
            stream, _ = listener.accept()
            with stream:
                stream.recv(4_096)
                stream.sendall(answer)
                # It ends when the next question is there, which it does not answer.
                stream.recv(4_096)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(path))
        listener.listen(2)
        serving = threading.Thread(target=serve, args=(listener,))
        serving.start()
        client = Client(UnixDoor(path), timeout_s=5)
        for _ in range(2):
            client.ask(AskStatus(), StatusAnswer)
        with pytest.raises(UserError, match="stopped before"):
            client.ask(CreateInvite(), InviteAnswer)
        serving.join()
