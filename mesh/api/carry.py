"""The three streams of files: an export, an import, a summary.

Implements the daemon's half of `docs/protocol/carry-file.md`. Bodies are streamed in both
directions, one block in memory; the file itself is opened by the client, with the client's rights.
One file is read and one written at a time. It makes no difference whether the vault is open.
"""

import logging
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
import trio

from mesh.api.asgi import Receive, Scope, Send
from mesh.api.parsing import query_fields
from mesh.api.problems import Problem, problem, problem_of, problem_of_disk
from mesh.api.responses import SAFE_HEADERS, send_json, send_problem, send_wrong_method
from mesh.commands.answer import Answer
from mesh.commands.carry import (
    AskCarried,
    AskMailFor,
    CarriedAnswer,
    CarriedBlock,
    CarriedIds,
    CarryCommand,
    ExportCarried,
    ImportCarried,
    ImportedAnswer,
    ListCarried,
    MailForAnswer,
)
from mesh.commands.command import Command
from mesh.errors import PeerError, StorageError, UserError
from mesh.ids import EnvelopeId
from mesh.limits.api import API_BODY_TIMEOUT_MS, API_WRITE_TIMEOUT_MS
from mesh.limits.carry import CARRY_SILENCE_MS, SUMMARY_BYTES_MAX
from mesh.wire.carry_file import (
    FILE_BYTES_MIN,
    NONCE_BYTES,
    BlockKind,
    CarryWriter,
    FileHeader,
    FileKind,
)
from mesh.wire.carry_reader import CarryReader
from mesh.wire.carry_summary import Summary

LOG = logging.getLogger("mesh.api")

CARRY_FILE = b"application/octet-stream"
U32_MAX = 2**32 - 1
BYTES_MAX_DEFAULT = 2**63 - 1


class Carrier(Protocol):
    """Whoever reads and writes what is carried: the node."""

    async def ask(self, command: Command) -> Answer:
        """Return the answer, or raise a `UserError`."""
        ...

    async def carry_by_hand(self, command: CarryCommand) -> Answer:
        """Return the answer, or raise a `UserError`."""
        ...


@dataclass(slots=True)
class Patience:
    """A patience with one connection that takes none of what is written to it.

    A short one is waited out even at a stop, so that an answer gets through; a long one is not.
    """

    write_ms: int = API_WRITE_TIMEOUT_MS

    @property
    def is_long(self) -> bool:
        """Say whether a stop ends it."""
        return self.write_ms > API_WRITE_TIMEOUT_MS


@dataclass(slots=True)
class Turn:
    """One stream of a kind at a time."""

    is_taken: bool = False

    def __enter__(self) -> None:
        if self.is_taken:
            raise UserError("too-many", "Another such file is on its way; wait until it is done.")
        self.is_taken = True

    def __exit__(self, *failure: object) -> None:
        self.is_taken = False


@dataclass(slots=True)
class Tally:
    """The answers of all blocks, added up."""

    envelopes_count: int = 0
    retirements_count: int = 0
    known_count: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    blocks_count: int = 0

    def add(self, answer: ImportedAnswer) -> None:
        """Add those of one block."""
        self.blocks_count += 1
        self.envelopes_count += answer.envelopes_count
        self.retirements_count += answer.retirements_count
        self.known_count += answer.known_count
        for reason, count in answer.refused.items():
            self.refused[reason] = self.refused.get(reason, 0) + count

    def answer(self, reader: CarryReader) -> ImportedAnswer:
        """Return what became of the whole file."""
        return ImportedAnswer(
            envelopes_count=self.envelopes_count,
            retirements_count=self.retirements_count,
            known_count=self.known_count,
            refused=dict(sorted(self.refused.items())),
            damaged_count=reader.damaged_count,
            is_complete=reader.is_complete,
        )


class CarryEndpoint:
    """The common part of the three: one method, and failures that the client is told."""

    method = "POST"

    def __init__(self, carrier: Carrier) -> None:
        self.carrier = carrier
        self.turn: AbstractContextManager[None] = Turn()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != self.method:
            await send_wrong_method(scope, send, self.method)
            return
        sending = Sending(scope, send)
        try:
            with sending.patient():
                with self.turn:
                    last = await self.stream(scope, receive, sending)
                # Whoever has the whole answer may come back at once, and finds its turn free.
                await sending.finish(last)
                if sending.has_rest:
                    await sending.end(receive)
                return
        except UserError as error:
            told = problem_of(error)
        except StorageError as error:
            told = problem_of_disk(error)
        except Exception:
            # The last guard of a request: the client gets an answer, and the log the reason.
            LOG.exception("a request of %s failed", scope["path"])
            told = problem("internal", "Something went wrong inside; the log of Mesh says what.")
        await sending.fail(told)
        await sending.end(receive)

    async def stream(self, scope: Scope, receive: Receive, sending: "Sending") -> bytes | Answer:
        """Read and write what it is about; return the end of a file, or the answer."""
        raise NotImplementedError

    async def carried(self) -> CarriedAnswer:
        """Ask what a file begins with."""
        answer = await self.carrier.carry_by_hand(AskCarried())
        assert isinstance(answer, CarriedAnswer)
        return answer


