"""The bytes of one connection to the API, with bounds on each write.

Without them one client that does not read would hold up the stop of the daemon for ever.
"""

import logging
from contextlib import suppress

import trio

from mesh.api.carry import Patience
from mesh.api.connections import OpenConnections
from mesh.limits.api import API_CHUNK_BYTES, API_IDLE_TIMEOUT_MS

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
        self._connections = connections
        self._sending = trio.Lock()
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

    async def receive(self, bytes_max: int = API_CHUNK_BYTES) -> bytes:
        """Return what came, so many bytes of it at most; nothing once the client is gone."""
        try:
            return bytes(await self._stream.receive_some(bytes_max))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
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
            await self._write(data)
        finally:
            self._sending.release()

    async def _write(self, data: bytes) -> None:
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
