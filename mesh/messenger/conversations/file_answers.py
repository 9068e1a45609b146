"""Answers about files: what is told of one, whichever way it goes."""

from collections.abc import Callable
from typing import Final, get_args

from mesh.commands.devices import DevicesAnswer
from mesh.commands.files import FileAnswer, FileBlockAnswer, FileLook
from mesh.content.file import Look, colours_of
from mesh.content.file_tree import blocks_count, is_carried
from mesh.errors import UserError
from mesh.messenger.account import Account
from mesh.storage.vault.files import FileRow
from mesh.storage.vault.rows import EntryRow

LOOKS: Final[tuple[FileLook, ...]] = get_args(FileLook)
"""The words for the numbers of `Look`."""


class FileAnswers:
    """Says what is known of a file."""

    def __init__(self, account: Account) -> None:
        self._rows = account.vault.files
        self._blocks = account.vault.blocks
        self._direct = account.vault.direct_files
        self.devices: Callable[[FileRow], DevicesAnswer | None] = lambda _: None
        """On how many members' devices a file of ours is; None where there are no members."""

    def of_item(self, row: EntryRow) -> list[FileAnswer]:
        """Return what is told of the files of an item."""
        return [self.answer(one) for one in self._rows.of_entry(row.number)]

    def answer(self, row: FileRow) -> FileAnswer:
        """Return what is told of a file."""
        here, opened = self._counts(row) if is_carried(row.size) else self._direct_counts(row)
        devices = self.devices(row) if row.is_mine else None
        return FileAnswer(
            number=row.number,
            item=row.entry or 0,
            is_mine=row.is_mine,
            name=row.name,
            media_type=row.media_type,
            size=row.size,
            state=row.state,
            blocks_count=blocks_count(row.size),
            here_count=here,
            # What one was given of many says nothing.
            opened_count=opened if devices is None else 0,
            look=look_of(row),
            width=row.width,
            height=row.height,
            duration_ms=row.duration_ms,
            peaks=list(row.hint) if row.look == Look.VOICE else [],
            colours=colours_of(row.hint) if row.look == Look.PICTURE else [],
            has_preview=bool(row.preview),
            is_direct=not is_carried(row.size),
            devices=devices,
        )

    def _counts(self, row: FileRow) -> tuple[int, int]:
        """Of a carried file: how many blocks are here, and how many its reader opened."""
        opened = self._blocks.opened_count(row.number) if row.is_mine else 0
        return self._blocks.here(row.number).bit_count(), opened

    def _direct_counts(self, row: FileRow) -> tuple[int, int]:
        """Of a large file: how many blocks are here, and how many its reader was given."""
        found = self._direct.find(row.number)
        count = 0 if found is None else int.from_bytes(found.blocks, "big").bit_count()
        if not row.is_mine:
            return count, 0
        is_whole = row.state != "lost" and found is not None
        return blocks_count(row.size) if is_whole else 0, count


def look_of(row: FileRow) -> FileLook:
    """Return how a file is shown; in a way that is not known: as a file."""
    return LOOKS[row.look] if row.look < len(LOOKS) else "file"


def preview_of(row: FileRow) -> FileBlockAnswer:
    """Return the preview of a file; UserError if it has none."""
    if not row.preview:
        raise UserError("not-found", f"The file {row.number} has no preview.")
    return FileBlockAnswer(data=row.preview)
