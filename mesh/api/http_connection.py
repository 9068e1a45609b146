"""One connection to the API: requests one after another, each answered by an ASGI application.

h11 knows HTTP and opens no socket, so each bound is ours: the head of a request, the time that a
connection may be idle, and the time of each write (`bounded_stream.py`). An answer that is one
piece leaves in one write. Nothing runs beside the application: what its client sends is read when
it is asked for.
"""

import logging
from typing import Final
from urllib.parse import unquote

import h11
import trio

from mesh.api.asgi import ASGIApp, Message, Scope
from mesh.api.bounded_stream import BoundedStream
from mesh.api.connections import OpenConnections
from mesh.api.websocket import WebSocket, is_websocket
from mesh.limits.api import (
    API_BODY_BYTES_MAX,
    API_BODY_TIMEOUT_MS,
    API_CONNECTIONS_MAX,
    API_HEAD_BYTES_MAX,
)
from mesh.node.http_heads import RequestReader

LOG = logging.getLogger("mesh.api")

SPOKEN: Final = (b"1.0", b"1.1")
NOT_SPOKEN: Final = 505

NO_BODY: Final = frozenset((204, 304))
"""Answers that have none."""


class HttpConnection:
    """One client's connection, from its first byte on."""

    def __init__(
        self, app: ASGIApp, stream: trio.SocketStream, connections: OpenConnections
    ) -> None:
        self._app = app
        self._raw = stream
        self._connections = connections
        self._requests = RequestReader(API_HEAD_BYTES_MAX)
        self._spoken = self._requests.spoken

    async def run(self) -> None:
        """Serve it to its end, which no failure of it outlives."""
        living = trio.CancelScope()
        if not self._connections.enter(living):
            LOG.warning("a connection to the API was refused: %d are busy", API_CONNECTIONS_MAX)
            await self._connections.refuse(self._raw)
            return
        try:
            with living:
                stream = BoundedStream(self._raw, self._connections, living)
                try:
                    await self._serve(stream)
                finally:
                    stream.let_go()
        except* Exception:
            # The last guard of a connection: one never ends the daemon.
            LOG.exception("a connection to the API failed")
        finally:
            self._connections.leave(living)
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(self._raw)

    async def _serve(self, stream: BoundedStream) -> None:
        try:
            while (request := await self._requests.next_request(stream.receive)) is not None:
                stream.works()
                if request.http_version not in SPOKEN:
                    await self._refuse(stream, NOT_SPOKEN)
                    break
                if is_websocket(request):
                    websocket = WebSocket(self._spoken, stream, request)
                    await websocket.run(self._app, scope_of(request, stream))
                    break
                exchange = Exchange(self._spoken, stream, request)
                await exchange.run(self._app)
                if self._spoken.trailing_data[0]:
                    # Requests may come as hundreds at once: others have a turn after each. The
                    # connection is not idle meanwhile, or its place would be given away.
                    await trio.lowlevel.checkpoint()
                stream.rests()
                if stream.is_ending or not await exchange.is_over():
                    break
                self._spoken.start_next_cycle()
        except h11.RemoteProtocolError as error:
            await self._refuse(stream, error.error_status_hint)
        await stream.say_end()

    async def _refuse(self, stream: BoundedStream, status: int) -> None:
        """Answer what is no HTTP, if nothing was answered yet."""
        if self._spoken.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        headers = [(b"content-length", b"0"), (b"connection", b"close")]
        head = self._spoken.send(h11.Response(status_code=status, headers=headers))
        await stream.send((head or b"") + (self._spoken.send(h11.EndOfMessage()) or b""))


