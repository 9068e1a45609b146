"""Has pictures drawn by a process that has nothing (`limited.py`), and checks what it wrote.

Implements `docs/protocol/files.md`, section "Pictures". The process gets no variables of ours but
those that Windows needs, no descriptors but its input and output, and no longer than a while.
"""

import sys
from collections.abc import Awaitable, Callable, Mapping
from os import environ
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Annotated, Final, Literal

import msgspec
import trio

from mesh.errors import UserError
from mesh.limits.content import FILE_HINT_BYTES_MAX, FILE_PREVIEW_BYTES_MAX
from mesh.limits.files import CARRIED_BYTES_MAX
from mesh.limits.pictures import (
    PICTURE_CPU_SECONDS_MAX,
    PICTURE_MEMORY_BYTES_MAX,
    PICTURE_PIXELS_MAX,
    PICTURE_PROCESSES_MAX,
    PICTURE_SHOWN_BYTES_MAX,
    PICTURE_WALL_MS,
)
from mesh.pictures.kinds import BEGINNINGS, is_picture
from mesh.program import command_of, is_bundle

SHOWN_TYPE: Final = b"image/webp"
"""The one kind in which pictures are shown."""

# Not imported, so that no decoder is in the memory of a node.
_PROGRAM: Final = Path(__file__).absolute().with_name("limited.py")

_LINE_BYTES_MAX: Final = 1_024
_READ_BYTES: Final = 65_536

_KINDS: Final[Mapping[str, str]] = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
}
"""The media types of what is written here, and how their names end."""

_OTHER_ENDS: Final = {".jpg": ".jpeg"}

_Side = Annotated[int, msgspec.Meta(ge=1, le=1 << 16)]


class _Written(msgspec.Struct, frozen=True, kw_only=True):
    """The line before what was drawn, as the process tells it: anything may stand in it."""

    failure: Literal["", "too-large", "unreadable"] = ""
    media_type: Literal["image/jpeg", "image/png", "image/webp"] = "image/webp"
    width: _Side = 1
    height: _Side = 1
    hint: Annotated[str, msgspec.Meta(max_length=2 * FILE_HINT_BYTES_MAX)] = ""
    picture_bytes: Annotated[int, msgspec.Meta(ge=0, le=PICTURE_SHOWN_BYTES_MAX)] = 0
    preview_bytes: Annotated[int, msgspec.Meta(ge=0, le=FILE_PREVIEW_BYTES_MAX)] = 0


class CleanPicture(msgspec.Struct, frozen=True, kw_only=True):
    """A picture that tells nothing but its pixels. `suffix`: how its name is to end."""

    data: bytes
    media_type: str
    suffix: str
    width: int
    height: int
    hint: bytes
    preview: bytes

    def named(self, name: str) -> str:
        """Return a name as it was, unless another kind of picture was made of it."""
        stem, dot, suffix = name.rpartition(".")
        if dot and f".{suffix.lower()}" in (self.suffix, _OTHER_ENDS.get(self.suffix)):
            return name
        return (stem or name) + self.suffix


class Pictures:
    """Draws pictures, a few at a time."""

    def __init__(self) -> None:
        self._turns = trio.Semaphore(PICTURE_PROCESSES_MAX)

    async def clean(self, data: bytes) -> CleanPicture | None:
        """Return a picture as it may be sent; None if it does not begin as one.

        UserError `bad-picture`: it does, and cannot be cleaned here. One that is damaged may still
        tell place and camera.
        """
        if not is_picture(data):
            return None
        async with self._turns:
            told, picture, preview = await _drawn(data, 0)
        if told.failure == "unreadable":
            raise UserError(
                "bad-picture",
                "This picture is damaged, or something else that begins as one, so what it tells "
                "of place and camera cannot be removed. As a file it is sent as it is.",
            )
        if told.failure:
            raise cannot_be_drawn()
        return CleanPicture(
            data=picture,
            media_type=told.media_type,
            suffix=_KINDS[told.media_type],
            width=told.width,
            height=told.height,
            hint=bytes.fromhex(told.hint),
            preview=preview,
        )

    async def show(self, read: Callable[[], Awaitable[bytes]], *, side: int) -> bytes | None:
        """Return a picture of any origin as it may be shown; None if it cannot be.

        It is read when its turn has come: a page asks for many, and few are in memory.
        """
        async with self._turns:
            data = await read()
            if not is_picture(data):
                return None
            try:
                told, picture, _ = await _drawn(data, side)
            except UserError:
                return None
        return None if told.failure or told.media_type != "image/webp" else picture


