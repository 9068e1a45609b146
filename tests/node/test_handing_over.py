"""Large files that are handed over: read once where they are, or sealed as they come."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mesh.commands.answer import Answer, Done
from mesh.commands.command import Command
from mesh.commands.file_places import BlobPlace, DiskPlace
from mesh.commands.files import AddFile, AddLargeFile
from mesh.content.file_tree import leaf_of, split_blocks
from mesh.errors import UserError
from mesh.limits.files import CARRIED_BYTES_MAX
from mesh.node.blob_store import BlobStore
from mesh.node.handing_over import Upload, hand_over_path
from mesh.node.input_queue import InputQueue

DATA = os.urandom(CARRIED_BYTES_MAX + 100_001)
LEAVES = b"".join(leaf_of(index, block) for index, block in enumerate(split_blocks(DATA)))


@dataclass
class Asked:
    """Whoever takes the command."""

    commands: list[Command] = field(default_factory=list)

    async def ask(self, command: Command) -> Answer:
        self.commands.append(command)
        return Done()


def linked(folder: Path) -> tuple[Path, DiskPlace]:
    path, link = folder / "film.mp4", folder / "link"
    path.write_bytes(DATA)
    link.symlink_to(path)
    return link, DiskPlace(os.fsencode(path), len(DATA), path.stat().st_mtime_ns)


def small(folder: Path) -> Path:
    path = folder / "map.png"
    path.write_bytes(b"a map")
    return path


def odd(tmp_path: Path, what: str) -> Path:
    path = tmp_path / what
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "huge":
        with path.open("wb") as file:
            file.truncate((1 << 31) + 1)
    return path


def count_in(folder: Path) -> int:
    return len(list(folder.iterdir()))


async def test_a_path_is_read_once_and_named(tmp_path: Path) -> None:
    link, place = linked(tmp_path)
    asked = Asked()
    await hand_over_path(asked, str(link), "film.mp4", "video/mp4")
    assert asked.commands == [AddLargeFile("film.mp4", "video/mp4", place, LEAVES)]


async def test_a_small_file_is_handed_over_as_ever(tmp_path: Path) -> None:
    asked = Asked()
    await hand_over_path(asked, str(small(tmp_path)), "map.png", "image/png")
    assert asked.commands == [AddFile("map.png", "image/png", b"a map")]


@pytest.mark.parametrize("what", ["missing", "folder", "pipe", "relative", "huge"])
async def test_what_is_no_file_is_refused_in_words(tmp_path: Path, what: str) -> None:
    path = odd(tmp_path, what)
    named = what if what == "relative" else str(path)
    with pytest.raises(UserError) as refused:
        await hand_over_path(Asked(), named, "a", "")
    kinds = {"relative": "bad-path", "huge": "too-large"}
    assert refused.value.kind == kinds.get(what, "bad-file")


@pytest.mark.parametrize("piece_bytes", [1_000, 65_000, 700_000])
async def test_bytes_that_come_are_sealed_as_they_come(tmp_path: Path, piece_bytes: int) -> None:
    store, asked = BlobStore(InputQueue(), tmp_path / "files"), Asked()
    upload = Upload(store)
    for at in range(0, len(DATA), piece_bytes):
        await upload.write(DATA[at : at + piece_bytes])
    await upload.keep(asked, "film.mp4", "")
    upload.end(is_kept=True)
    [command] = asked.commands
    assert isinstance(command, AddLargeFile)
    assert isinstance(command.place, BlobPlace)
    assert (command.leaves, command.place.size) == (LEAVES, len(DATA))
    count = len(split_blocks(DATA))
    assert b"".join(await store.read_blocks(command.place, 0, count)) == DATA
    assert store.unfinished == {}


async def test_what_is_not_kept_leaves_nothing(tmp_path: Path) -> None:
    store = BlobStore(InputQueue(), tmp_path / "files")
    upload = Upload(store)
    await upload.write(DATA)
    assert count_in(tmp_path / "files") == 1
    upload.end(is_kept=False)
    assert count_in(tmp_path / "files") == 0
