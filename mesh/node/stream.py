"""One TCP stream of a node: a task reads it, a task writes it, each with a bound.

Reading pauses while the inbox has enough of this link. Writing takes what is queued, in large
pieces, and reports what the socket took: a little of it without hurry. A stream that is closed on
purpose writes what is queued, says that nothing will follow, and waits for the peer's end, so that
the last frame is not destroyed by a reset; all that within a bounded time.
"""

from collections import deque

import trio

from mesh.ids import LinkId
from mesh.inputs import BytesSent
from mesh.limits import (
    STREAM_CLOSING_MS,
    STREAM_QUEUE_BYTES_MAX,
    STREAM_READ_BYTES,
    STREAM_WRITE_BYTES,
)
from mesh.node.inbox import Inbox


class LinkStream:
    """A stream with its queue of bytes to write. Nagle is off: trio turns it off itself."""

    def __init__(self, link: LinkId, stream: trio.SocketStream, inbox: Inbox) -> None:
        self._link = link
        self._stream = stream
        self._inbox = inbox
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._wake = trio.Event()
        self._scope = trio.CancelScope()
        self._is_closing = False

    async def run(self) -> None:
        """Read and write until either side ends; the socket is closed then."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._write)
                    await self._read()
                    self._scope.cancel()
        finally:
            self._stream.socket.close()

    def send(self, data: bytes) -> None:
        """Queue bytes. A queue beyond its bound means a peer that takes nothing: cut it."""
        if self._is_closing:
            return
        self._queue.append(data)
        self._queued_bytes += len(data)
        if self._queued_bytes > STREAM_QUEUE_BYTES_MAX:
            self._scope.cancel()
        self._wake.set()

    def close(self) -> None:
        """Write what is queued, then close."""
        if not self._is_closing:
            self._is_closing = True
            self._scope.deadline = trio.current_time() + STREAM_CLOSING_MS / 1_000
            self._wake.set()

    async def _read(self) -> None:
        while True:
            try:
                data = await self._stream.receive_some(STREAM_READ_BYTES)
            except trio.BrokenResourceError:
                return
            if not data:
                return
            if not self._is_closing:
                await self._inbox.put_bytes(self._link, data)

    async def _write(self) -> None:
        unreported = 0
        try:
            while piece := await self._next_piece():
                await self._stream.send_all(piece)
                unreported += len(piece)
                # The engine has room for many such reports, so only a large one is worth a batch.
                if unreported >= STREAM_WRITE_BYTES:
                    self._inbox.put(BytesSent(self._link, unreported))
                    unreported = 0
                elif not self._queue:
                    self._inbox.put_quietly(BytesSent(self._link, unreported))
                    unreported = 0
            await self._stream.send_eof()
        except trio.BrokenResourceError:
            self._scope.cancel()

    async def _next_piece(self) -> bytes:
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
        return b"".join(pieces)