def checked(written: bytes) -> tuple[_Written, bytes, bytes]:
    """Take apart what the process wrote; UserError if that is nothing that it should write."""
    line, _, rest = written.partition(b"\n")
    try:
        told = msgspec.json.decode(line, type=_Written)
        bytes.fromhex(told.hint)
    except (ValueError, UnicodeDecodeError, RecursionError):
        raise cannot_be_drawn() from None
    picture, preview = rest[: told.picture_bytes], rest[told.picture_bytes :]
    is_whole = len(rest) == told.picture_bytes + told.preview_bytes
    parts = ((picture, told.media_type), (preview, "image/webp"))
    has_answer = bool(told.failure) != bool(picture)
    are_pictures = all(not part or _begins_as(part, kind) for part, kind in parts)
    if not (is_whole and has_answer and are_pictures):
        raise cannot_be_drawn()
    return told, picture, preview


def cannot_be_drawn() -> UserError:
    """Say that a picture is not cleaned: so it is not sent as one."""
    return UserError(
        "bad-picture",
        "This picture has too much to be drawn here, so what it tells of place and camera cannot "
        "be removed. As a file it is sent as it is.",
    )


def _begins_as(data: bytes, media_type: str) -> bool:
    return is_picture(data) and data.startswith(BEGINNINGS[media_type])


async def _drawn(data: bytes, side: int) -> tuple[_Written, bytes, bytes]:
    with trio.move_on_after(PICTURE_WALL_MS / 1000):
        return checked(await _exchanged(data, side))
    raise cannot_be_drawn()


async def _exchanged(data: bytes, side: int) -> bytes:
    """Start the process, give it the picture, and return what it writes; it is over then."""
    bytes_max = _LINE_BYTES_MAX + FILE_PREVIEW_BYTES_MAX + PICTURE_SHOWN_BYTES_MAX
    try:
        process = await trio.lowlevel.open_process(
            command_line(side),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env={name: environ[name] for name in ("SYSTEMROOT",) if name in environ},
            cwd=Path(sys.executable).anchor,
        )
    except OSError:
        raise cannot_be_drawn() from None
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None
    assert stdout is not None
    written = bytearray()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_give, stdin, data)
            while len(written) <= bytes_max:
                piece = await stdout.receive_some(_READ_BYTES)
                if not piece:
                    break
                written += piece
            nursery.cancel_scope.cancel()
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await stdin.aclose()
            await stdout.aclose()
            await process.wait()
    return bytes(written)


async def _give(stdin: trio.abc.SendStream, data: bytes) -> None:
    try:
        await stdin.send_all(data)
    except trio.BrokenResourceError:
        # It ended; its output says why, or nothing does.
        return
    await stdin.aclose()


def command_line(side: int) -> list[str]:
    """Return the command of the process: its file by itself, without our paths and variables."""
    limits = {
        "memory_bytes": PICTURE_MEMORY_BYTES_MAX,
        "cpu_seconds": PICTURE_CPU_SECONDS_MAX,
        "pixels": PICTURE_PIXELS_MAX,
        "sent_bytes": CARRIED_BYTES_MAX,
        "preview_bytes": FILE_PREVIEW_BYTES_MAX,
        "side": side,
    }
    # A bundle is by itself anyway.
    alone = [sys.executable, "-I", "-B", str(_PROGRAM)]
    program = command_of("mesh.pictures.limited") if is_bundle() else alone
    return [*program, msgspec.json.encode(limits).decode()]
