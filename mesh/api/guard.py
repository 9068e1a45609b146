"""The guard of the API: the first thing that a request meets, one for each listener.

The unix socket is guarded by the rights of its folder. No browser can open it, so a request that
a browser would mark (`Origin`, `Referer`, `Sec-Fetch-…`) was relayed by something that should
not, and is refused; and so is one for the name of another host.

The door on loopback is open to every program and every page of this machine, so nothing is
believed but a token. No cookie is ever set or read: a browser sends those of one port to all
others. No other page is allowed anything, so there is no header by which it would be.
"""

import re
from typing import Final

from mesh.api.access import Access
from mesh.api.asgi import ASGIApp, Message, Receive, Scope, Send
from mesh.api.grant import GRANT_KEY, SIGNED_OUT, Grant
from mesh.api.page import is_api
from mesh.api.paths import EVENTS_PATH
from mesh.api.problems import problem_of
from mesh.api.responses import send_problem
from mesh.api.routes import ROUTES
from mesh.errors import UserError

UNIX_HOST = re.compile(rb"(mesh|localhost)(:[0-9]{1,5})?", re.IGNORECASE)
BROWSER_HEADERS = (b"origin", b"referer", b"sec-fetch-site", b"sec-fetch-mode")

OPEN_ROUTES: Final = frozenset(
    (route.method, route.path) for route in ROUTES if route.scope == "open"
)
"""What is asked without a token."""

BEARER_PROTOCOL: Final = "bearer."

DOOR_HEADERS: Final = (
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), microphone=(self), geolocation=()"),
)
"""On each answer at the door for browsers."""


class UnixGuard:
    """Lets pass what a program of this person sent to the unix socket."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hosts = values_of(scope, b"host")
        if len(hosts) != 1 or not UNIX_HOST.fullmatch(hosts[0]):
            refused = UserError("misdirected", "Name the host `mesh` or `localhost` here.")
        elif any(values_of(scope, name) for name in BROWSER_HEADERS):
            refused = UserError("forbidden", "Requests from web pages are refused here.")
        else:
            await self._app({**scope, GRANT_KEY: Grant("admin", names_paths=True)}, receive, send)
            return
        await send_problem(scope, send, problem_of(refused))


class LoopbackGuard:
    """Lets pass what our own page, or a program with a token, sent to the door on loopback."""

    def __init__(self, app: ASGIApp, access: Access, port: int) -> None:
        self._app = app
        self._access = access
        names = (b"127.0.0.1", b"localhost", b"[::1]")
        self._hosts = frozenset(b"%s:%d" % (name, port) for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:

        async def send_guarded(message: Message) -> None:
            if message["type"].endswith("response.start"):
                message = {**message, "headers": [*message["headers"], *DOOR_HEADERS]}
            await send(message)

        try:
            self._require_ours(scope)
            grant = await self._grant_of(scope)
        except UserError as refused:
            if scope["type"] == "websocket":
                await receive()
            await send_problem(scope, send_guarded, problem_of(refused))
            return
        scope = {**scope, GRANT_KEY: grant}
        if scope["path"] != EVENTS_PATH:
            await self._app(scope, receive, send_guarded)
            return
        with self._access.following(grant):
            await self._app(scope, receive, send_guarded)

    def _require_ours(self, scope: Scope) -> None:
        """Refuse what was sent to another name, or by another page, before anything is read."""
        hosts = values_of(scope, b"host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            raise UserError("misdirected", "This door answers to 127.0.0.1 and its port only.")
        origins = values_of(scope, b"origin")
        if origins and origins != [b"http://" + hosts[0].lower()]:
            raise UserError("forbidden", "Requests from other pages are refused.")
        sites = values_of(scope, b"sec-fetch-site")
        if all(site in (b"same-origin", b"none") for site in sites):
            return
        # A link may lead here from anywhere, but only as a page of its own.
        is_visit = (
            scope["type"] == "http"
            and not is_api(scope["path"])
            and values_of(scope, b"sec-fetch-mode") == [b"navigate"]
            and values_of(scope, b"sec-fetch-dest") == [b"document"]
        )
        if not is_visit:
            raise UserError("forbidden", "Requests from other sites are refused.")

    async def _grant_of(self, scope: Scope) -> Grant:
        """Return what the token of a request allows; `open` where none is needed."""
        if scope["type"] == "http" and (
            not is_api(scope["path"]) or (scope["method"], scope["path"]) in OPEN_ROUTES
        ):
            return Grant("open")
        token = token_of(scope)
        grant = None if token is None else await self._access.find(token)
        if grant is None:
            raise SIGNED_OUT
        return grant


def values_of(scope: Scope, wanted: bytes) -> list[bytes]:
    """Return all values of a header, whose name is given in lower case."""
    return [value.strip() for name, value in scope["headers"] if name.lower() == wanted]


def token_of(scope: Scope) -> str | None:
    """Return the one token of a request: `Authorization: Bearer`, or among the subprotocols.

    A browser lets a page send no header with a WebSocket, but names of protocols.
    """
    found = []
    for value in values_of(scope, b"authorization"):
        kind, _, token = value.decode("latin-1").partition(" ")
        found.append(token.strip() if kind.lower() == "bearer" else "")
    if scope["type"] == "websocket":
        found += [
            name.removeprefix(BEARER_PROTOCOL)
            for name in scope["subprotocols"]
            if name.startswith(BEARER_PROTOCOL)
        ]
    return found[0] if len(found) == 1 else None
