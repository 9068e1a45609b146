"""The ring of events, and the two ways in which it is carried."""

from collections.abc import AsyncIterator

import msgspec
import pytest
import trio
from httpx2.websockets import AsyncWebSocketSession, WebSocketDisconnect

from mesh.api.event_log import EventLog, Subscription
from mesh.api.stream import GoingAway, Happened, Heartbeat, Hello, Resync, StreamObject
from mesh.commands.contacts import AddContact
from mesh.errors import UserError
from mesh.events import NoticeRaised
from mesh.limits.api import API_EVENTS_BYTES_MAX, API_EVENTS_MAX, API_SUBSCRIBERS_MAX
from tests.api.conftest import Serving


def notice(number: int) -> NoticeRaised:
    return NoticeRaised(f"Notice {number}.")


async def read(subscription: Subscription) -> list[StreamObject]:
    """Return what comes next, decoded."""
    lines = await subscription.lines(heartbeat_s=20)
    return [msgspec.json.decode(line.text, type=StreamObject) for line in lines]


async def test_a_subscriber_sees_what_happens_from_now_on() -> None:
    log = EventLog("run")
    log.append(notice(1))
    with log.subscribe() as subscription:
        assert await read(subscription) == [Hello(epoch="run", seq=1)]
        log.append(notice(2))
        log.append(notice(3))
        told = await read(subscription)
        assert told == [Happened(seq=2, event=notice(2)), Happened(seq=3, event=notice(3))]


async def test_a_subscriber_that_comes_back_gets_what_it_missed() -> None:
    log = EventLog("run")
    for number in range(1, 6):
        log.append(notice(number))
    with log.subscribe(after=3, epoch="run") as subscription:
        assert await read(subscription) == [Hello(epoch="run", seq=3)]
        assert [told.seq for told in await read(subscription) if isinstance(told, Happened)] == [
            4,
            5,
        ]


async def test_a_subscriber_of_another_run_is_told_to_resync() -> None:
    log = EventLog("second")
    log.append(notice(1))
    for after, epoch in ((1, "first"), (2, "second")):
        with log.subscribe(after=after, epoch=epoch) as subscription:
            assert await read(subscription) == [
                Hello(epoch="second", seq=1),
                Resync(epoch="second", seq=1),
            ]


async def test_what_was_told_before_is_forgotten_by_order_and_missed_by_nobody() -> None:
    log = EventLog("run")
    for number in (1, 2):
        log.append(notice(number))
    with log.subscribe(after=1) as behind, log.subscribe() as present:
        await read(behind)
        await read(present)
        log.forget()
        log.append(notice(3))
        assert await read(behind) == [Resync(epoch="run", seq=3)]
        assert await read(present) == [Happened(seq=3, event=notice(3))]


async def test_a_subscriber_that_is_too_slow_is_told_to_resync_and_goes_on() -> None:
    log = EventLog("run")
    with log.subscribe() as subscription:
        await read(subscription)
        for number in range(API_EVENTS_MAX + 1):
            log.append(notice(number))
        last = API_EVENTS_MAX + 1
        assert await read(subscription) == [Resync(epoch="run", seq=last)]
        log.append(notice(7))
        assert await read(subscription) == [Happened(seq=last + 1, event=notice(7))]