class CarryExport(CarryEndpoint):
    """`POST /v1/carry/export`, bounded by `bytes_max`: the body is a summary, or nothing.

    With `contact` it holds what was written here for one person, and nothing else.
    """

    async def stream(self, scope: Scope, receive: Receive, sending: "Sending") -> bytes | Answer:
        bytes_max, contact = export_fields(scope)
        carried = await self.carried()
        only: frozenset[EnvelopeId] | None = None
        if contact:
            mail = await self.carrier.ask(AskMailFor(contact))
            assert isinstance(mail, MailForAnswer)
            only = mail.ids
            # How much else is carried here is nothing to who is given the file.
            carried = msgspec.structs.replace(
                carried, elements_count=len(only), stored_bytes=mail.stored_bytes
            )
        summary = await read_summary(receive, carried)
        writer = CarryWriter(header_of(carried, FileKind.MAIL))
        await sending.begin()
        await sending.piece(writer.begin())
        before, is_last = b"", False
        while not is_last:
            asked = ExportCarried(before, writer.room_bytes(bytes_max), summary, only)
            block = await self.carrier.carry_by_hand(asked)
            assert isinstance(block, CarriedBlock)
            before, is_last = block.before, block.is_last
            if block.payload:
                written = writer.block(
                    BlockKind.RECORDS,
                    block.payload,
                    envelopes_count=block.envelopes_count,
                    stubs_count=block.stubs_count,
                )
                await sending.piece(written)
        return writer.finish()


class CarrySummary(CarryEndpoint):
    """`GET /v1/carry/summary`."""

    method = "GET"

    async def stream(self, scope: Scope, receive: Receive, sending: "Sending") -> bytes | Answer:
        carried = await self.carried()
        header = header_of(carried, FileKind.SUMMARY, os.urandom(NONCE_BYTES))
        summary = Summary.for_count(header.nonce, carried.elements_count)
        before, is_last = b"", False
        while not is_last:
            page = await self.carrier.carry_by_hand(ListCarried(before))
            assert isinstance(page, CarriedIds)
            before, is_last = page.before, page.is_last
            for id_ in page.ids:
                summary.add(id_)
        writer = CarryWriter(header)
        await sending.begin()
        await sending.piece(writer.begin())
        for payload in summary.blocks():
            await sending.piece(writer.block(BlockKind.BUCKETS, payload))
        return writer.finish()


class CarryImport(CarryEndpoint):
    """`POST /v1/carry/import`: the body is a carry file."""

    async def stream(self, scope: Scope, receive: Receive, sending: "Sending") -> bytes | Answer:
        carried = await self.carried()
        reader = CarryReader(carried.mesh_id, FileKind.MAIL)
        tally = Tally()
        is_more = True
        try:
            while is_more and reader.end is None:
                piece, is_more = await next_piece(receive)
                for block in reader.feed(piece):
                    if block.kind == BlockKind.RECORDS:
                        answer = await self.carrier.carry_by_hand(ImportCarried(block.payload))
                        assert isinstance(answer, ImportedAnswer)
                        tally.add(answer)
            reader.finish()
        except PeerError as error:
            if tally.blocks_count == 0:
                raise bad_file(error) from None
        # What stands behind the end mark is of no interest, however long it is.
        sending.has_rest = is_more
        return tally.answer(reader)


