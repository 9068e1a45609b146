"""The ASGI application: takes a request apart, asks, and writes the answer.

`Application` is all that it knows of the node. Starlette matches paths; everything else is plain
ASGI, which costs little and behaves the same under every server.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
import trio
from starlette.routing import BaseRoute, Router, WebSocketRoute
from starlette.routing import Route as HttpRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from mesh.api.batch import SendMessages, sent_messages
from mesh.api.carry import Carrier, CarryExport, CarryImport, CarrySummary
from mesh.api.event_log import EventLog
from mesh.api.event_transports import ServerSentEvents, WebSocketEvents
from mesh.api.openapi import document_json
from mesh.api.parsing import path_fields, request_of
from mesh.api.problems import problem, problem_of
from mesh.api.responses import send_json, send_problem
from mesh.api.routes import (
    CARRY_EXPORT_PATH,
    CARRY_IMPORT_PATH,
    CARRY_SUMMARY_PATH,
    EVENTS_PATH,
    IDEMPOTENCY_HEADER,
    OPENAPI_PATH,
    ROUTES,
    ChangePassphrase,
    Lock,
    Request,
    Route,
    Stop,
    Unlock,
)
from mesh.commands.answer import Answer, Done
from mesh.commands.command import Command
from mesh.errors import StorageError, UserError
from mesh.limits.api import API_BODY_BYTES_MAX, API_BODY_TIMEOUT_MS

LOG = logging.getLogger("mesh.api")


class Asker(Carrier, Protocol):
    """Whoever answers commands: the node, or in tests a small one of their own."""

    async def ask(self, command: Command) -> Answer:
        """Return the answer, or raise a `UserError`."""
        ...

    async def ask_all(self, commands: Sequence[Command]) -> list[Answer | UserError]:
        """Return what each is answered, in their order; one that is refused refuses no other."""
        ...


class Keeper(Protocol):
    """Whoever opens and closes the vault, like the `Asker`; what fails raises a `UserError`."""

    async def unlock(self, passphrase: bytes) -> None:
        """Open the vault; done at once if it is open."""
        ...

    async def lock(self) -> None:
        """Close the vault; done at once if it is closed."""
        ...

    async def change_passphrase(self, former: bytes, new: bytes) -> None:
        """Protect the vault by another passphrase."""
        ...


@dataclass(frozen=True, slots=True)
class Application:
    """The daemon as the API needs it. `stop` must only set something going, not wait for it."""

    asker: Asker
    log: EventLog
    keeper: Keeper
    stop: Callable[[], None]

    async def answer(self, request: Request) -> Answer:
        """Ask whom it concerns."""
        match request:
            case Unlock(passphrase=passphrase):
                await self.keeper.unlock(passphrase.encode())
                return Done()
            case Lock():
                await self.keeper.lock()
                return Done()
            case ChangePassphrase(passphrase=former, new_passphrase=new):
                await self.keeper.change_passphrase(former.encode(), new.encode())
                return Done()
            case Stop():
                self.stop()
                return Done()
            case SendMessages():
                return sent_messages(await self.asker.ask_all(request.commands()))
            case _:
                return await self.asker.ask(request)


def build_app(application: Application) -> ASGIApp:
    """Make the application of all routes, without a guard."""
    methods_by_path: dict[str, dict[str, Route]] = {}
    for route in ROUTES:
        methods_by_path.setdefault(route.path, {})[route.method] = route
    routes: list[BaseRoute] = [
        HttpRoute(path, PathEndpoint(application, methods))
        for path, methods in methods_by_path.items()
    ]
    routes.append(HttpRoute(OPENAPI_PATH, OpenApiDocument()))
    routes.append(HttpRoute(CARRY_EXPORT_PATH, CarryExport(application.asker)))
    routes.append(HttpRoute(CARRY_IMPORT_PATH, CarryImport(application.asker)))
    routes.append(HttpRoute(CARRY_SUMMARY_PATH, CarrySummary(application.asker)))
    routes.append(HttpRoute(EVENTS_PATH, ServerSentEvents(application.log)))
    routes.append(WebSocketRoute(EVENTS_PATH, WebSocketEvents(application.log)))
    return EscapedPaths(Router(routes, redirect_slashes=False, default=no_route))


class EscapedPaths:
    """Lets paths be matched as they were sent: a label may hold a slash, which comes as %2F."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if "raw_path" in scope:
            scope = {**scope, "path": scope["raw_path"].decode("latin-1")}
        await self._app(scope, receive, send)


