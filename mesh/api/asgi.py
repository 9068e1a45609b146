"""The types of ASGI, by which the server and what it serves speak: a scope, and two ways."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

# ASGI gives each value a type of its own by its name, so nothing narrower is true of all.
Scope = MutableMapping[str, Any]  # type: ignore[explicit-any]
"""One request: how it was asked."""

Message = MutableMapping[str, Any]  # type: ignore[explicit-any]
"""A piece of a body, the head of an answer, a frame."""

Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
