"""TCP: accepts, dials, and holds the streams by their link ids.

It answers each `Dial` with `Connected` or `DialFailed`, and each `Connected` is followed by
exactly one `Disconnected`. Whom to accept is the engine's policy; here only the number of
accepted streams is bounded, so that a flood waits in the kernel's backlog.
"""

import errno
import os
from collections.abc import Sequence
from itertools import count

import structlog
import trio

from mesh.effects import Dial, Disconnect, SendBytes
from mesh.ids import Address, DialId, LinkId
from mesh.inputs import Connected, DialFailed, Disconnected
from mesh.limits.node import ACCEPT_PAUSE_MS, DIALS_QUEUED_MAX, STREAMS_ACCEPTED_MAX
from mesh.node.input_queue import InputQueue
from mesh.node.tcp.connect import DialError, dial
from mesh.node.tcp.listening import address_of, inherited_listeners, open_listeners
from mesh.node.tcp.stream import LinkStream

_log = structlog.get_logger("mesh.network")
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Network:
    """The sockets of one node. They are bound at construction, so that the port is known."""

    def __init__(
        self,
        input_queue: InputQueue,
        listen_port: int | Sequence[int] | None,
    ) -> None:
        """A port, or the listening sockets of the program that this process was before."""
        self._input_queue = input_queue
        self.port, self._listeners = (
            inherited_listeners(listen_port)
            if isinstance(listen_port, Sequence)
            else open_listeners(listen_port)
        )
        self._streams: dict[LinkId, LinkStream] = {}
        self._links = count(1)
        self._room = trio.Semaphore(STREAMS_ACCEPTED_MAX)
        self._dials, self._dials_wanted = trio.open_memory_channel[Dial](DIALS_QUEUED_MAX)

    async def run(self) -> None:
        """Accept and dial until cancelled; all sockets are closed then."""
        try:
            async with trio.open_nursery() as nursery:
                for listener in self._listeners:
                    nursery.start_soon(self._accept, listener, nursery)
                async for wanted in self._dials_wanted:
                    nursery.start_soon(self._dial, wanted)
        finally:
            self.close_listeners()

    def dial(self, wanted: Dial) -> None:
        """Open a stream, in a task of its own."""
        try:
            self._dials.send_nowait(wanted)
        except trio.WouldBlock:
            self._input_queue.put(DialFailed(wanted.dial, "too many dials"))

    def send(self, wanted: SendBytes) -> None:
        """Queue bytes for a stream; one that has ended meanwhile needs none."""
        stream = self._streams.get(wanted.link)
        if stream is not None:
            stream.send(wanted.data)

    def disconnect(self, wanted: Disconnect) -> None:
        """Write what is queued, then close, or close at once; one that has ended meanwhile is
        closed already.
        """
        stream = self._streams.get(wanted.link)
        if stream is not None:
            stream.close(is_abrupt=wanted.is_abrupt)

    def hand_on(self) -> list[int]:
        """Return the listening sockets for the next program; who calls meanwhile waits in them."""
        return [os.dup(listener.socket.fileno()) for listener in self._listeners]

    def close_listeners(self) -> None:
        """Let go of the port."""
        for listener in self._listeners:
            listener.socket.close()

    async def _accept(self, listener: trio.SocketListener, nursery: trio.Nursery) -> None:
        while True:
            try:
                stream = await listener.accept()
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                _log.warning("cannot accept", reason=error.strerror)
                await trio.sleep(ACCEPT_PAUSE_MS / 1_000)
                continue
            try:
                address = address_of(stream.socket.getpeername())
                await self._room.acquire()
            except OSError:
                # The caller hung up while it stood in the backlog.
                stream.socket.close()
            except trio.Cancelled:
                stream.socket.close()
                raise
            else:
                nursery.start_soon(self._run_accepted, stream, address)

    async def _run_accepted(self, stream: trio.SocketStream, address: Address) -> None:
        try:
            await self._run_stream(stream, None, address)
        finally:
            self._room.release()

    async def _dial(self, wanted: Dial) -> None:
        try:
            stream = await dial(wanted.address)
        except DialError as error:
            self._input_queue.put(DialFailed(wanted.dial, str(error)))
            return
        await self._run_stream(stream, wanted.dial, wanted.address)

    async def _run_stream(
        self, stream: trio.SocketStream, dialled: DialId | None, address: Address
    ) -> None:
        link = LinkId(next(self._links))
        self._streams[link] = held = LinkStream(link, stream, self._input_queue)
        self._input_queue.put(Connected(link, dialled, address, _own_end(stream)))
        try:
            await held.run()
        finally:
            del self._streams[link]
            self._input_queue.put(Disconnected(link))


def _own_end(stream: trio.SocketStream) -> str:
    """The address of this machine from which a stream goes, which tells its interface."""
    try:
        return address_of(stream.socket.getsockname()).host
    except OSError:
        return ""
