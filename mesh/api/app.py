"""The ASGI application: takes a request apart, asks, and writes the answer.

`Application` is all that it knows of the node. All of it is plain ASGI, which costs little and
behaves the same under every server.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec
import trio

from mesh.api.access import Access
from mesh.api.asgi import ASGIApp, Receive, Scope, Send
from mesh.api.backup import Archivist, BackupExport, BackupRestore
from mesh.api.batch import SendMessages, sent_messages
from mesh.api.carry import Carrier, CarryEndpoint, CarryExport, CarryImport, CarrySummary
from mesh.api.event_log import EventLog
from mesh.api.event_transports import ServerSentEvents, WebSocketEvents
from mesh.api.export import ConversationExport
from mesh.api.files import FileDownload, FilePicture, FileUpload
from mesh.api.grant import Grant, grant_of
from mesh.api.grant import Scope as TokenScope
from mesh.api.large_files import AddFileAt, FileKeeper, add_file_at
from mesh.api.metrics import Metrics
from mesh.api.openapi import document_json
from mesh.api.own_requests import AskBackup, ChangePassphrase, Lock, MakeIdentity, Stop, Unlock
from mesh.api.page_desk import PageDesk
from mesh.api.page_requests import AskDoctor, AskProfiles, DrawQr, EstimatePassphrase, Wipe
from mesh.api.parsing import path_fields, request_of
from mesh.api.path_table import PathTable
from mesh.api.paths import (
    BACKUP_PATH,
    CARRY_EXPORT_PATH,
    CARRY_IMPORT_PATH,
    CARRY_SUMMARY_PATH,
    EVENTS_PATH,
    EXPORT_PATH,
    FILE_PATH,
    FILES_PATH,
    METRICS_PATH,
    OPENAPI_PATH,
    PICTURE_PATH,
    RESTORE_PATH,
)
from mesh.api.problems import problem, problem_of, problem_of_failure
from mesh.api.proof import AskProof
from mesh.api.request import Request
from mesh.api.responses import send_json, send_problem, send_wrong_method
from mesh.api.route import IDEMPOTENCY_HEADER, PERSON_HEADER, Route
from mesh.api.routes import ROUTES
from mesh.api.service_requests import AskService, SetService
from mesh.api.share_requests import AskShare, CloseShare, OpenShare
from mesh.api.sign_in import MakeSignInCode, SignIn, SignOut
from mesh.api.stream_commands import Answering
from mesh.api.tokens import AskTokens, MakeToken, RevokeToken
from mesh.commands.answer import Answer, Done
from mesh.commands.command import Command
from mesh.commands.identity import CreateIdentity
from mesh.commands.item_commands import AskItemsByArrival
from mesh.commands.messages import AskMessages
from mesh.commands.settings import AskSettings, ChangeSettings, SettingsAnswer
from mesh.errors import UserError
from mesh.limits.api import API_BODY_BYTES_MAX, API_BODY_TIMEOUT_MS
from mesh.messenger.names import checked_name
from mesh.pictures.drawing import Pictures

CLEARING: Final = {b"clear-site-data": b'"cache", "storage"'}
"""What a browser forgets when a session ends or a profile is wiped.

