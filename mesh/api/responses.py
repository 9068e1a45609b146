"""The form of the API's answers: JSON, problems, and the headers that stand on each of them."""

from collections.abc import Mapping

import msgspec

from mesh.api.asgi import Scope, Send
from mesh.api.problems import Problem, problem
from mesh.limits.api import API_CHUNK_BYTES

JSON = b"application/json"
PROBLEM_JSON = b"application/problem+json"

SAFE_HEADERS = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
"""Nothing that is answered here may be kept, guessed at, or shown inside a page."""


async def send_json(
    send: Send,
    body: bytes,
    *,
    status: int = 200,
    media_type: bytes = JSON,
    headers: Mapping[bytes, bytes] | None = None,
) -> None:
    """Answer with a body that is already encoded, in pieces that each have their time."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", media_type),
                (b"content-length", str(len(body)).encode()),
                *{**dict(SAFE_HEADERS), **(headers or {})}.items(),
            ],
        }
    )
    for start in range(0, len(body), API_CHUNK_BYTES):
        piece = body[start : start + API_CHUNK_BYTES]
        more = start + API_CHUNK_BYTES < len(body)
        await send({"type": "http.response.body", "body": piece, "more_body": more})


async def send_problem(
    scope: Scope, send: Send, told: Problem, *, headers: Mapping[bytes, bytes] | None = None
) -> None:
    """Answer with a problem; a WebSocket that was not accepted gets it as an HTTP answer."""
    body = msgspec.json.encode(told)
    if scope["type"] == "http":
        await send_json(send, body, status=told.status, media_type=PROBLEM_JSON, headers=headers)
        return
    await send(
        {
            "type": "websocket.http.response.start",
            "status": told.status,
            "headers": [
                (b"content-type", PROBLEM_JSON),
                (b"content-length", str(len(body)).encode()),
                *SAFE_HEADERS,
            ],
        }
    )
    await send({"type": "websocket.http.response.body", "body": body, "more_body": False})


async def send_wrong_method(scope: Scope, send: Send, *methods: str) -> None:
    """Answer who asks a path by another method than it takes."""
    allowed = ", ".join(methods)
    told = problem("method-not-allowed", f"This path takes {allowed}.")
    await send_problem(scope, send, told, headers={b"allow": allowed.encode()})
