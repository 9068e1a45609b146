"""One TCP stream of a node: a task reads it, a task writes it, each with a bound.

What is read at once is what the inbox has room for, and reading pauses while it has enough of this
link. What the socket takes at once is written at once, which wakes no task; the rest is queued.
Writing takes what is queued, in large pieces, and reports what the socket took: a little of it
without hurry, but many a little wake the engine too. A stream that is closed on purpose writes what
is queued, says that nothing will follow, and waits for the peer's end, so that the last frame is
not destroyed by a reset; all that within a bounded time. One whose other side proved nothing is
closed at once.
"""

import contextlib
import socket
import sys
from collections import deque
from typing import Final

import trio

from mesh.ids import LinkId
from mesh.inputs import BytesSent
from mesh.limits.node import (
    STREAM_CLOSING_MS,
    STREAM_QUEUE_BYTES_MAX,
    STREAM_RETRY_MS,
    STREAM_UNACKED_MS,
    STREAM_UNSENT_BYTES,
    STREAM_WRITE_BYTES,
)
from mesh.node.input_queue import InputQueue

_UNSENT: Final[int | None] = getattr(socket, "TCP_NOTSENT_LOWAT", None)

RETRY_AFTER_MAX_MS: Final = 44
"""TCP_RTO_MAX_MS of linux/tcp.h, since Linux 6.15; Python has no name for it."""


class LinkStream:
    """A stream with its queue of bytes to write. Nagle is off: trio turns it off itself."""

    def __init__(self, link: LinkId, stream: trio.SocketStream, input_queue: InputQueue) -> None:
        self._link = link
        self._stream = stream
        # The same socket, for writing without waiting; trio's own methods may wait.
        self._socket = socket.socket(fileno=stream.socket.fileno())
        self._socket.setblocking(False)
        if _UNSENT is not None:
            with contextlib.suppress(OSError):
                # trio has set 16 KiB: then whoever writes much is woken for every 64.
                self._socket.setsockopt(socket.IPPROTO_TCP, _UNSENT, STREAM_UNSENT_BYTES)
        _retry_soon(self._socket)
        self._input_queue = input_queue
        self._queue: deque[bytes | memoryview] = deque()
        self._queued_bytes = 0
        self._wake = trio.Event()
        self._scope = trio.CancelScope()
        self._is_closing = False
        self._is_writing = False
        # Written since the last report that woke the engine.
        self._quiet_bytes = 0

    async def run(self) -> None:
        """Read and write until either side ends; the socket is closed then."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._write)
                    await self._read()
                    self._scope.cancel()
        finally:
            self._is_closing = True
            self._socket.detach()
            self._stream.socket.close()

    def send(self, data: bytes) -> None:
        """Write or queue bytes. A queue beyond its bound means that a peer takes nothing: cut."""
        if self._is_closing:
            return
        rest: bytes | memoryview = data
        if not (self._queue or self._is_writing):
            rest = self._without_written(data)
            if not rest:
                return
        self._queue.append(rest)
        self._queued_bytes += len(rest)
        if self._queued_bytes > STREAM_QUEUE_BYTES_MAX:
            self._scope.cancel()
        self._wake.set()

    def close(self, *, is_abrupt: bool) -> None:
        """Write what is queued, then close; or close at once."""
        if is_abrupt:
            self._is_closing = True
            self._scope.cancel()
        elif not self._is_closing:
            self._is_closing = True
            self._scope.deadline = trio.current_time() + STREAM_CLOSING_MS / 1_000
            self._wake.set()

    def _without_written(self, data: bytes) -> bytes | memoryview:
        """Write what the socket takes at once; return the rest."""
        try:
            count = self._socket.send(data)
        except OSError:
            # It takes nothing now, or is broken, which whoever reads or writes next will see.
            return data
        self._report(count)
        return memoryview(data)[count:]

    def _report(self, count: int) -> None:
        """The engine has room for many reports, so only much is worth a batch."""
        self._quiet_bytes += count
        if self._quiet_bytes >= STREAM_WRITE_BYTES:
            self._quiet_bytes = 0
            self._input_queue.put(BytesSent(self._link, count))
        else:
            self._input_queue.put_quietly(BytesSent(self._link, count))

    async def _read(self) -> None:
        while True:
            # Not through trio's own method, which would first read in vain each time.
            await trio.lowlevel.wait_readable(self._socket)
            try:
                data = self._socket.recv(self._input_queue.room_bytes(self._link))
            except BlockingIOError:
                continue
            except OSError:
                return
            if not data:
                return
            if not self._is_closing:
                await self._input_queue.put_bytes(self._link, data)

    async def _write(self) -> None:
        unreported = 0
        try:
            while piece := await self._next_piece():
                self._is_writing = True
                await self._stream.send_all(piece)
                self._is_writing = False
                unreported += len(piece)
                if unreported >= STREAM_WRITE_BYTES or not self._queue:
                    self._report(unreported)
                    unreported = 0
            await self._stream.send_eof()
        except trio.BrokenResourceError:
            self._scope.cancel()

    async def _next_piece(self) -> bytes | memoryview:
        """Return what to write now; empty when the stream is closing and nothing is left."""
        while not self._queue:
            if self._is_closing:
                return b""
            self._wake = trio.Event()
            await self._wake.wait()
        pieces = [self._queue.popleft()]
        size = len(pieces[0])
        while self._queue and size + len(self._queue[0]) <= STREAM_WRITE_BYTES:
            pieces.append(self._queue.popleft())
            size += len(pieces[-1])
        self._queued_bytes -= size
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _retry_soon(connected: socket.socket) -> None:
    """Let TCP go on soon after a cut, where the system knows how."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            connected.setsockopt(socket.IPPROTO_TCP, RETRY_AFTER_MAX_MS, STREAM_RETRY_MS)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STREAM_UNACKED_MS)
