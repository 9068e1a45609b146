"""Sealed files on a real disk: read as they were written, nothing clear, nothing left over."""

import errno
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from mesh.commands.file_places import BlobPlace, DiskPlace
from mesh.content.file_tree import split_blocks
from mesh.effects import DropBlobs, KeepBlobs, ReadBlocks, WriteBlock
from mesh.errors import UserError
from mesh.inputs import BlobFailed, BlocksRead, BlocksWritten, Input
from mesh.limits.direct_files import BLOBS_OPEN_MAX
from mesh.limits.files import FILE_BLOCK_BYTES
from mesh.node.blob_store import BlobStore, free_bytes
from mesh.node.input_queue import InputQueue

DATA = os.urandom(3 * FILE_BLOCK_BYTES + 10)
PLACE = BlobPlace(b"n" * 16, b"k" * 32, len(DATA))


@asynccontextmanager
async def running(folder: Path | None) -> AsyncIterator[tuple[BlobStore, InputQueue]]:
    queue = InputQueue()
    store = BlobStore(queue, folder)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.run)
        yield store, queue
        nursery.cancel_scope.cancel()


async def answers(queue: InputQueue, count: int) -> list[Input]:
    found: list[Input] = []
    with trio.fail_after(60):
        while len(found) < count:
            await queue.wait(1)
            found += queue.take()
    return found


def require_sealed(folder: Path) -> None:
    [file] = folder.iterdir()
    assert file.name == PLACE.name.hex()
    sealed = file.read_bytes()
    assert not any(DATA[at : at + 16] in sealed for at in range(0, len(DATA) - 16, 1_000))
    if os.name == "posix":
        assert file.stat().st_mode & 0o077 == 0
        assert folder.stat().st_mode & 0o077 == 0


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def made(path: Path) -> DiskPlace:
    path.write_bytes(DATA)
    return DiskPlace(os.fsencode(path), len(DATA), path.stat().st_mtime_ns)


def make(folder: Path, *names: bytes) -> None:
    for name in names:
        (folder / name.hex()).write_bytes(b"sealed")


def remove(path: Path) -> None:
    path.unlink()


def rewrite(path: Path, what: str) -> None:
    """Damage a sealed file."""
    sealed, step = bytearray(path.read_bytes()), FILE_BLOCK_BYTES + 28
    match what:
        case "bit":
            sealed[step + 100] ^= 1
        case "order":
            sealed[:step], sealed[step : 2 * step] = sealed[step : 2 * step], sealed[:step]
        case _:
            del sealed[step + 1 :]
    path.write_bytes(sealed)


def write_all(store: BlobStore, place: BlobPlace = PLACE) -> None:
    for index, block in enumerate(split_blocks(DATA)):
        store.perform(WriteBlock(place, index, block))


