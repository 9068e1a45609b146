"""Commands about files: to hand one over, to read, fetch, pause and cancel it.

Implements `docs/protocol/files.md`, section "Receiving".
"""

from mesh.commands.files import (
    AddFile,
    AddLargeFile,
    AskFile,
    AskFileBlock,
    AskFilePreview,
    CancelFile,
    FetchFile,
    FileAnswer,
    FileBlockAnswer,
    FilePlaceAnswer,
    PauseFile,
)
from mesh.content.file_tree import is_carried, leaf_of, root_of, split_blocks
from mesh.errors import UserError
from mesh.ids import Instant
from mesh.limits.files import CARRIED_BYTES_MAX, UPLOADS_KEPT_SECONDS
from mesh.messenger.account import Account
from mesh.messenger.conversations.direct_files import check_handed_over
from mesh.messenger.conversations.file_answers import LOOKS, preview_of
from mesh.messenger.conversations.files import Files
from mesh.messenger.feature import Feature, command
from mesh.storage.vault.files import FileRow, FileState


class FileCommands:
    """The commands about files, and the end of those that were handed over in vain."""

    def __init__(self, account: Account, files: Files) -> None:
        self._rows = account.vault.files
        self._blocks = account.vault.blocks
        self._pending_events = account.pending_events
        self._files = files
        self._direct = files.direct
        self._answer = files.answers.answer

    def feature(self) -> Feature:
        """All of them."""
        return Feature(
            commands=[
                command(AddFile, self._add),
                command(AddLargeFile, self._add_large),
                command(AskFile, lambda asked, _: self._answer(self._find(asked.file))),
                command(AskFileBlock, lambda asked, _: self._block(asked)),
                command(AskFilePreview, lambda asked, _: preview_of(self._find(asked.file))),
                command(FetchFile, lambda asked, _: self._fetch(asked)),
                command(PauseFile, lambda asked, _: self._pause(asked)),
                command(CancelFile, lambda asked, _: self._cancel(asked)),
            ],
            cleanups=[self._forget_handed_over],
        )

    def _add(self, asked: AddFile, now: Instant) -> FileAnswer:
        if not is_carried(len(asked.data)):
            raise UserError(
                "too-large",
                f"A file has at most {CARRIED_BYTES_MAX} bytes.",
                bytes_max=CARRIED_BYTES_MAX,
            )
        check_handed_over(self._rows, asked.name, asked.media_type)
        blocks = split_blocks(asked.data)
        leaves = [leaf_of(index, block) for index, block in enumerate(blocks)]
        row = self._rows.add(
            FileRow(
                number=0,
                entry=None,
                place=0,
                is_mine=True,
                state="new",
                root=root_of(len(asked.data), leaves),
                key=b"",
                size=len(asked.data),
                media_type=asked.media_type,
                name=asked.name,
                changed=now.expiry,
                look=LOOKS.index(asked.shown.look),
                width=asked.shown.width,
                height=asked.shown.height,
                duration_ms=asked.shown.duration_ms,
                hint=asked.shown.hint,
                preview=asked.shown.preview,
            )
        )
        for index, block in enumerate(blocks):
            self._blocks.add(row.number, index, block)
        return self._answer(row)

    def _add_large(self, asked: AddLargeFile, now: Instant) -> FileAnswer:
        return self._answer(self._direct.add(asked, now))

    def _block(self, asked: AskFileBlock) -> FileBlockAnswer | FilePlaceAnswer:
        row = self._find(asked.file)
        if not is_carried(row.size):
            return FilePlaceAnswer(place=self._direct.place(row))
        data = self._blocks.find(row.number, asked.block)
        if row.state not in ("new", "later", "here") or data is None:
            raise UserError("not-whole", f"The file {asked.file} is not all here.")
        return FileBlockAnswer(data=data)

    def _fetch(self, asked: FetchFile) -> FileAnswer:
        row = self._find(asked.file)
        if not is_carried(row.size):
            self._direct.fetch(row)
        elif row.state in ("paused", "cancelled"):
            self._files.fetch(row)
        return self._answer(self._find(asked.file))

    def _pause(self, asked: PauseFile) -> FileAnswer:
        return self._stop(self._find(asked.file), "paused")

    def _cancel(self, asked: CancelFile) -> FileAnswer:
        row = self._find(asked.file)
        if row.state == "new":
            self._rows.delete(row.number)
            return self._answer(row)
        answer = self._stop(row, "cancelled")
        if answer.state == "cancelled":
            self._blocks.forget(row.number)
        return self._answer(self._find(asked.file))

    def _stop(self, row: FileRow, state: FileState) -> FileAnswer:
        if not is_carried(row.size):
            self._direct.stop(row, state)
        elif row.state in ("fetching", "paused", "cancelled"):
            self._files.stop(row, state)
        return self._answer(self._find(row.number))

    def _find(self, number: int) -> FileRow:
        row = self._rows.find(number)
        if row is None:
            raise UserError("not-found", f"There is no file {number}.")
        return row

    def _forget_handed_over(self, now: Instant) -> None:
        for row in self._rows.handed_over():
            if row.changed + UPLOADS_KEPT_SECONDS <= now.expiry:
                self._rows.delete(row.number)
