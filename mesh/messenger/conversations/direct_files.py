"""Large files as they are here: where their bytes lie, what came or was given, and for whom.

Implements `docs/protocol/direct-files.md`, section "Which files". Nothing here knows of links; the
engine's part of large files (`engine/parts/direct_files.py`) asks what it may give and wants.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from mesh.commands.file_places import BlobPlace, DiskPlace
from mesh.commands.files import AddLargeFile
from mesh.content.fields import InvalidContentError, require_bytes
from mesh.content.file_tree import HashTree, blocks_count
from mesh.errors import UserError
from mesh.ids import ContactId, ConversationId, Instant, direct_conversation
from mesh.limits.content import FILE_NAME_BYTES_MAX, FILE_TYPE_BYTES_MAX
from mesh.limits.direct_files import FILE_BEGUN_BYTES_MAX
from mesh.limits.files import UPLOADS_MAX
from mesh.messenger.account import Account
from mesh.storage.vault.files import FileRow, FileRows, FileState
from mesh.storage.vault.rows import OTHER_SIDE

_NAME_BYTES: Final = 16
_KEY_BYTES: Final = 32
_STOPPED: Final = ("paused", "cancelled", "waits", "no-room")


def first_state(size: int) -> FileState:
    """Return the state of a file that comes with a text, where nothing else stands against it."""
    return "waits" if size > FILE_BEGUN_BYTES_MAX else "fetching"


def check_handed_over(files: FileRows, name: str, media_type: str) -> None:
    """Raise UserError unless a file that is called so may be handed over now."""
    try:
        require_bytes(name, FILE_NAME_BYTES_MAX, least=1)
        require_bytes(media_type, FILE_TYPE_BYTES_MAX)
    except (InvalidContentError, UnicodeEncodeError):
        raise UserError(
            "bad-content",
            f"A file has a name of at most {FILE_NAME_BYTES_MAX} bytes, and a media type of at "
            f"most {FILE_TYPE_BYTES_MAX}.",
        ) from None
    if len(files.handed_over()) >= UPLOADS_MAX:
        raise UserError(
            "too-many",
            f"{UPLOADS_MAX} files were handed over and stand in no message; send or cancel "
            "some of them.",
        )


class DirectFiles:
    """All large files of this profile."""

    def __init__(self, account: Account) -> None:
        self.rows = account.vault.direct_files
        self._files = account.vault.files
        self._entropy = account.entropy
        self._pending_events = account.pending_events
        self.in_groups: Callable[[ContactId], Iterable[tuple[ConversationId, int]]] = lambda _: ()
        """The groups of which a contact is known to be a member, with his number as an author."""

        self.whole: Callable[[FileRow, Instant], None] = lambda *_: None
        """Told of a file of somebody else that is all here."""

    def place(self, row: FileRow) -> BlobPlace | DiskPlace:
        """Return where the bytes of a whole file lie; UserError if it is not whole."""
        found = self.rows.find(row.number)
        is_whole = row.state in ("new", "later", "here") or (row.is_mine and row.state == "paused")
        if found is None or not is_whole:
            raise UserError("not-whole", f"The file {row.number} is not all here.")
        return found.place(row.size)

    # --- What a person asks -------------------------------------------------------------------

    def add(self, asked: AddLargeFile, now: Instant) -> FileRow:
        """Take a large file that a person hands over."""
        check_handed_over(self._files, asked.name, asked.media_type)
        row = self._files.add(
            FileRow(
                number=0,
                entry=None,
                place=0,
                is_mine=True,
                state="new",
                root=HashTree(asked.place.size, asked.leaves).root,
                key=b"",
                size=asked.place.size,
                media_type=asked.media_type,
                name=asked.name,
                changed=now.expiry,
            )
        )
        self.rows.add(row.number, asked.place, leaves=asked.leaves)
        return row

    def copy(self, row: FileRow, to: FileRow) -> None:
        """Another file of ours lies at the same place of the disk."""
        found = self.rows.find(row.number)
        assert found is not None, "it was asked for whether it may be forwarded"
        self.rows.add(to.number, found.place(row.size), leaves=self.rows.leaves(row.number))

    def may_copy(self, row: FileRow) -> bool:
        """Say whether a file can be given by its place. Bytes that lie sealed belong to one."""
        found = self.rows.find(row.number)
        return row.is_mine and found is not None and found.path is not None

    def fetch(self, row: FileRow) -> None:
        """Have a file go on, theirs or ours."""
        if row.state not in _STOPPED:
            return
        if row.is_mine:
            if row.state == "paused":
                self.set_state(row, "here")
        else:
            self.set_state(row, "fetching")

    def stop(self, row: FileRow, state: FileState) -> None:
        """Have a file go no further; a cancelled one is not here any more."""
        if row.is_mine and row.state not in ("here", "paused"):
            return
        if not row.is_mine and row.state not in ("fetching", *_STOPPED):
            return
        if state == "cancelled":
            self.rows.forget(row.number)
        self.set_state(row, state)

    def set_state(self, row: FileRow, state: FileState) -> None:
        """A file is otherwise from now on."""
        self._files.set_state(row.number, state)
        self.changed(row.number)

    def changed(self, number: int) -> None:
        """Tell of it, the node too: from that it sees what it may give, and has to fetch."""
        self._pending_events.file_changed(number)

    # --- What the node gives and wants --------------------------------------------------------

    def offered(self, contact: ContactId) -> Sequence[FileRow]:
        """The files for which a contact may ask."""
        return self.rows.offered([one for one, _ in self._authors(contact)])

    def wanted(self, contact: ContactId) -> Sequence[FileRow]:
        """The files that are to be had of a contact, the oldest first."""
        return self.rows.wanted(self._authors(contact))

    def _authors(self, contact: ContactId) -> list[tuple[ConversationId, int]]:
        """The conversations in which a contact writes, each with his number as an author there."""
        return [(direct_conversation(contact), OTHER_SIDE), *self.in_groups(contact)]

    def begin(self, file: FileRow) -> tuple[BlobPlace, int]:
        """Return where a file of theirs is to lie, and the bits of its blocks that are there."""
        row = self.rows.find(file.number)
        if row is None:
            name, key = self._entropy.draw(_NAME_BYTES), self._entropy.draw(_KEY_BYTES)
            self.rows.add(file.number, BlobPlace(name, key, file.size))
            row = self.rows.find(file.number)
            assert row is not None
        place = row.place(file.size)
        assert isinstance(place, BlobPlace), "what comes lies in a sealed file"
        return place, int.from_bytes(row.blocks, "big")

    def note(self, number: int, blocks: int, now: Instant, *, blob: bytes | None = None) -> None:
        """Note more blocks of a file that are here, or were given; one that is whole is here.

        `blob`: the sealed file of theirs that they are in. Of a former one nothing counts.
        """
        row, found = self._files.find(number), self.rows.find(number)
        if row is None or found is None or (not row.is_mine and found.blob != blob):
            return
        blocks |= int.from_bytes(found.blocks, "big")
        self.rows.set_blocks(number, blocks.to_bytes(-(-blocks_count(row.size) // 8), "big"))
        is_whole = blocks == (1 << blocks_count(row.size)) - 1
        if not row.is_mine and row.state == "fetching" and is_whole:
            self._files.set_state(number, "here")
            self.whole(row, now)
        self._pending_events.file_changed(number)

    def ended(self, number: int, state: FileState) -> None:
        """A file cannot go on, for the reason that its state says."""
        row = self._files.find(number)
        if row is not None and row.state == ("here" if row.is_mine else "fetching"):
            self.set_state(row, state)

    def try_again(self) -> None:
        """There may be room again for what there was none."""
        for number in self.rows.stopped_for_room():
            row = self._files.find(number)
            if row is not None:
                self.set_state(row, "fetching")