Not cookies: ports share them, and with them every other local site would be signed out.
"""


class Asker(Carrier, Protocol):
    """Whoever answers commands: the node, or in tests a small one of their own."""

    async def ask(self, command: Command) -> Answer:
        """Return the answer, or raise a `UserError`."""
        ...

    async def ask_all(self, commands: Sequence[Command]) -> list[Answer | UserError]:
        """Return what each is answered, in their order; one that is refused refuses no other."""
        ...


class Keeper(Archivist, Protocol):
    """Whoever opens and closes the vault, like the `Asker`; what fails raises a `UserError`."""

    @property
    def is_wiped(self) -> bool:
        """The keys of the profile are destroyed."""
        ...

    async def begin(self, passphrase: bytes | None) -> None:
        """Make the keys of a person where there are none, and open the vault."""
        ...

    def person_came(self) -> None:
        """Somebody is there: what locks by itself does not lock now."""
        ...

    async def unlock(self, passphrase: bytes) -> None:
        """Open the vault; done at once if it is open."""
        ...

    async def lock(self) -> None:
        """Close the vault; done at once if it is closed."""
        ...

    async def wipe(self, profile: str) -> None:
        """Destroy the keys of the profile; its files go when the daemon has stopped."""
        ...

    async def change_passphrase(self, former: bytes, new: bytes) -> None:
        """Protect the vault by another passphrase."""
        ...


class SettingsKeeper(Protocol):
    """Whoever tells and changes the settings; what fails raises a `UserError`."""

    async def ask(self) -> SettingsAnswer:
        """Return all of them."""
        ...

    async def change(self, asked: ChangeSettings) -> SettingsAnswer:
        """Change some, all or none, and return those."""
        ...


@dataclass(frozen=True, slots=True)
class Application:
    """The daemon as the API needs it. `stop` must only set something going, not wait for it."""

    asker: Asker
    log: EventLog
    keeper: Keeper
    access: Access
    desk: PageDesk
    settings: SettingsKeeper
    stop: Callable[[], None]
    files: FileKeeper | None = None

    async def answer(self, request: Request, grant: Grant) -> Answer:
        """Ask whom it concerns. `grant` is that of who asks."""
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
            case AskBackup():
                return await self.keeper.backup_state()
            case Stop():
                self.stop()
                return Done()
            case MakeSignInCode(as_file=as_file):
                return self.access.new_code(as_file=as_file)
            case SignIn(code=code):
                return await self.access.sign_in(code)
            case SignOut(everywhere=everywhere):
                await self.access.sign_out(grant, everywhere=everywhere)
                return Done()
            case AskProof(challenge=challenge):
                return self.access.prove(challenge)
            case MakeToken():
                return await self.access.make_token(request)
            case AskTokens():
                return self.access.tokens(grant)
            case RevokeToken(token=number):
                await self.access.revoke_token(number)
                return Done()
            case AskMessages(mark_read=True) | AskItemsByArrival(mark_read=True):
                # It changes what the person sees as new.
                grant.require("send")
                return await self.asker.ask(request)
            case MakeIdentity(name=name, passphrase=chosen):
                # Before any key is made for who cannot be called so.
                checked_name(name, "Your name")
                await self.keeper.begin(None if chosen is None else chosen.encode())
                return await self.asker.ask(CreateIdentity(name))
            case DrawQr():
                return self.desk.draw(request)
            case EstimatePassphrase():
                return await self.desk.estimate(request)
            case AskService() | SetService():
                return await self.desk.start_at_login(request)
            case AskShare() | OpenShare() | CloseShare():
                return await self.desk.sharing.answer(request)
            case AskProfiles():
                return await self.desk.profiles(request)
            case AskDoctor():
                return await self.desk.examine(request)
            case Wipe(profile=name):
                try:
                    await self.keeper.wipe(name)
                finally:
                    # Also where a copy was not overwritten: nothing goes on with an open vault.
                    if self.keeper.is_wiped:
                        self.stop()
                return Done()
            case AskSettings():
                return await self.settings.ask()
            case ChangeSettings():
                return await self.settings.change(request)
            case AddFileAt():
                return await add_file_at(self.files, request, grant)
            case SendMessages():
                return sent_messages(await self.asker.ask_all(request.commands()))
            case _:
                return await self.asker.ask(request)


def build_app(application: Application) -> ASGIApp:
    """Make the application of all routes, without a guard."""
    methods_by_path: dict[str, dict[str, Route]] = {}
    for route in ROUTES:
        methods_by_path.setdefault(route.path, {})[route.method] = route
    asker, log, files = application.asker, application.log, application.files
    export = BackupExport(asker, application.keeper)
    pictures = Pictures()
    answering = Answering(application.answer, asker.ask_all, application.keeper.person_came)
    endpoints: dict[str, ASGIApp] = {
        path: PathEndpoint(application, methods, export if path == BACKUP_PATH else None)
        for path, methods in methods_by_path.items()
    }
    endpoints |= {
        RESTORE_PATH: Scoped(BackupRestore(asker, application.keeper), "admin"),
        OPENAPI_PATH: Scoped(OpenApiDocument(), "read"),
        METRICS_PATH: Scoped(Metrics(asker), "metrics"),
        CARRY_EXPORT_PATH: Scoped(CarryExport(asker), "admin"),
        CARRY_IMPORT_PATH: Scoped(CarryImport(asker), "admin"),
        CARRY_SUMMARY_PATH: Scoped(CarrySummary(asker), "admin"),
        EXPORT_PATH: Scoped(ConversationExport(asker), "read"),
        FILES_PATH: Scoped(FileUpload(asker, pictures, files), "send"),
        PICTURE_PATH: Scoped(FilePicture(asker, pictures), "read"),
        FILE_PATH: Scoped(FileDownload(asker, files), "read"),
        EVENTS_PATH: Scoped(ServerSentEvents(log), "read"),
    }
    streams: dict[str, ASGIApp] = {EVENTS_PATH: Scoped(WebSocketEvents(log, answering), "read")}
    return Router(PathTable(endpoints), PathTable(streams))


class Router:
    """Leads each request to its endpoint, and each stream."""

    def __init__(self, endpoints: PathTable[ASGIApp], streams: PathTable[ASGIApp]) -> None:
        self._endpoints = endpoints
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        table = self._endpoints if scope["type"] == "http" else self._streams
        found = table.find(scope["raw_path"].decode("latin-1"))
        if found is None:
            await no_route(scope, receive, send)
            return
        endpoint, scope["path_params"] = found
        await endpoint(scope, receive, send)


class Scoped:
    """Lets pass to an endpoint whoever may ask it."""

    def __init__(self, endpoint: ASGIApp, needed: TokenScope) -> None:
        self._endpoint = endpoint
        self._needed = needed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            grant_of(scope).require(self._needed)
        except UserError as error:
            if scope["type"] == "websocket":
                await receive()
            await send_problem(scope, send, problem_of(error))
            return
        await self._endpoint(scope, receive, send)


class PathEndpoint:
    """All methods of one path."""

    def __init__(
        self, application: Application, methods: dict[str, Route], stream: CarryEndpoint | None
    ) -> None:
        """`stream` is what POST is, where that answers with a file."""
        self._application = application
        self._stream = stream
        self._methods = methods
        self._encoder = msgspec.json.Encoder()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._stream is not None and scope["method"] == self._stream.method:
            await Scoped(self._stream, "admin")(scope, receive, send)
            return
        route = self._methods.get(scope["method"])
        if route is None:
            methods = [*self._methods, *([] if self._stream is None else [self._stream.method])]
            await send_wrong_method(scope, send, *methods)
            return
        try:
            grant = grant_of(scope)
            grant.require(route.scope)
            body = await read_body(scope, receive)
            request = request_of(
                route,
                path=path_fields(scope["path_params"]),
                query=scope["query_string"],
                body=body,
                idempotency_key=idempotency_key(scope) if route.has_idempotency_key else None,
            )
            if grant.is_persons and header(scope, PERSON_HEADER.encode()) is not None:
                self._application.keeper.person_came()
            answer = await self._application.answer(request, grant)
        except Exception as error:
            told = problem_of_failure(error, f"{route.method} {route.path}")
        else:
            headers = CLEARING if route.clears_site else None
            await send_json(send, self._encoder.encode(answer), headers=headers)
            return
        # The keys are gone also where a copy could not be overwritten.
        is_gone = route.clears_site and self._application.keeper.is_wiped
        await send_problem(scope, send, told, headers=CLEARING if is_gone else None)
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
            await send_wrong_method(scope, send, "GET")
            return
        await send_json(send, document_json())


async def no_route(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer for every path that is not in the table."""
    if scope["type"] == "websocket":
        await receive()
    told = problem("no-route", f"There is nothing here; {OPENAPI_PATH} says what there is.")
    await send_problem(scope, send, told)
