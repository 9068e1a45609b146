"""Others have their turn, however small the pieces are in which a client sends what it asks.

A task that counts its turns stands for them: with a rule taken out it has one.
"""

import socket
from dataclasses import dataclass

import trio

from mesh.api.asgi import ASGIApp, Receive, Scope, Send
from mesh.api.connections import OpenConnections
from mesh.api.http_connection import HttpConnection

PIECES = 2_000
"""Of six bytes each: they are all there before the first is taken."""


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

    head = b"POST / HTTP/1.1\r\nHost: mesh\r\nTransfer-Encoding: chunked\r\n\r\n"
    await serve(app, turns, head + b"1\r\nx\r\n" * PIECES + b"0\r\n\r\n")
    assert len(counts) == PIECES
    assert counts[-1] - counts[0] >= PIECES - 2


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
