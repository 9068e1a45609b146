"""`POST /v1/files`, `GET /v1/files/{file}` and its picture: the bytes of files, as streams.

Implements `docs/api.md`, section "Files". The daemon opens no file that a client names: it takes
the bytes that it is sent, and gives those that are asked for. What a contact sent is never named
as something that a browser would run or show inside a page; pictures are drawn anew, and lose what
they tell beside their pixels before they are sent.
"""

import re
from collections.abc import AsyncGenerator
from contextlib import nullcontext
from typing import Annotated, Literal

import msgspec

from mesh.api.asgi import Receive, Scope
from mesh.api.carry import CARRY_FILE, Carrier, CarryEndpoint, Sending, next_piece
from mesh.api.large_files import FileKeeper
from mesh.api.parsing import path_fields, query_fields
from mesh.commands.answer import Answer
from mesh.commands.files import (
    AddFile,
    Appearance,
    AskFile,
    AskFileBlock,
    AskFilePreview,
    FileAnswer,
    FileBlockAnswer,
)
from mesh.commands.identity import AskIdentity
from mesh.errors import UserError
from mesh.limits.content import FILE_HINT_BYTES_MAX
from mesh.limits.direct_files import FILE_ASK_BLOCKS_MAX
from mesh.limits.files import CARRIED_BYTES_MAX, FILE_BLOCK_BYTES
from mesh.limits.pictures import PICTURE_BYTES_MAX, PICTURES_REFUSED_MAX
from mesh.pictures.drawing import SHOWN_TYPE, CleanPicture, Pictures
from mesh.pictures.kinds import is_picture

SIDES = (320, 1_600)
"""Pixels that a picture has at most, each way, as it is shown."""

_PEAK = re.compile(r"\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5]", re.ASCII)
_RANGE = re.compile(rb"bytes=(\d{0,10})-(\d{0,10})")


class UploadFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query of a file that is handed over.

    `look`: `file` is taken as it is; without it a picture is cleaned and shown as one. `peaks`: how
    loud a voice note is, as numbers with commas between them.
    """

    name: str
    media_type: str = CARRY_FILE.decode()
    look: Literal["", "file", "voice"] = ""
    duration_ms: Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)] = 0
    peaks: str = ""

    def hint(self) -> bytes:
        """Return the peaks as a description has them."""
        if self.look != "voice" and (self.peaks or self.duration_ms):
            raise UserError("bad-request", "`duration_ms` and `peaks` are of a voice note.")
        told = self.peaks.split(",") if self.peaks else []
        if len(told) > FILE_HINT_BYTES_MAX or not all(map(_PEAK.fullmatch, told)):
            raise UserError(
                "bad-request",
                f"`peaks`: at most {FILE_HINT_BYTES_MAX} numbers from 0 to 255, with commas.",
            )
        return bytes(map(int, told))


class FileUpload(CarryEndpoint):
    """A file on its way in: the body is its bytes; what it is called stands in the query."""

    def __init__(
        self, carrier: Carrier, pictures: Pictures, files: FileKeeper | None = None
    ) -> None:
        super().__init__(carrier)
        self._pictures = pictures
        self._files = files

    async def stream(self, scope: Scope, receive: Receive, sending: Sending) -> bytes | Answer:
        sending.has_rest = True
        try:
            fields = msgspec.convert(
                query_fields(scope["query_string"]), UploadFields, strict=False
            )
        except msgspec.ValidationError as error:
            raise UserError("bad-request", f"{error}.") from None
        hint = fields.hint()
        data, is_more = bytearray(), True
        while is_more:
            piece, is_more = await next_piece(receive)
            data += piece
            # Of a picture a smaller one is sent.
            is_drawn = not fields.look and is_picture(data)
            if is_drawn and len(data) > PICTURE_BYTES_MAX:
                raise UserError(
                    "too-large",
                    f"A picture has at most {PICTURE_BYTES_MAX} bytes; a larger one can go as a "
                    "file, with all that it tells of place and camera.",
                )
            if fields.look == "voice" and len(data) > CARRIED_BYTES_MAX:
                raise UserError("too-large", f"A voice note has at most {CARRIED_BYTES_MAX} bytes.")
            if not is_drawn and len(data) > CARRIED_BYTES_MAX:
                answer = await self._large(fields, bytes(data), receive, is_more=is_more)
                sending.has_rest = False
                return answer
        sending.has_rest = False
        clean = None if fields.look else await self._pictures.clean(bytes(data))
        if clean is not None:
            added = of_picture(fields.name, clean)
        elif fields.look == "voice":
            shown = Appearance("voice", duration_ms=fields.duration_ms, hint=hint)
            added = AddFile(fields.name, fields.media_type, bytes(data), shown)
        else:
            added = AddFile(fields.name, fields.media_type, bytes(data))
        return await self.carrier.ask(added)

    async def _large(
        self, fields: UploadFields, data: bytes, receive: Receive, *, is_more: bool
    ) -> Answer:
        """Take the rest of a file that is too large to be carried, and hand it over."""
        if self._files is None:
            raise UserError("too-large", f"A file has at most {CARRIED_BYTES_MAX} bytes.")
        # Refused before the bytes come where nobody could take it.
        await self.carrier.ask(AskIdentity())
        upload, is_kept = self._files.begin_upload(), False
        try:
            await upload.write(data)
            while is_more:
                piece, is_more = await next_piece(receive)
                await upload.write(piece)
            answer = await upload.keep(self.carrier, fields.name, fields.media_type)
            is_kept = True
        finally:
            upload.end(is_kept=is_kept)
        return answer


class FileDownload(CarryEndpoint):
    """A file on its way out, or a range of its bytes."""

    method = "GET"

    def __init__(self, carrier: Carrier, files: FileKeeper | None = None) -> None:
        super().__init__(carrier)
        self._files = files
        # One block is in memory, so many may be on their way: a page shows several.
        self.turn = nullcontext()

    async def stream(self, scope: Scope, receive: Receive, sending: Sending) -> bytes | Answer:
        number = file_number(path_fields(scope["path_params"])["file"])
        file = await self.carrier.ask(AskFile(number))
        assert isinstance(file, FileAnswer)
        first, end = range_of(scope, file.size)
        is_part = (first, end) != (0, file.size)
        last = b""
        blocks = range(first // FILE_BLOCK_BYTES, max(1, -(-end // FILE_BLOCK_BYTES)))
        async for block, data in self._blocks(file, blocks):
            if last:
                await sending.piece(last)
            else:
                told = f"bytes {first}-{end - 1}/{file.size}".encode() if is_part else b""
                await sending.begin_range(end - first, told)
            start = block * FILE_BLOCK_BYTES
            last = data[max(0, first - start) : end - start]
        return last

    async def _blocks(
        self, file: FileAnswer, blocks: range
    ) -> AsyncGenerator[tuple[int, bytes], None]:
        """Yield blocks with their places; a large file's by a few, which the disk likes better."""
        step = FILE_ASK_BLOCKS_MAX if file.is_direct and self._files is not None else 1
        for first in range(blocks.start, blocks.stop, step):
            if self._files is not None and file.is_direct:
                count = min(step, blocks.stop - first)
                found = await self._files.large_blocks(file.number, first, count)
            else:
                answer = await self.carrier.ask(AskFileBlock(file.number, first))
                assert isinstance(answer, FileBlockAnswer)
                found = [answer.data]
            for place, data in enumerate(found):
                yield first + place, data


