"""A WebSocket that the server ends, whatever its client writes and does not read."""

import json
from contextlib import suppress

import pytest
import trio

from mesh.api.tokens import MakeToken
from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.commands.contacts import AddContact
from mesh.limits.api import API_FRAME_BYTES_MAX
from tests.api.conftest import Serving
from tests.api.door import Door

WITHIN_S = 60
"""For a machine that is busy: an end that does not come is no end."""


async def begin(stream: trio.SocketStream, host: str, more: str = "") -> None:
    """Open a stream of events, and read its first word."""
    asked = (
        f"GET /v1/events HTTP/1.1\r\nHost: {host}\r\n{more}"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
    )
    await stream.send_all(asked.encode())
    told = b""
    while b'"hello"' not in told:
        told += await stream.receive_some()


def masked(payload: bytes) -> bytes:
    """A text frame under a mask of zeros."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xff" + size.to_bytes(8, "big")
    return b"\x81" + length + bytes(4) + payload


def command(method: str, path: str, **more: object) -> bytes:
    return masked(json.dumps({"id": 1, "method": method, "path": path, **more}).encode())


async def told_until_the_end(stream: trio.SocketStream) -> bytes:
    """Read to the end. What the server has not read is told as a connection that broke."""
    told = b""
    with trio.fail_after(WITHIN_S), suppress(trio.BrokenResourceError):
        async for piece in stream:
            told += piece
    return told


async def test_who_floods_is_let_go_of_when_its_stream_ends(
    serving: Serving, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(command: Command) -> Answer:
        await trio.sleep_forever()
        raise AssertionError

    monkeypatch.setattr(serving.node, "ask", hang)
    made = await door.access.make_token(MakeToken("bot", "read"))
    async with await trio.open_tcp_stream("127.0.0.1", door.port) as stream:
        await begin(stream, door.host, f"Authorization: Bearer {made.token}\r\n")
        # More than all that reads ahead has room for.
        await stream.send_all(command("GET", "/v1/status") * 60)
        await trio.testing.wait_all_tasks_blocked(cushion=0.1)
        await door.access.revoke_token(made.number)
        await told_until_the_end(stream)


async def test_nothing_is_done_that_comes_after_a_frame_that_is_too_long(serving: Serving) -> None:
    serving.node.answer(AddContact("mesh:Ben"))
    async with await trio.open_unix_socket(serving.path) as stream:
        await begin(stream, "mesh")
        await stream.send_all(masked(b" " * (API_FRAME_BYTES_MAX + 1)))
        assert await stream.receive_some() == b"\x88\x02" + (1009).to_bytes(2, "big")
        body = {"contact": "Ben", "text": "too late"}
        await stream.send_all(command("POST", "/v1/messages", body=body))
        assert await told_until_the_end(stream) == b""
    assert serving.node.messages == []
