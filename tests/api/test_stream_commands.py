"""Commands over the WebSocket of events: answers, and each thing that guards them."""

import gc
import json
import sys
import tracemalloc
from collections.abc import AsyncIterator, MutableMapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2
import pytest
import trio
from httpx2.websockets import AsyncWebSocketSession, WebSocketDisconnect

from mesh.api.access import Access
from mesh.api.event_log import EventLog
from mesh.api.grant import Grant
from mesh.api.request import Request
from mesh.api.routes import ROUTES
from mesh.api.stream_commands import TABLE, Answering, StreamCommands
from mesh.api.tokens import MakeToken, TokenScope
from mesh.api.websocket import FrameBuffer, TooLongError
from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.commands.contacts import AddContact
from mesh.commands.messages import SendMessage
from mesh.commands.status import AskStatus
from mesh.errors import UserError
from mesh.limits.api import (
    API_ANSWER_FRAME_BYTES_MAX,
    API_FRAME_BYTES_MAX,
    API_GRACE_MS,
    API_STREAM_COMMANDS_MAX,
)
from tests.api.conftest import Serving
from tests.api.door import Door
from tests.api.small_node import SmallNode


@dataclass
class Stream:
    """One client's end."""

    session: AsyncWebSocketSession

    async def say(self, **asked: object) -> None:
        await self.session.send_text(json.dumps(asked))

    async def told(self) -> dict[str, object]:
        """Return what is answered next; events go by."""
        while True:
            told: dict[str, object] = json.loads(await self.session.receive_text())
            if told["type"] in ("answer", "problem", "going-away"):
                return told

    async def told_until_the_end(self) -> None:
        while True:
            await self.session.receive_text()

    async def ask(self, method: str, path: str, body: object = None) -> dict[str, object]:
        asked = {"id": 1, "method": method, "path": path}
        await self.say(**(asked if body is None else asked | {"body": body}))
        return await self.told()


def kind(told: dict[str, object]) -> str:
    problem = told["problem"]
    assert isinstance(problem, dict), told
    return str(problem["type"]).removeprefix("urn:mesh:problem:")


@asynccontextmanager
async def stream_of(serving: Serving) -> AsyncIterator[Stream]:
    async with serving.http() as http, http.websocket("/v1/events") as session:
        yield Stream(session)


@asynccontextmanager
async def stream_at(door: Door, scope: TokenScope) -> AsyncIterator[Stream]:
    """A stream of a program with a token of its own."""
    token = (await door.access.make_token(MakeToken(f"bot-{scope}", scope))).token
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(base_url=f"http://{door.host}", headers=headers) as http,
        http.websocket("/v1/events") as session,
    ):
        yield Stream(session)


async def test_what_is_asked_on_a_stream_is_answered_as_over_http(serving: Serving) -> None:
    serving.node.answer(AddContact("mesh:Ben"))
    async with stream_of(serving) as stream, serving.http() as http:
        sent = {"contact": "Ben", "text": "See you at 7", "idempotency_key": "k"}
        told = await stream.ask("POST", "/v1/messages", sent)
        # The same key again: the same message, by whichever way.
        over_http = (await http.post("/v1/messages", json=sent)).json()
        assert told == {"type": "answer", "id": 1, "answer": over_http}
        for path in ("/v1/status", "/v1/messages?after=0&limit=1", "/v1/contacts/Ben"):
            answer = (await http.get(path)).json()
            assert await stream.ask("GET", path) == {"type": "answer", "id": 1, "answer": answer}


async def test_events_and_answers_come_on_one_stream(serving: Serving) -> None:
    serving.node.answer(AddContact("mesh:Ben"))
    async with stream_of(serving) as stream:
        await stream.say(
            id="mine", method="POST", path="/v1/messages", body={"contact": 1, "text": "One"}
        )
        types = [json.loads(await stream.session.receive_text()) for _ in range(3)]
    assert sorted(told["type"] for told in types) == ["answer", "event", "hello"]
    assert next(told for told in types if told["type"] == "answer")["id"] == "mine"