async def test_the_bytes_that_are_remembered_are_bounded() -> None:
    log = EventLog("run")
    large = NoticeRaised("x" * 100_000)
    for _ in range(API_EVENTS_BYTES_MAX // 100_000 + 1):
        log.append(large)
    with log.subscribe(after=0) as subscription:
        await read(subscription)
        assert await read(subscription) == [Resync(epoch="run", seq=log.seq)]


async def test_silence_brings_a_heartbeat(autojump_clock: trio.testing.MockClock) -> None:
    log = EventLog("run")
    with log.subscribe() as subscription:
        await read(subscription)
        assert await read(subscription) == [Heartbeat(seq=0)]


async def test_subscribers_are_bounded_and_ended_ones_do_not_count() -> None:
    log = EventLog("run")
    for _ in range(2):
        subscriptions = [log.subscribe() for _ in range(API_SUBSCRIBERS_MAX)]
        with pytest.raises(UserError) as caught:
            log.subscribe()
        assert caught.value.kind == "too-many"
        for subscription in subscriptions:
            with subscription:
                pass


async def test_a_closed_log_gives_what_is_left_and_then_nothing() -> None:
    log = EventLog("run")
    with log.subscribe() as subscription:
        await read(subscription)
        log.append(notice(1))
        log.close()
        assert len(await read(subscription)) == 1
        assert await read(subscription) == []
    with pytest.raises(UserError):
        log.subscribe()


async def stream_objects(lines: AsyncIterator[str]) -> AsyncIterator[StreamObject]:
    """Yield the objects of a stream of server-sent events."""
    async for line in lines:
        if line.startswith("data: "):
            yield msgspec.json.decode(line.removeprefix("data: "), type=StreamObject)


async def receive(session: AsyncWebSocketSession) -> StreamObject:
    """Return the next object of a WebSocket."""
    decoder: msgspec.json.Decoder[StreamObject] = msgspec.json.Decoder(StreamObject)
    return decoder.decode(await session.receive_text())


async def test_server_sent_events_carry_the_log(serving: Serving) -> None:
    async with serving.http() as http, http.stream("GET", "/v1/events") as response:
        assert response.headers["content-type"] == "text/event-stream"
        objects = stream_objects(response.aiter_lines())
        assert await anext(objects) == Hello(epoch="first-run", seq=0)
        serving.node.answer(AddContact("mesh:Ben"))
        told = await anext(objects)
        assert isinstance(told, Happened)
        assert told.seq == 1
        serving.stopping.set()
        assert await anext(objects) == GoingAway()
        with pytest.raises(StopAsyncIteration):
            await anext(objects)


async def test_the_last_event_id_resumes_a_stream(serving: Serving) -> None:
    for number in range(1, 4):
        serving.log.append(notice(number))
    headers = {"Last-Event-ID": "first-run.2"}
    async with (
        serving.http() as http,
        http.stream("GET", "/v1/events", headers=headers) as response,
    ):
        told = []
        async for line in response.aiter_lines():
            told.append(line)
            # The end of the daemon ends the stream.
            serving.stopping.set()
    assert [line for line in told if line.startswith("id: ")] == [
        "id: first-run.2",
        "id: first-run.3",
        "id: first-run.3",
    ]


async def test_a_web_socket_carries_the_log(serving: Serving) -> None:
    serving.log.append(notice(1))
    async with (
        serving.http() as http,
        http.websocket("/v1/events?after=0&epoch=first-run") as session,
    ):
        assert await receive(session) == Hello(epoch="first-run", seq=0)
        assert await receive(session) == Happened(seq=1, event=notice(1))
        serving.log.append(notice(2))
        assert await receive(session) == Happened(seq=2, event=notice(2))
        serving.stopping.set()
        assert await receive(session) == GoingAway()
        with pytest.raises(WebSocketDisconnect) as caught:
            await receive(session)
        assert caught.value.code == 1001


async def test_a_web_socket_that_is_left_ends_its_subscription(serving: Serving) -> None:
    async with serving.http() as http:
        for _ in range(API_SUBSCRIBERS_MAX + 1):
            async with http.websocket("/v1/events") as session:
                await receive(session)


@pytest.mark.parametrize("query", ["after=x", "after=-1", "nothing=1", "after=%ff"])
async def test_a_bad_place_in_the_stream_is_refused(serving: Serving, query: str) -> None:
    async with serving.http() as http:
        assert (await http.get(f"/v1/events?{query}")).status_code == 400
        with pytest.raises(Exception, match="400"):
            async with http.websocket(f"/v1/events?{query}"):
                pass
