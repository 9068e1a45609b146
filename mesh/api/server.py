"""Serves the API at its doors, inside the daemon's event loop: a unix socket, and loopback.

Hypercorn does HTTP. What it leaves open is closed here: a bound on writes to a client that does
not read (without it one stopped client would hold up the stop of the daemon for ever), a bound
on connections, and a last guard, so that one connection never ends the daemon.
"""

import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol, cast

import hypercorn.protocol.ws_stream
import hypercorn.trio.run
import hypercorn.trio.tcp_server
import trio
from hypercorn.config import Config, Sockets
from hypercorn.events import Event as ServerEvent
from hypercorn.events import RawData, Updated
from hypercorn.protocol.ws_stream import FrameTooLargeError
from hypercorn.trio import serve
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.typing import (
    AppWrapper,
    ASGIFramework,
    ASGIReceiveEvent,
    ASGISendEvent,
    ConnectionState,
    Scope,
)
from starlette.types import ASGIApp

from mesh.api.app import Application, build_app
from mesh.api.carry import Patience
from mesh.api.connections import OpenConnections
from mesh.api.event_log import EventLog
from mesh.api.guard import LoopbackGuard, UnixGuard
from mesh.api.loopback import LoopbackListener
from mesh.api.page import Page
from mesh.api.unix_socket import UnixListener
from mesh.limits.api import (
    API_CONNECTIONS_MAX,
    API_FRAME_BYTES_MAX,
    API_GRACE_MS,
    API_HEAD_BYTES_MAX,
    API_IDLE_TIMEOUT_MS,
)
from mesh.web.static_files import StaticFiles

LOG = logging.getLogger("mesh.api")
SERVER_LOG = logging.getLogger("mesh.api.server")
WEBSOCKET_TOO_LONG = 1009
SERVER_LOG.setLevel(logging.WARNING)


class ListenerConfig(Config):
    """Hypercorn's settings for the sockets of one door, which we made ourselves."""

    def __init__(self, sockets: Sequence[socket.socket]) -> None:
        self.connections = OpenConnections()
        self.errorlog = SERVER_LOG
        self.graceful_timeout = API_GRACE_MS / 1000
        self.h11_max_incomplete_size = API_HEAD_BYTES_MAX
        self.h2_max_header_list_size = API_HEAD_BYTES_MAX
        self.include_date_header = False
        self.include_server_header = False
        self.keep_alive_max_requests = 1_000_000
        self.keep_alive_timeout = API_IDLE_TIMEOUT_MS / 1000
        self.websocket_max_message_size = API_FRAME_BYTES_MAX
        self._sockets = list(sockets)

    def create_sockets(self) -> Sockets:
        """Hand over our sockets, which already listen."""
        return Sockets([], self._sockets, [])


class BoundedServer(TCPServer):
    """One connection, with bounds. `abort` in its ASGI state ends it at once.

    `patience` there is how long its client may read nothing.
    """

    async def run(self) -> None:
        config = self.config
        assert isinstance(config, ListenerConfig)
        self._connections = config.connections
        self._living = trio.CancelScope()
        if not self._connections.enter(self._living):
            LOG.warning("a connection to the API was refused: %d are busy", API_CONNECTIONS_MAX)
            # Hypercorn tells of streams with TLS only; ours are plain ones.
            await self._connections.refuse(cast("trio.SocketStream", self.stream))
            return
        self._patience = Patience()
        self.state = ConnectionState(
            {**self.state, "abort": self._living.cancel, "patience": self._patience}
        )
        try:
            with self._living:
                await super().run()
        except* Exception:
            # The last guard of a connection.
            LOG.exception("a connection to the API failed")
        finally:
            self._connections.leave(self._living)
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(self.stream)

    async def _read_data(self) -> None:
        await super()._read_data()
        # The client is gone: Hypercorn would keep the connection until it had been idle enough.
        await self.idle_task.stop()

    async def protocol_send(self, event: ServerEvent) -> None:
        if not isinstance(event, RawData):
            if isinstance(event, Updated):
                self._connections.changed(self._living, is_idle=event.idle)
            await super().protocol_send(event)
            return
        async with self.send_lock:
            # Shielded, so that a stop lets an answer be written; bounded, so that it ends.
            timeout_s, is_shielded = self._patience.write_ms / 1000, not self._patience.is_long
            with self._connections.writing(timeout_s, is_shielded=is_shielded) as writing:
                try:
                    await self.stream.send_all(event.data)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    self._living.cancel()
                except trio.BusyResourceError:
                    # Under this lock nobody else writes: the connection is being ended.
                    self._living.cancel()
            if writing.cancelled_caught:
                LOG.warning("a client of the API that does not read was cut off")
                self._living.cancel()