@pytest.mark.parametrize(
    "method, path, body, expected",
    [
        ("GET", "/v1/nothing", None, "no-route"),
        ("GET", "/v1/events", None, "no-route"),
        ("POST", "/v1/session", {"code": "x"}, "no-route"),
        ("DELETE", "/v1/session", None, "no-route"),
        ("PUT", "/v1/messages", {}, "method-not-allowed"),
        ("POST", "/v1/messages", {"contact": 1, "text": "x", "more": 1}, "bad-request"),
        ("POST", "/v1/messages?limit=1", {"contact": 1, "text": "x"}, "bad-request"),
        ("POST", "/v1/messages", [1], "bad-request"),
        ("GET", "/v1/messages", {"after": 0}, "bad-request"),
        ("GET", "/v1/messages?limit=1001", None, "bad-request"),
        ("GET", "/v1/contacts/Zoë", None, "bad-request"),
        ("GET", "/v1/contacts/%ff", None, "bad-request"),
        ("GET", "/v1/contacts/Nobody", None, "not-found"),
    ],
)
async def test_what_http_refuses_a_stream_refuses(
    serving: Serving, method: str, path: str, body: object, expected: str
) -> None:
    async with stream_of(serving) as stream:
        told = await stream.ask(method, path, body)
        assert (told["id"], kind(told)) == (1, expected)
        assert (await stream.ask("GET", "/v1/status"))["type"] == "answer"


@pytest.mark.parametrize(
    "frame, asked",
    [
        ("hello", None),
        ("[]", None),
        ('{"id": 7}', 7),
        ('{"id": 7, "method": "GET", "path": "/v1/status", "more": 1}', 7),
        ('{"id": 7, "method": "HEAD", "path": "/v1/status"}', 7),
        ('{"id": -1, "method": "GET", "path": "/v1/status"}', None),
        ('{"id": 7, "method": "GET", "path": "/v1/status", "body": ' + "[" * 60_000, None),
        (b"bytes", None),
    ],
)
async def test_a_frame_that_is_no_command_is_told_so_and_the_stream_goes_on(
    serving: Serving, frame: str | bytes, asked: int | None
) -> None:
    async with stream_of(serving) as stream:
        if isinstance(frame, bytes):
            await stream.session.send_bytes(frame)
        else:
            await stream.session.send_text(frame)
        told = await stream.told()
        assert (told["id"], kind(told)) == (asked, "bad-request")
        assert (await stream.ask("GET", "/v1/status"))["type"] == "answer"


async def test_a_locked_vault_is_a_problem_of_each_command(serving: Serving) -> None:
    await serving.node.lock()
    async with stream_of(serving) as stream:
        assert kind(await stream.ask("GET", "/v1/contacts")) == "locked"
        assert (await stream.ask("GET", "/v1/status"))["type"] == "answer"


async def test_a_command_needs_the_scope_of_its_route(serving: Serving, door: Door) -> None:
    serving.node.answer(AddContact("mesh:Ben"))
    sent = {"contact": "Ben", "text": "x"}
    async with stream_at(door, "read") as reader:
        assert (await reader.ask("GET", "/v1/contacts"))["type"] == "answer"
        told = await reader.ask("POST", "/v1/messages", sent)
        assert kind(told) == "not-allowed"
        # It needs another one than its route, because of a field.
        assert kind(await reader.ask("GET", "/v1/messages?mark_read=true")) == "not-allowed"
        assert serving.node.messages == []
    async with stream_at(door, "send") as sender:
        assert (await sender.ask("POST", "/v1/messages", sent))["type"] == "answer"
        assert kind(await sender.ask("POST", "/v1/stop", {})) == "not-allowed"
    assert not serving.stopping.is_set()


async def test_a_token_that_is_revoked_asks_nothing_more(serving: Serving, door: Door) -> None:
    async with stream_at(door, "admin") as stream:
        number = door.access.record.tokens[0].number
        await door.access.revoke_token(number)
        with pytest.raises(WebSocketDisconnect):
            await stream.told_until_the_end()


async def test_a_token_that_revokes_itself_is_no_token_after_a_restart(
    serving: Serving, door: Door
) -> None:
    access = door.access
    async with stream_at(door, "admin") as stream:
        number = access.record.tokens[0].number
        await stream.say(id=1, method="DELETE", path=f"/v1/tokens/{number}")
        with pytest.raises(WebSocketDisconnect):
            await stream.told_until_the_end()
    assert Access(access.path, access.clock).record.tokens == []