class FilePicture(CarryEndpoint):
    """A picture as it may be shown: drawn anew, of all of it or of its preview."""

    method = "GET"

    def __init__(self, carrier: Carrier, pictures: Pictures) -> None:
        super().__init__(carrier)
        self.turn = nullcontext()
        self._pictures = pictures
        # What cannot be drawn is tried once: a bomb costs no process each time it is scrolled by.
        self._refused: dict[tuple[int, bool], None] = {}

    async def stream(self, scope: Scope, receive: Receive, sending: Sending) -> bytes | Answer:
        number = file_number(path_fields(scope["path_params"])["file"])
        side = side_of(scope["query_string"])
        file = await self.carrier.ask(AskFile(number))
        assert isinstance(file, FileAnswer)
        picture = None
        # A large file may be of gigabytes, whatever its author calls it.
        if file.look == "picture" and file.state in ("new", "here") and not file.is_direct:
            picture = await self._shown(file, is_whole=True, side=side)
        if file.look == "picture" and file.has_preview and picture is None:
            picture = await self._shown(file, is_whole=False, side=side)
        if picture is None:
            raise UserError("not-found", f"There is no picture of the file {number} to show.")
        await sending.begin(media_type=SHOWN_TYPE)
        return picture

    async def _shown(self, file: FileAnswer, *, is_whole: bool, side: int) -> bytes | None:
        if (file.number, is_whole) in self._refused:
            return None

        async def read() -> bytes:
            if is_whole:
                return await self._whole(file)
            return await self._asked(AskFilePreview(file.number))

        picture = await self._pictures.show(read, side=side)
        if picture is None:
            while len(self._refused) >= PICTURES_REFUSED_MAX:
                self._refused.pop(next(iter(self._refused)))
            self._refused[file.number, is_whole] = None
        return picture

    async def _whole(self, file: FileAnswer) -> bytes:
        blocks = [
            await self._asked(AskFileBlock(file.number, block))
            for block in range(file.blocks_count)
        ]
        return b"".join(blocks)

    async def _asked(self, command: AskFileBlock | AskFilePreview) -> bytes:
        found = await self.carrier.ask(command)
        assert isinstance(found, FileBlockAnswer)
        return found.data


def of_picture(name: str, clean: CleanPicture) -> AddFile:
    """Hand over a picture as it was drawn anew."""
    shown = Appearance(
        "picture",
        width=clean.width,
        height=clean.height,
        hint=clean.hint,
        preview=clean.preview,
    )
    return AddFile(clean.named(name), clean.media_type, clean.data, shown)


def side_of(query: bytes) -> int:
    """Return the size that is asked for: one of a few, so that nobody can ask for each."""
    fields = query_fields(query)
    side = fields.pop("side", str(SIDES[0]))
    if fields or side not in map(str, SIDES):
        raise UserError("bad-request", f"`side` is one of {', '.join(map(str, SIDES))}.")
    return int(side)


def file_number(text: str) -> int:
    """Return the number in a path."""
    if not text.isdecimal() or len(text) > 18:
        raise UserError("not-found", "A file is named by its number.")
    return int(text)


def range_of(scope: Scope, size: int) -> tuple[int, int]:
    """Return the first byte that is asked for, and one beyond the last.

    One range is served; of anything else that a client may say all bytes are, as HTTP has it.
    """
    asked = [value for name, value in scope["headers"] if name.lower() == b"range"]
    match = _RANGE.fullmatch(asked[0]) if len(asked) == 1 else None
    if match is None or match.groups() == (b"", b""):
        return 0, size
    first, last = match.groups()
    if not first:
        begin, end = max(0, size - int(last)), size
    else:
        begin, end = int(first), min(size, int(last) + 1 if last else size)
    if begin >= end:
        if first and last and int(last) < int(first):
            return 0, size
        raise UserError("no-range", f"The file has {size} bytes, and none of those.")
    return begin, end