class EndingTaskGroup(TaskGroup):
    """The tasks of one connection. What comes for a WebSocket whose application ended is dropped.

    Hypercorn would wait until its queue has room, which nobody makes any more.
    """

    async def spawn_app(
        self,
        app: AppWrapper,
        config: Config,
        scope: Scope,
        send: Callable[[ASGISendEvent | None], Awaitable[None]],
    ) -> Callable[[ASGIReceiveEvent], Awaitable[None]]:
        if scope["type"] != "websocket":
            return await super().spawn_app(app, config, scope, send)
        ended = trio.Event()
        waiting: set[trio.CancelScope] = set()

        async def send_or_end(event: ASGISendEvent | None) -> None:
            if event is None:  # The application ended.
                ended.set()
                for each in waiting:
                    each.cancel()
            await send(event)

        put = await super().spawn_app(app, config, scope, send_or_end)

        async def put_while_it_runs(event: ASGIReceiveEvent) -> None:
            if ended.is_set():
                return
            with trio.CancelScope() as putting:
                waiting.add(putting)
                try:
                    await put(event)
                finally:
                    waiting.discard(putting)

        return put_while_it_runs


class Piece(Protocol):
    """A piece of a frame, as the library under Hypercorn tells it."""

    data: str | bytes


class FrameBuffer:
    """A frame that comes in pieces, in the place of Hypercorn's.

    It is bounded in bytes, whatever the number of its pieces. One that is too long is the last:
    Hypercorn tells the client so, and whatever comes after it is the end of the stream.
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._frame = bytearray()
        self._is_text = True
        self._is_over = False

    def extend(self, piece: Piece) -> None:
        """Add a piece; FrameTooLargeError if it is too much."""
        if self._is_over:
            return
        self._is_text = isinstance(piece.data, str)
        self._frame += piece.data.encode() if isinstance(piece.data, str) else piece.data
        if len(self._frame) > self._bytes_max:
            self.clear()
            self._is_over = True
            raise FrameTooLargeError

    def clear(self) -> None:
        """Begin with another frame."""
        self._frame = bytearray()

    def to_message(self) -> dict[str, object]:
        """Return the whole as ASGI tells it, but as bytes, and `is_text` says what it was.

        A `str` with one rare character takes four bytes for each.
        """
        if self._is_over:
            return {"type": "websocket.disconnect", "code": WEBSOCKET_TOO_LONG}
        whole = bytes(self._frame)
        return {"type": "websocket.receive", "bytes": whole, "is_text": self._is_text}


def _no_extensions(requested: object, supported: object) -> None:
    """Refuse to compress frames: it costs time on one machine, and a bomb opens to any size."""


# Hypercorn looks the names up in these modules for each connection; it does not export them, which
# is all that the type checker minds.
hypercorn.trio.run.TCPServer = BoundedServer  # type: ignore[attr-defined]
hypercorn.trio.tcp_server.TaskGroup = EndingTaskGroup  # type: ignore[attr-defined]
hypercorn.protocol.ws_stream.WebsocketBuffer = FrameBuffer  # type: ignore[assignment,misc]
hypercorn.protocol.ws_stream.server_extensions_handshake = _no_extensions  # type: ignore[attr-defined]


async def serve_unix(
    application: Application,
    listener: UnixListener,
    *,
    stopping: trio.Event,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until `stopping` is set, then end all streams and leave nothing behind."""
    try:
        app = UnixGuard(build_app(application))
        await _serve(app, [listener.socket], application.log, stopping, task_status)
    finally:
        listener.close()


async def serve_loopback(
    application: Application,
    listener: LoopbackListener,
    *,
    stopping: trio.Event,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve the page and the API to who has a token, until `stopping` is set."""
    try:
        page = Page(build_app(application), StaticFiles())
        app = LoopbackGuard(page, application.access, listener.port)
        await _serve(app, listener.sockets, application.log, stopping, task_status)
    finally:
        application.access.close()
        listener.close()


async def _serve(
    app: ASGIApp,
    sockets: Sequence[socket.socket],
    log: EventLog,
    stopping: trio.Event,
    task_status: trio.TaskStatus[None],
) -> None:
    config = ListenerConfig(sockets)

    async def stop_wanted() -> None:
        await stopping.wait()
        # Who reads nothing has no more time than a request that is being answered.
        config.connections.end_by(trio.current_time() + API_GRACE_MS / 1000)
        # The time for streams to end counts from the stop, so they are told before it.
        log.close()

    # Starlette and Hypercorn describe the same ASGI by different types.
    served = cast("ASGIFramework", app)
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(serve, served, config, shutdown_trigger=stop_wanted))
            task_status.started()
    finally:
        log.close()
