"""Sockets on loopback: real streams, a small door behind the driver."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest
import trio

from mesh.effects import Dial, Disconnect, SendBytes
from mesh.errors import UserError
from mesh.ids import Address, DialId, LinkId
from mesh.inputs import (
    BytesReceived,
    BytesSent,
    Connected,
    DialFailed,
    Disconnected,
    Input,
)
from mesh.limits.node import STREAM_QUEUE_BYTES_MAX, STREAMS_ACCEPTED_MAX
from mesh.node.clock import system_now
from mesh.node.driver import Driver, Outward
from mesh.node.input_queue import InputQueue
from mesh.node.tcp.network import Network
from tests.node.doors import Echo

T = TypeVar("T", bound=Input)


@asynccontextmanager
async def echo_node() -> AsyncIterator[tuple[Network, Echo]]:
    """Run a node that echoes."""
    input_queue = InputQueue()
    network = Network(input_queue, 0)
    echo = Echo()

    def perform(effect: Outward) -> None:
        match effect:
            case SendBytes():
                network.send(effect)
            case Disconnect():
                network.disconnect(effect)
            case _:
                raise AssertionError(effect)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(network.run)
        nursery.start_soon(Driver(echo, input_queue, system_now, perform).run)
        yield network, echo
        nursery.cancel_scope.cancel()


class Heard:
    """The inputs of a network, one by one, as an engine would get them."""

    def __init__(self, input_queue: InputQueue) -> None:
        self._input_queue = input_queue
        self._taken: list[Input] = []

    async def next(self, kind: type[T]) -> T:
        """Wait for the next input of one kind, passing over others."""
        while not isinstance(happened := await self.any(), kind):
            pass
        return happened

    async def any(self) -> Input:
        """Wait for the next input."""
        with trio.fail_after(60):
            while not self._taken:
                await self._input_queue.wait()
                self._taken = self._input_queue.take()
        return self._taken.pop(0)

    async def bytes(self, count: int) -> bytes:
        """Wait for so many bytes."""
        data = b""
        while len(data) < count:
            data += (await self.next(BytesReceived)).data
        return data


@asynccontextmanager
async def dialler() -> AsyncIterator[tuple[Network, Heard]]:
    """Run a network whose inputs the test reads itself."""
    input_queue = InputQueue()
    network = Network(input_queue, 0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(network.run)
        yield network, Heard(input_queue)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
async def test_bytes_go_both_ways_over_each_family(host: str) -> None:
    async with echo_node() as (there, _), dialler() as (here, heard):
        here.dial(Dial(DialId(5), Address(host, there.port)))
        connected = await heard.next(Connected)
        own_end = connected.local_host
        assert own_end == host or (host == "localhost" and own_end in {"127.0.0.1", "::1"})
        assert connected == Connected(LinkId(1), DialId(5), Address(host, there.port), own_end)
        here.send(SendBytes(LinkId(1), b"hello"))
        assert await heard.bytes(5) == b"hello"


async def test_a_refused_dial_is_told_in_a_word() -> None:
    async with dialler() as (here, heard):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        here.dial(Dial(DialId(1), Address("127.0.0.1", port)))
        assert await heard.next(DialFailed) == DialFailed(DialId(1), "refused")
        here.dial(Dial(DialId(2), Address("localhost", port)))
        assert await heard.next(DialFailed) == DialFailed(DialId(2), "refused")


async def test_a_link_local_address_on_no_interface_is_told_in_words() -> None:
    async with dialler() as (here, heard):
        here.dial(Dial(DialId(1), Address("fe80::1", 9, scope=99_999)))
        failed = await heard.next(DialFailed)
        assert failed.reason in {"no such network", "no network", "no route"}


async def test_a_disconnected_stream_delivers_its_last_bytes() -> None:
    async with echo_node() as (there, _), dialler() as (here, heard):
        here.dial(Dial(DialId(1), Address("127.0.0.1", there.port)))
        await heard.next(Connected)
        here.send(SendBytes(LinkId(1), b"bye"))
        assert await heard.bytes(8) == b"farewell"
        assert await heard.next(Disconnected) == Disconnected(LinkId(1))


async def test_large_data_comes_through_whole_and_all_of_it_is_reported_as_sent() -> None:
    data = bytes(range(256)) * 8_192
    async with echo_node() as (there, echo), dialler() as (here, heard):
        here.dial(Dial(DialId(1), Address("127.0.0.1", there.port)))
        await heard.next(Connected)
        for start in range(0, len(data), 16_384):
            here.send(SendBytes(LinkId(1), data[start : start + 16_384]))
        assert await heard.bytes(len(data)) == data
        sent = [i.count for batch in echo.batches for i in batch if isinstance(i, BytesSent)]
        assert sum(sent) <= len(data)


async def test_what_is_written_is_reported_exactly() -> None:
    async with echo_node() as (there, _), dialler() as (here, heard):
        here.dial(Dial(DialId(1), Address("127.0.0.1", there.port)))
        await heard.next(Connected)
        for piece in (b"a" * 1_000, b"b" * 200_000, b"c"):
            here.send(SendBytes(LinkId(1), piece))
        here.disconnect(Disconnect(LinkId(1), "done"))
        sent = 0
        while not isinstance(happened := await heard.any(), Disconnected):
            if isinstance(happened, BytesSent):
                sent += happened.count
        assert sent == 201_001


async def test_a_peer_that_takes_nothing_is_cut_at_the_bound_of_its_queue() -> None:
    async with dialler() as (here, heard):
        deaf = await trio.open_tcp_stream("127.0.0.1", here.port)
        await heard.next(Connected)
        for _ in range(2 * STREAM_QUEUE_BYTES_MAX // 1_000_000):
            here.send(SendBytes(LinkId(1), bytes(1_000_000)))
        assert await heard.next(Disconnected) == Disconnected(LinkId(1))
        await deaf.aclose()


async def test_accepted_streams_are_bounded_and_the_next_one_waits_its_turn() -> None:
    async with echo_node() as (there, echo):
        streams = [
            await trio.open_tcp_stream("127.0.0.1", there.port)
            for _ in range(STREAMS_ACCEPTED_MAX + 1)
        ]
        *_, last = streams
        await last.send_all(b"is anybody there")
        await streams[0].send_all(b"x")
        assert await streams[0].receive_some(1) == b"x"
        assert echo.links_count <= STREAMS_ACCEPTED_MAX
        await streams[1].aclose()
        with trio.fail_after(60):
            assert await last.receive_some(100) == b"is anybody there"
        for stream in streams:
            await stream.aclose()


async def test_mute_callers_that_are_closed_at_once_keep_nobody_outside() -> None:
    async with dialler() as (here, heard):
        callers = [
            await trio.open_tcp_stream("127.0.0.1", here.port)
            for _ in range(STREAMS_ACCEPTED_MAX + 1)
        ]
        connected = [await heard.next(Connected) for _ in callers[1:]]
        *told, mute = connected
        for one in told:
            here.disconnect(Disconnect(one.link, "told why"))
        # Also one that waits for the other side's end already.
        here.disconnect(Disconnect(mute.link, "told why"))
        here.disconnect(Disconnect(mute.link, "mute", is_abrupt=True))
        # The place of the mute one is free, and who waited outside is the next that is heard of.
        assert await heard.next(Disconnected) == Disconnected(mute.link)
        assert (await heard.next(Connected)).link not in [one.link for one in connected]
        for caller in callers:
            await caller.aclose()


async def test_each_stream_has_an_id_of_its_own_and_ends_once() -> None:
    async with dialler() as (here, heard):
        for number in (1, 2, 3):
            stream = await trio.open_tcp_stream("127.0.0.1", here.port)
            opened = await heard.next(Connected)
            assert (opened.link, opened.dial) == (LinkId(number), None)
            await stream.aclose()
            assert await heard.next(Disconnected) == Disconnected(LinkId(number))


async def test_a_port_that_was_asked_for_and_is_taken_is_refused_in_a_sentence() -> None:
    async with dialler() as (here, _):
        with pytest.raises(UserError, match=f"Port {here.port} is used by another program"):
            Network(InputQueue(), here.port)


async def test_two_nodes_of_one_machine_get_different_ports_when_none_was_asked_for() -> None:
    first = Network(InputQueue(), None)
    second = Network(InputQueue(), None)
    assert first.port != second.port
    first.close_listeners()
    second.close_listeners()