class Exchange:
    """One request and its answer."""

    def __init__(self, spoken: h11.Connection, stream: BoundedStream, request: h11.Request) -> None:
        self._spoken = spoken
        self._stream = stream
        self._request = request
        self._waits_for_word = spoken.they_are_waiting_for_100_continue
        """Whether the client sends its body when it is told to, and was not yet."""
        self._has_whole_body = False
        self._took_data = False
        self._head: h11.Response | None = None
        self._has_begun = False
        self._is_bare = request.method == b"HEAD"
        """Whether the answer has no body, whatever the application says."""

    async def run(self, app: ASGIApp) -> None:
        """Let the application answer."""
        try:
            await app(scope_of(self._request, self._stream), self.receive, self.send)
        except* Exception:
            # The last guard of a request: what fails here is ours.
            LOG.exception("a request of %s failed", self._request.method.decode())
        if not self._has_begun:
            self._head = h11.Response(status_code=500, headers=[(b"content-length", b"0")])
            await self.send({"type": "http.response.body"})

    async def is_over(self) -> bool:
        """Say whether another request may follow; take what is left of the body of this one."""
        spoken = self._spoken
        if spoken.our_state not in (h11.DONE, h11.MUST_CLOSE):
            return False
        if self._waits_for_word and spoken.their_state is h11.SEND_BODY:
            # What they were never told to send may come or not.
            return False
        if spoken.their_state is h11.SEND_BODY:
            # As a rule all of it is here.
            spoken.next_event()
        if spoken.their_state is h11.SEND_BODY:
            if spoken.our_state is h11.MUST_CLOSE:
                # Who waits for nothing but the end sends no more.
                await self._stream.say_end()
            await self._discard()
        return spoken.our_state is h11.DONE and spoken.their_state is h11.DONE

    async def _discard(self) -> None:
        """Take what is left of a body, so that its client reads the answer."""
        left = API_BODY_BYTES_MAX
        with trio.move_on_after(API_BODY_TIMEOUT_MS / 1000):
            while self._spoken.their_state is h11.SEND_BODY and left > 0:
                event = await self._next_event()
                left -= len(event.data) if isinstance(event, h11.Data) else 0

    async def receive(self) -> Message:
        """Return the next piece of the body, and behind it the end of the exchange."""
        if self._has_whole_body:
            if self._spoken.our_state in (h11.SEND_RESPONSE, h11.SEND_BODY):
                await self._wait_until_gone()
            return {"type": "http.disconnect"}
        if self._spoken.they_are_waiting_for_100_continue:
            self._waits_for_word = False
            go_on = h11.InformationalResponse(status_code=100, headers=[])
            await self._stream.send(self._spoken.send(go_on) or b"")
        try:
            event = await self._next_event()
        except h11.RemoteProtocolError:
            return {"type": "http.disconnect"}
        if isinstance(event, h11.Data):
            return {"type": "http.request", "body": bytes(event.data), "more_body": True}
        self._has_whole_body = True
        if isinstance(event, h11.EndOfMessage):
            return {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Write a piece of the answer; where its length is known, the first with the head."""
        if message["type"] == "http.response.start":
            status = message["status"]
            # Who is told goes to the next program with what comes next.
            closing = [(b"connection", b"close")] if self._stream.is_ending else []
            headers = [*message["headers"], *closing]
            self._head = h11.Response(status_code=status, headers=headers)
            self._is_bare = self._is_bare or status in NO_BODY
            if any(name == b"content-length" for name, _ in message["headers"]):
                return
            # Of a stream: its first piece may take a while.
            message = {"more_body": True}
        written = b""
        if self._head is not None:
            written = self._spoken.send(self._head) or b""
            self._head, self._has_begun = None, True
        body = message.get("body", b"")
        if body and not self._is_bare:
            written += self._spoken.send(h11.Data(data=body)) or b""
        if not message.get("more_body", False):
            written += self._spoken.send(h11.EndOfMessage()) or b""
        if written:
            await self._stream.send(written)

    async def _next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        event = self._spoken.next_event()
        if self._took_data and isinstance(event, h11.Data):
            # A body may come as thousands of pieces at once: others have a turn after each.
            await trio.lowlevel.checkpoint()
        while event is h11.NEED_DATA:
            self._spoken.receive_data(await self._stream.receive())
            event = self._spoken.next_event()
        self._took_data = isinstance(event, h11.Data)
        return event

    async def _wait_until_gone(self) -> None:
        """Wait for the end of the connection. What comes before it is the next request."""
        waiting = len(self._spoken.trailing_data[0])
        while waiting <= API_HEAD_BYTES_MAX and (data := await self._stream.receive()):
            self._spoken.receive_data(data)
            waiting += len(data)
        if waiting > API_HEAD_BYTES_MAX:
            # It sends more than it was asked for: nothing more is read, until it is answered.
            await trio.sleep_forever()


def scope_of(request: h11.Request, stream: BoundedStream) -> Scope:
    """Return how something was asked, as ASGI tells it; names of headers are in lower case."""
    path, _, query = request.target.partition(b"?")
    return {
        "type": "http",
        "method": request.method.decode("ascii").upper(),
        "path": unquote(path.decode("ascii")),
        "raw_path": path,
        "query_string": query,
        "headers": list(request.headers),
        "state": {"abort": stream.living.cancel, "patience": stream.patience},
    }
