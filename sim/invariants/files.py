"""Files that were sent: what is here of one are its bytes (S3), and of a deleted one nothing is.

Vaults are read as they are on the disk: what is told whole there has all blocks, each of them that
was sent, and what hangs on no file or on an item that is gone was not deleted with it (S12).
"""

import hashlib
from collections.abc import Mapping
from typing import Final

from mesh.commands.answer import Answer
from mesh.commands.files import FileAnswer
from mesh.content.file_tree import is_carried, split_blocks
from mesh.database import Connection
from sim.invariants.invariants import S3, S12, S25, BrokenInvariant

PARTS: Final = ("file_blocks", "postings", "block_envelopes", "direct_files")


def require_fetched_again(node: int, answer: Answer) -> None:
    """S25: somebody fetches a file that they had cancelled: it comes."""
    if isinstance(answer, FileAnswer) and answer.state == "cancelled":
        raise BrokenInvariant(S25, f"{answer.name!r} is fetched, and told as cancelled", node)


class SentFiles:
    """The bytes of all files of a world, as hashes of their blocks."""

    def __init__(self) -> None:
        self._blocks: dict[str, list[bytes]] = {}
        self.saved_count = 0
        """Blocks that readers had given to them."""

        self.whole_count = 0
        """Files that were whole at their readers when all was over."""

    @property
    def count(self) -> int:
        """Return how many files users wished to send."""
        return len(self._blocks)

    def add(self, number: int, data: bytes) -> str:
        """The message with this number brings a file; return its name."""
        return self.add_named(f"file {number}", data)

    def add_named(self, name: str, data: bytes) -> str:
        """A file with this name is sent; return the name."""
        self._blocks[name] = [_digest(block) for block in split_blocks(data)]
        return name

    def require_block(self, node: int, name: str, block: int, data: bytes) -> None:
        """S3: a node has, or gives its person, a block of a file."""
        blocks = self._blocks.get(name, [])
        if block >= len(blocks) or _digest(data) != blocks[block]:
            raise BrokenInvariant(S3, f"block {block} of {name!r} is not what was sent", node)

    def require_whole(self, node: int, name: str, blocks: Mapping[int, bytes]) -> None:
        """S3: a node has given its person a large file whole."""
        for index, data in blocks.items():
            self.require_block(node, name, index, data)
        if len(blocks) != len(self._blocks[name]):
            raise BrokenInvariant(S3, f"{name!r} is told whole and is not", node)
        self.whole_count += 1

    def require_true(self, node: int, vault: Connection) -> None:
        """Look at all files of a vault."""
        if not self._blocks or not _has_tables(vault):
            return
        rows = vault.execute(
            "SELECT files.number, files.name, files.state, files.is_mine, files.size, entries.gone "
            "FROM files LEFT JOIN entries ON entries.number = files.entry"
        ).fetchall()
        for number, name, state, is_mine, size, gone in rows:
            blocks = vault.execute(
                "SELECT block, data FROM file_blocks WHERE file = ? ORDER BY block", (number,)
            ).fetchall()
            for block, data in blocks:
                assert isinstance(data, bytes)
                self.require_block(node, str(name), int(str(block)), data)
            # The bytes of a large one lie elsewhere.
            is_here = state in ("new", "here") and is_carried(int(str(size)))
            if is_here and len(blocks) != len(self._blocks[str(name)]):
                raise BrokenInvariant(S3, f"{name!r} is told whole and is not", node)
            if gone:
                raise BrokenInvariant(S12, f"{name!r} is kept, and its item is gone: {gone}", node)
            self.whole_count += is_here and state == "here" and not is_mine
        for table in PARTS:
            left = vault.execute(
                f"SELECT count(*) FROM {table} WHERE file NOT IN (SELECT number FROM files)"  # noqa: S608 (ours)
            ).fetchone()
            if left is not None and left[0]:
                raise BrokenInvariant(S12, f"rows of a deleted file are left in {table}", node)


def _has_tables(vault: Connection) -> bool:
    """Say whether the vault of a node was ever made."""
    found = vault.execute("SELECT count(*) FROM sqlite_master WHERE name = 'files'").fetchone()
    return found is not None and bool(found[0])


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
