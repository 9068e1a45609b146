"""Files in groups: what members miss of them, who posts it again, and who has them.

Implements `docs/protocol/files.md`, section "In groups". A file is posted once for all. Whoever has
it can post it again: so it is asked for in the group and not of its author. All wait so that one is
enough, whether they ask or answer; how long follows from the file and who waits, and nobody without
the file can find it.
"""

from typing import Final

from mesh.commands.devices import DevicesAnswer
from mesh.content.file_tree import is_carried
from mesh.crypto.hashing import blake2b
from mesh.errors import PeerError
from mesh.group.payload import FILE_POSTED, FILE_WANTED, FILE_WHOLE
from mesh.ids import (
    ContactId,
    ConversationId,
    Instant,
    MessageId,
    Monotonic,
    UnixSeconds,
    VerifyKey,
)
from mesh.limits.files import (
    FILE_GATHER_SECONDS,
    FILE_SPREAD_SECONDS_MIN,
    FILE_SPREAD_SECONDS_PER_MEMBER,
    FILE_WANTED_AFTER_SECONDS,
    FILE_WANTED_MAX,
    REPOSTED_BLOCKS_OF_GROUP_PER_DAY_MAX,
    REPOSTED_BLOCKS_PER_DAY_MAX,
)
from mesh.messenger.account import Account
from mesh.messenger.conversations.entries import Entries
from mesh.messenger.conversations.file_posting import FilePosting
from mesh.messenger.conversations.files import Files, all_blocks, is_within_day, places
from mesh.messenger.feature import Chore, Feature
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.group_receipts import is_wished
from mesh.messenger.groups.groups import Groups
from mesh.messenger.pauses import Pause
from mesh.messenger.sessions.transit import TAKEN_BACK
from mesh.storage.vault.files import FileRow, PostingRow
from mesh.storage.vault.group_files import FileWantRow
from mesh.storage.vault.rows import OURSELVES, EntryRow
from mesh.wire.envelope import SECONDS_PER_DAY
from mesh.wire.file_controls import (
    POSTING_BYTES,
    FilePosted,
    FileWanted,
    FileWhole,
    decode_posted,
    decode_wanted,
    decode_whole,
)

_DRAWN_BYTES: Final = 4
_BELIEVED_MAX: Final = 1_024
"""Members' words of postings that are remembered, each for a file of which blocks were missed."""


