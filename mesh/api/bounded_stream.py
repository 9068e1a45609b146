"""The bytes of one connection to the API, with bounds on each write.

Without them one client that does not read would hold up the stop of the daemon for ever.

What the socket takes at once is written at once, without a timer and without a turn of the event
loop; trio's own methods take both. Others have a turn when something is waited for, and after a few
writes for which nothing was.
"""

import logging
import socket
from contextlib import suppress

import trio

from mesh.api.carry import Patience
from mesh.api.connections import OpenConnections
from mesh.limits.api import API_CHUNK_BYTES, API_IDLE_TIMEOUT_MS, API_WRITES_PER_TURN

LOG = logging.getLogger("mesh.api")

_IDLE_S = API_IDLE_TIMEOUT_MS / 1000


class BoundedStream:
    """One connection. `living` is what ends it; `patience`, how long its client may read nothing.

    It is idle at first.
    """

    def __init__(
        self, stream: trio.SocketStream, connections: OpenConnections, living: trio.CancelScope
    ) -> None:
        self.patience = Patience()
        self.living = living
        self._stream = stream
        # The same socket, for reading and writing without trio's own methods.
        raw = stream.socket
        self._socket = socket.socket(raw.family, raw.type, raw.proto, fileno=raw.fileno())
        self._socket.setblocking(False)
        self._connections = connections
        self._sending = trio.Lock()
        self._writes_count = 0
        """Writes since others had a turn."""
        self.rests()

    @property
    def is_ending(self) -> bool:
        """Say whether the daemon stops, so that no other request is taken."""
        return self._connections.is_ending

    def rests(self) -> None:
        """Wait for a request, for so long as an idle connection may."""
        if self._connections.is_ending:
            self.living.cancel()
        self._connections.changed(self.living, is_idle=True)
        self.living.deadline = trio.current_time() + _IDLE_S

    def works(self) -> None:
        """Answer a request, however long that takes."""
        self._connections.changed(self.living, is_idle=False)
        self.living.deadline = float("inf")

    def let_go(self) -> None:
        """Leave the socket to whoever closes it: nothing is read or written any more."""
        self._socket.detach()

    async def receive(self, bytes_max: int = API_CHUNK_BYTES) -> bytes:
        """Return what came, so many bytes of it at most; nothing once the client is gone."""
        while True:
            # First, as it is nearly always needed: to read in vain costs as much as to read.
            await trio.lowlevel.wait_readable(self._socket)
            self._writes_count = 0
            try:
                return self._socket.recv(bytes_max)
            except BlockingIOError:
                continue
            except OSError:
                return b""

    async def send(self, data: bytes) -> None:
        """Write all of it, or end the connection of a client that does not read."""
        if self.living.cancel_called:
            # A write that was cut off leaves a hole, so that nothing may follow it. And the rest
            # of an answer would wait out its patience again, a piece at a time.
            await trio.lowlevel.checkpoint_if_cancelled()
        try:
            # Nobody else writes, as a rule, and then there is nothing to wait for.
            self._sending.acquire_nowait()
        except trio.WouldBlock:
            await self._sending.acquire()
        try:
            rest = self._without_written(data)
            if rest:
                await self._write(rest)
        finally:
            self._sending.release()
        self._writes_count += 1
        if self._writes_count >= API_WRITES_PER_TURN or len(data) >= API_CHUNK_BYTES:
            self._writes_count = 0
            await self._have_turn()

    async def _have_turn(self) -> None:
        """Let others go on; what was to end meanwhile ends, as where a write waits."""
        if self._connections.is_over:
            self.living.cancel()
        if self.patience.is_long:
            await trio.lowlevel.checkpoint()
        else:
            await trio.lowlevel.cancel_shielded_checkpoint()

    def _without_written(self, data: bytes) -> bytes | memoryview:
        """Write what the socket takes at once; return the rest."""
        try:
            count = self._socket.send(data)
        except BlockingIOError:
            return data
        except OSError:
            # The client is gone.
            self.living.cancel()
            return b""
        return memoryview(data)[count:]

    async def _write(self, data: bytes | memoryview) -> None:
        # Shielded, so that a stop lets an answer be written; bounded, so that it ends.
        timeout_s, is_shielded = self.patience.write_ms / 1000, not self.patience.is_long
        with self._connections.writing(timeout_s, is_shielded=is_shielded) as writing:
            try:
                await self._stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self.living.cancel()
        if writing.cancelled_caught:
            LOG.warning("a client of the API that does not read was cut off")
            self.living.cancel()

    async def say_end(self) -> None:
        """Let the client read the last answer to its end."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self._stream.send_eof()
