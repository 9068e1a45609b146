"""The guard of the API: the first thing that a request meets, whatever listener it came by.

The unix socket is guarded by the rights of its folder. No browser can open it, so a request that
a browser would mark (`Origin`, `Referer`, `Sec-Fetch-…`) was relayed by something that should
not, and is refused; and so is one for the name of another host.
"""

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from mesh.api.problems import problem
from mesh.api.responses import send_problem

UNIX_HOST = re.compile(rb"(mesh|localhost)(:[0-9]{1,5})?", re.IGNORECASE)
BROWSER_HEADERS = (b"origin", b"referer", b"sec-fetch-site", b"sec-fetch-mode")


class UnixGuard:
    """Lets pass what a program of this person sent to the unix socket."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers: list[tuple[bytes, bytes]] = list(scope["headers"])
        hosts = [value.strip() for name, value in headers if name.lower() == b"host"]
        if len(hosts) != 1 or not UNIX_HOST.fullmatch(hosts[0]):
            told = problem("misdirected", "Name the host `mesh` or `localhost` here.")
        elif any(name.lower() in BROWSER_HEADERS for name, _ in headers):
            told = problem("forbidden", "Requests from web pages are refused here.")
        else:
            await self._app(scope, receive, send)
            return
        await send_problem(scope, send, told)
