"""Heads of requests, and the lines between the pieces of a body: bounded, and cheap to refuse.

Without the patterns of ours one line of blanks takes a second of CPU.
"""

import time

import h11
import pytest
import trio

from mesh.limits.api import API_HEAD_BYTES_MAX
from mesh.node.http_heads import RequestReader
from tests.api.conftest import Serving
from tests.api.test_stream_ends import told_until_the_end

HEAD = b"GET /v1/status HTTP/1.1\r\nHost: mesh\r\nConnection: close\r\n"
CHUNKED = b"POST /v1/invites HTTP/1.1\r\nHost: mesh\r\nTransfer-Encoding: chunked\r\n\r\n"
BLANKS = b" " * (API_HEAD_BYTES_MAX - 200)
TRIES = 8
CPU_S_MAX = 1.0
"""Of all tries together; a few hundredths in truth, and many seconds where time grows with the
square of a line."""


async def told(serving: Serving, sent: bytes) -> bytes:
    """All that is answered to something, until the server ends the connection."""
    async with await trio.open_unix_socket(serving.path) as stream:
        await stream.send_all(sent)
        return await told_until_the_end(stream)


@pytest.mark.parametrize("last", [b"\0", b"\v", b"\f", b"\r"])
async def test_a_line_of_blanks_is_refused_cheaply(serving: Serving, last: bytes) -> None:
    begun = time.process_time()
    for _ in range(TRIES):
        answer = await told(serving, HEAD + b"X:" + BLANKS + last + b".\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 400")
    assert time.process_time() - begun < CPU_S_MAX


async def test_a_chunk_with_blanks_is_refused_cheaply(serving: Serving) -> None:
    begun = time.process_time()
    for _ in range(TRIES):
        await told(serving, CHUNKED + b"1;" + BLANKS + b"\n\r\n")
    assert time.process_time() - begun < CPU_S_MAX


@pytest.mark.parametrize(
    "line, value",
    [
        (b"X:", b""),
        (b"X: \t ", b""),
        (b"X:a", b"a"),
        (b"X: \t a  b\tc \t", b"a  b\tc"),
        (b"X: \xe9 ", b"\xe9"),
        (b"X: a\r\n  b", b"a b"),
    ],
)
async def test_headers_are_read_as_ever(line: bytes, value: bytes) -> None:
    request = await read(HEAD + line + b"\r\n\r\n")
    assert dict(request.headers)[b"x"] == value


async def read(sent: bytes) -> h11.Request:
    """Read a request that stands among bytes."""
    rest = sent

    async def receive(bytes_max: int) -> bytes:
        nonlocal rest
        await trio.lowlevel.checkpoint()
        piece, rest = rest[:bytes_max], rest[bytes_max:]
        return piece

    request = await RequestReader(API_HEAD_BYTES_MAX).next_request(receive)
    assert request is not None
    return request


@pytest.mark.parametrize("chunk", [b"2\r\n{}", b"2  \r\n{}", b'2;a="b";c \r\n{}', b"002;\r\n{}"])
async def test_chunks_are_read_as_ever(serving: Serving, chunk: bytes) -> None:
    inspect = CHUNKED.replace(b"/invites", b"/invites/inspect").replace(
        b"\r\n\r\n", b"\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
    )
    answer = await told(serving, inspect + chunk + b"\r\n0\r\n\r\n")
    # All of it was read: what is missing is told.
    assert b"`link`" in answer


@pytest.mark.parametrize("before", [b"", HEAD.replace(b"close", b"keep-alive") + b"\r\n"])
async def test_a_head_that_is_too_long_is_refused_if_it_comes_whole(
    serving: Serving, before: bytes
) -> None:
    room = API_HEAD_BYTES_MAX - len(HEAD + b"X:\r\n\r\n")
    fits = await told(serving, before + HEAD + b"X:" + b"y" * room + b"\r\n\r\n")
    assert fits.count(b"HTTP/1.1 200") == 1 + bool(before)
    longer = await told(serving, before + HEAD + b"X:" + b"y" * (room + 100) + b"\r\n\r\n")
    assert longer.count(b"HTTP/1.1 200") == bool(before)
    assert longer.count(b"HTTP/1.1 431") == 1


async def test_a_head_that_is_too_long_is_refused_behind_a_body(serving: Serving) -> None:
    """It came with the last of a body, of which more is read at a time."""
    body = b"{" + b" " * API_HEAD_BYTES_MAX
    first = b"POST /v1/invites HTTP/1.1\r\nHost: mesh\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with await trio.open_unix_socket(serving.path) as stream:
        await stream.send_all(first + body[:1])
        await trio.testing.wait_all_tasks_blocked()
        await stream.send_all(body[1:] + HEAD + b"X:" + b"y" * API_HEAD_BYTES_MAX + b"\r\n\r\n")
        answers = await told_until_the_end(stream)
    assert answers.count(b"HTTP/1.1 ") == 2
    assert b"HTTP/1.1 431" in answers