async def test_what_is_written_is_read_again_and_lies_sealed(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    async with running(folder) as (store, queue):
        write_all(store)
        written = await answers(queue, 1)
        told = [index for one in written if isinstance(one, BlocksWritten) for index in one.indices]
        assert sorted(told) == [0, 1, 2, 3]
        store.perform(ReadBlocks(PLACE, 0, 4, 7))
        assert await answers(queue, 1) == [BlocksRead(7, tuple(split_blocks(DATA)))]
    require_sealed(folder)


async def test_runs_gaps_and_two_files_between_one_another_lie_where_they_belong(
    tmp_path: Path,
) -> None:
    data = os.urandom(20 * FILE_BLOCK_BYTES + 10)
    blocks = list(split_blocks(data))
    one, other = (BlobPlace(name * 16, b"k" * 32, len(data)) for name in (b"a", b"b"))
    order = [(one, index) for index in (*range(3, 21), 1, 0, 2)]
    order[4:4] = [(other, index) for index in (*range(5, -1, -1), *range(6, 21))]
    async with running(tmp_path) as (store, queue):
        for place, index in order:
            store.perform(WriteBlock(place, index, blocks[index]))
        told: list[Input] = await answers(queue, 2)
        assert {
            (one.name, *sorted(one.indices)) for one in told if isinstance(one, BlocksWritten)
        } == {(place.name, *range(21)) for place in (one, other)}
        for place in (one, other):
            store.perform(ReadBlocks(place, 0, 21, 7))
            assert await answers(queue, 1) == [BlocksRead(7, tuple(blocks))]


@pytest.mark.parametrize("what", ["bit", "order", "cut", "key", "gone"])
async def test_what_is_not_as_it_was_written_is_not_read(tmp_path: Path, what: str) -> None:
    async with running(tmp_path) as (store, queue):
        write_all(store)
        await answers(queue, 1)
        path, place = tmp_path / PLACE.name.hex(), PLACE
        if what == "key":
            place = BlobPlace(PLACE.name, b"o" * 32, PLACE.size)
        elif what == "gone":
            remove(path)
        else:
            rewrite(path, what)
        store.perform(ReadBlocks(place, 0, 2, 7))
        assert await answers(queue, 1) == [BlocksRead(7, ())]


async def test_what_is_dropped_is_not_made_again_by_what_was_still_to_be_written(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as (store, queue):
        write_all(store)
        store.perform(DropBlobs((PLACE.name,)))
        write_all(store)
        other = BlobPlace(b"o" * 16, b"k" * 32, PLACE.size)
        write_all(store, other)
        while not any(isinstance(x, BlocksWritten) and x.name == other.name for x in queue.take()):
            await queue.wait(1)
        assert names_in(tmp_path) == [other.name.hex()]


async def test_what_has_no_key_any_more_goes_but_not_what_a_person_hands_over_now(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as (store, queue):
        make(tmp_path, b"left over", b"unfinished")
        store.unfinished[b"unfinished"] = None
        store.perform(KeepBlobs(frozenset((PLACE.name,))))
        write_all(store)
        await answers(queue, 1)
        assert names_in(tmp_path) == sorted((PLACE.name.hex(), b"unfinished".hex()))


async def test_a_file_that_has_no_room_is_not_begun(tmp_path: Path) -> None:
    large = BlobPlace(b"l" * 16, b"k" * 32, free_bytes(tmp_path))
    async with running(tmp_path) as (store, queue):
        store.perform(WriteBlock(large, 0, bytes(FILE_BLOCK_BYTES)))
        assert await answers(queue, 1) == [BlobFailed(large.name, is_full=True)]
        with pytest.raises(UserError):
            await store.read_blocks(large, 0, 1)


async def test_a_node_without_a_folder_keeps_nothing() -> None:
    async with running(None) as (store, queue):
        store.perform(KeepBlobs(frozenset()))
        store.perform(WriteBlock(PLACE, 0, bytes(FILE_BLOCK_BYTES)))
        assert await answers(queue, 1) == [BlobFailed(PLACE.name, is_full=True)]


async def test_a_file_at_its_place_is_read_as_long_as_it_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    place = made(path)
    async with running(None) as (store, queue):
        store.perform(ReadBlocks(place, 1, 3, 7))
        assert await answers(queue, 1) == [BlocksRead(7, tuple(split_blocks(DATA)[1:]))]
        os.utime(path, ns=(place.mtime_ns, place.mtime_ns + 1))
        store.perform(ReadBlocks(place, 1, 3, 7))
        assert await answers(queue, 1) == [BlocksRead(7, ())]


def sync_fails_once(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Let the disk say once, of this file, that what was written is lost, as Linux does."""
    real, told = os.fsync, list[int]()

    def fsync(descriptor: int) -> None:
        if not told and path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
            told.append(descriptor)
            raise OSError(errno.EIO, "input/output error")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)


async def test_blocks_that_the_disk_lost_when_their_file_made_room_are_not_told_to_be_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [
        BlobPlace(bytes([number]) * 16, b"k" * 32, PLACE.size)
        for number in range(BLOBS_OPEN_MAX + 1)
    ]
    sync_fails_once(monkeypatch, tmp_path / places[0].name.hex())
    async with running(tmp_path) as (store, queue):
        for place in places:
            store.perform(WriteBlock(place, 0, bytes(FILE_BLOCK_BYTES)))
        told = await answers(queue, len(places))
    assert [one for one in told if isinstance(one, BlobFailed)] == [
        BlobFailed(places[0].name, is_full=False)
    ]
    assert {one.name for one in told if isinstance(one, BlocksWritten)} == {
        place.name for place in places[1:]
    }
