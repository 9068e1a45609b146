"""The two ways in which the log of events leaves: a WebSocket, and server-sent events.

Both carry the same objects (`mesh/api/stream.py`), one a WebSocket message or one a `data:` line,
and both begin after `?after=SEQ` of `?epoch=EPOCH`. A server-sent event's id is `EPOCH.SEQ`, so
that a client which only knows `Last-Event-ID` resumes as well.
"""

import msgspec
import trio

from mesh.api.asgi import Receive, Scope, Send
from mesh.api.event_log import EventLog, Line, Subscription
from mesh.api.grant import grant_of
from mesh.api.parsing import query_fields
from mesh.api.problems import problem_of
from mesh.api.responses import SAFE_HEADERS, send_problem, send_wrong_method
from mesh.api.stream_commands import Answering, StreamCommands
from mesh.errors import UserError
from mesh.limits.api import API_HEARTBEAT_MS

HEARTBEAT_S = API_HEARTBEAT_MS / 1000
WEBSOCKET_GOING_AWAY = 1001
SUBPROTOCOL = "mesh.v1"


class WebSocketEvents:
    """Events as text messages of a WebSocket, over which a client may ask as well."""

    def __init__(self, log: EventLog, answering: Answering) -> None:
        self._log = log
        self._answering = answering

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        try:
            subscription = subscribe(self._log, scope)
        except UserError as error:
            await send_problem(scope, send, problem_of(error))
            return
        with subscription:
            # A page names its token among the protocols, and is answered by the other one.
            chosen = SUBPROTOCOL if SUBPROTOCOL in scope["subprotocols"] else None
            await send({"type": "websocket.accept", "subprotocol": chosen, "headers": SAFE_HEADERS})
            commands = StreamCommands(self._answering, grant_of(scope))
            async with trio.open_nursery() as nursery:
                # The server stops reading the connection if nobody takes what came.
                nursery.start_soon(commands.take, receive, nursery.cancel_scope)
                nursery.start_soon(commands.run, send)
                while lines := await subscription.lines(heartbeat_s=HEARTBEAT_S):
                    for line in lines:
                        await send({"type": "websocket.send", "text": line.text.decode()})
                await commands.rest()
                await send({"type": "websocket.send", "text": self._log.going_away().text.decode()})
                await send({"type": "websocket.close", "code": WEBSOCKET_GOING_AWAY})
                nursery.cancel_scope.cancel()


class ServerSentEvents:
    """Events as `text/event-stream`."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            await send_wrong_method(scope, send, "GET")
            return
        try:
            subscription = subscribe(self._log, scope)
        except UserError as error:
            await send_problem(scope, send, problem_of(error))
            return
        with subscription:
            headers = [(b"content-type", b"text/event-stream"), *SAFE_HEADERS]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            async with trio.open_nursery() as nursery:
                nursery.start_soon(wait_for_end, receive, nursery.cancel_scope)
                while lines := await subscription.lines(heartbeat_s=HEARTBEAT_S):
                    await send_events(send, self._log.epoch, lines, is_more=True)
                last = [self._log.going_away()]
                await send_events(send, self._log.epoch, last, is_more=False)
                nursery.cancel_scope.cancel()


def subscribe(log: EventLog, scope: Scope) -> Subscription:
    """Begin where the query, or the header of a browser-like client, says."""
    fields = query_fields(scope["query_string"])
    for name, value in scope["headers"]:
        if name.lower() == b"last-event-id" and not fields:
            epoch, _, seq = value.decode("latin-1").rpartition(".")
            fields = {"epoch": epoch, "after": seq}
    for name in fields:
        if name not in ("after", "epoch"):
            raise UserError("bad-request", f"There is no field `{name[:64]}` here.")
    if "after" not in fields:
        return log.subscribe()
    try:
        after = msgspec.convert(fields["after"], int, strict=False)
    except msgspec.ValidationError:
        raise UserError("bad-request", "`after` is the number of an event.") from None
    if after < 0:
        raise UserError("bad-request", "`after` is the number of an event.")
    return log.subscribe(after=after, epoch=fields.get("epoch", ""))


async def send_events(send: Send, epoch: str, lines: list[Line], *, is_more: bool) -> None:
    """Write lines as one piece of a stream of server-sent events."""
    texts = [b"id: %s.%d\ndata: %s\n\n" % (epoch.encode(), line.seq, line.text) for line in lines]
    await send({"type": "http.response.body", "body": b"".join(texts), "more_body": is_more})


async def wait_for_end(receive: Receive, carrying: trio.CancelScope) -> None:
    """Take all that comes until the client is gone, then end the stream."""
    while (await receive())["type"] not in ("http.disconnect", "websocket.disconnect"):
        pass
    carrying.cancel()
