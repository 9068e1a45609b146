"""Rows of the vault about large files: where their bytes lie, and which blocks are there.

The bytes lie outside the vault. Whatever deletes a row takes the key with it, and a trigger notes
it in `dropped_files`: so the sealed file goes too, and nothing more is given, however the row went.
"""

from collections.abc import Sequence
from typing import Final

from mesh.commands.file_places import BlobPlace, DiskPlace
from mesh.database import Connection
from mesh.ids import ConversationId
from mesh.limits.direct_files import FILES_OFFERED_MAX
from mesh.limits.files import CARRIED_BYTES_MAX
from mesh.storage.vault.files import FileRow
from mesh.storage.vault.rows import Row, all_of, blobs, find_one, insert, integer

DIRECT_FILES: Final = (
    # Either `blob` and `blob_key`, or `path` and `mtime_ns`. `blocks`: the bits of those that are
    # here, or, of a file of ours, of those that its reader was given.
    """
    CREATE TABLE direct_files (
        file INTEGER PRIMARY KEY REFERENCES files (number),
        blob BLOB,
        blob_key BLOB,
        path BLOB,
        mtime_ns INTEGER NOT NULL,
        blocks BLOB NOT NULL
    ) STRICT
    """,
    # The hashes of all blocks of a file of ours.
    """
    CREATE TABLE direct_leaves (
        file INTEGER PRIMARY KEY REFERENCES files (number),
        leaves BLOB NOT NULL
    ) STRICT
    """,
    "CREATE TABLE dropped_files (number INTEGER PRIMARY KEY, blob BLOB) STRICT",
    """
    CREATE TRIGGER direct_file_gone AFTER DELETE ON direct_files
    BEGIN INSERT INTO dropped_files (blob) VALUES (old.blob); END
    """,
    # What could not be had until now waits for a person.
    "UPDATE files SET state = 'waits' WHERE state = 'too-large'",
)
"""The statements that make the tables. They are part of a migration, and so never change."""

_DIRECT: Final = "SELECT file, blob, blob_key, path, mtime_ns, blocks FROM direct_files"
_COLUMNS: Final = (
    "SELECT files.number, files.entry, files.place, files.is_mine, files.state, files.root, "
    "files.key, files.size, files.media_type, files.name, files.changed, files.asked_count"
)
_FILE: Final = (
    f"{_COLUMNS} FROM direct_files JOIN files ON files.number = direct_files.file "
    "JOIN entries ON entries.number = files.entry"
)


class DirectRow(Row, frozen=True):
    """A large file that is here, or is coming."""

    file: int
    blob: bytes | None
    blob_key: bytes | None
    path: bytes | None
    mtime_ns: int
    blocks: bytes

    def place(self, size: int) -> BlobPlace | DiskPlace:
        """Return where its bytes lie."""
        if self.path is not None:
            return DiskPlace(self.path, size, self.mtime_ns)
        assert self.blob is not None
        assert self.blob_key is not None
        return BlobPlace(self.blob, self.blob_key, size)


class DirectRows:
    """All large files of this profile."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # Whether any is here; None: that is to be looked up. Most people never have one.
        self._has_any: bool | None = None

    def add(self, file: int, place: BlobPlace | DiskPlace, *, leaves: bytes = b"") -> None:
        """A large file lies there, or is to come there; `leaves` are those of a file of ours."""
        if isinstance(place, BlobPlace):
            row = DirectRow(file, place.name, place.key, None, 0, b"")
        else:
            row = DirectRow(file, None, None, place.path, place.mtime_ns, b"")
        self._has_any = True
        insert(self._connection, "direct_files", row)
        if leaves:
            self._connection.execute("INSERT INTO direct_leaves VALUES (?, ?)", (file, leaves))

    def find(self, file: int) -> DirectRow | None:
        return find_one(self._connection.execute(f"{_DIRECT} WHERE file = ?", (file,)), DirectRow)

    def leaves(self, file: int) -> bytes:
        """Return the hashes of all blocks of a file of ours, one behind the other."""
        found = blobs(
            self._connection.execute("SELECT leaves FROM direct_leaves WHERE file = ?", (file,))
        )
        return found[0] if found else b""

    def set_blocks(self, file: int, blocks: bytes) -> None:
        """Note which blocks are here, or were given."""
        self._connection.execute(
            "UPDATE direct_files SET blocks = ? WHERE file = ?", (blocks, file)
        )

    def forget(self, file: int) -> None:
        """The bytes of a file are wanted no more."""
        for table in ("direct_leaves", "direct_files"):
            self._connection.execute(f"DELETE FROM {table} WHERE file = ?", (file,))

    def offered(self, conversations: Sequence[ConversationId]) -> list[FileRow]:
        """The newest files of ours in these conversations, for which somebody may ask."""
        found = [row for one in conversations for row in self._offered_in(one)]
        return sorted(found, key=lambda row: -row.number)[:FILES_OFFERED_MAX]

    def _offered_in(self, conversation: ConversationId) -> list[FileRow]:
        cursor = self._connection.execute(
            f"{_FILE} WHERE entries.conversation = ? AND files.is_mine = 1 "
            "AND files.state = 'here' "
            "AND entries.state NOT IN ('withdrawn', 'delivered-then-withdrawn') "
            "ORDER BY files.number DESC LIMIT ?",
            (conversation, FILES_OFFERED_MAX),
        )
        return all_of(cursor, FileRow)

    def wanted(self, authors: Sequence[tuple[ConversationId, int]]) -> list[FileRow]:
        """The files that are to be had of who is these authors, the oldest first."""
        found = [row for conversation, one in authors for row in self._wanted_of(conversation, one)]
        return sorted(found, key=lambda row: row.number)[:FILES_OFFERED_MAX]

    def _wanted_of(self, conversation: ConversationId, author: int) -> list[FileRow]:
        cursor = self._connection.execute(
            f"{_COLUMNS} FROM files JOIN entries ON entries.number = files.entry "
            "WHERE files.state = 'fetching' AND files.size > ? AND entries.conversation = ? "
            "AND entries.author = ? AND files.is_mine = 0 ORDER BY files.number LIMIT ?",
            (CARRIED_BYTES_MAX, conversation, author, FILES_OFFERED_MAX),
        )
        return all_of(cursor, FileRow)

    def stopped_for_room(self) -> list[int]:
        """Files that the disk had no room for."""
        cursor = self._connection.execute(
            "SELECT file FROM direct_files JOIN files ON number = file WHERE state = 'no-room' "
            "ORDER BY file"
        )
        return [number for (number,) in cursor.fetchall() if isinstance(number, int)]

    def blobs(self) -> frozenset[bytes]:
        """The names of all sealed files that are wanted."""
        return frozenset(
            blobs(self._connection.execute("SELECT blob FROM direct_files WHERE blob IS NOT NULL"))
        )

    def take_dropped(self) -> list[bytes | None]:
        """The files that went since the last call: of each the name of its sealed file, if it had
        one. It is called inside no savepoint.
        """
        if self._has_any is False:
            return []
        rows = self._connection.execute("SELECT blob FROM dropped_files ORDER BY number").fetchall()
        if rows:
            self._connection.execute("DELETE FROM dropped_files")
        if rows or self._has_any is None:
            found = self._connection.execute("SELECT EXISTS (SELECT 1 FROM direct_files)")
            self._has_any = bool(integer(found))
        return [blob if isinstance(blob, bytes) else None for (blob,) in rows]
