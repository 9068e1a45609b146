"""A plain client of the local API, for the command line and for programs.

It blocks, and it needs nothing but the standard library and msgspec, so that a command which
asks one question starts quickly. Each question has a connection of its own: on a unix socket it
costs next to nothing, and there is never a stale one.
"""

import http.client
import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec

from mesh.api.problems import Problem
from mesh.api.routes import EVENTS_PATH, ROUTE_BY_REQUEST, Request
from mesh.api.stream import GoingAway, Happened, Hello, Resync, StreamObject
from mesh.commands import Answer
from mesh.errors import UserError
from mesh.limits import API_CLIENT_SILENCE_MS

AnswerT = TypeVar("AnswerT", bound=Answer)

TIMEOUT_S = 30.0
SILENCE_S = API_CLIENT_SILENCE_MS / 1000
RECONNECT_FIRST_S = 0.2
RECONNECT_MAX_S = 3.0

NOT_RUNNING = "Mesh is not running. Start it with: mesh up"


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path, *, timeout_s: float) -> None:
        super().__init__("mesh", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(os.fspath(self._path))


class Client:
    """Asks one node. Every failure is a `UserError`; `not-running` if there is no daemon."""

    def __init__(self, socket_path: Path, *, timeout_s: float = TIMEOUT_S) -> None:
        self._path = socket_path
        self._timeout_s = timeout_s

    def ask(self, request: Request, reply: type[AnswerT]) -> AnswerT:
        """Ask and return the answer; `reply` is the type that belongs to the request."""
        route = ROUTE_BY_REQUEST[type(request)]
        assert issubclass(route.reply, reply), f"{route.path} answers {route.reply.__name__}"
        fields: dict[str, object] = msgspec.to_builtins(request)
        path = route.path
        for name in route.path_fields:
            path = path.replace(f"{{{name}}}", quote(str(fields.pop(name)), safe=""))
        if route.has_body:
            body = msgspec.json.encode(fields)
            status, answer = self._exchange(route.method, path, body)
        else:
            query = f"?{urlencode(as_texts(fields))}" if fields else ""
            status, answer = self._exchange(route.method, path + query, None)
        try:
            if status == http.client.OK:
                return msgspec.json.decode(answer, type=reply)
            problem = msgspec.json.decode(answer, type=Problem)
        except msgspec.DecodeError:
            raise UserError("bad-answer", f"What answered is no Mesh (HTTP {status}).") from None
        raise UserError(problem.kind, problem.detail)

    def is_running(self) -> bool:
        """Say whether somebody listens at the socket."""
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
            probe.settimeout(1)
            try:
                probe.connect(os.fspath(self._path))
            except OSError:
                return False
        return True

    def events(
        self, *, after: int | None = None, epoch: str = "", until: float | None = None
    ) -> Iterator[StreamObject]:
        """Yield the objects of one stream, until it ends for whatever reason.

        `until` is a moment of `time.monotonic()` at which it ends at the latest.
        """
        fields = {} if after is None else {"after": str(after), "epoch": epoch}
        query = f"?{urlencode(fields)}" if fields else ""
        connection = UnixConnection(self._path, timeout_s=SILENCE_S)
        with closing(connection):
            try:
                connection.request("GET", EVENTS_PATH + query)
                stream = connection.sock
                response = connection.getresponse()
            except OSError:
                raise UserError("not-running", NOT_RUNNING) from None
            if response.status != http.client.OK:
                problem = msgspec.json.decode(response.read(), type=Problem)
                raise UserError(problem.kind, problem.detail)
            decoder = msgspec.json.Decoder(StreamObject)
            try:
                while True:
                    if until is not None:
                        stream.settimeout(max(0.001, min(SILENCE_S, until - time.monotonic())))
                    line = response.readline()
                    if not line:
                        return
                    if line.startswith(b"data: "):
                        yield decoder.decode(line[len(b"data: ") :])
            except (OSError, http.client.HTTPException):
                # Silence and a lost connection are ends like any other.
                return

    def follow(self) -> Iterator[StreamObject]:
        """Yield the objects of the stream for ever, also across restarts of the daemon.

        Nothing is told twice; where something was missed comes a `Resync`. Raises `not-running`
        only if the daemon is not there at the beginning.
        """
        after: int | None = None
        epoch = ""
        pause_s = RECONNECT_FIRST_S
        while True:
            try:
                for told in self.events(after=after, epoch=epoch):
                    pause_s = RECONNECT_FIRST_S
                    match told:
                        case Hello() | Resync():
                            after, epoch = told.seq, told.epoch
                        case Happened():
                            after = told.seq
                        case GoingAway():
                            break
                        case _:
                            pass
                    yield told
            except UserError as error:
                if after is None or error.kind not in ("not-running", "stopping"):
                    raise
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, RECONNECT_MAX_S)

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        """Send one request and return the status and the body of its answer."""
        headers = {} if body is None else {"Content-Type": "application/json"}
        connection = UnixConnection(self._path, timeout_s=self._timeout_s)
        with closing(connection):
            try:
                connection.request(method, path, body=body, headers=headers)
                response = connection.getresponse()
                return response.status, response.read()
            except TimeoutError:
                raise UserError(
                    "timeout", f"Mesh did not answer within {self._timeout_s:g} seconds."
                ) from None
            except (FileNotFoundError, ConnectionRefusedError):
                raise UserError("not-running", NOT_RUNNING) from None
            except (OSError, http.client.HTTPException):
                raise UserError("not-running", "Mesh stopped before it answered.") from None


def as_texts(fields: dict[str, object]) -> dict[str, str]:
    """Return the fields of a query as the API reads them."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in fields.items()
    }
