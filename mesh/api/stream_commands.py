"""Commands that come over the WebSocket of events: one JSON object a frame, answered by its `id`.

A frame names a method and a path as HTTP does, and the one table of routes says what is asked, what
it needs and which bounds its fields have. What streams a file, and what signs in or out, is asked
over HTTP only.

Theory of operation. The commands of one stream are done in their order, and answered in it. Those
that wait together and write texts are asked together, so that they share commits. While
`API_STREAM_COMMANDS_MAX` wait nothing more is read, so a client that floods holds up itself alone.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Annotated, Final

import msgspec
import trio
from msgspec import Meta

from mesh.api.asgi import Receive, Send
from mesh.api.grant import Grant
from mesh.api.parsing import DECODING_ERRORS, path_fields, reason, request_of
from mesh.api.path_table import PathTable
from mesh.api.problems import Problem, problem, problem_of, problem_of_failure
from mesh.api.request import Request
from mesh.api.route import Method, Route
from mesh.api.routes import ROUTES
from mesh.api.stream import Answered, AskId, Refused
from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.commands.item_commands import WriteItem
from mesh.commands.messages import SendMessage
from mesh.errors import UserError
from mesh.limits.api import (
    API_ANSWER_FRAME_BYTES_MAX,
    API_GRACE_MS,
    API_HEAD_BYTES_MAX,
    API_STREAM_COMMANDS_MAX,
)

_REST_S: Final = API_GRACE_MS / 2 / 1000
"""Of the time of a stop: the rest is for the word that the stream ends."""


class AskedFrame(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One frame of a client. `is_person` is what the header `Mesh-Person` is of a request."""

    id: AskId
    method: Method
    path: Annotated[str, Meta(max_length=API_HEAD_BYTES_MAX)]
    body: msgspec.Raw = msgspec.Raw()
    is_person: bool = False


class _OnlyId(msgspec.Struct):
    id: AskId | None = None


