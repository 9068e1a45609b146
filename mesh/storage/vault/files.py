"""Rows of the vault about files: what they are, what of them is here, and what is on its way."""

from typing import Final, Literal

from mesh.database import Connection
from mesh.ids import ConversationId, EnvelopeId, UnixSeconds
from mesh.limits.files import CARRIED_BYTES_MAX
from mesh.storage.vault.rows import (
    Row,
    all_of,
    blobs,
    find_one,
    insert,
    insert_numbered,
    integer,
    integers,
)

FILES: Final = (
    # `entry` is NULL while a file was handed over and stands in no message yet.
    """
    CREATE TABLE files (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        entry INTEGER REFERENCES entries (number),
        place INTEGER NOT NULL,
        is_mine INTEGER NOT NULL,
        state TEXT NOT NULL,
        root BLOB NOT NULL,
        key BLOB NOT NULL,
        size INTEGER NOT NULL,
        media_type TEXT NOT NULL,
        name TEXT NOT NULL,
        changed INTEGER NOT NULL,
        asked_count INTEGER NOT NULL
    ) STRICT
    """,
    "CREATE UNIQUE INDEX files_by_entry ON files (entry, place) WHERE entry IS NOT NULL",
    "CREATE INDEX files_unfinished ON files (number) WHERE state = 'fetching'",
    "CREATE INDEX files_handed_over ON files (changed) WHERE entry IS NULL",
    # What of a file is here. The envelope that brought a block is retired once the file is whole.
    """
    CREATE TABLE file_blocks (
        number INTEGER PRIMARY KEY,
        file INTEGER NOT NULL REFERENCES files (number),
        block INTEGER NOT NULL,
        data BLOB NOT NULL,
        envelope BLOB,
        token BLOB,
        UNIQUE (file, block)
    ) STRICT
    """,
    # The newest posting of a file. `waiting`: bits of the blocks that are not sealed yet.
    """
    CREATE TABLE postings (
        file INTEGER PRIMARY KEY REFERENCES files (number),
        posting BLOB NOT NULL,
        blocks INTEGER NOT NULL,
        waiting INTEGER NOT NULL,
        is_again INTEGER NOT NULL
    ) STRICT
    """,
    "CREATE INDEX postings_waiting ON postings (file) WHERE waiting > 0",
    """
    CREATE TABLE block_envelopes (
        envelope BLOB PRIMARY KEY,
        file INTEGER NOT NULL REFERENCES files (number),
        block INTEGER NOT NULL,
        is_opened INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX block_envelopes_by_file ON block_envelopes (file)",
)
"""The statements that make the tables. They are part of a migration, and so never change."""

FILE_LOOKS: Final = (
    *(
        f"ALTER TABLE files ADD COLUMN {name} INTEGER NOT NULL DEFAULT 0"
        for name in ("look", "width", "height", "duration_ms")
    ),
    *(
        f"ALTER TABLE files ADD COLUMN {name} BLOB NOT NULL DEFAULT x''"
        for name in ("hint", "preview")
    ),
)
"""How files are shown, as their descriptions say."""

FileState = Literal[
    "new", "later", "here", "fetching", "paused", "cancelled", "waits", "no-room", "lost"
]
"""new: handed over here, in no message yet; later: in one that is to be sent later. here: all of
it. lost: of ours, and not as it was handed over any more. The others are of what somebody else
sent, `paused` and `cancelled` also of large files of ours: `waits` for a person, since it is large;
`no-room` on the disk.
"""

TABLES: Final = (
    "block_envelopes",
    "postings",
    "group_postings",
    "file_wants",
    "file_holders",
    "file_blocks",
    "direct_leaves",
    "direct_files",
)
"""The tables whose rows go before those of `files`."""

_FILE: Final = (
    "SELECT number, entry, place, is_mine, state, root, key, size, media_type, name, changed, "
    "asked_count, look, width, height, duration_ms, hint, preview FROM files"
)
_POSTING: Final = "SELECT file, posting, blocks, waiting, is_again FROM postings"


class FileRow(Row, frozen=True):
    """A file. `key` is empty until it stands in a message; `changed`: when it was handed over or
    came, or was last asked for; once it was asked for often enough, when a block of it last came.
    """

    number: int
    entry: int | None
    place: int
    is_mine: bool
    state: FileState
    root: bytes
    key: bytes
    size: int
    media_type: str
    name: str
    changed: UnixSeconds
    asked_count: int = 0
    look: int = 0
    width: int = 0
    height: int = 0
    duration_ms: int = 0
    hint: bytes = b""
    preview: bytes = b""


class PostingRow(Row, frozen=True):
    """The newest posting of a file. `is_again`: it takes the place of another one."""

    file: int
    posting: bytes
    blocks: int
    waiting: int
    is_again: bool = False


class FileRows:
    """All files of this profile."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, row: FileRow) -> FileRow:
        """Add a file; return it with its number."""
        return insert_numbered(self._connection, "files", row)

    def find(self, number: int) -> FileRow | None:
        return find_one(self._connection.execute(f"{_FILE} WHERE number = ?", (number,)), FileRow)

    def find_at(self, entry: int, place: int) -> FileRow | None:
        """The file at a place of an entry."""
        cursor = self._connection.execute(f"{_FILE} WHERE entry = ? AND place = ?", (entry, place))
        return find_one(cursor, FileRow)

    def of_entry(self, entry: int) -> list[FileRow]:
        """The files of an entry in their order."""
        cursor = self._connection.execute(f"{_FILE} WHERE entry = ? ORDER BY place", (entry,))
        return all_of(cursor, FileRow)

    def entries_with_files(self, conversation: ConversationId) -> list[int]:
        """Numbers of the entries of a conversation that have files."""
        cursor = self._connection.execute(
            "SELECT DISTINCT entries.number FROM files JOIN entries ON entries.number = "
            "files.entry WHERE entries.conversation = ? ORDER BY entries.number",
            (conversation,),
        )
        return integers(cursor)

    def newest_entries(self, conversation: ConversationId, before: int, limit: int) -> list[int]:
        """Numbers of the entries of a conversation below one that have files, the highest first."""
        # The files lead, by their entries: there are few of them beside the texts.
        cursor = self._connection.execute(
            "SELECT DISTINCT files.entry FROM files INDEXED BY files_by_entry CROSS JOIN entries "
            "ON entries.number = files.entry WHERE files.entry < ? AND entries.conversation = ? "
            "ORDER BY files.entry DESC LIMIT ?",
            (before, conversation, limit),
        )
        return integers(cursor)

    def unfinished(self) -> list[FileRow]:
        """The files of which blocks are expected, the oldest first."""
        cursor = self._connection.execute(f"{_FILE} WHERE state = 'fetching' ORDER BY number")
        return all_of(cursor, FileRow)

    def unfinished_counts(
        self, conversation: ConversationId, author: int, *, is_carried: bool
    ) -> tuple[int, int, int]:
        """Return how many those are, in all, of one conversation, and of one author there.

        Those that are carried count for themselves: a large one may never find its author.
        """
        counted = self._connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE entries.conversation = ?1), "
            "count(*) FILTER (WHERE entries.conversation = ?1 AND entries.author = ?2) "
            "FROM files JOIN entries ON entries.number = files.entry "
            "WHERE files.state = 'fetching' AND (files.size <= ?3) = ?4",
            (conversation, author, CARRIED_BYTES_MAX, is_carried),
        ).fetchone()
        assert counted is not None
        of_all, of_conversation, of_author = counted
        assert isinstance(of_all, int)
        assert isinstance(of_conversation, int)
        assert isinstance(of_author, int)
        return of_all, of_conversation, of_author

    def handed_over(self) -> list[FileRow]:
        """The files that stand in no message, the oldest first."""
        return self._in_none("new")

    def for_later(self) -> list[FileRow]:
        """The files of what is to be sent later."""
        return self._in_none("later")

    def _in_none(self, state: FileState) -> list[FileRow]:
        cursor = self._connection.execute(
            f"{_FILE} WHERE entry IS NULL AND state = ? ORDER BY changed, number", (state,)
        )
        return all_of(cursor, FileRow)

    def hand_over_again(self, number: int, at: UnixSeconds) -> None:
        """A file that was to be sent later is as one that was handed over just now."""
        self._connection.execute(
            "UPDATE files SET state = 'new', changed = ? WHERE number = ?", (at, number)
        )

    def attach(self, number: int, *, entry: int, place: int, key: bytes) -> None:
        """A file of ours stands in a message now."""
        self._connection.execute(
            "UPDATE files SET entry = ?, place = ?, key = ?, state = 'here' WHERE number = ?",
            (entry, place, key, number),
        )

    def set_state(self, number: int, state: FileState) -> None:
        self._connection.execute("UPDATE files SET state = ? WHERE number = ?", (state, number))

    def set_asked(self, number: int, count: int, at: UnixSeconds) -> None:
        """Note how often the rest of a file was asked for, and when that was last."""
        self._connection.execute(
            "UPDATE files SET asked_count = ?, changed = ? WHERE number = ?", (count, at, number)
        )

    def delete(self, number: int) -> None:
        """A file goes with all that is here of it; its envelopes are not called back."""
        for table in TABLES:
            self._connection.execute(f"DELETE FROM {table} WHERE file = ?", (number,))
        self._connection.execute("DELETE FROM files WHERE number = ?", (number,))


