"""One connection: what is left of a body, what comes before its turn, and how it ends."""

import random

import pytest
import trio

from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.limits.api import API_BODY_BYTES_MAX, API_BODY_TIMEOUT_MS, API_IDLE_TIMEOUT_MS
from tests.api.conftest import Serving
from tests.api.door import answered_in
from tests.api.test_stream_ends import WITHIN_S, begin, command, masked, told_until_the_end

STATUS = b"GET /v1/status HTTP/1.1\r\nHost: mesh\r\n\r\n"
STOP = b"POST /v1/stop HTTP/1.1\r\nHost: mesh\r\n\r\n"
LAST = b"GET /v1/status HTTP/1.1\r\nHost: mesh\r\nConnection: close\r\n\r\n"


def refused(body: bytes, more: str = "") -> bytes:
    """A request whose body nobody reads."""
    head = f"POST /v1/nothing HTTP/1.1\r\nHost: mesh\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


async def told(serving: Serving, sent: bytes) -> bytes:
    """All that is answered to something, until the server ends the connection."""
    async with await trio.open_unix_socket(serving.path) as stream:
        await stream.send_all(sent)
        return await told_until_the_end(stream)


def statuses(answers: bytes) -> list[int]:
    """The status of each answer."""
    return [int(part[:3]) for part in answers.split(b"HTTP/1.1 ")[1:]]


async def test_a_body_that_nobody_reads_is_no_request(serving: Serving) -> None:
    answers = await told(serving, refused(STOP) + LAST)
    assert statuses(answers) == [404, 200]
    assert not serving.stopping.is_set()


async def test_a_body_that_is_left_and_has_no_end_ends_the_connection(serving: Serving) -> None:
    async with await trio.open_unix_socket(serving.path) as stream:
        await stream.send_all(refused(b"")[:-2].replace(b": 0", b": 99999999") + b"\r\n\r\n")
        with trio.fail_after(WITHIN_S), pytest.raises(trio.BrokenResourceError):
            await stream.send_all(bytes(100 * API_BODY_BYTES_MAX))


async def test_requests_that_come_together_are_answered_in_their_order(serving: Serving) -> None:
    assert statuses(await told(serving, STATUS + refused(b"{}") + STATUS + LAST)) == [
        200,
        404,
        200,
        200,
    ]


async def test_a_body_is_only_asked_for_where_it_is_read(
    serving: Serving, autojump_clock: trio.testing.MockClock
) -> None:
    expecting = "Expect: 100-continue\r\n"
    begun = trio.current_time()
    # What is refused without it ends at once: nobody knows whether it comes.
    assert statuses(await told(serving, refused(b"", expecting).replace(b": 0", b": 9"))) == [404]
    assert trio.current_time() - begun < API_BODY_TIMEOUT_MS / 1000
    async with await trio.open_unix_socket(serving.path) as stream:
        head = "POST /v1/invites/inspect HTTP/1.1\r\nHost: mesh\r\nConnection: close\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: 2\r\n{expecting}\r\n"
        await stream.send_all(head.encode())
        with trio.fail_after(WITHIN_S):
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 100")
        await stream.send_all(b"{}")
        assert answered_in(await told_until_the_end(stream)).status == 400


@pytest.mark.parametrize("sent", [b"", b"GET /v1/sta", STATUS])
async def test_an_idle_connection_is_kept_for_its_time(
    serving: Serving, autojump_clock: trio.testing.MockClock, sent: bytes
) -> None:
    async with await trio.open_unix_socket(serving.path) as stream:
        await stream.send_all(sent)
        await trio.testing.wait_all_tasks_blocked(0.01)
        begun = trio.current_time()
        async for _ in stream:
            pass
        idle_s = trio.current_time() - begun
    assert API_IDLE_TIMEOUT_MS / 1000 - 1 < idle_s < API_IDLE_TIMEOUT_MS / 1000 + 1


async def test_a_ping_is_answered_and_an_end_is_too(serving: Serving) -> None:
    async with await trio.open_unix_socket(serving.path) as stream:
        await begin(stream, "mesh")
        await stream.send_all(b"\x89\x82" + bytes(4) + b"hi")
        assert await stream.receive_some() == b"\x8a\x02hi"
        await stream.send_all(b"\x88\x82" + bytes(4) + (1000).to_bytes(2, "big"))
        assert await told_until_the_end(stream) == b"\x88\x02" + (1000).to_bytes(2, "big")


@pytest.mark.parametrize("line", ["Sec-WebSocket-Version: 12", "Sec-WebSocket-Key"])
async def test_a_stream_that_is_asked_for_wrongly_is_refused(serving: Serving, line: str) -> None:
    right = {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg=="}
    name, _, value = line.partition(": ")
    headers = {name: text for name, text in (right | {name: value}).items() if text}
    lines = [f"{each}: {text}" for each, text in headers.items()]
    head = ["GET /v1/events HTTP/1.1", "Host: mesh", "Connection: Upgrade", "Upgrade: websocket"]
    assert statuses(await told(serving, "\r\n".join([*head, *lines, "", ""]).encode())) == [400]


async def test_whatever_comes_as_frames_ends_only_its_stream(
    serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    drawn = random.Random(7)
    asked = command("GET", "/v1/status")
    for _ in range(40):
        noise = bytearray(asked * 2 + masked(drawn.randbytes(40)))
        for _ in range(drawn.randint(1, 4)):
            noise[drawn.randrange(len(noise))] = drawn.randrange(256)
        async with await trio.open_unix_socket(serving.path) as stream:
            await begin(stream, "mesh")
            await stream.send_all(bytes(noise) + drawn.randbytes(drawn.randint(0, 30)))
            await stream.send_eof()
            await told_until_the_end(stream)
    assert statuses(await told(serving, LAST)) == [200]
    assert not caplog.records


async def test_what_is_answered_while_the_daemon_stops_says_that_it_is_the_last(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = serving.node.ask

    async def stop(command: Command) -> Answer:
        serving.stopping.set()
        # A vault that is locked is answered after its program has begun to end.
        await trio.testing.wait_all_tasks_blocked()
        return await ask(command)

    monkeypatch.setattr(serving.node, "ask", stop)
    head = (await told(serving, STATUS)).partition(b"\r\n\r\n")[0]
    assert b"200" in head
    assert b"connection: close" in head.lower()