@dataclass(frozen=True, slots=True)
class Answering:
    """Whoever does what is asked: all as the routes do it, and texts together."""

    answer: Callable[[Request, Grant], Awaitable[Answer]]
    answer_all: Callable[[Sequence[Command]], Awaitable[list[Answer | UserError]]]
    person_came: Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A frame that was understood."""

    id: AskId
    route: Route
    request: Request


class _Table:
    """The routes that may be asked on a stream, by their paths."""

    def __init__(self, routes: Sequence[Route]) -> None:
        by_path: dict[str, dict[str, Route]] = {}
        for route in routes:
            if route.scope != "open" and not route.clears_site:
                by_path.setdefault(route.path, {})[route.method] = route
        self._paths = PathTable(by_path)

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """Return the route and the fields in its path, which are still escaped."""
        found = self._paths.find(path)
        if found is None:
            raise UserError("no-route", "There is nothing here that is asked on a stream.")
        methods, fields = found
        if method not in methods:
            allowed = ", ".join(methods)
            raise UserError("method-not-allowed", f"This path takes {allowed} here.")
        return methods[method], fields


TABLE: Final = _Table(ROUTES)


@dataclass(slots=True)
class StreamCommands:
    """All that one client asks on one stream."""

    answering: Answering
    grant: Grant
    # A frame that is no text is None.
    _frames_in: trio.MemorySendChannel[bytes | None] = field(init=False)
    _frames_out: trio.MemoryReceiveChannel[bytes | None] = field(init=False)
    # Held while commands are done that were taken.
    _turn: trio.Lock = field(default_factory=trio.Lock)
    _is_over: bool = False

    def __post_init__(self) -> None:
        self._frames_in, self._frames_out = trio.open_memory_channel[bytes | None](
            API_STREAM_COMMANDS_MAX - 1
        )

    async def take(self, receive: Receive, stream: trio.CancelScope) -> None:
        """Take what comes until the client is gone, then end the stream."""
        while (message := await receive())["type"] != "websocket.disconnect":
            await self._frames_in.send(message["bytes"] if message["is_text"] else None)
            # It may hold a passphrase, and the next may come in hours.
            del message
        stream.cancel()

    async def run(self, send: Send) -> None:
        """Do what was taken, and answer it."""
        while True:
            # No name here holds a frame, nor what it asked for, while the next is waited for.
            await self._take_turn(await self._frames_out.receive(), send)

    async def _take_turn(self, first: bytes | None, send: Send) -> None:
        async with self._turn:
            asked = [self._understood(frame) for frame in (first, *self._waiting())]
            del first
            for are_texts, group in groupby(asked, _is_text):
                together = list(group)
                if are_texts and len(together) > 1:
                    for each, told in zip(together, await self._sent(together), strict=True):
                        await self._tell(send, each.id, told)
                    continue
                for each in together:
                    await self._tell(send, each.id, await self._done(each))

    async def rest(self) -> None:
        """Let what was begun be answered: the stream ends."""
        with trio.move_on_after(_REST_S):
            await self._turn.acquire()
        self._is_over = True

    async def _tell(self, send: Send, asked: int | str | None, told: Answer | Problem) -> None:
        text = _frame(asked, told)
        if len(text) > API_ANSWER_FRAME_BYTES_MAX:
            sentence = f"The answer has {len(text)} bytes: ask over HTTP, or for less."
            text = _frame(asked, problem("too-large", sentence))
        if not self._is_over:
            await send({"type": "websocket.send", "text": text.decode()})

    def _waiting(self) -> Iterator[bytes | None]:
        for _ in range(API_STREAM_COMMANDS_MAX - 1):
            try:
                yield self._frames_out.receive_nowait()
            except trio.WouldBlock:
                return

    def _understood(self, frame: bytes | None) -> "_Asked | Refused":
        """Take a frame apart; whatever it holds, what is wrong with it is said in an answer."""
        if frame is None:
            return Refused(id=None, problem=problem("bad-request", "A frame is text."))
        try:
            asked = msgspec.json.decode(frame, type=AskedFrame)
        except DECODING_ERRORS as error:
            told = problem("bad-request", f"The frame is not one of a command: {reason(error)}.")
            return Refused(id=_find_id(frame), problem=told)
        try:
            return self._request_of(asked)
        except UserError as error:
            return Refused(id=asked.id, problem=problem_of(error))

    def _request_of(self, asked: AskedFrame) -> "_Asked":
        if not asked.path.isascii():
            raise UserError("bad-request", "A path is ASCII; escape what is not, as in HTTP.")
        path, _, query = asked.path.partition("?")
        route, escaped = TABLE.find(asked.method, path)
        self.grant.require(route.scope)
        body = bytes(asked.body)
        if body and not route.has_body:
            raise UserError("bad-request", "This route takes no body; its fields are a query.")
        request = request_of(route, path=path_fields(escaped), query=query.encode(), body=body)
        if asked.is_person and self.grant.is_persons:
            self.answering.person_came()
        return _Asked(asked.id, route, request)

    async def _done(self, asked: "_Asked | Refused") -> Answer | Problem:
        if isinstance(asked, Refused):
            return asked.problem
        try:
            return await self.answering.answer(asked.request, self.grant)
        except Exception as error:
            return problem_of_failure(error, f"{asked.route.method} {asked.route.path}")

    async def _sent(self, texts: "Sequence[_Asked | Refused]") -> Sequence[Answer | Problem]:
        """Ask for texts together: each is answered or refused by itself."""
        commands = [
            each.request
            for each in texts
            if isinstance(each, _Asked) and isinstance(each.request, SendMessage | WriteItem)
        ]
        try:
            answers = await self.answering.answer_all(commands)
        except Exception as error:
            return [problem_of_failure(error, "texts of a stream")] * len(texts)
        return [problem_of(each) if isinstance(each, UserError) else each for each in answers]


def _is_text(asked: _Asked | Refused) -> bool:
    return isinstance(asked, _Asked) and isinstance(asked.request, SendMessage | WriteItem)


def _find_id(frame: bytes) -> int | str | None:
    """Return the id of a frame that is wrong elsewhere, so that its client knows which it was."""
    try:
        return msgspec.json.decode(frame, type=_OnlyId).id
    except DECODING_ERRORS:
        return None


def _frame(asked: int | str | None, told: Answer | Problem) -> bytes:
    if isinstance(told, Problem):
        return msgspec.json.encode(Refused(id=asked, problem=told))
    assert asked is not None, "what has no id is refused"
    return msgspec.json.encode(Answered(id=asked, answer=told))
