"""A plain client of the local API, for the command line and for programs.

It blocks, and it needs nothing but the standard library and msgspec, so that a command which
asks one question starts quickly. A connection is kept for the next question: to make one costs the
node twice what an answer costs.
"""

import http.client
import select
import time
import weakref
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from mesh.api.doors import Door, DoorConnection
from mesh.api.finding_routes import route_of
from mesh.api.paths import (
    BACKUP_PATH,
    CARRY_EXPORT_PATH,
    CARRY_IMPORT_PATH,
    CARRY_SUMMARY_PATH,
    EVENTS_PATH,
    EXPORT_PATH,
    FILE_PATH,
    FILES_PATH,
)
from mesh.api.problems import Problem
from mesh.api.route import PERSON_HEADER
from mesh.commands.answer import Answer
from mesh.errors import UserError
from mesh.limits.api import (
    API_CHUNK_BYTES,
    API_CLIENT_BACK_MS,
    API_CLIENT_KEPT_MS,
    API_CLIENT_SILENCE_MS,
)
from mesh.limits.carry import CARRY_SILENCE_MS

if TYPE_CHECKING:
    # They load commands by the dozen. Methods that need some load them when they are called.
    from mesh.api.request import Request
    from mesh.api.stream import StreamObject
    from mesh.commands.carry import ImportedAnswer
    from mesh.commands.files import FileAnswer

AnswerT = TypeVar("AnswerT", bound=Answer)

TIMEOUT_S = 30.0
SILENCE_S = API_CLIENT_SILENCE_MS / 1000
KEPT_S = API_CLIENT_KEPT_MS / 1000
CARRY_SILENCE_S = CARRY_SILENCE_MS / 1000
READ_WHOLE_S = 600.0
"""A slow disk reads 2 GiB in this time."""

CARRY_FILE = "application/octet-stream"
RECONNECT_FIRST_S = 0.2
RECONNECT_MAX_S = 3.0
BACK_WITHIN_S = API_CLIENT_BACK_MS / 1000
BACK_PAUSE_S = 0.1

RETRIED = ("not-running", "stopping", "busy", "timeout")
"""After these a stream of events that stood once is opened again."""

PROBE_S = 1.0

NOT_RUNNING = "Mesh is not running. Start it with: mesh up"
STOPPED = "Mesh stopped before it answered."
BUSY = (
    "Mesh runs, but does not take what it is asked: it is busy or hangs. Try again in a moment; if "
    "that does not help, end its process and start it again with: mesh up"
)


