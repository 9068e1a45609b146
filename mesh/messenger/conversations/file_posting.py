"""Files of ours on their way: posted block by block, and again what a reader misses.

Implements `docs/protocol/files.md`, sections "Posting" and "Wanted and posted". Blocks are sealed
after the text in which they stand, by posting keys that sign nothing else.
"""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from mesh.content.file import File
from mesh.content.file_tree import is_carried, leaf_of, path_of, split_blocks
from mesh.errors import PeerError, UserError
from mesh.ids import Instant, MessageId, Monotonic, direct_conversation
from mesh.limits.files import (
    FILE_POST_RETRY_MS,
    FILE_WANTED_AFTER_SECONDS,
    FILE_WANTED_MAX,
    REPOSTED_BLOCKS_PER_DAY_MAX,
)
from mesh.messenger.account import Account
from mesh.messenger.conversations.files import Files, all_blocks, is_within_day, places
from mesh.messenger.conversations.outbox import Outbox
from mesh.messenger.feature import Chore, Feature, ReceivedControl
from mesh.messenger.pauses import Pause
from mesh.messenger.sessions.payloads import ONCE, keeping_for
from mesh.messenger.sessions.sealing import Sealing
from mesh.messenger.sessions.transit import ON_ITS_WAY, TAKEN_BACK, Transit
from mesh.ratchet.sealed_block import block_key_of, block_tag_of
from mesh.storage.vault.files import FileRow, PostingRow
from mesh.storage.vault.rows import ConversationRow, EntryRow
from mesh.wire.controls import FILE_POSTED, FILE_WANTED
from mesh.wire.envelope import SECONDS_PER_DAY
from mesh.wire.file_controls import POSTING_BYTES, FilePosted, FileWanted, decode_wanted

_KEY_BYTES: Final = 32


