"""Large files that a person hands over: from their place on the disk, or as bytes that come.

Implements `docs/protocol/direct-files.md`, section "Handing over". A file that has a place stays
there, and is read once here to know its hashes; what comes as bytes goes into a sealed file, block
by block, so that neither is ever in memory as a whole.
"""

import os
from pathlib import Path
from typing import Final, Protocol

import trio

from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.commands.file_places import BlobPlace, DiskPlace
from mesh.commands.files import AddFile, AddLargeFile
from mesh.content.file_tree import is_carried, leaf_of
from mesh.crypto.aead import KEY_BYTES, Box
from mesh.errors import UserError
from mesh.limits.content import FILE_BYTES_MAX
from mesh.limits.direct_files import FILE_ASK_BLOCKS_MAX
from mesh.limits.files import FILE_BLOCK_BYTES
from mesh.node.blob_store import (
    BlobStore,
    NoRoomError,
    open_blob,
    require_room,
    require_same,
    sealed_block,
)
from mesh.node.private_files import is_full

_NAME_BYTES: Final = 16
_PIECE_BYTES: Final = FILE_BLOCK_BYTES * FILE_ASK_BLOCKS_MAX
NO_ROOM: Final = UserError(
    "no-room", "The disk has no room for this file; free some space.", reason="disk"
)
TOO_LARGE: Final = UserError(
    "too-large", f"A file has at most {FILE_BYTES_MAX} bytes.", bytes_max=FILE_BYTES_MAX
)


class Asks(Protocol):
    """Whoever takes the command: the node, or in a test another one."""

    async def ask(self, command: Command) -> Answer: ...


async def hand_over_path(node: Asks, path: str, name: str, media_type: str) -> Answer:
    """Hand over a file from its place on the disk; UserError if it cannot be read."""
    place = Path(path)
    if not place.is_absolute():
        raise UserError("bad-path", "A file is named by its whole path.")
    command = await trio.to_thread.run_sync(
        _read_whole, place, name, media_type, abandon_on_cancel=True
    )
    return await node.ask(command)


def _read_whole(path: Path, name: str, media_type: str) -> AddFile | AddLargeFile:
    try:
        # A pipe would be waited for; only what is a file is opened.
        if not path.is_file():
            raise UserError("bad-file", f"{path} is no file.")
        real = os.fsencode(os.path.realpath(path))
        with open(real, "rb", buffering=0) as file:
            found = os.fstat(file.fileno())
            place = DiskPlace(real, found.st_size, found.st_mtime_ns)
            require_same(place, file.fileno())
            if place.size > FILE_BYTES_MAX:
                raise TOO_LARGE
            if is_carried(place.size):
                return AddFile(name, media_type, file.read(place.size))
            hashes = _Hashes()
            while piece := file.read(_PIECE_BYTES):
                hashes.add(piece)
            hashes.end()
            # What is written meanwhile is no file yet.
            require_same(place, file.fileno())
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError("bad-file", f"Cannot read {path}: {reason}.") from None
    return AddLargeFile(name, media_type, place, hashes.leaves)


class _Hashes:
    """The hashes of the blocks of what comes in pieces."""

    def __init__(self) -> None:
        self._rest = b""
        self._leaves: list[bytes] = []

    @property
    def leaves(self) -> bytes:
        return b"".join(self._leaves)

    def add(self, piece: bytes) -> None:
        self._rest += piece
        whole = len(self._rest) - len(self._rest) % FILE_BLOCK_BYTES
        for at in range(0, whole, FILE_BLOCK_BYTES):
            self._leaf(self._rest[at : at + FILE_BLOCK_BYTES])
        self._rest = self._rest[whole:]

    def end(self) -> None:
        if self._rest:
            self._leaf(self._rest)
            self._rest = b""

    def _leaf(self, block: bytes) -> None:
        self._leaves.append(leaf_of(len(self._leaves), block))


class Upload:
    """A large file that comes as bytes, into a sealed file of its own.

    What is neither kept nor abandoned goes when the vault is opened next.
    """

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._name, self._key = os.urandom(_NAME_BYTES), os.urandom(KEY_BYTES)
        self._box = Box(self._key)
        self._pieces: list[bytes] = []
        self._pieces_bytes = 0
        self._size = 0
        self._leaves: list[bytes] = []
        self._descriptor = -1
        blobs.unfinished[self._name] = None

    async def write(self, piece: bytes) -> None:
        """Take what comes next; UserError if it becomes too large, or has no room."""
        self._pieces.append(piece)
        self._pieces_bytes += len(piece)
        if self._size + self._pieces_bytes > FILE_BYTES_MAX:
            raise TOO_LARGE
        if self._pieces_bytes >= _PIECE_BYTES:
            await trio.to_thread.run_sync(self._write_blocks, False)

    async def keep(self, node: Asks, name: str, media_type: str) -> Answer:
        """It is all here: hand it over."""
        await trio.to_thread.run_sync(self._write_blocks, True)
        place = BlobPlace(self._name, self._key, self._size)
        return await node.ask(AddLargeFile(name, media_type, place, b"".join(self._leaves)))

    def end(self, *, is_kept: bool) -> None:
        """Let go of it, and delete what was not handed over."""
        self._close()
        self._blobs.unfinished.pop(self._name, None)
        if not is_kept:
            self._blobs.path_of(self._name).unlink(missing_ok=True)

    def _write_blocks(self, is_last: bool) -> None:
        data = b"".join(self._pieces)
        whole = len(data) if is_last else len(data) - len(data) % FILE_BLOCK_BYTES
        try:
            if self._descriptor < 0:
                path = self._blobs.path_of(self._name)
                place = BlobPlace(self._name, self._key, len(data))
                self._descriptor = open_blob(path.parent, place)
            require_room(self._blobs.path_of(self._name).parent, len(data))
            for at in range(0, whole, FILE_BLOCK_BYTES):
                block = data[at : min(whole, at + FILE_BLOCK_BYTES)]
                index = len(self._leaves)
                self._leaves.append(leaf_of(index, block))
                view = memoryview(sealed_block(self._box, index, block))
                while view:
                    view = view[os.write(self._descriptor, view) :]
            if is_last:
                os.fsync(self._descriptor)
        except NoRoomError:
            raise NO_ROOM from None
        except OSError as error:
            if is_full(error):
                raise NO_ROOM from None
            raise UserError("storage", f"Cannot keep the file: {error.strerror}.") from None
        self._size += whole
        self._pieces = [data[whole:]]
        self._pieces_bytes = len(data) - whole

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