class Client:
    """Asks one node. Every failure is a `UserError`; `not-running` if there is no daemon."""

    def __init__(
        self, door: Door, *, timeout_s: float = TIMEOUT_S, is_person: bool = False
    ) -> None:
        """`is_person`: somebody waits for the answers, so that a node does not lock by itself."""
        self._door = door
        self._marks = {PERSON_HEADER: "1"} if is_person else {}
        self._timeout_s = timeout_s
        # Threads share a client: what one of them uses is not in it.
        self._kept: list[tuple[float, DoorConnection]] = []
        weakref.finalize(self, _close_all, self._kept)

    def ask(self, request: "Request", reply: type[AnswerT]) -> AnswerT:
        """Ask and return the answer; `reply` is the type that belongs to the request."""
        route = route_of(type(request))
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

    def ask_until_back(self, request: "Request", reply: type[AnswerT]) -> AnswerT:
        """Ask what may be asked twice, also of a node that begins anew because it was locked.

        Its door stays open meanwhile, so one that nobody listens at is told at once.
        """
        ends = time.monotonic() + BACK_WITHIN_S
        while True:
            try:
                return self.ask(request, reply)
            except UserError as error:
                is_ending = error.kind == "stopping" or str(error) == STOPPED
                if not is_ending or time.monotonic() > ends:
                    raise
            time.sleep(BACK_PAUSE_S)

    def is_running(self) -> bool:
        """Say whether somebody listens at the door."""
        try:
            self._door.connect(PROBE_S).close()
        except (BlockingIOError, TimeoutError):
            # It is there, and busy.
            return True
        except UserError as error:
            return error.kind == "busy"
        except (OSError, http.client.HTTPException):
            return False
        return True

    def events(
        self, *, after: int | None = None, epoch: str = "", until: float | None = None
    ) -> "Iterator[StreamObject]":
        """Yield the objects of one stream, until it ends for whatever reason.

        `until` is a moment of `time.monotonic()` at which it ends at the latest.
        """
        from mesh.api.stream import StreamObject

        fields = {} if after is None else {"after": str(after), "epoch": epoch}
        query = f"?{urlencode(fields)}" if fields else ""
        with _told_failures(SILENCE_S):
            connection = self._door.connect(SILENCE_S)
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

    def follow(self) -> "Iterator[StreamObject]":
        """Yield the objects of the stream for ever, also across restarts of the daemon.

        Nothing is told twice; where something was missed comes a `Resync`. Raises `not-running`
        only if the daemon is not there at the beginning.
        """
        from mesh.api.stream import GoingAway, Happened, Hello, Resync

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

    def export_carried(
        self, *, bytes_max: int | None, summary: bytes = b"", contact: str = ""
    ) -> Iterator[bytes]:
        """Yield the bytes of a carry file. One that is whole ends with its end mark.

        `contact`: only what was written here for them.
        """
        fields = {"bytes_max": bytes_max, "contact": contact or None}
        query = urlencode({name: value for name, value in fields.items() if value is not None})
        return self._file(
            "POST", f"{CARRY_EXPORT_PATH}?{query}" if query else CARRY_EXPORT_PATH, summary
        )

    def backup(self, passphrase: str, *, is_new: bool) -> Iterator[bytes]:
        """Yield the bytes of a backup; one that is whole opens up to its last chunk."""
        from mesh.api.own_requests import MakeBackup

        asked = msgspec.json.encode(MakeBackup(passphrase=passphrase, is_new=is_new))
        return self._file("POST", BACKUP_PATH, asked, kind="application/json")

    def export_conversation(self, chat: str, *, form: str, folder: str = "") -> Iterator[bytes]:
        """Yield the bytes of an export, as `json` or `html`; that links to files in `folder`."""
        path = EXPORT_PATH.replace("{conversation}", quote(chat, safe=""))
        return self._file("GET", f"{path}?{urlencode({'as': form, 'folder': folder})}", None)

    def add_file(
        self, name: str, media_type: str, data: bytes, *, as_it_is: bool = False
    ) -> "FileAnswer":
        """Hand over a file that is to be sent; a picture is cleaned, if not `as_it_is`."""
        from mesh.commands.files import FileAnswer

        fields = {"name": name, "media_type": media_type, "look": "file" if as_it_is else ""}
        query = urlencode(fields)
        with self._connected(CARRY_SILENCE_S) as connection:
            headers = self._marks | {"Content-Type": CARRY_FILE}
            connection.ask("POST", f"{FILES_PATH}?{query}", data, headers)
            response = connection.getresponse()
            return _decoded(response.status, response.read(), FileAnswer)

    def add_file_at(self, path: str, name: str, media_type: str) -> "FileAnswer":
        """Hand over a file from its place on the disk, where it stays; it is read once now."""
        from mesh.api.large_files import AddFileAt
        from mesh.commands.files import FileAnswer

        body = msgspec.json.encode({"path": path, "name": name, "media_type": media_type})
        headers = self._marks | {"Content-Type": "application/json"}
        with self._connected(READ_WHOLE_S) as connection:
            connection.ask("POST", route_of(AddFileAt).path, body, headers)
            response = connection.getresponse()
            return _decoded(response.status, response.read(), FileAnswer)

    def add_large_file(self, name: str, media_type: str, pieces: Iterable[bytes]) -> "FileAnswer":
        """Hand over the bytes of a large file, which are kept once more by the node."""
        from mesh.commands.files import FileAnswer

        query = urlencode({"name": name, "media_type": media_type})
        headers = self._marks | {"Content-Type": CARRY_FILE, "Transfer-Encoding": "chunked"}
        with self._connected(CARRY_SILENCE_S) as connection:
            connection.begin("POST", f"{FILES_PATH}?{query}", headers)
            _send_chunks(connection, pieces)
            response = connection.getresponse()
            return _decoded(response.status, response.read(), FileAnswer)

    def file_bytes(self, number: int) -> Iterator[bytes]:
        """Yield the bytes of a file that is all here."""
        return self._file("GET", FILE_PATH.replace("{file}", str(number)), None)

    def summary_of_carried(self) -> Iterator[bytes]:
        """Yield the bytes of a summary."""
        return self._file("GET", CARRY_SUMMARY_PATH, None)

    def import_carried(self, pieces: Iterable[bytes]) -> "ImportedAnswer":
        """Hand over the bytes of a carry file, as fast as the node takes them."""
        from mesh.commands.carry import ImportedAnswer

        headers = {"Content-Type": CARRY_FILE, "Transfer-Encoding": "chunked"}
        with self._connected(CARRY_SILENCE_S) as connection:
            connection.begin("POST", CARRY_IMPORT_PATH, headers)
            _send_chunks(connection, pieces)
            response = connection.getresponse()
            status, answer = response.status, response.read()
        return _decoded(status, answer, ImportedAnswer)

    def _file(
        self, method: str, path: str, body: bytes | None, *, kind: str = CARRY_FILE
    ) -> Iterator[bytes]:
        with self._connected(CARRY_SILENCE_S) as connection:
            connection.ask(method, path, body, {"Content-Type": kind})
            response = connection.getresponse()
            if response.status != http.client.OK:
                raise _problem(response.status, response.read())
            while piece := response.read(API_CHUNK_BYTES):
                yield piece

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        """Send one request and return the status and the body of its answer."""
        headers = self._marks | ({} if body is None else {"Content-Type": "application/json"})
        with _told_failures(self._timeout_s):
            kept = self._find_kept()
            if kept is not None and method == "GET":
                # The node may end an idle connection in this very moment: nothing was changed.
                with suppress(ConnectionResetError):
                    return self._answer_on(kept, method, path, body, headers)
                kept = None
            connection = kept or self._door.connect(self._timeout_s)
            return self._answer_on(connection, method, path, body, headers)

    def _answer_on(
        self,
        connection: DoorConnection,
        method: str,
        path: str,
        body: bytes | None,
        headers: dict[str, str],
    ) -> tuple[int, bytes]:
        """Send a request over a connection; keep it if it may bring another answer."""
        try:
            connection.ask(method, path, body, headers)
            response = connection.getresponse()
            answer = response.status, response.read()
        except BaseException:
            connection.close()
            raise
        if connection.sock is not None:
            self._kept.append((time.monotonic(), connection))
        return answer

    def _find_kept(self) -> DoorConnection | None:
        """Return a connection that was kept, if the node has it still; close all that it has not.

        A node that ends closes first, and says no word that nobody asked for.
        """
        while True:
            try:
                # Another thread may have taken the last one since anybody looked.
                since, connection = self._kept.pop()
            except IndexError:
                return None
            is_fresh = time.monotonic() - since < KEPT_S
            if is_fresh and not select.select([connection.sock], [], [], 0)[0]:
                return connection
            connection.close()

    @contextmanager
    def _connected(self, timeout_s: float) -> Iterator[DoorConnection]:
        """Connect, and say in words what becomes of it."""
        with _told_failures(timeout_s), closing(self._door.connect(timeout_s)) as connection:
            yield connection


def _close_all(kept: list[tuple[float, DoorConnection]]) -> None:
    for _, connection in kept:
        connection.close()


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
        raise UserError("not-running", STOPPED) from None


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
    return UserError(problem.kind, problem.detail, **problem.fields)


def _no_mesh(status: int) -> UserError:
    return UserError("bad-answer", f"What answered is no Mesh (HTTP {status}).")


def as_texts(fields: dict[str, object]) -> dict[str, str]:
    """Return the fields of a query as the API reads them; what is None is left out."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in fields.items()
        if value is not None
    }