class FilePosting:
    """Posts files of ours, and asks for what is missing of theirs."""

    def __init__(
        self,
        account: Account,
        files: Files,
        sealing: Sealing,
        outbox: Outbox,
        transit: Transit,
    ) -> None:
        self._vault = account.vault
        self._rows = files.rows
        self._blocks = files.blocks
        self._entries = account.vault.entries
        self._conversations = account.vault.conversations
        self._people = account.vault.contacts
        self._entropy = account.entropy
        self._files = files
        self._sealing = sealing
        self._outbox = outbox
        self._transit = transit
        # When to look again for what waits; what a crash left waiting is looked for at once.
        self._next: Monotonic | None = Monotonic(0) if self._blocks.waiting() else None

    def feature(self) -> Feature:
        """Posting, and what is told of it."""
        return Feature(
            controls={FILE_WANTED: self._wanted},
            chores=[
                Chore(self.post_waiting),
                Chore(self._ask_for_missing, needs_steady_clock=True),
            ],
            deadline=lambda: self._next,
        )

    # --- Writing ------------------------------------------------------------------------------

    def is_same(self, number: int, file: File) -> bool:
        """Say whether a number may be that of a file with these bytes; its file may be gone."""
        row = self._rows.find(number)
        return row is None or row.root == file.root

    def describe(self, number: int) -> File:
        """Return the description of a file for one message: its key and posting are drawn now.

        UserError if it cannot be sent.
        """
        row = self._sendable(number)
        return File(
            root=row.root,
            key=self._entropy.draw(_KEY_BYTES),
            posting=self._entropy.draw(POSTING_BYTES),
            size=row.size,
            media_type=row.media_type,
            name=row.name,
            look=row.look,
            width=row.width,
            height=row.height,
            duration_ms=row.duration_ms,
            hint=row.hint,
            preview=row.preview,
        )

    def written(
        self, entry: EntryRow, numbers: Sequence[int], described: Sequence[File], now: Instant
    ) -> None:
        """A text with files was written: post these, if it goes to somebody."""
        conversation = self._conversations.conversation(entry.conversation)
        is_sent = conversation.contact is not None or conversation.kind == "group"
        for place, (named, file) in enumerate(zip(numbers, described, strict=True)):
            number = self.own(named, now).number
            self._rows.attach(number, entry=entry.number, place=place, key=file.key)
            if is_sent and is_carried(file.size):
                posting = file.posting + self._files.bound_to(entry)
                blocks = all_blocks(file.size)
                self._blocks.set_posting(PostingRow(number, posting, blocks, blocks))
            elif is_sent:
                self._files.direct.changed(number)
        if is_sent:
            self.post_waiting(now)

    def own(self, number: int, now: Instant) -> FileRow:
        """Return the file that goes with a message: what was handed over, else a copy of what
        stands in a message already. Of each its key is drawn anew, and it goes for itself.
        """
        row = self._sendable(number)
        if row.state == "new":
            return row
        copy = self._rows.add(
            replace(
                row,
                number=0,
                entry=None,
                place=0,
                is_mine=True,
                state="new",
                key=b"",
                asked_count=0,
                changed=now.expiry,
            )
        )
        if is_carried(row.size):
            self._blocks.copy(row.number, copy.number)
        else:
            self._files.direct.copy(row, copy)
        return copy

    def _sendable(self, number: int) -> FileRow:
        """The file of a number, if it was handed over or is all here; UserError if not."""
        row = self._rows.find(number)
        if row is not None and row.state == "new":
            return row
        if row is None or row.state != "here" or row.entry is None:
            raise UserError("not-found", f"There is no file {number} that can be sent.")
        if self._entries.message(row.entry).timer:
            raise UserError("not-allowed", "What disappears is not forwarded.")
        if not is_carried(row.size) and not self._files.direct.may_copy(row):
            raise UserError(
                "too-large", "A large file is not forwarded: save it, and send it from there."
            )
        return row

    # --- Posting ------------------------------------------------------------------------------

    def post_waiting(self, now: Instant) -> None:
        """Seal and post the blocks that wait, as far as posting keys are ready."""
        self._next = None
        for posting in self._blocks.waiting():
            row = self._rows.find(posting.file)
            assert row is not None, "a posting is of a file"
            entry = self._entries.message(row.entry or 0)
            conversation = self._conversations.conversation(entry.conversation)
            is_late = entry.state == "expired" and not posting.is_again
            if is_late or entry.state in TAKEN_BACK:
                self._blocks.set_waiting(row.number, 0)
                continue
            is_sealed = entry.lapses is not None or entry.state not in ON_ITS_WAY
            if not is_sealed or not self._post(row, posting, conversation, now):
                self._next = now.after(FILE_POST_RETRY_MS)

    def _post(
        self, row: FileRow, posting: PostingRow, conversation: ConversationRow, now: Instant
    ) -> bool:
        """Post what waits of one file, all of it or nothing; return whether it was."""
        contact = conversation.contact
        if contact is not None and self._people.contact(contact).is_blocked:
            return False
        data = b"".join(
            self._blocks.find(row.number, index) or b"" for index in places(all_blocks(row.size))
        )
        blocks = split_blocks(data)
        leaves = [leaf_of(index, block) for index, block in enumerate(blocks)]
        indices = places(posting.waiting)
        sealed = self._sealing.seal_blocks(
            [
                (
                    block_key_of(row.key, posting.posting, index),
                    block_tag_of(row.key, posting.posting, index),
                    path_of(leaves, index) + blocks[index],
                )
                for index in indices
            ],
            now.mesh,
            is_for_many=contact is None,
        )
        if not sealed:
            return False
        pause = Pause.SOON if posting.is_again else Pause.AT_ONCE
        for index, one in zip(indices, sealed, strict=True):
            self._blocks.add_envelope(one.envelope.id, row.number, index)
            self._transit.post(one, None, contact, pause=pause, now=now)
        self._blocks.set_waiting(row.number, 0)
        return True

    # --- Again --------------------------------------------------------------------------------

    def _ask_for_missing(self, now: Instant) -> None:
        """Tell who sent a file that blocks of it did not come: after a day, three times."""
        for row in self._rows.unfinished():
            is_due = now.mesh >= row.changed + FILE_WANTED_AFTER_SECONDS
            if not is_due or not is_carried(row.size):
                continue
            entry = self._entries.message(row.entry or 0)
            conversation = self._conversations.conversation(entry.conversation)
            if conversation.contact is None:
                # In a group that is another matter (`groups/group_files.py`).
                continue
            contact = self._people.contact(conversation.contact)
            is_silent = contact.is_blocked or contact.is_request
            if is_silent or row.asked_count >= FILE_WANTED_MAX:
                self._files.give_up(row, now)
                continue
            missing = all_blocks(row.size) & ~self._blocks.here(row.number)
            wanted = FileWanted(entry.id, row.place, missing)
            self._rows.set_asked(row.number, row.asked_count + 1, now.mesh)
            # Two who meet once in some weeks were apart for all of these days.
            is_last = row.asked_count + 1 == FILE_WANTED_MAX
            self._outbox.send_controls(
                contact,
                [(FILE_WANTED, wanted.encode())],
                keeping=keeping_for("30d", now.expiry) if is_last else ONCE,
                pause=Pause.LATER,
                now=now,
            )

    def _wanted(self, control: ReceivedControl, now: Instant) -> None:
        """They miss blocks of a file of ours: these are posted again, under other tags."""
        wanted = decode_wanted(control.data)
        contact = control.contact
        conversation = direct_conversation(contact.id)
        row = self._files.find_named(conversation, wanted.entry, wanted.place)
        if row is None or not row.is_mine or row.state != "here":
            raise PeerError("a file is wanted that is not here")
        # Who names a text has opened it.
        self._transit.proven_inside(contact.id, MessageId(wanted.entry), "delivered")
        if self._entries.message(row.entry or 0).state in TAKEN_BACK:
            return
        blocks = wanted.blocks & all_blocks(row.size)
        name = f"blocks posted again {contact.id}"
        day, count = now.mesh // SECONDS_PER_DAY, blocks.bit_count()
        most = REPOSTED_BLOCKS_PER_DAY_MAX
        if not blocks or not is_within_day(self._vault, name, count, most=most, day=day):
            raise PeerError("more blocks of files are wanted than are posted in a day")
        self._files.take_back(row, all_blocks(row.size), now)
        posting = self._entropy.draw(POSTING_BYTES)
        self._blocks.set_posting(PostingRow(row.number, posting, blocks, blocks, is_again=True))
        posted = FilePosted(FileWanted(wanted.entry, wanted.place, blocks), posting)
        self._outbox.send_controls(
            contact, [(FILE_POSTED, posted.encode())], pause=Pause.SOON, now=now
        )
        self.post_waiting(now)