class Sending:
    """The answer of one request, and whether it has begun."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._has_begun = False
        self.has_rest = False
        """Whether the client may still be sending."""

    def patient(self) -> "LongPatience":
        """Let the client take its time, as long as the block runs."""
        return LongPatience(self._scope["state"].get("patience", Patience()))

    async def begin(self, *, media_type: bytes = CARRY_FILE, name: str = "") -> None:
        """Begin a file, if it has not begun. `name`: under which a browser keeps it."""
        if self._has_begun:
            return
        self._has_begun = True
        headers = [(b"content-type", media_type), *SAFE_HEADERS]
        if name:
            headers.append((b"content-disposition", f'attachment; filename="{name}"'.encode()))
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def begin_range(self, length: int, told: bytes) -> None:
        """Begin a file of this length; `told`: which bytes these are, where they are not all."""
        self._has_begun = True
        headers = [
            (b"content-type", CARRY_FILE),
            (b"content-length", str(length).encode()),
            (b"content-disposition", b"attachment"),
            (b"accept-ranges", b"bytes"),
            *([(b"content-range", told)] if told else []),
            *SAFE_HEADERS,
        ]
        status = 206 if told else 200
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def piece(self, data: bytes) -> None:
        """Go on with it."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self, last: bytes | Answer) -> None:
        """End a file, or answer with JSON instead."""
        if isinstance(last, bytes):
            await self._send({"type": "http.response.body", "body": last, "more_body": False})
        else:
            self._has_begun = True
            await send_json(self._send, msgspec.json.encode(last))

    async def fail(self, told: Problem) -> None:
        """Tell the client; a file that has begun just ends, which shows by its missing end mark."""
        if not self._has_begun:
            self._has_begun = True
            await send_problem(self._scope, self._send, told)
            return
        LOG.warning("a file was cut short: %s", told.detail)
        self._abort()

    async def end(self, receive: Receive) -> None:
        """Take what the client still sends for a while, so that it reads the answer; then cut."""
        with trio.move_on_after(API_BODY_TIMEOUT_MS / 1000):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
        self._abort()

    def _abort(self) -> None:
        abort: Callable[[], None] | None = self._scope["state"].get("abort")
        if abort is not None:
            abort()


class LongPatience:
    """Makes a patience long for the length of a block."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience

    def __enter__(self) -> None:
        self._patience.write_ms = CARRY_SILENCE_MS

    def __exit__(self, *failure: object) -> None:
        self._patience.write_ms = API_WRITE_TIMEOUT_MS


async def next_piece(receive: Receive) -> tuple[bytes, bool]:
    """Return the next bytes of a body, and whether there are more."""
    try:
        with trio.fail_after(CARRY_SILENCE_MS / 1000):
            message = await receive()
    except trio.TooSlowError:
        raise UserError("timeout", "The body of the request did not come in time.") from None
    if message["type"] == "http.disconnect":
        raise UserError("bad-request", "The connection ended within the body.")
    return message.get("body", b""), message.get("more_body", False)


async def read_summary(receive: Receive, carried: CarriedAnswer) -> Summary | None:
    """Return the summary in a body; None if the body is empty."""
    reader = CarryReader(carried.mesh_id, FileKind.SUMMARY)
    summary: Summary | None = None
    size, is_more = 0, True
    try:
        while is_more:
            piece, is_more = await next_piece(receive)
            size += len(piece)
            if size > SUMMARY_BYTES_MAX:
                raise UserError("too-large", f"A summary has at most {SUMMARY_BYTES_MAX} bytes.")
            for block in reader.feed(piece):
                if block.kind == BlockKind.BUCKETS and reader.header is not None:
                    summary = summary or Summary(reader.header.nonce, None)
                    summary.take_block(block.payload)
                    # A block takes tens of milliseconds, and links have their turn in between.
                    await trio.lowlevel.checkpoint()
        if size == 0:
            return None
        reader.finish()
        if reader.header is None:
            raise PeerError("the beginning of the summary is damaged; make it again")
    except PeerError as error:
        raise bad_file(error) from None
    return summary or Summary(reader.header.nonce, None)


def header_of(
    carried: CarriedAnswer, kind: FileKind, nonce: bytes = bytes(NONCE_BYTES)
) -> FileHeader:
    """Return what a file begins with."""
    return FileHeader(
        kind=kind,
        mesh_id=carried.mesh_id,
        made=carried.mesh_time,
        records_max=min(carried.elements_count, U32_MAX),
        bytes_max=carried.stored_bytes,
        nonce=nonce,
    )


def export_fields(scope: Scope) -> tuple[int, str]:
    """Return the bound and the contact that a client set, in the query."""
    fields = query_fields(scope["query_string"])
    contact = fields.pop("contact", "")
    text = fields.pop("bytes_max", str(BYTES_MAX_DEFAULT))
    for name in fields:
        raise UserError("bad-request", f"There is no field `{name[:64]}` here.")
    try:
        bytes_max = msgspec.convert(text, int, strict=False)
    except msgspec.ValidationError:
        raise UserError("bad-request", "`bytes_max` is a number of bytes.") from None
    if not FILE_BYTES_MIN <= bytes_max <= BYTES_MAX_DEFAULT:
        raise UserError("bad-request", f"`bytes_max` is at least {FILE_BYTES_MIN}: an empty file.")
    return bytes_max, contact


def bad_file(error: PeerError) -> UserError:
    """Say what is wrong with a file, as a sentence."""
    return UserError("bad-carry-file", f"{error.reason[:1].upper()}{error.reason[1:]}.")
