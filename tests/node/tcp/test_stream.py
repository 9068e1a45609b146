"""One stream: its reports, and the room that the system gives it."""

import contextlib
import functools
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from mesh.ids import LinkId
from mesh.inputs import BytesSent
from mesh.limits.link import LINK_DEAD_MS
from mesh.limits.node import STREAM_RETRY_MS, STREAM_UNSENT_BYTES, STREAM_WRITE_BYTES
from mesh.node.input_queue import InputQueue
from mesh.node.tcp.stream import RETRY_AFTER_MAX_MS, LinkStream

LINK = LinkId(1)
PIECE = bytes(4_096)
HEARD_WITHIN_S = 30


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[trio.SocketStream, trio.SocketStream]]:
    """The two ends of a connection."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        dialled = await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1])
        accepted = await listener.accept()
    async with dialled, accepted:
        yield dialled, accepted


def bounds_its_retries() -> bool:
    """Say whether this system lets a program say how long TCP may wait before it tries again."""
    with socket.socket() as one, contextlib.suppress(OSError):
        one.setsockopt(socket.IPPROTO_TCP, RETRY_AFTER_MAX_MS, STREAM_RETRY_MS)
        return sys.platform == "linux"
    return False


async def test_many_small_pieces_come_to_a_report_that_wakes_the_engine() -> None:
    """Of each alone the engine hears when something else wakes it."""
    async with pair() as (here, there), trio.open_nursery() as nursery:
        input_queue = InputQueue()
        stream = LinkStream(LINK, here, input_queue)
        nursery.start_soon(stream.run)
        for _ in range(STREAM_WRITE_BYTES // len(PIECE)):
            stream.send(PIECE)
            assert await there.receive_some()
        with trio.fail_after(HEARD_WITHIN_S):
            await input_queue.wait()
        told = [one.count for one in input_queue.take() if isinstance(one, BytesSent)]
        assert sum(told) == STREAM_WRITE_BYTES
        nursery.cancel_scope.cancel()


@pytest.mark.skipif(sys.platform != "linux", reason="the option is Linux's")
async def test_the_system_holds_enough_that_is_unsent() -> None:
    async with pair() as (here, _):
        stream = LinkStream(LINK, here, InputQueue())
        option = socket.TCP_NOTSENT_LOWAT
        assert here.socket.getsockopt(socket.IPPROTO_TCP, option) == STREAM_UNSENT_BYTES
        stream.close(is_abrupt=True)
        await stream.run()


@pytest.mark.skipif(not bounds_its_retries(), reason="Linux knows it since 6.15")
async def test_the_system_tries_again_soon_and_does_not_give_up_before_the_link_does() -> None:
    async with pair() as (here, _):
        stream = LinkStream(LINK, here, InputQueue())
        assert sys.platform == "linux"
        read = functools.partial(here.socket.getsockopt, socket.IPPROTO_TCP)
        assert read(RETRY_AFTER_MAX_MS) == STREAM_RETRY_MS
        assert read(socket.TCP_USER_TIMEOUT) > LINK_DEAD_MS
        stream.close(is_abrupt=True)
        await stream.run()
