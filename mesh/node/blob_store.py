"""The bytes of large files: sealed files in a folder of the profile, and files of the person's.

Implements `docs/protocol/direct-files.md`, section "At rest". It carries out what the engine wants
read, written and deleted, in two threads, each in order; what waits is bounded by the engine. A
block is told to be written when the disk has it. The key of a sealed file comes with each effect
and is kept nowhere.
"""

import contextlib
import os
import shutil
import stat
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import trio

from mesh.commands.file_places import BlobPlace, DiskPlace
from mesh.content.file_tree import block_bytes, blocks_count
from mesh.crypto.aead import NONCE_BYTES, TAG_BYTES, Box
from mesh.effects import BlobEffect, DropBlobs, KeepBlobs, ReadBlocks, WriteBlock
from mesh.errors import PeerError, UserError
from mesh.inputs import BlobFailed, BlocksRead, BlocksWritten, Input
from mesh.limits.direct_files import BLOBS_OPEN_MAX
from mesh.limits.files import FILE_BLOCK_BYTES
from mesh.limits.node import GATHERED_MS
from mesh.limits.storage import DISK_SCARCE_BYTES
from mesh.node.input_queue import InputQueue
from mesh.node.private_files import FILE_MODE, is_full, make_private_folder, sync_folder

FILES_FOLDER: Final = "files"
"""Beside the databases of the profile."""

SEALED_BLOCK_BYTES: Final = NONCE_BYTES + FILE_BLOCK_BYTES + TAG_BYTES
_RUN_BLOCKS_MAX: Final = 16
"""Blocks in one write, a megabyte: each call gives the interpreter away and waits for it."""
_BINARY: Final = getattr(os, "O_BINARY", 0)
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)


class NoRoomError(Exception):
    """The disk has no room for a file beside what a running node may need at any moment."""


def sealed_block(box: Box, index: int, block: bytes) -> bytes:
    """Return a block as it lies in a sealed file."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + box.seal(nonce, index.to_bytes(4, "big"), block)


def opened_block(box: Box, index: int, sealed: bytes) -> bytes:
    """Return what was sealed at a place; PeerError if it was not, or is damaged."""
    nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    return box.open_sealed(nonce, index.to_bytes(4, "big"), rest)


class BlobStore:
    """The sealed files of one profile. Only tasks of one trio run touch it."""

    def __init__(self, input_queue: InputQueue, folder: Path | None) -> None:
        """`folder`: None where a node has no place for files; then none can be kept."""
        self._input_queue = input_queue
        self._folder = folder
        self._reads: deque[ReadBlocks] = deque()
        self._changes: deque[WriteBlock | DropBlobs | KeepBlobs] = deque()
        self._has_reads, self._has_changes = trio.Event(), trio.Event()
        # Names that a caller fills, of which the engine does not know yet.
        self.unfinished: dict[bytes, None] = {}

    def perform(self, effect: BlobEffect) -> None:
        """Queue what is to be done."""
        if isinstance(effect, ReadBlocks):
            self._reads.append(effect)
            self._has_reads.set()
        else:
            self._changes.append(effect)
            self._has_changes.set()

    async def run(self) -> None:
        """Do it until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._read)
            nursery.start_soon(self._change)

    async def read_blocks(
        self, place: BlobPlace | DiskPlace, first: int, count: int
    ) -> list[bytes]:
        """Return blocks of a whole file; UserError if it is not what it was."""
        if first + count > blocks_count(place.size):
            raise UserError("not-whole", "The file has no such block.")
        found = await trio.to_thread.run_sync(
            _blocks_of, self._folder, ReadBlocks(place, first, count)
        )
        if not found:
            raise UserError("gone", "The file is not there any more, or not as it was.")
        return found

    def path_of(self, name: bytes) -> Path:
        """Return where a sealed file lies; UserError where there is no place for any."""
        if self._folder is None:
            raise UserError("no-room", "This node keeps no files.")
        return self._folder / name.hex()

    async def _read(self) -> None:
        limiter = trio.CapacityLimiter(1)
        while True:
            self._has_reads = trio.Event()
            while self._reads:
                asked, self._reads = self._reads, deque()
                for answer in await trio.to_thread.run_sync(
                    _read_all_asked, self._folder, list(asked), limiter=limiter
                ):
                    self._input_queue.put_soon(answer)
            await self._has_reads.wait()

    async def _change(self) -> None:
        limiter = trio.CapacityLimiter(1)
        files = _OpenBlobs(self._folder)
        try:
            while True:
                self._has_changes = trio.Event()
                while self._changes:
                    # What comes meanwhile shares the waiting for the disk.
                    await trio.sleep(GATHERED_MS / 1_000)
                    changes, self._changes = self._changes, deque()
                    kept = frozenset(self.unfinished)
                    answers = await trio.to_thread.run_sync(
                        _change_all, files, list(changes), kept, limiter=limiter
                    )
                    for answer in answers:
                        self._input_queue.put_soon(answer)
                # No key stays here while nothing is written: the vault may be closed by then.
                files.close()
                await self._has_changes.wait()
        finally:
            files.close()