class GroupFiles:
    """Tells and hears what is to be said of files in groups."""

    def __init__(
        self,
        account: Account,
        *,
        groups: Groups,
        files: Files,
        file_posting: FilePosting,
        entries: Entries,
    ) -> None:
        self._vault = account.vault
        self._rows = account.vault.group_files
        self._entry_rows = account.vault.entries
        self._conversations = account.vault.conversations
        self._authors = account.vault.authors
        self._entropy = account.entropy
        self._pending_events = account.pending_events
        self._groups = groups.keepers.groups
        self._posting = groups.posting
        self._receipts = groups.receipts
        self._files = files
        self._file_posting = file_posting
        self._entries = entries
        # When something is to be posted again; what was due in the last run is looked at at once.
        self._next: Monotonic | None = Monotonic(0) if self._rows.wants() else None
        # Files of which a member said to have posted what was missed: of each that holds us once.
        self._believed: dict[tuple[int, VerifyKey], None] = {}
        files.bound_to = self._bound_to
        files.whole = self._whole
        files.answers.devices = self._devices
        files.direct.in_groups = self._groups_with
        files.direct.whole = self._large_whole
        groups.inbox.controls.update(
            {
                FILE_WANTED: self._wanted,
                FILE_POSTED: self._posted,
                FILE_WHOLE: self._whole_there,
            }
        )

    def feature(self) -> Feature:
        """Asking, and posting what was asked for."""
        return Feature(
            chores=[
                Chore(self._wait),
                Chore(self._post_due, needs_steady_clock=True),
                Chore(self._ask_for_missing, needs_steady_clock=True),
            ],
            deadline=lambda: self._next,
        )

    def _bound_to(self, entry: EntryRow) -> bytes:
        rules = self._entries.rules.find_group(entry.conversation)
        return b"" if rules is None else rules.key_of(entry.author)

    # --- What is missing here -----------------------------------------------------------------

    def _ask_for_missing(self, now: Instant) -> None:
        """Tell the members that blocks of a file did not come: after a day, three times."""
        controls: dict[Group, list[tuple[int, bytes]]] = {}
        for row in self._files.rows.unfinished():
            entry = self._entry_rows.message(row.entry or 0)
            is_of_two = self._conversations.conversation(entry.conversation).contact is not None
            if is_of_two or not is_carried(row.size):
                continue
            group = self._groups.find(entry.conversation)
            if group is None or group.row.state != "in" or row.asked_count >= FILE_WANTED_MAX:
                self._files.give_up(row, now)
                continue
            pause_s = FILE_WANTED_AFTER_SECONDS + _drawn(group, row, row.asked_count)
            if now.mesh < row.changed + pause_s:
                continue
            self._files.rows.set_asked(row.number, row.asked_count + 1, now.mesh)
            missing = all_blocks(row.size) & ~self._files.blocks.here(row.number)
            wanted = FileWanted(entry.id, row.place, missing)
            controls.setdefault(group, []).append((FILE_WANTED, wanted.encode()))
        for group, told in controls.items():
            self._posting.note(group, told, pause=Pause.LATER, now=now)

    def _posted(self, group: Group, member: VerifyKey, data: bytes, now: Instant) -> None:
        """A member posted blocks of a file again, whether we miss them or were to do so."""
        posted = decode_posted(data)
        row = self._find(group, posted.wanted)
        if row is None:
            return
        blocks = posted.wanted.blocks
        posting = posted.posting + self._bound_to(self._entry_rows.message(row.entry or 0))
        self._files.posted_by_member(row, member, posting, blocks, now.mesh)
        want = self._rows.find_want(row.number)
        if want is None or (row.number, member) in self._believed:
            return
        if len(self._believed) >= _BELIEVED_MAX:
            del self._believed[next(iter(self._believed))]
        self._believed[row.number, member] = None
        if left := want.blocks & ~blocks:
            self._rows.put_want(FileWantRow(row.number, left, want.due))
        else:
            self._rows.drop_want(row.number)

    # --- What others miss ---------------------------------------------------------------------

    def _wanted(self, group: Group, member: VerifyKey, data: bytes, now: Instant) -> None:
        """A member misses blocks of a file."""
        wanted = decode_wanted(data)
        row = self._find(group, wanted)
        if row is None:
            return
        blocks = wanted.blocks & all_blocks(row.size)
        name = f"blocks wanted by {group.people[member].number} of group {group.conversation}"
        day, count = now.mesh // SECONDS_PER_DAY, blocks.bit_count()
        most = REPOSTED_BLOCKS_PER_DAY_MAX
        if not blocks or not is_within_day(self._vault, name, count, most=most, day=day):
            raise PeerError("more blocks of files are wanted than are posted in a day")
        if row.state == "here":
            before = self._rows.find_want(row.number)
            due = UnixSeconds(now.mesh + self._pause_s(group, row, now))
            if before is not None:
                blocks, due = blocks | before.blocks, min(due, before.due)
            self._rows.put_want(FileWantRow(row.number, blocks, due))
            self._plan(now)
        elif (
            row.state == "fetching"
            and row.asked_count < FILE_WANTED_MAX
            and not self._missing(row) & ~blocks
        ):
            # It is asked for: that is as good as our own word.
            self._files.rows.set_asked(row.number, row.asked_count + 1, now.mesh)

    def _pause_s(self, group: Group, row: FileRow, now: Instant) -> int:
        """Return after how many seconds we post what somebody misses. Its author comes first."""
        if row.is_mine:
            return FILE_GATHER_SECONDS
        author = VerifyKey(self._bound_to(self._entry_rows.message(row.entry or 0)))
        person = group.people.get(author)
        is_near = (
            person is not None
            and author in group.members
            and now.mesh - person.heard < FILE_WANTED_AFTER_SECONDS
        )
        first_s = FILE_WANTED_AFTER_SECONDS if is_near else FILE_GATHER_SECONDS
        return first_s + _drawn(group, row)

    def _wait(self, now: Instant) -> None:
        """Wait for a steady clock: all chores are done again when it is one."""
        self._next = None

    def _post_due(self, now: Instant) -> None:
        """Post again what members miss, and tell it."""
        due = [want for want in self._rows.wants() if want.due <= now.mesh]
        for want in due:
            self._rows.drop_want(want.file)
            self._post(want, now)
        self._plan(now)
        if due:
            self._file_posting.post_waiting(now)

    def _post(self, want: FileWantRow, now: Instant) -> None:
        row = self._files.rows.find(want.file)
        assert row is not None, "with a file goes what is wanted of it"
        entry = self._entry_rows.message(row.entry or 0)
        group = self._groups.find(entry.conversation)
        if group is None or group.row.state != "in" or self._entries.find_hidden(entry) is not None:
            return
        if entry.state in TAKEN_BACK:
            return
        name = f"blocks posted again in group {group.conversation}"
        day, count = now.mesh // SECONDS_PER_DAY, want.blocks.bit_count()
        most = REPOSTED_BLOCKS_OF_GROUP_PER_DAY_MAX
        if row.state != "here" or not is_within_day(self._vault, name, count, most=most, day=day):
            return
        self._files.take_back(row, want.blocks, now)
        posting = self._entropy.draw(POSTING_BYTES)
        bound = posting + self._bound_to(entry)
        self._files.blocks.set_posting(
            PostingRow(row.number, bound, want.blocks, want.blocks, is_again=True)
        )
        posted = FilePosted(FileWanted(entry.id, row.place, want.blocks), posting)
        self._posting.note(group, [(FILE_POSTED, posted.encode())], pause=Pause.SOON, now=now)

    def _plan(self, now: Instant) -> None:
        """See when the next one is due."""
        wants = self._rows.wants()
        self._next = now.after(max(0, wants[0].due - now.mesh) * 1_000) if wants else None

    # --- Large ones ---------------------------------------------------------------------------

    def _groups_with(self, contact: ContactId) -> list[tuple[ConversationId, int]]:
        """The groups of which a contact is known to be a member, with his number as an author."""
        found = []
        for group in self._groups.all:
            for key in group.members if group.row.state == "in" else ():
                if group.people[key].contact == contact:
                    author = self._authors.find(group.conversation, key)
                    # Of who wrote nothing there is nothing to be had.
                    number = OURSELVES if author is None else author.number
                    found.append((group.conversation, number))
        return found

    def _large_whole(self, row: FileRow, now: Instant) -> None:
        self._whole(row, self._entry_rows.message(row.entry or 0), now)

    # --- Who has it ---------------------------------------------------------------------------

    def _whole(self, row: FileRow, entry: EntryRow, now: Instant) -> None:
        """A file is all here: its author learns it once nothing of the same text is fetched."""
        group = self._groups.find(entry.conversation)
        files = self._files.rows.of_entry(entry.number)
        if (
            group is None
            or not self._receipts.tells(group)
            or any(one.state == "fetching" for one in files)
        ):
            return
        whole = sum(1 << one.place for one in files if one.state == "here")
        if self._bound_to(entry) in group.members:
            word = FileWhole(entry.id, whole)
            self._posting.note(group, [(FILE_WHOLE, word.encode())], pause=Pause.LATER, now=now)

    def _whole_there(self, group: Group, member: VerifyKey, data: bytes, now: Instant) -> None:
        """A member has all of files, which concerns us if they are ours."""
        whole = decode_whole(data)
        entry = self._entry_rows.find_by_id(group.conversation, MessageId(whole.entry))
        if entry is None or entry.author != OURSELVES:
            return
        for place in places(whole.places):
            row = self._files.rows.find_at(entry.number, place)
            if row is not None and self._rows.add_holder(row.number, member):
                self._pending_events.file_changed(row.number)

    def _devices(self, row: FileRow) -> DevicesAnswer | None:
        entry = None if row.entry is None else self._entry_rows.find(row.entry)
        rules = None if entry is None else self._entries.rules.find_group(entry.conversation)
        if entry is None or rules is None:
            return None
        readers, holders = rules.readers(entry), self._rows.holders(row.number)
        told = sum(reader in holders for reader in readers)
        group = self._groups.find(entry.conversation)
        is_known = told > 0 or (group is not None and is_wished(group))
        return DevicesAnswer(told=told if is_known else None, of=len(readers), silent=None)

    # --- Below --------------------------------------------------------------------------------

    def _find(self, group: Group, wanted: FileWanted) -> FileRow | None:
        """The carried file that a control names, if it is here."""
        row = self._files.find_named(group.conversation, wanted.entry, wanted.place)
        return row if row is not None and is_carried(row.size) else None

    def _missing(self, row: FileRow) -> int:
        return all_blocks(row.size) & ~self._files.blocks.here(row.number)


def _drawn(group: Group, row: FileRow, asked_count: int = 0) -> int:
    """Return how many seconds we wait where any member could do the same."""
    spread_s = max(FILE_SPREAD_SECONDS_MIN, FILE_SPREAD_SECONDS_PER_MEMBER * len(group.members))
    drawn = blake2b(row.key, group.me + bytes((asked_count,)), b"mesh/file/wait", _DRAWN_BYTES)
    return int.from_bytes(drawn, "big") % spread_s
