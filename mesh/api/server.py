"""Serves the API at its doors, inside the daemon's event loop: a unix socket, and loopback.

Each connection is served by `http_connection.py`. A stop ends what is idle at once, and gives all
others a bounded time.
"""

import socket
from collections.abc import Sequence
from functools import partial

import trio

from mesh.api.app import Application, build_app
from mesh.api.asgi import ASGIApp
from mesh.api.connections import OpenConnections
from mesh.api.event_log import EventLog
from mesh.api.guard import LoopbackGuard, UnixGuard
from mesh.api.http_connection import HttpConnection
from mesh.api.loopback import LoopbackListener
from mesh.api.page import Page
from mesh.api.unix_socket import UnixListener
from mesh.limits.api import API_GRACE_MS
from mesh.web.static_files import StaticFiles


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
    connections = OpenConnections()
    listeners = [trio.SocketListener(trio.socket.from_stdlib_socket(each)) for each in sockets]

    async def meet(stream: trio.SocketStream) -> None:
        await HttpConnection(app, stream, connections).run()

    try:
        async with trio.open_nursery() as serving:
            async with trio.open_nursery() as accepting:
                accept = partial(trio.serve_listeners, meet, listeners, handler_nursery=serving)
                await accepting.start(accept)
                task_status.started()
                await stopping.wait()
                accepting.cancel_scope.cancel()
            # Who reads nothing has no more time than a request that is being answered.
            ends_at = trio.current_time() + API_GRACE_MS / 1000
            serving.cancel_scope.deadline = ends_at
            connections.end_by(ends_at)
            # The time for streams to end counts from the stop, so they are told now.
            log.close()
    finally:
        log.close()