class _OpenBlobs:
    """The sealed files to which blocks are written now."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._open: OrderedDict[bytes, tuple[int, Box]] = OrderedDict()
        self.dropped: dict[bytes, None] = {}
        self.failed: dict[bytes, OSError] = {}
        """Why what was written to files that were closed did not get to the disk, until told."""

    def of(self, place: BlobPlace) -> tuple[int, Box]:
        """Return the file and the box of a place; NoRoomError if the whole of it has no room."""
        found = self._open.get(place.name)
        if found is not None:
            self._open.move_to_end(place.name)
            return found
        if self.folder is None:
            raise NoRoomError
        while len(self._open) >= BLOBS_OPEN_MAX:
            self._make_room()
        descriptor = open_blob(self.folder, place)
        self._open[place.name] = descriptor, Box(place.key)
        return self._open[place.name]

    def _make_room(self) -> None:
        """Close the file that was written to least recently."""
        oldest = next(iter(self._open))
        try:
            self.sync(oldest)
        except OSError as error:
            # A system tells of it once: opened anew, the same file would seem to be safe.
            self.failed[oldest] = error
        self.let_go(oldest)

    def sync(self, name: bytes) -> None:
        """See what was written to a file through to the disk; OSError if that failed, also if it
        did when the file was closed.
        """
        if name in self.failed:
            raise self.failed[name]
        found = self._open.get(name)
        if found is not None:
            os.fsync(found[0])

    def drop(self, names: Sequence[bytes]) -> None:
        """Delete files; what is still to be written to them is passed over."""
        for name in names:
            self.dropped[name] = None
            self.let_go(name)
            if self.folder is not None:
                with contextlib.suppress(OSError):
                    (self.folder / name.hex()).unlink(missing_ok=True)

    def keep(self, names: frozenset[bytes]) -> None:
        """Delete all files but these."""
        kept = {name.hex(): None for name in names}
        found = [] if self.folder is None or not self.folder.is_dir() else os.listdir(self.folder)
        for each in sorted(found):
            if each not in kept and self.folder is not None:
                with contextlib.suppress(OSError):
                    (self.folder / each).unlink()

    def let_go(self, name: bytes) -> None:
        """Close a file."""
        found = self._open.pop(name, None)
        if found is not None:
            os.close(found[0])

    def close(self) -> None:
        """Close all files."""
        for name in list(self._open):
            self.let_go(name)


def open_blob(folder: Path, place: BlobPlace) -> int:
    """Open or make a sealed file for writing; NoRoomError if the whole of it has no room."""
    make_private_folder(folder)
    path = folder / place.name.hex()
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _BINARY | _NO_LINK, FILE_MODE)
    try:
        require_room(folder, sealed_bytes(place.size) - _held_bytes(descriptor))
        if is_new:
            sync_folder(folder)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def sealed_bytes(size: int) -> int:
    """Return what a file of this size takes when it is sealed."""
    return size + blocks_count(size) * (NONCE_BYTES + TAG_BYTES)


def require_room(folder: Path, wanted_bytes: int) -> None:
    """Raise NoRoomError unless so much fits the disk, and the node can go on beside it."""
    if free_bytes(folder) - wanted_bytes < DISK_SCARCE_BYTES:
        raise NoRoomError


def free_bytes(folder: Path) -> int:
    """Return how much this person may still write to a disk."""
    return shutil.disk_usage(folder).free


def _held_bytes(descriptor: int) -> int:
    """Return what a file takes of the disk already: blocks come in any order."""
    found = os.fstat(descriptor)
    blocks: int | None = getattr(found, "st_blocks", None)
    return found.st_size if blocks is None else blocks * 512


def _change_all(
    files: _OpenBlobs,
    changes: Sequence[WriteBlock | DropBlobs | KeepBlobs],
    unfinished: frozenset[bytes],
) -> list[Input]:
    """Do all of it in order; what was written is on the disk when this returns."""
    written: dict[bytes, list[int]] = {}
    failed: dict[bytes, BlobFailed] = {}
    for change in _in_runs(changes):
        if isinstance(change, DropBlobs):
            files.drop(change.names)
        elif isinstance(change, KeepBlobs):
            files.keep(change.names | unfinished)
        elif (name := change[0].blob.name) not in files.dropped and name not in failed:
            try:
                _write(files, change)
            except (NoRoomError, OSError) as error:
                failed[name] = _failure(name, error)
            else:
                written.setdefault(name, []).extend(block.index for block in change)
    answers: list[Input] = []
    for name, indices in written.items():
        try:
            files.sync(name)
        except OSError as error:
            failed.setdefault(name, _failure(name, error))
        else:
            answers.append(BlocksWritten(name, tuple(indices)))
    for name, closed_error in files.failed.items():
        failed.setdefault(name, _failure(name, closed_error))
    files.failed.clear()
    for name in failed:
        files.let_go(name)
    return [*answers, *failed.values()]


def _failure(name: bytes, error: Exception) -> BlobFailed:
    has_no_room = isinstance(error, NoRoomError) or (isinstance(error, OSError) and is_full(error))
    return BlobFailed(name, is_full=has_no_room)


def _in_runs(
    changes: Sequence[WriteBlock | DropBlobs | KeepBlobs],
) -> Iterator[list[WriteBlock] | DropBlobs | KeepBlobs]:
    """Give all of it in order; blocks that follow one another in a file come together."""
    run: list[WriteBlock] = []
    for change in changes:
        is_next = (
            isinstance(change, WriteBlock)
            and bool(run)
            and (change.blob.name, change.index) == (run[-1].blob.name, run[-1].index + 1)
        )
        if run and not (is_next and len(run) < _RUN_BLOCKS_MAX):
            yield run
            run = []
        if isinstance(change, WriteBlock):
            run.append(change)
        else:
            yield change
    if run:
        yield run


def _write(files: _OpenBlobs, run: Sequence[WriteBlock]) -> None:
    descriptor, box = files.of(run[0].blob)
    # All blocks but the last of a file have one length, so that a run is one piece of it.
    sealed = b"".join(sealed_block(box, block.index, block.data) for block in run)
    _write_at(descriptor, sealed, run[0].index * SEALED_BLOCK_BYTES)


def _write_at(descriptor: int, data: bytes, offset: int) -> None:
    """Write all of it: a system may take less at a time."""
    os.lseek(descriptor, offset, os.SEEK_SET)
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _read_all_asked(folder: Path | None, asked: Sequence[ReadBlocks]) -> list[BlocksRead]:
    return [BlocksRead(one.number, tuple(_blocks_of(folder, one))) for one in asked]


def _blocks_of(folder: Path | None, asked: ReadBlocks) -> list[bytes]:
    """Return the blocks that were asked for; none if any of them is not what it was."""
    try:
        if isinstance(asked.place, DiskPlace):
            return list(_of_disk(asked.place, asked.first, asked.count))
        return [] if folder is None else list(_of_blob(folder, asked.place, asked))
    except (OSError, PeerError):
        return []


def _of_blob(folder: Path, place: BlobPlace, asked: ReadBlocks) -> Iterator[bytes]:
    box = Box(place.key)
    with (folder / place.name.hex()).open("rb", buffering=0) as file:
        for index in range(asked.first, asked.first + asked.count):
            file.seek(index * SEALED_BLOCK_BYTES)
            length = NONCE_BYTES + block_bytes(place.size, index) + TAG_BYTES
            yield opened_block(box, index, _read_all(file.read, length))


def _of_disk(place: DiskPlace, first: int, count: int) -> Iterator[bytes]:
    with open(place.path, "rb", buffering=0) as file:
        require_same(place, file.fileno())
        file.seek(first * FILE_BLOCK_BYTES)
        for index in range(first, first + count):
            yield _read_all(file.read, block_bytes(place.size, index))


def require_same(place: DiskPlace, descriptor: int) -> None:
    """Raise OSError unless a file is as it was handed over."""
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise OSError("it is no file any more")
    if (found.st_size, found.st_mtime_ns) != (place.size, place.mtime_ns):
        raise OSError("it was changed")


def _read_all(read: Callable[[int], bytes | None], length: int) -> bytes:
    pieces = []
    while length > 0:
        piece = read(length)
        if not piece:
            raise OSError("it is shorter than it was")
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)
