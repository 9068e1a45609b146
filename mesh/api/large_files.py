"""Large files at the door: those that have a place on the disk, and those that come as bytes.

Implements `docs/api.md`, section "Files". A path is believed only of who reaches the unix socket:
they may read the file themselves. A page or a program with a token could otherwise have any file
of the person's read and sent; they send its bytes.
"""

from dataclasses import dataclass
from typing import Annotated, Protocol

import msgspec

from mesh.api.grant import Grant
from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.errors import UserError
from mesh.limits.content import FILE_NAME_BYTES_MAX, FILE_TYPE_BYTES_MAX

PATH_CHARACTERS_MAX = 4_096
"""As Linux has it."""

OCTETS = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class AddFileAt:
    """Hand over a file that lies on the disk, and stays there. Answer: FileAnswer.

    It is given as long as it is not changed.
    """

    path: Annotated[str, msgspec.Meta(min_length=1, max_length=PATH_CHARACTERS_MAX)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=FILE_NAME_BYTES_MAX)]
    media_type: Annotated[str, msgspec.Meta(max_length=FILE_TYPE_BYTES_MAX)] = OCTETS


class LargeUpload(Protocol):
    """A file whose bytes come."""

    async def write(self, piece: bytes) -> None: ...
    async def keep(self, node: "Asks", name: str, media_type: str) -> Answer: ...
    def end(self, *, is_kept: bool) -> None: ...


class Asks(Protocol):
    """Whoever takes the command."""

    async def ask(self, command: Command) -> Answer: ...


class FileKeeper(Protocol):
    """Whoever has a disk for large files: the node."""

    async def hand_over_path(self, path: str, name: str, media_type: str) -> Answer: ...
    async def large_blocks(self, file: int, first: int, count: int) -> list[bytes]: ...
    def begin_upload(self) -> LargeUpload: ...


async def add_file_at(keeper: FileKeeper | None, asked: AddFileAt, grant: Grant) -> Answer:
    """Hand over what lies there, if who asks may name paths."""
    if not grant.names_paths:
        raise UserError(
            "not-allowed",
            "A path is taken over the unix socket only, so that nobody with a token can have the "
            "files of this person sent; send the bytes to /v1/files instead.",
        )
    if keeper is None:
        raise UserError("no-room", "This node keeps no files.")
    return await keeper.hand_over_path(asked.path, asked.name, asked.media_type)
