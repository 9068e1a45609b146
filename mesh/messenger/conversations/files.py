"""Files as they are here: what is expected of them, what came, and what goes.

Implements `docs/protocol/files.md`, section "Receiving". A block that comes is checked by itself;
so nothing false is ever kept, and a file goes on after a restart where it was. How files are posted
is in `file_posting.py`, what a person asks of one in `file_commands.py`, and what members of groups
tell each other of them in `groups/group_files.py`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from mesh.content.file import File
from mesh.content.file_tree import blocks_count, check_block, is_carried, path_bytes
from mesh.errors import PeerError
from mesh.events import FileChanged
from mesh.ids import ConversationId, Instant, MessageId, UnixSeconds, VerifyKey, direct_conversation
from mesh.limits.files import (
    FILE_GIVEN_UP_SECONDS,
    FILE_WANTED_MAX,
    FILES_EXPECTED_MAX,
    FILES_EXPECTED_OF_AUTHOR_MAX,
    FILES_EXPECTED_OF_CONVERSATION_MAX,
    FILES_FETCHED_KIB_PER_DAY_MAX,
    MEMBER_POSTINGS_MAX,
)
from mesh.messenger.account import Account
from mesh.messenger.conversations.direct_files import DirectFiles, first_state
from mesh.messenger.conversations.file_answers import FileAnswers
from mesh.messenger.feature import Feature, ReceivedControl
from mesh.messenger.sessions.retirements import Retirements
from mesh.messenger.sessions.tag_index import OfFile, TagIndex
from mesh.messenger.sessions.transit import Transit
from mesh.ratchet.sealed_block import block_key_of, block_tag_of, open_block
from mesh.ratchet.sealed_message import read_token_of
from mesh.storage.vault.files import FileRow, FileState, PostingRow
from mesh.storage.vault.group_files import MemberPostingRow
from mesh.storage.vault.rows import ContactRow, EntryRow
from mesh.storage.vault.vault import Vault
from mesh.wire.controls import FILE_POSTED
from mesh.wire.envelope import SECONDS_PER_DAY, Envelope
from mesh.wire.file_controls import decode_posted

_COUNTS: Final = 1 << 16
"""A mark holds the day and the count of that day in one number."""


class Files:
    """All files of this profile. The tags of unfinished ones are in the index, as the rows say."""

    def __init__(
        self, account: Account, *, tag_index: TagIndex, transit: Transit, retirements: Retirements
    ) -> None:
        self._vault = account.vault
        self.rows = account.vault.files
        self.blocks = account.vault.blocks
        self._of_members = account.vault.group_files
        self.direct = DirectFiles(account)
        self.answers = FileAnswers(account)
        self._entries = account.vault.entries
        self._outbox = account.vault.outbox
        self._conversations = account.vault.conversations
        self._people = account.vault.contacts
        self._pending_events = account.pending_events
        self._tag_index = tag_index
        self._transit = transit
        self._retirements = retirements
        self.bound_to: Callable[[EntryRow], bytes] = lambda _: b""
        """The key of who wrote an entry of a group, which stands behind all postings of its files;
        nothing elsewhere. Else a member could claim the blocks of others for a file of his own."""

        self.whole: Callable[[FileRow, EntryRow, Instant], None] = lambda *_: None
        """Told of a file in a group that is all here."""

        for row in self.rows.unfinished():
            self._expect(row)

    def feature(self) -> Feature:
        """The word of a contact that a file was posted again."""
        return Feature(controls={FILE_POSTED: self._posted_again})

    # --- With the messages in which they stand ------------------------------------------------

    def came(self, row: EntryRow, files: Sequence[File]) -> None:
        """A text of somebody else brings these: expect their blocks, as far as there is room."""
        for place, file in enumerate(files):
            kept = self.rows.add(
                FileRow(
                    number=0,
                    entry=row.number,
                    place=place,
                    is_mine=False,
                    state=self._first_state(row, file),
                    root=file.root,
                    key=file.key,
                    size=file.size,
                    media_type=file.media_type,
                    name=file.name,
                    changed=row.received,
                    look=file.look,
                    width=file.width,
                    height=file.height,
                    duration_ms=file.duration_ms,
                    hint=file.hint,
                    preview=file.preview,
                )
            )
            if is_carried(file.size):
                posting = file.posting + self.bound_to(row)
                blocks = all_blocks(file.size)
                self.blocks.set_posting(PostingRow(kept.number, posting, blocks, 0))
                if kept.state == "fetching":
                    self._expect(kept, is_wanted=True)
            else:
                self.direct.changed(kept.number)

    def tell_changed(self, number: int) -> None:
        """Tell how far a file has come, unless it is gone; its item shows it too."""
        row = self.rows.find(number)
        if row is not None:
            self._pending_events.tell(FileChanged(self.answers.answer(row)))
            if row.entry is not None:
                self._pending_events.item_changed(row.entry)

    def withdraw(self, entry: int, now: Instant) -> None:
        """Take back with a text what of its files is on its way; no more is posted."""
        for row in self.rows.of_entry(entry):
            if is_carried(row.size):
                self.take_back(row, all_blocks(row.size), now)
            else:
                self._pending_events.file_changed(row.number)

    def take_back(self, row: FileRow, blocks: int, now: Instant) -> None:
        """None of these blocks stays on the mesh that is not known to be opened."""
        for envelope in self.blocks.envelopes(row.number, blocks):
            kept = self._outbox.find(envelope)
            if kept is not None:
                self._retirements.withdrawn(kept.id, kept.withdraw_token, now=now)
                self._transit.let_go(kept)

    def erase_all(self, conversation: ConversationId, entries: Sequence[int]) -> None:
        """Many entries of a conversation go, and their files with them."""
        with_files = self.rows.entries_with_files(conversation)
        gone = frozenset(entries)
        for entry in with_files:
            if entry in gone:
                self.erase(entry)

    def erase(self, entry: int) -> None:
        """The words of an entry go, and its files with them: bytes and keys."""
        for row in self.rows.of_entry(entry):
            self._forget_tags(row)
            self.rows.delete(row.number)

    # --- What comes ---------------------------------------------------------------------------

    def block_came(self, number: int, index: int, envelope: Envelope, now: Instant) -> None:
        """An envelope under a tag of a file came; PeerError if it holds no block of it."""
        row = self.rows.find(number)
        if row is None or row.state != "fetching":
            return
        posting = self._find_posting(row, index, envelope)
        if posting is None:
            return
        entry = self._entries.message(row.entry or 0)
        contact = self._contact_of(entry)
        if contact is not None and contact.is_blocked:
            raise PeerError("mail of somebody who is blocked")
        key = block_key_of(row.key, posting, index)
        content = open_block(key, envelope.body, associated=envelope.header_bytes)
        path_end = path_bytes(row.size, index)
        path, block = content[:path_end], content[path_end:]
        check_block(row.root, row.size, index, path, block)
        self._tag_index.forget(
            block_tag_of(row.key, each, index) for each, _ in self._postings(row)
        )
        if contact is None:
            # Others may still need it: in a group nobody tells that it was opened.
            self.blocks.add(number, index, block)
        else:
            token = read_token_of(key)
            self.blocks.add(number, index, block, envelope=envelope.id, token=token)
        if row.asked_count >= FILE_WANTED_MAX:
            self.rows.set_asked(number, row.asked_count, now.mesh)
        if self.blocks.here(number) == all_blocks(row.size):
            self._is_whole(row, entry, now)
        self._pending_events.file_changed(number)

    def _is_whole(self, row: FileRow, entry: EntryRow, now: Instant) -> None:
        self.rows.set_state(row.number, "here")
        self._of_members.drop_postings(row.number)
        for id_, read_token in self.blocks.take_envelopes(row.number):
            self._retirements.opened(id_, read_token, now=now)
        if self._contact_of(entry) is None:
            self.whole(row, entry, now)

    def _posted_again(self, control: ReceivedControl, _now: Instant) -> None:
        """They posted what is missing of a file of theirs under other tags."""
        posted = decode_posted(control.data)
        row = self.find_named(
            direct_conversation(control.contact.id), posted.wanted.entry, posted.wanted.place
        )
        if row is None or not _is_awaited(row):
            raise PeerError("a word about a file that is not expected")
        self._forget_tags(row)
        blocks = posted.wanted.blocks & all_blocks(row.size)
        self.blocks.set_posting(PostingRow(row.number, posted.posting, blocks, 0, is_again=True))
        if row.state == "fetching":
            self._expect(row, is_wanted=True)

    def posted_by_member(
        self, row: FileRow, member: VerifyKey, posting: bytes, blocks: int, told: UnixSeconds
    ) -> None:
        """A member posted blocks of a file under other tags, beside whoever else did.

        What others posted stays expected: else one who posts nothing could hide what they did.
        """
        if not _is_awaited(row) or not is_carried(row.size):
            return
        self._forget_tags(row)
        others = [one for one in self._of_members.postings(row.number) if one.member != member]
        for oldest in others[: max(0, len(others) + 1 - MEMBER_POSTINGS_MAX)]:
            self._of_members.drop_posting(row.number, oldest.member)
        blocks &= all_blocks(row.size)
        self._of_members.put_posting(MemberPostingRow(row.number, member, posting, blocks, told))
        if row.state == "fetching":
            self._expect(row, is_wanted=True)

    def find_named(self, conversation: ConversationId, entry: bytes, place: int) -> FileRow | None:
        """The file that a control names, in a conversation."""
        about = self._entries.find_by_id(conversation, MessageId(entry))
        return None if about is None else self.rows.find_at(about.number, place)

    # --- What a person asks -------------------------------------------------------------------

    def fetch(self, row: FileRow) -> None:
        """Expect the blocks of a carried file that was paused, cancelled or never begun."""
        self.rows.set_state(row.number, "fetching")
        # Whatever was not answered before may be asked for again.
        self.rows.set_asked(row.number, 0, row.changed)
        self._expect(row, is_wanted=True)
        self._pending_events.file_changed(row.number)

    def stop(self, row: FileRow, state: FileState) -> None:
        """Expect no more blocks of a carried file."""
        self._forget_tags(row)
        self.rows.set_state(row.number, state)
        self._pending_events.file_changed(row.number)

    def give_up(self, row: FileRow, now: Instant) -> None:
        """Expect no more of a file that is not asked for any more, if nothing came for long."""
        if now.mesh >= row.changed + FILE_GIVEN_UP_SECONDS:
            self.stop(row, "paused")

    # --- Below --------------------------------------------------------------------------------

    def _first_state(self, row: EntryRow, file: File) -> FileState:
        contact = self._contact_of(row)
        of_all, of_one, of_author = self.rows.unfinished_counts(
            row.conversation, row.author, is_carried=is_carried(file.size)
        )
        is_full = (
            of_all >= FILES_EXPECTED_MAX
            or of_one >= FILES_EXPECTED_OF_CONVERSATION_MAX
            or (contact is None and of_author >= FILES_EXPECTED_OF_AUTHOR_MAX)
        )
        # Of who waits apart, or was out of the group, nothing is fetched.
        is_apart = row.is_apart if contact is None else contact.is_request
        if is_full or is_apart:
            return "paused"
        if not is_carried(file.size):
            return first_state(file.size)
        whose = f"author {row.author}" if contact is None else f"{contact.id}"
        is_granted = is_within_day(
            self._vault,
            f"KiB of files fetched {whose}",
            -(-file.size // 1024),
            most=FILES_FETCHED_KIB_PER_DAY_MAX,
            day=row.received // SECONDS_PER_DAY,
        )
        return "fetching" if is_granted else "paused"

    def _contact_of(self, row: EntryRow) -> ContactRow | None:
        """The other side of two; None in a group."""
        contact = self._conversations.conversation(row.conversation).contact
        return None if contact is None else self._people.contact(contact)

    def _postings(self, row: FileRow) -> Iterator[tuple[bytes, int]]:
        """The postings under which blocks of a file may come, each with the bits of those."""
        posting = self.blocks.find_posting(row.number)
        if posting is not None:
            yield posting.posting, posting.blocks
        for one in self._of_members.postings(row.number):
            yield one.posting, one.blocks

    def _find_posting(self, row: FileRow, index: int, envelope: Envelope) -> bytes | None:
        """The posting to which an envelope belongs."""
        for posting, _ in self._postings(row):
            if block_tag_of(row.key, posting, index) == envelope.header.tag:
                return posting
        return None

    def _expect(self, row: FileRow, *, is_wanted: bool = False) -> None:
        """Expect what is missing of a file; `is_wanted`: it may be in the store already."""
        here = self.blocks.here(row.number)
        for posting, blocks in self._postings(row):
            tags = [
                (index, block_tag_of(row.key, posting, index)) for index in places(blocks & ~here)
            ]
            self._tag_index.expect(OfFile(row.number), tags, is_wanted=is_wanted)

    def _forget_tags(self, row: FileRow) -> None:
        if row.is_mine:
            return
        for posting, blocks in self._postings(row):
            self._tag_index.forget(
                block_tag_of(row.key, posting, index) for index in places(blocks)
            )


def _is_awaited(row: FileRow) -> bool:
    return not row.is_mine and row.state in ("fetching", "paused", "cancelled")


def is_within_day(vault: Vault, name: str, count: int, *, most: int, day: int) -> bool:
    """Say whether so many more are within what a day allows, and count them then."""
    counted, before = divmod(vault.mark(name), _COUNTS)
    count += before if counted == day else 0
    if count > most:
        return False
    vault.set_mark(name, day * _COUNTS + count)
    return True


def all_blocks(size: int) -> int:
    """Return the bits of all blocks of a file."""
    return (1 << blocks_count(size)) - 1


def places(bits: int) -> list[int]:
    """Return the places of the bits that are set."""
    return [index for index in range(bits.bit_length()) if bits >> index & 1]
