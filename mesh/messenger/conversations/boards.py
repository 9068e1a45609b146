"""Boards: pins, and what stands open in a conversation; its files; former versions of a text."""

from mesh.commands.item_commands import AskBoard, AskFiles, AskPins, AskVersions
from mesh.commands.items import BoardAnswer, FilesAnswer, VersionAnswer, VersionsAnswer
from mesh.content.entry import Kind
from mesh.content.text import Edit, Text
from mesh.errors import UserError
from mesh.ids import ConversationId, Instant
from mesh.limits.api import BOARD_ITEMS_MAX, NUMBER_MAX
from mesh.messenger.account import Account
from mesh.messenger.conversations.conversations import Conversations
from mesh.messenger.conversations.entries import Entries
from mesh.messenger.conversations.history import unix_seconds_of
from mesh.messenger.conversations.item_answers import ItemAnswers, marks_of
from mesh.messenger.feature import Feature, command
from mesh.storage.vault.entries import BEFORE_ALL, BEYOND_ALL, Place
from mesh.storage.vault.rows import EntryRow
from mesh.wire.payload import HLC_COUNTER_BITS


class Boards:
    """Looks for items by what they are, instead of where they stand."""

    def __init__(
        self,
        account: Account,
        *,
        conversations: Conversations,
        entries: Entries,
        answers: ItemAnswers,
    ) -> None:
        self._rows = account.vault.entries
        self._at_hand = account.vault.at_hand
        self._files = account.vault.files
        self._conversations = conversations
        self._entries = entries
        self._answers = answers

    def feature(self) -> Feature:
        """Pins, boards, files and versions."""
        return Feature(
            commands=[
                command(AskPins, self._pins),
                command(AskBoard, self._board),
                command(AskFiles, self._with_files),
                command(AskVersions, self._versions),
            ]
        )

    def _pins(self, asked: AskPins, now: Instant) -> BoardAnswer:
        conversation = self._conversations.conversation(asked.conversation).number
        before = self._before(conversation, asked.before)
        return self._page(self._at_hand.pinned(conversation, BOARD_ITEMS_MAX + 1, before))

    def _board(self, asked: AskBoard, now: Instant) -> BoardAnswer:
        conversation = self._conversations.conversation(asked.conversation).number
        before = self._before(conversation, asked.before)
        clock = now.mesh_ms << HLC_COUNTER_BITS
        return self._page(self._at_hand.opened(conversation, clock, BOARD_ITEMS_MAX + 1, before))

    def _with_files(self, asked: AskFiles, now: Instant) -> FilesAnswer:
        conversation = self._conversations.conversation(asked.conversation).number
        before = NUMBER_MAX if asked.before is None else asked.before
        numbers = self._files.newest_entries(conversation, before, asked.limit + 1)
        told = numbers[: asked.limit]
        items = [self._answers.item(self._rows.message(number)) for number in told]
        return FilesAnswer(
            # Nothing is told of the files of what an admin hid.
            items=[item for item in items if item.files],
            next_before=told[-1] if len(numbers) > asked.limit else 0,
        )

    def _before(self, conversation: ConversationId, cursor: int | None) -> Place:
        """Return the place that a page stands before."""
        if not cursor:
            return BEYOND_ALL if cursor is None else BEFORE_ALL
        row = self._rows.find(cursor)
        if row is None or row.conversation != conversation:
            raise UserError("not-found", f"There is no message {cursor} in this conversation.")
        return row.position, row.id

    def _page(self, rows: list[EntryRow]) -> BoardAnswer:
        items = [self._answers.item(row) for row in rows[:BOARD_ITEMS_MAX]]
        return BoardAnswer(items=items, has_older=len(rows) > BOARD_ITEMS_MAX)

    def _versions(self, asked: AskVersions, now: Instant) -> VersionsAnswer:
        row = self._rows.find(asked.item)
        if row is None or row.kind != Kind.TEXT:
            raise UserError("not-found", f"There is no text {asked.item}.")
        is_gone = row.gone or self._entries.find_hidden(row) is not None
        content = None if is_gone else self._entries.content(row)
        if not isinstance(content, Text):
            raise UserError("gone", f"The message {asked.item} is gone.")
        edits = self._entries.versions(row)
        versions = [self._version(row, row.clock, content.first)]
        versions += [self._version(row, clock, edit) for clock, edit in edits]
        return VersionsAnswer(versions=versions[::-1])

    def _version(self, row: EntryRow, clock: int, words: Edit) -> VersionAnswer:
        return VersionAnswer(
            text=words.text,
            marks=marks_of(words),
            at=unix_seconds_of(clock),
            author=self._answers.author(row),
        )
