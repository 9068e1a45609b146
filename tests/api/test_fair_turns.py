"""Others have their turn, however small the pieces are in which a client sends what it asks.

A task that counts its turns stands for them: with a rule taken out it has one.
"""

import socket
from dataclasses import dataclass

import pytest
import trio

from mesh.api.asgi import ASGIApp, Receive, Scope, Send
from mesh.api.connections import OpenConnections
from mesh.api.http_connection import HttpConnection
from mesh.api.responses import send_json
from mesh.limits.api import API_WRITES_PER_TURN

PIECES = 2_000
"""Of six bytes each: they are all there before the first is taken."""


GET = b"GET / HTTP/1.1\r\nHost: mesh\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: mesh\r\nTransfer-Encoding: chunked\r\n\r\n"
WHOLE = b"POST / HTTP/1.1\r\nHost: mesh\r\nContent-Length: 2\r\n\r\n{}"


@dataclass
class Turns:
    """A task that does nothing but have its turns."""

    count: int = 0

    async def run(self) -> None:
        while True:
            await trio.lowlevel.checkpoint()
            self.count += 1


async def serve(app: ASGIApp, turns: Turns, sent: bytes) -> None:
    """Serve a connection on which something was sent."""
    ours, theirs = (
        trio.SocketStream(trio.socket.from_stdlib_socket(each)) for each in socket.socketpair()
    )
    async with theirs, trio.open_nursery() as nursery:
        await theirs.send_all(sent)
        await theirs.send_eof()
        nursery.start_soon(turns.run)
        await HttpConnection(app, ours, OpenConnections()).run()
        nursery.cancel_scope.cancel()


async def test_a_body_of_tiny_chunks_lets_others_have_their_turns() -> None:
    turns, counts = Turns(), []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while (message := await receive())["more_body"]:
            counts.append(turns.count)
            body += message["body"]
        assert body == b"x" * PIECES

    await serve(app, turns, CHUNKED + b"1\r\nx\r\n" * PIECES + b"0\r\n\r\n")
    assert len(counts) == PIECES
    assert counts[-1] - counts[0] >= PIECES - 2


async def test_a_request_that_is_all_here_is_answered_without_another_turn() -> None:
    turns, taken = Turns(), []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        before = turns.count
        while (await receive())["more_body"]:
            pass
        await send_json(send, b"{}")
        taken.append(turns.count - before)

    await serve(app, turns, WHOLE * (API_WRITES_PER_TURN - 1))
    assert taken == [0] * (API_WRITES_PER_TURN - 1)


async def test_requests_that_come_together_let_others_have_their_turns() -> None:
    turns, counts = Turns(), []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        counts.append(turns.count)
        await send_json(send, b"{}")

    await serve(app, turns, GET * 100)
    assert len(counts) == 100
    assert counts[-1] - counts[0] >= 90


async def test_an_answer_in_pieces_lets_others_have_their_turns() -> None:
    turns, counts = Turns(), []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        counts.append(turns.count)
        for _ in range(10 * API_WRITES_PER_TURN):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await send({"type": "http.response.body"})
        counts.append(turns.count)

    await serve(app, turns, GET)
    assert counts[1] - counts[0] >= 8


async def test_a_frame_of_tiny_pieces_lets_others_have_their_turns() -> None:
    turns, counts = Turns(), []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
        counts.append(turns.count)
        assert (await receive())["bytes"] == b"x"
        counts.append(turns.count)

    head = (
        b"GET / HTTP/1.1\r\nHost: mesh\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
    )
    first, piece, last = b"\x01\x81\0\0\0\0x", b"\x00\x80\0\0\0\0", b"\x80\x80\0\0\0\0"
    await serve(app, turns, head + first + piece * PIECES + last)
    assert counts[-1] - counts[0] >= PIECES


async def read_all(stream: trio.SocketStream) -> None:
    async for _ in stream:
        pass


async def test_a_stop_ends_an_answer_that_is_read_as_fast_as_it_is_written() -> None:
    connections, is_ended = OpenConnections(), trio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        connections.end_by(trio.current_time())
        try:
            for _ in range(20_000):
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
        except trio.Cancelled:
            is_ended.set()
            raise

    ours, theirs = (
        trio.SocketStream(trio.socket.from_stdlib_socket(each)) for each in socket.socketpair()
    )
    async with theirs, trio.open_nursery() as nursery:
        await theirs.send_all(GET)
        nursery.start_soon(read_all, theirs)
        await HttpConnection(app, ours, connections).run()
        nursery.cancel_scope.cancel()
    assert is_ended.is_set()


async def test_a_connection_whose_next_request_is_here_keeps_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mesh.api.connections.API_CONNECTIONS_MAX", 1)
    connections, counts = OpenConnections(), list[int]()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        counts.append(len(counts))
        await send_json(send, b"{}")

    async def come() -> None:
        while len(counts) in range(1, 20):
            assert not connections.enter(trio.CancelScope())
            await trio.lowlevel.checkpoint()

    ours, theirs = (
        trio.SocketStream(trio.socket.from_stdlib_socket(each)) for each in socket.socketpair()
    )
    async with theirs, trio.open_nursery() as nursery:
        await theirs.send_all(GET * 20)
        await theirs.send_eof()
        nursery.start_soon(read_all, theirs)
        async with trio.open_nursery() as serving:
            serving.start_soon(HttpConnection(app, ours, connections).run)
            while not counts:
                await trio.lowlevel.checkpoint()
            await come()
        nursery.cancel_scope.cancel()
    assert len(counts) == 20
