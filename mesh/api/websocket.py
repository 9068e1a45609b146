"""A WebSocket on a connection to the API: frames of text, as ASGI hands them over.

wsproto knows the frames. They are never compressed: that costs time on one machine, and a bomb
opens to any size. Nothing is read ahead: a client that floods waits with what it sends.
"""

import logging
from collections.abc import Iterator
from typing import Final

import h11
import trio
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Event, Ping, TextMessage
from wsproto.events import Message as FramePiece
from wsproto.frame_protocol import CloseReason
from wsproto.handshake import WEBSOCKET_VERSION
from wsproto.utilities import LocalProtocolError, generate_accept_token

from mesh.api.asgi import ASGIApp, Message, Scope
from mesh.api.bounded_stream import BoundedStream
from mesh.limits.api import API_FRAME_BYTES_MAX

LOG = logging.getLogger("mesh.api")

BAD_HANDSHAKE: Final = 400


class TooLongError(Exception):
    """A frame has more bytes than it may."""


class FrameBuffer:
    """A frame that comes in pieces. It is bounded in bytes, whatever the number of its pieces."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._frame = bytearray()
        self._is_text = True

    def extend(self, data: str | bytes) -> None:
        """Add a piece; TooLongError if it is too much."""
        self._is_text = isinstance(data, str)
        self._frame += data.encode() if isinstance(data, str) else data
        if len(self._frame) > self._bytes_max:
            self._frame = bytearray()
            raise TooLongError

    def take(self) -> Message:
        """Return the whole as ASGI tells it, but as bytes, and `is_text` says what it was.

        A `str` with one rare character takes four bytes for each.
        """
        whole, self._frame = bytes(self._frame), bytearray()
        return {"type": "websocket.receive", "bytes": whole, "is_text": self._is_text}


class WebSocket:
    """One stream of frames, from the request for it on."""

    def __init__(self, spoken: h11.Connection, stream: BoundedStream, request: h11.Request) -> None:
        self._spoken = spoken
        self._stream = stream
        self._version = request.http_version
        self._headers = joined(request)
        self._frames: Connection | None = None
        self._events: Iterator[Event] = iter(())
        self._buffer = FrameBuffer(API_FRAME_BYTES_MAX)
        self._has_been_told = False
        self._over: int | None = None
        """The code with which it ended."""
        self._refusal: h11.Response | None = None

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        """Let the application serve it; when that ends, so does the stream."""
        if not self._is_rightly_asked():
            await self._refuse(BAD_HANDSHAKE)
            return
        offered = self._headers.get(b"sec-websocket-protocol", b"").decode("latin-1").split(",")
        scope = {**scope, "type": "websocket", "subprotocols": [each.strip() for each in offered]}
        try:
            await app(scope, self.receive, self.send)
        except* Exception:
            # The last guard of a stream: what fails here is ours.
            LOG.exception("a stream of the API failed")
        if self._frames is not None:
            await self._close(CloseReason.INTERNAL_ERROR)
        elif self._spoken.our_state is h11.SEND_RESPONSE:
            await self._refuse(500)

    async def receive(self) -> Message:
        """Return the request for it, then each frame, then its end."""
        if not self._has_been_told:
            self._has_been_told = True
            return {"type": "websocket.connect"}
        while self._over is None:
            if (event := next(self._events, None)) is not None:
                if (told := await self._told(event)) is not None:
                    return told
                # A frame may come as thousands of pieces at once: others have a turn after each.
                await trio.lowlevel.checkpoint()
                continue
            data = await self._stream.receive()
            if not data:
                self._over = CloseReason.ABNORMAL_CLOSURE
            elif self._frames is not None:
                self._frames.receive_data(data)
                self._events = self._frames.events()
        return {"type": "websocket.disconnect", "code": self._over}

    async def send(self, message: Message) -> None:
        """Accept it, refuse it with an answer of HTTP, write a frame, or end it."""
        match message["type"]:
            case "websocket.send":
                await self._write(TextMessage(data=message["text"]))
            case "websocket.accept":
                await self._accept(message)
            case "websocket.close":
                await self._close(message["code"])
            case "websocket.http.response.start":
                self._refusal = h11.Response(
                    status_code=message["status"], headers=message["headers"]
                )
            case "websocket.http.response.body":
                assert self._refusal is not None
                await self._answer(self._refusal, message["body"])
            case kind:
                raise AssertionError(kind)

    def _is_rightly_asked(self) -> bool:
        return (
            self._version == b"1.1"
            and self._headers.get(b"sec-websocket-version") == WEBSOCKET_VERSION
            and b"," not in self._headers.get(b"sec-websocket-key", b",")
        )

    async def _accept(self, message: Message) -> None:
        headers = [
            (b"upgrade", b"WebSocket"),
            (b"connection", b"Upgrade"),
            (b"sec-websocket-accept", generate_accept_token(self._headers[b"sec-websocket-key"])),
            *message["headers"],
        ]
        if message["subprotocol"] is not None:
            headers.append((b"sec-websocket-protocol", message["subprotocol"].encode()))
        head = h11.InformationalResponse(status_code=101, headers=headers)
        await self._stream.send(self._spoken.send(head) or b"")
        self._frames = Connection(
            ConnectionType.SERVER, trailing_data=self._spoken.trailing_data[0]
        )
        self._events = self._frames.events()

    async def _told(self, event: Event) -> Message | None:
        """Return what the application is told of something that came, if it is anything."""
        if isinstance(event, FramePiece):
            try:
                self._buffer.extend(event.data)
            except TooLongError:
                # The last one: whatever comes after it is not read.
                await self._close(CloseReason.MESSAGE_TOO_BIG)
            else:
                return self._buffer.take() if event.message_finished else None
        elif isinstance(event, Ping):
            await self._write(event.response())
        elif isinstance(event, CloseConnection):
            # It is said by the client, or it is why the client is not understood.
            await self._close(event.code)
        return None

    async def _close(self, code: int) -> None:
        """Say that it ends, if nobody has said so yet."""
        if self._over is None:
            self._over = code
            await self._write(CloseConnection(code=code))

    async def _write(self, event: Event) -> None:
        assert self._frames is not None
        try:
            data = self._frames.send(event)
        except LocalProtocolError:
            # It was closed meanwhile.
            return
        await self._stream.send(data)

    async def _refuse(self, status: int) -> None:
        headers = [(b"content-length", b"0"), (b"connection", b"close")]
        await self._answer(h11.Response(status_code=status, headers=headers), b"")

    async def _answer(self, head: h11.Response, body: bytes) -> None:
        parts = [head, *([h11.Data(data=body)] if body else []), h11.EndOfMessage()]
        await self._stream.send(b"".join(self._spoken.send(part) or b"" for part in parts))


def is_websocket(request: h11.Request) -> bool:
    """Say whether a request asks for a WebSocket."""
    if request.method != b"GET" or not any(name == b"upgrade" for name, _ in request.headers):
        return False
    headers = joined(request)
    return has_token(headers.get(b"connection", b""), b"upgrade") and has_token(
        headers[b"upgrade"], b"websocket"
    )


def joined(request: h11.Request) -> dict[bytes, bytes]:
    """Return the headers by their names; a list may stand in several lines."""
    headers: dict[bytes, bytes] = {}
    for name, value in request.headers:
        headers[name] = b"%b,%b" % (headers[name], value) if name in headers else value
    return headers


def has_token(value: bytes, wanted: bytes) -> bool:
    """Say whether a word is one of a list, whatever its case."""
    return any(each.strip() == wanted for each in value.lower().split(b","))
