"""Two engines whose people give each other large files, whose disks are in memory."""

import hashlib

from mesh.commands.file_places import BlobPlace, DiskPlace
from mesh.commands.files import AddLargeFile, AskFile, AskFileBlock, FileAnswer, FilePlaceAnswer
from mesh.commands.item_commands import WriteItem
from mesh.commands.items import ItemAnswer
from mesh.content.file_tree import blocks_count, leaf_of, split_blocks
from mesh.limits.files import FILE_BLOCK_BYTES
from tests.engine.joined import Joined
from tests.engine.test_items import items, two, write

SIZE = 40 * FILE_BLOCK_BYTES + 7
MTIME_NS = 1_790_000_000_000_000_001


def known() -> Joined:
    """Two engines that have recognised each other as contacts on their link."""
    table = two()
    table.cut("ada", "cy")
    table.join("ada", "cy")
    return table


def content(size: int = SIZE, seed: bytes = b"large") -> bytes:
    return hashlib.shake_128(seed).digest(size)


def prepared(table: Joined, data: bytes, path: bytes = b"/home/ada/big") -> AddLargeFile:
    """Put a file on Ada's disk, and return how it is handed over."""
    table.seats["ada"].blobs.places[path] = (MTIME_NS, data)
    leaves = b"".join(leaf_of(index, block) for index, block in enumerate(split_blocks(data)))
    return AddLargeFile("big.bin", "", DiskPlace(path, len(data), MTIME_NS), leaves)


def send(table: Joined, data: bytes, path: bytes = b"/home/ada/big") -> tuple[int, int]:
    """Ada sends a large file; return its numbers, hers and that of Cy."""
    handed = table.ask("ada", prepared(table, data, path))
    assert isinstance(handed, FileAnswer)
    mine = write(table, "ada", WriteItem("cy", files=(handed.number,)))
    return handed.number, item_of(table, mine).files[0].number


def item_of(table: Joined, mine: ItemAnswer) -> ItemAnswer:
    return next(one for one in items(table, "cy", "ada") if one.id == mine.id)


def file(table: Joined, name: str, number: int) -> FileAnswer:
    answer = table.ask(name, AskFile(number))
    assert isinstance(answer, FileAnswer)
    return answer


def bytes_of(table: Joined, name: str, number: int) -> bytes:
    """The bytes of a whole file, as the shell would give them."""
    answer = table.ask(name, AskFileBlock(number, 0))
    assert isinstance(answer, FilePlaceAnswer)
    assert isinstance(answer.place, BlobPlace)
    held = table.seats[name].blobs.files[answer.place.name]
    return b"".join(held[index] for index in range(blocks_count(answer.place.size)))
