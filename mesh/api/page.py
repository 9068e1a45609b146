"""Serves the files of the page, and hands on what is asked of the API.

The files are public and hold no secret. What a page may do is told to the browser with each of
them: run our own scripts only, talk to this door only, and be shown in no frame.
"""

from typing import Final

from mesh.api.asgi import ASGIApp, Receive, Scope, Send
from mesh.api.problems import problem
from mesh.api.responses import send_json, send_problem, send_wrong_method
from mesh.web.static_files import StaticFile, StaticFiles

API_PREFIXES: Final = ("/v1/", "/metrics")

PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'{scripts}; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types lit-html"
)


def is_api(path: str) -> bool:
    """Say whether a path is no file of the page."""
    return path == "/v1" or path.startswith(API_PREFIXES)


class Page:
    """The page in front of the API, at one door."""

    def __init__(self, app: ASGIApp, files: StaticFiles) -> None:
        self._app = app
        self._files = files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_api(scope["path"]):
            await self._app(scope, receive, send)
            return
        if scope["method"] not in ("GET", "HEAD"):
            await send_wrong_method(scope, send, "GET", "HEAD")
            return
        file = self._files.find(scope["path"])
        if file is None:
            await send_problem(scope, send, problem("no-route", "There is no such file here."))
            return
        await send_file(scope, send, file)


async def send_file(scope: Scope, send: Send, file: StaticFile) -> None:
    """Answer with a file, or that the browser has it already."""
    asked = b",".join(value for name, value in scope["headers"] if name == b"if-none-match")
    tags = [tag.strip().removeprefix("W/") for tag in asked.decode("latin-1").split(",")]
    headers = {
        # It is asked for each time, and sent only when it has changed.
        b"cache-control": b"no-cache",
        b"etag": file.tag.encode(),
        b"content-security-policy": PAGE_POLICY.format(scripts=file.scripts).encode(),
    }
    if file.tag in tags:
        await send({"type": "http.response.start", "status": 304, "headers": list(headers.items())})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    media_type = file.media_type.encode()
    await send_json(send, file.content, media_type=media_type, headers=headers)