class BlockRows:
    """The blocks of files: what is here, and what is on its way."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(
        self,
        file: int,
        block: int,
        data: bytes,
        *,
        envelope: EnvelopeId | None = None,
        token: bytes | None = None,
    ) -> None:
        """A block is here; `envelope` brought it, and `token` retires that."""
        self._connection.execute(
            "INSERT INTO file_blocks (file, block, data, envelope, token) VALUES (?, ?, ?, ?, ?)",
            (file, block, data, envelope, token),
        )

    def copy(self, file: int, to: int) -> None:
        """Another file has the same blocks."""
        self._connection.execute(
            "INSERT INTO file_blocks (file, block, data) "
            "SELECT ?, block, data FROM file_blocks WHERE file = ? ORDER BY block",
            (to, file),
        )

    def find(self, file: int, block: int) -> bytes | None:
        row = self._connection.execute(
            "SELECT data FROM file_blocks WHERE file = ? AND block = ?", (file, block)
        ).fetchone()
        if row is None:
            return None
        assert isinstance(row[0], bytes)
        return row[0]

    def here(self, file: int) -> int:
        """Return the bits of the blocks of a file that are here."""
        cursor = self._connection.execute("SELECT block FROM file_blocks WHERE file = ?", (file,))
        return sum(1 << block for block in integers(cursor))

    def forget(self, file: int) -> None:
        """Nothing of a file is wanted."""
        self._connection.execute("DELETE FROM file_blocks WHERE file = ?", (file,))

    def take_envelopes(self, file: int) -> list[tuple[EnvelopeId, bytes]]:
        """Return the envelopes that brought the blocks of a file, with their tokens, once."""
        rows = self._connection.execute(
            "SELECT envelope, token FROM file_blocks WHERE file = ? AND token IS NOT NULL "
            "ORDER BY block",
            (file,),
        ).fetchall()
        self._connection.execute(
            "UPDATE file_blocks SET envelope = NULL, token = NULL WHERE file = ?", (file,)
        )
        taken = []
        for envelope, token in rows:
            assert isinstance(envelope, bytes)
            assert isinstance(token, bytes)
            taken.append((EnvelopeId(envelope), token))
        return taken

    # --- Postings -----------------------------------------------------------------------------

    def set_posting(self, row: PostingRow) -> None:
        """This is the newest posting of a file."""
        self._connection.execute("DELETE FROM postings WHERE file = ?", (row.file,))
        insert(self._connection, "postings", row)

    def find_posting(self, file: int) -> PostingRow | None:
        cursor = self._connection.execute(f"{_POSTING} WHERE file = ?", (file,))
        return find_one(cursor, PostingRow)

    def waiting(self) -> list[PostingRow]:
        """The postings with blocks that are not sealed yet, the oldest file first."""
        cursor = self._connection.execute(f"{_POSTING} WHERE waiting > 0 ORDER BY file")
        return all_of(cursor, PostingRow)

    def set_waiting(self, file: int, waiting: int) -> None:
        self._connection.execute("UPDATE postings SET waiting = ? WHERE file = ?", (waiting, file))

    def add_envelope(self, envelope: EnvelopeId, file: int, block: int) -> None:
        """A block of ours was sealed."""
        self._connection.execute(
            "INSERT INTO block_envelopes VALUES (?, ?, ?, 0)", (envelope, file, block)
        )

    def envelopes(self, file: int, blocks: int) -> list[EnvelopeId]:
        """The envelopes of these blocks that are not known to be opened."""
        cursor = self._connection.execute(
            "SELECT envelope FROM block_envelopes WHERE file = ? AND is_opened = 0 "
            "AND ? >> block & 1 ORDER BY block, envelope",
            (file, blocks),
        )
        return [EnvelopeId(envelope) for envelope in blobs(cursor)]

    def opened(self, envelope: EnvelopeId) -> int | None:
        """An envelope of ours was opened; return the file of which it brought a block."""
        row = self._connection.execute(
            "UPDATE block_envelopes SET is_opened = 1 WHERE envelope = ? RETURNING file",
            (envelope,),
        ).fetchone()
        if row is None:
            return None
        assert isinstance(row[0], int)
        return row[0]

    def opened_count(self, file: int) -> int:
        """Return how many blocks of a file of ours are known to be opened."""
        return integer(
            self._connection.execute(
                "SELECT count(DISTINCT block) FROM block_envelopes "
                "WHERE file = ? AND is_opened = 1",
                (file,),
            )
        )