class PathEndpoint:
    """All methods of one path."""

    def __init__(self, application: Application, methods: dict[str, Route]) -> None:
        self._application = application
        self._methods = methods
        self._encoder = msgspec.json.Encoder()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._methods.get(scope["method"])
        if route is None:
            allowed = ", ".join(self._methods).encode()
            told = problem("method-not-allowed", f"This path takes {allowed.decode()}.")
            await send_problem(scope, send, told, headers={b"allow": allowed})
            return
        try:
            body = await read_body(scope, receive)
            request = request_of(
                route,
                path=path_fields(scope["path_params"]),
                query=scope["query_string"],
                body=body,
                idempotency_key=idempotency_key(scope) if route.has_idempotency_key else None,
            )
            answer = await self._application.answer(request)
        except UserError as error:
            told = problem_of(error)
        except StorageError as error:
            told = problem("storage", str(error))
        except Exception:
            # The last guard of a request: the client gets an answer, and the log the reason.
            LOG.exception("a request of %s %s failed", route.method, route.path)
            told = problem("internal", "Something went wrong inside; the log of Mesh says what.")
        else:
            await send_json(send, self._encoder.encode(answer))
            return
        await send_problem(scope, send, told)
        if told.kind in ("too-large", "timeout"):
            await discard(scope, receive)


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """Return the whole body of a request, which is JSON if there is any."""
    length = header(scope, b"content-length")
    if length is not None and length.isdigit() and int(length[:20]) > API_BODY_BYTES_MAX:
        raise too_large()
    pieces: list[bytes] = []
    size = 0
    try:
        with trio.fail_after(API_BODY_TIMEOUT_MS / 1000):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise UserError("bad-request", "The connection ended within the body.")
                pieces.append(message.get("body", b""))
                size += len(pieces[-1])
                if size > API_BODY_BYTES_MAX:
                    raise too_large()
                if not message.get("more_body", False):
                    break
    except trio.TooSlowError:
        raise UserError("timeout", "The body of the request did not come in time.") from None
    if size and not is_json(header(scope, b"content-type")):
        raise UserError("not-json", "Send the body as Content-Type: application/json.")
    return b"".join(pieces)


async def discard(scope: Scope, receive: Receive) -> None:
    """Take what a client still sends, so that it can read the answer, then cut the connection."""
    with trio.move_on_after(API_BODY_TIMEOUT_MS / 1000):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect" or not message.get("more_body", False):
                return
    abort = scope["state"].get("abort")
    if abort is not None:
        abort()


def too_large() -> UserError:
    """Say that a body is."""
    return UserError("too-large", f"A body has at most {API_BODY_BYTES_MAX} bytes.")


def is_json(media_type: bytes | None) -> bool:
    """Say whether a Content-Type is JSON, with or without parameters."""
    return (media_type or b"").partition(b";")[0].strip().lower() == b"application/json"


def header(scope: Scope, wanted: bytes) -> bytes | None:
    """Return the first header of a name, which is given in lower case."""
    headers: list[tuple[bytes, bytes]] = list(scope["headers"])
    return next((value for name, value in headers if name.lower() == wanted), None)


def idempotency_key(scope: Scope) -> str | None:
    """Return the header that makes a repeated send one message."""
    value = header(scope, IDEMPOTENCY_HEADER.encode())
    return None if value is None else value.decode("latin-1")


class OpenApiDocument:
    """Answers with the document that describes all this."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            told = problem("method-not-allowed", "This path takes GET.")
            await send_problem(scope, send, told, headers={b"allow": b"GET"})
            return
        await send_json(send, document_json())


async def no_route(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer for every path that is not in the table."""
    if scope["type"] == "websocket":
        await receive()
    told = problem("no-route", f"There is nothing here; {OPENAPI_PATH} says what there is.")
    await send_problem(scope, send, told)
