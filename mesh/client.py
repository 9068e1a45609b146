"""A plain client of the local API, for the command line and for programs.

It blocks, and it needs nothing but the standard library and msgspec, so that a command which
asks one question starts quickly. Each question has a connection of its own: on a unix socket it
costs next to nothing, and there is never a stale one.
"""

import http.client
import os
import select
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec

from mesh.api.problems import Problem
from mesh.api.routes import (
    CARRY_EXPORT_PATH,
    CARRY_IMPORT_PATH,
    CARRY_SUMMARY_PATH,
    EVENTS_PATH,
    ROUTE_BY_REQUEST,
    Request,
)
from mesh.api.stream import GoingAway, Happened, Hello, Resync, StreamObject
from mesh.commands.answer import Answer
from mesh.commands.carry import ImportedAnswer
from mesh.errors import UserError
from mesh.limits.api import API_CHUNK_BYTES, API_CLIENT_SILENCE_MS
from mesh.limits.carry import CARRY_SILENCE_MS

AnswerT = TypeVar("AnswerT", bound=Answer)

TIMEOUT_S = 30.0
SILENCE_S = API_CLIENT_SILENCE_MS / 1000
CARRY_SILENCE_S = CARRY_SILENCE_MS / 1000
CARRY_FILE = "application/octet-stream"
RECONNECT_FIRST_S = 0.2
RECONNECT_MAX_S = 3.0

RETRIED = ("not-running", "stopping", "busy", "timeout")
"""After these a stream of events that stood once is opened again."""

CONNECT_PATIENCE_S = 2.0
CONNECT_PAUSE_S = 0.05

NOT_RUNNING = "Mesh is not running. Start it with: mesh up"
BUSY = (
    "Mesh runs, but does not take what it is asked: it is busy or hangs. Try again in a moment; if "
    "that does not help, end its process and start it again with: mesh up"
)


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path, *, timeout_s: float) -> None:
        super().__init__("mesh", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        patience_s = CONNECT_PATIENCE_S if self.timeout is None else self.timeout
        give_up = time.monotonic() + min(patience_s, CONNECT_PATIENCE_S)
        while True:
            try:
                self.sock.connect(os.fspath(self._path))
            except BlockingIOError:
                # As many as the system keeps wait there already.
                if time.monotonic() > give_up:
                    raise
                time.sleep(CONNECT_PAUSE_S)
            else:
                return

    def ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> None:
        """Send a request; if nobody reads it, an answer that says why may be there all the same."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.request(method, path, body=body, headers=dict(headers))


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
        return _decoded(status, answer, reply)

    def is_running(self) -> bool:
        """Say whether somebody listens at the socket."""
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
            probe.settimeout(1)
            try:
                probe.connect(os.fspath(self._path))
            except BlockingIOError:
                # It is there, and busy.
                return True
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
            with _told_failures(SILENCE_S):
                connection.ask("GET", EVENTS_PATH + query, None, {})
                stream = connection.sock
                response = connection.getresponse()
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
                if after is None or error.kind not in RETRIED:
                    raise
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, RECONNECT_MAX_S)

    def export_carried(self, *, bytes_max: int | None, summary: bytes = b"") -> Iterator[bytes]:
        """Yield the bytes of a carry file. One that is whole ends with its end mark."""
        query = "" if bytes_max is None else f"?bytes_max={bytes_max}"
        return self._file("POST", CARRY_EXPORT_PATH + query, summary)

    def summary_of_carried(self) -> Iterator[bytes]:
        """Yield the bytes of a summary."""
        return self._file("GET", CARRY_SUMMARY_PATH, None)

    def import_carried(self, pieces: Iterable[bytes]) -> ImportedAnswer:
        """Hand over the bytes of a carry file, as fast as the node takes them."""
        connection = UnixConnection(self._path, timeout_s=CARRY_SILENCE_S)
        with closing(connection), _told_failures(CARRY_SILENCE_S):
            connection.putrequest("POST", CARRY_IMPORT_PATH)
            connection.putheader("Content-Type", CARRY_FILE)
            connection.putheader("Transfer-Encoding", "chunked")
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.endheaders()
            _send_chunks(connection, pieces)
            response = connection.getresponse()
            status, answer = response.status, response.read()
        return _decoded(status, answer, ImportedAnswer)

    def _file(self, method: str, path: str, body: bytes | None) -> Iterator[bytes]:
        connection = UnixConnection(self._path, timeout_s=CARRY_SILENCE_S)
        with closing(connection), _told_failures(CARRY_SILENCE_S):
            connection.ask(method, path, body, {"Content-Type": CARRY_FILE})
            response = connection.getresponse()
            if response.status != http.client.OK:
                raise _problem(response.status, response.read())
            while piece := response.read(API_CHUNK_BYTES):
                yield piece

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        """Send one request and return the status and the body of its answer."""
        headers = {} if body is None else {"Content-Type": "application/json"}
        connection = UnixConnection(self._path, timeout_s=self._timeout_s)
        with closing(connection), _told_failures(self._timeout_s):
            connection.ask(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()


class CallerFailure(Exception):
    """A failure of a caller's own file, on its way through ours."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(cause)
        self.cause = cause


@contextmanager
def _told_failures(timeout_s: float) -> Iterator[None]:
    """Say in words what becomes of a connection."""
    try:
        yield
    except CallerFailure as failure:
        raise failure.cause from None
    except TimeoutError:
        raise UserError("timeout", f"Mesh did not answer within {timeout_s:g} seconds.") from None
    except (FileNotFoundError, ConnectionRefusedError):
        raise UserError("not-running", NOT_RUNNING) from None
    except BlockingIOError:
        raise UserError("busy", BUSY) from None
    except (OSError, http.client.HTTPException):
        raise UserError("not-running", "Mesh stopped before it answered.") from None


def _send_chunks(connection: http.client.HTTPConnection, pieces: Iterable[bytes]) -> None:
    """Send a body whose length nobody knows; stop where the node has answered already."""
    source = iter(pieces)
    try:
        while (piece := _next_of(source)) is not None:
            if select.select([connection.sock], [], [], 0)[0]:
                return
            if piece:
                connection.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        connection.send(b"0\r\n\r\n")
    except (BrokenPipeError, ConnectionResetError):
        # It does not listen any more; its answer may be there all the same.
        return


def _next_of(source: Iterator[bytes]) -> bytes | None:
    try:
        return next(source, None)
    except OSError as error:
        # The disk of the caller, and not our connection.
        raise CallerFailure(error) from None


def _decoded(status: int, answer: bytes, reply: type[AnswerT]) -> AnswerT:
    if status != http.client.OK:
        raise _problem(status, answer)
    try:
        return msgspec.json.decode(answer, type=reply)
    except msgspec.DecodeError:
        raise _no_mesh(status) from None


def _problem(status: int, answer: bytes) -> UserError:
    try:
        problem = msgspec.json.decode(answer, type=Problem)
    except msgspec.DecodeError:
        return _no_mesh(status)
    return UserError(problem.kind, problem.detail)


def _no_mesh(status: int) -> UserError:
    return UserError("bad-answer", f"What answered is no Mesh (HTTP {status}).")


def as_texts(fields: dict[str, object]) -> dict[str, str]:
    """Return the fields of a query as the API reads them; what is None is left out."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in fields.items()
        if value is not None
    }
