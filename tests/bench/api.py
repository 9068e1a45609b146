"""CPU that a request costs the daemon: on a kept connection, with one for each, and as a frame.

What is asked is answered at the door itself (`GET /v1/tokens`), so that nothing but the API is
measured, and the status beside it, for which the node is asked. Only the daemon's time counts.
"""

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Final

import pytest

from tests.bench.daemons import cpu_seconds
from tests.bench.table import Row
from tests.daemon.processes import Household

ROUNDS: Final = 5
PIECE_BYTES: Final = 65_536

UPGRADE: Final = (
    "GET /v1/events HTTP/1.1\r\nHost: mesh\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)

Way = Callable[[str, int], None]


def rows(scratch: Path, requests: int) -> Iterator[Row]:
    """All ways by turns, so that each meets the same machine; of each the median of its rounds."""
    with pytest.MonkeyPatch.context() as patched, closing(Household(scratch, patched)) as household:
        household.make("ada", "")
        process = household.start("ada", name="Ada")
        client = Sockets(household.folders("ada").socket_file)
        ways: dict[str, Way] = {
            "on a kept connection": client.kept,
            "with a connection each": client.one_each,
            "as a frame": client.framed,
        }
        for path in ("/v1/tokens", "/v1/status"):
            taken: dict[str, list[float]] = {name: [] for name in ways}
            for ask in ways.values():
                ask(path, requests // 10)
            for _ in range(ROUNDS):
                for name, ask in ways.items():
                    before = cpu_seconds(process.pid)
                    ask(path, requests)
                    taken[name].append((cpu_seconds(process.pid) - before) / requests * 1000)
            for name, took in taken.items():
                note = f"{ROUNDS} times {requests:,}: {min(took):.3f} to {max(took):.3f}"
                yield Row("api", f"{path} {name}", median(took), "ms of CPU", note)


class Sockets:
    """A client of a few lines: each request waits for the answer to the one before."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def kept(self, path: str, count: int) -> None:
        """Ask all on one connection."""
        with self._connected() as stream:
            for _ in range(count):
                _ask(stream, path)

    def one_each(self, path: str, count: int) -> None:
        """Ask each on a connection of its own."""
        for _ in range(count):
            with self._connected() as stream:
                _ask(stream, path)

    def framed(self, path: str, count: int) -> None:
        """Ask all on one stream of events."""
        asked = json.dumps({"id": 1, "method": "GET", "path": path}).encode()
        frame = bytes([0x81, 0x80 | len(asked)]) + bytes(4) + asked
        with self._connected() as stream:
            stream.sendall(UPGRADE.encode())
            _read_until(stream, b'"hello"')
            for _ in range(count):
                stream.sendall(frame)
                _read_until(stream, b'"answer"')

    def _connected(self) -> socket.socket:
        stream = socket.socket(socket.AF_UNIX)
        stream.connect(os.fspath(self._path))
        return stream


def _ask(stream: socket.socket, path: str) -> None:
    stream.sendall(f"GET {path} HTTP/1.1\r\nHost: mesh\r\n\r\n".encode())
    head, _, body = _read_until(stream, b"\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    lines = head.lower().split(b"\r\n")
    [length] = [int(line[15:]) for line in lines if line.startswith(b"content-length:")]
    while len(body) < length:
        body += stream.recv(PIECE_BYTES)


def _read_until(stream: socket.socket, wanted: bytes) -> bytes:
    told = b""
    while wanted not in told:
        piece = stream.recv(PIECE_BYTES)
        assert piece, told
        told += piece
    return told