async def test_a_frame_that_is_too_long_ends_the_stream(serving: Serving) -> None:
    serving.node.answer(AddContact("mesh:Ben"))
    async with stream_of(serving) as stream:
        body = {"contact": "Ben", "text": "x" * 60_000}
        assert (await stream.ask("POST", "/v1/messages", body))["type"] == "answer"
        # Counted in bytes: this many characters would do.
        await stream.session.send_text("ß" * (API_FRAME_BYTES_MAX // 2 + 1))
        with pytest.raises(WebSocketDisconnect) as caught:
            await stream.told()
    assert caught.value.code == 1009


async def test_a_frame_is_not_compressed_so_that_none_unfolds(serving: Serving) -> None:
    async with await trio.open_unix_socket(serving.path) as stream:
        await stream.send_all(
            b"GET /v1/events HTTP/1.1\r\nHost: mesh\r\n"
            b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
            b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
        )
        told = b""
        while b"\r\n\r\n" not in told:
            told += await stream.receive_some()
    assert told.startswith(b"HTTP/1.1 101")
    assert b"extensions" not in told.lower()


async def test_an_answer_that_is_too_long_is_a_problem(serving: Serving) -> None:
    serving.node.answer(AddContact("mesh:Ben"))
    for _ in range(API_ANSWER_FRAME_BYTES_MAX // 50_000 + 1):
        serving.node.receive("Ben", "x" * 50_000)
    async with stream_of(serving) as stream:
        assert kind(await stream.ask("GET", "/v1/messages?limit=1000")) == "too-large"
        assert (await stream.ask("GET", "/v1/messages?limit=1"))["type"] == "answer"


def frame(number: int, path: str, body: object = None, **more: object) -> dict[str, object]:
    """A frame as the server hands it over."""
    method = "GET" if body is None else "POST"
    asked = {"id": number, "method": method, "path": path, **more}
    text = json.dumps(asked if body is None else asked | {"body": body})
    return {"type": "websocket.receive", "bytes": text.encode(), "is_text": True}


class Hand:
    """One stream in memory, over a node whose answers a test lets go."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.node = SmallNode(EventLog("run"))
        self.node.answer(AddContact("mesh:Ben"))
        self.asked: list[list[Command]] = []
        self.let_go = trio.Event()
        self.told: list[dict[str, object]] = []
        self.client, self._receive = trio.open_memory_channel[dict[str, object]](0)
        self.commands = StreamCommands(
            Answering(self._answer, self._answer_all, self.node.person_came), Grant("admin")
        )
        self.stream = trio.CancelScope()
        nursery.start_soon(self.commands.take, self._receive.receive, self.stream)
        nursery.start_soon(self.commands.run, self._send)

    async def say(self, number: int, path: str, body: object = None, **more: object) -> None:
        await self.client.send(frame(number, path, body, **more))

    def is_read(self, number: int, path: str) -> bool:
        """Ask, if somebody reads it; return whether anybody did."""
        try:
            self.client.send_nowait(frame(number, path))
        except trio.WouldBlock:
            return False
        return True

    async def write(self, number: int, text: str) -> None:
        await self.say(number, "/v1/messages", {"contact": "Ben", "text": text})

    async def _answer(self, request: Request, grant: Grant) -> Answer:
        assert isinstance(request, SendMessage | AskStatus)
        self.asked.append([request])
        await self.let_go.wait()
        return await self.node.ask(request)

    async def _answer_all(self, commands: Sequence[Command]) -> list[Answer | UserError]:
        self.asked.append(list(commands))
        return await self.node.ask_all(commands)

    async def _send(self, message: MutableMapping[str, object]) -> None:
        self.told.append(json.loads(str(message["text"])))


async def test_texts_that_wait_together_are_asked_together_in_their_order(
    nursery: trio.Nursery,
) -> None:
    hand = Hand(nursery)
    await hand.say(0, "/v1/status")
    await trio.testing.wait_all_tasks_blocked()
    for number in range(1, 6):
        contact = "Nobody" if number == 4 else "Ben"
        await hand.say(number, "/v1/messages", {"contact": contact, "text": f"text {number}"})
    await trio.testing.wait_all_tasks_blocked()
    hand.let_go.set()
    await trio.testing.wait_all_tasks_blocked()
    assert [len(together) for together in hand.asked] == [1, 5]
    assert [each["id"] for each in hand.told] == [0, 1, 2, 3, 4, 5]
    assert [each["type"] for each in hand.told] == ["answer"] * 4 + ["problem", "answer"]
    texts = [message.text for message in hand.node.messages]
    assert texts == ["text 1", "text 2", "text 3", "text 5"]


async def test_what_is_asked_between_two_texts_is_answered_between_them(
    nursery: trio.Nursery,
) -> None:
    hand = Hand(nursery)
    hand.let_go.set()
    await hand.write(1, "one")
    await hand.say(2, "/v1/status")
    await hand.write(3, "two")
    await trio.testing.wait_all_tasks_blocked()
    assert [each["id"] for each in hand.told] == [1, 2, 3]


async def test_no_more_is_read_than_waits_in_hand(nursery: trio.Nursery) -> None:
    hand = Hand(nursery)
    taken = 0
    await trio.testing.wait_all_tasks_blocked()
    while taken < 5 * API_STREAM_COMMANDS_MAX and hand.is_read(taken, "/v1/status"):
        taken += 1
        await trio.testing.wait_all_tasks_blocked()
    # One is being asked, all others but one wait for it, and that is on its way to them.
    assert taken == 1 + API_STREAM_COMMANDS_MAX
    assert len(hand.asked) == 1


async def test_what_was_begun_is_answered_before_a_stream_ends(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    hand = Hand(nursery)
    await hand.say(1, "/v1/status")
    await trio.testing.wait_all_tasks_blocked()
    async with trio.open_nursery() as waiting:
        waiting.start_soon(hand.commands.rest)
        await trio.testing.wait_all_tasks_blocked()
        assert hand.told == []
        hand.let_go.set()
    assert [each["id"] for each in hand.told] == [1]


async def test_a_command_that_hangs_does_not_hold_up_the_end(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    hand = Hand(nursery)
    await hand.say(1, "/v1/status")
    await trio.testing.wait_all_tasks_blocked()
    began = trio.current_time()
    await hand.commands.rest()
    assert trio.current_time() - began < API_GRACE_MS / 1000
    # Its answer would come after the last word of the stream.
    hand.let_go.set()
    await trio.testing.wait_all_tasks_blocked()
    assert hand.told == []


async def test_only_what_says_so_is_of_a_person(nursery: trio.Nursery) -> None:
    hand = Hand(nursery)
    hand.let_go.set()
    await hand.say(1, "/v1/status")
    await trio.testing.wait_all_tasks_blocked()
    assert hand.node.persons_count == 0
    await hand.say(2, "/v1/status", is_person=True)
    await trio.testing.wait_all_tasks_blocked()
    assert hand.node.persons_count == 1


async def test_nothing_that_was_asked_is_held_after_its_turn(nursery: trio.Nursery) -> None:
    hand = Hand(nursery)
    hand.let_go.set()
    message = frame(1, "/v1/messages", {"contact": "Ben", "text": "zebra cobalt"})
    secret = message["bytes"]
    held = sys.getrefcount(secret)
    await hand.client.send(message)
    await trio.testing.wait_all_tasks_blocked()
    assert [each["id"] for each in hand.told] == [1]
    gc.collect()
    assert sys.getrefcount(secret) == held
    (request,) = hand.asked.pop()
    # The name here, and what counts.
    assert sys.getrefcount(request) == 2
    assert sys.getrefcount(message) == 2


async def test_who_leaves_ends_the_stream(nursery: trio.Nursery) -> None:
    hand = Hand(nursery)
    await hand.client.send({"type": "websocket.disconnect"})
    await trio.testing.wait_all_tasks_blocked()
    assert hand.stream.cancel_called


def test_each_route_is_found_as_http_finds_it() -> None:
    for route in ROUTES:
        path = route.path.replace("{", "").replace("}", "")
        if route.scope == "open" or route.clears_site:
            with pytest.raises(UserError):
                TABLE.find(route.method, path)
            continue
        found, fields = TABLE.find(route.method, path)
        assert found is route
        assert fields == {name: name for name in route.path_fields}


def test_a_frame_is_counted_in_bytes_and_let_go_of_where_it_is_too_long() -> None:
    buffer = FrameBuffer(8)
    buffer.extend("ßß")
    buffer.extend("ßß")
    assert buffer.take()["bytes"] == "ßßßß".encode()
    with pytest.raises(TooLongError):
        buffer.extend("ßßßßß")
    assert not buffer._frame


def test_a_frame_of_many_pieces_takes_no_more_than_its_bytes() -> None:
    buffer = FrameBuffer(1_000)
    tracemalloc.start()
    for _ in range(10_000):
        buffer.extend("")
    for _ in range(1_000):
        buffer.extend("x")
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 10_000
    assert buffer.take()["bytes"] == b"x" * 1_000


def test_a_text_is_handed_on_as_bytes_so_that_it_takes_no_more() -> None:
    buffer = FrameBuffer(API_FRAME_BYTES_MAX)
    buffer.extend("x" * 100_000 + "\U0001f600")
    message = buffer.take()
    assert message["is_text"] is True
    assert sum(map(sys.getsizeof, message.values())) < 110_000
    buffer.extend(b"x")
    assert buffer.take()["is_text"] is False
