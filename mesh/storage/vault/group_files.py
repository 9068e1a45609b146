"""Rows of the vault about files in groups: what members said of them."""

from typing import Final

from mesh.database import Connection
from mesh.ids import UnixSeconds, VerifyKey
from mesh.storage.vault.rows import Row, all_of, blobs, find_one

GROUP_FILES: Final = (
    # Postings of a file that is not whole here, beside that of its text: of each member the newest.
    """
    CREATE TABLE group_postings (
        file INTEGER NOT NULL REFERENCES files (number),
        member BLOB NOT NULL,
        posting BLOB NOT NULL,
        blocks INTEGER NOT NULL,
        told INTEGER NOT NULL,
        PRIMARY KEY (file, member)
    ) STRICT, WITHOUT ROWID
    """,
    # Blocks of a file that is here which members miss, and when they are posted again.
    """
    CREATE TABLE file_wants (
        file INTEGER PRIMARY KEY REFERENCES files (number),
        blocks INTEGER NOT NULL,
        due INTEGER NOT NULL
    ) STRICT
    """,
    # Who said to have all of a file of ours.
    """
    CREATE TABLE file_holders (
        file INTEGER NOT NULL REFERENCES files (number),
        member BLOB NOT NULL,
        PRIMARY KEY (file, member)
    ) STRICT, WITHOUT ROWID
    """,
)
"""The statements that make the tables. They are part of a migration, and so never change."""


class MemberPostingRow(Row, frozen=True):
    """The posting of a file that a member told. `told`: when, by mesh time."""

    file: int
    member: VerifyKey
    posting: bytes
    blocks: int
    told: UnixSeconds


class FileWantRow(Row, frozen=True):
    """Blocks that members miss. `due`: when they are posted, by mesh time."""

    file: int
    blocks: int
    due: UnixSeconds


class GroupFileRows:
    """The words of members about files."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- Postings of others -------------------------------------------------------------------

    def put_posting(self, row: MemberPostingRow) -> None:
        """A member posted blocks of a file; his posting of before counts no more."""
        self._connection.execute(
            "INSERT OR REPLACE INTO group_postings (file, member, posting, blocks, told) "
            "VALUES (?, ?, ?, ?, ?)",
            (row.file, row.member, row.posting, row.blocks, row.told),
        )

    def postings(self, file: int) -> list[MemberPostingRow]:
        """The postings of a file that members told, the oldest first."""
        cursor = self._connection.execute(
            "SELECT file, member, posting, blocks, told FROM group_postings WHERE file = ? "
            "ORDER BY told, member",
            (file,),
        )
        return all_of(cursor, MemberPostingRow)

    def drop_posting(self, file: int, member: VerifyKey) -> None:
        """Nothing more is expected of a posting."""
        self._connection.execute(
            "DELETE FROM group_postings WHERE file = ? AND member = ?", (file, member)
        )

    def drop_postings(self, file: int) -> None:
        """Nothing more of a file is expected."""
        self._connection.execute("DELETE FROM group_postings WHERE file = ?", (file,))

    # --- What members miss --------------------------------------------------------------------

    def put_want(self, row: FileWantRow) -> None:
        """Members miss these blocks of a file."""
        self._connection.execute(
            "INSERT OR REPLACE INTO file_wants (file, blocks, due) VALUES (?, ?, ?)",
            (row.file, row.blocks, row.due),
        )

    def find_want(self, file: int) -> FileWantRow | None:
        cursor = self._connection.execute(
            "SELECT file, blocks, due FROM file_wants WHERE file = ?", (file,)
        )
        return find_one(cursor, FileWantRow)

    def wants(self) -> list[FileWantRow]:
        """All that is to be posted again, the next first."""
        cursor = self._connection.execute(
            "SELECT file, blocks, due FROM file_wants ORDER BY due, file"
        )
        return all_of(cursor, FileWantRow)

    def drop_want(self, file: int) -> None:
        """It is posted, or somebody else posts it."""
        self._connection.execute("DELETE FROM file_wants WHERE file = ?", (file,))

    # --- Who has it ---------------------------------------------------------------------------

    def add_holder(self, file: int, member: VerifyKey) -> bool:
        """Note that somebody has all of a file of ours; return False if that was known."""
        cursor = self._connection.execute(
            "INSERT OR IGNORE INTO file_holders (file, member) VALUES (?, ?)", (file, member)
        )
        return cursor.rowcount == 1

    def holders(self, file: int) -> list[bytes]:
        """Return who said to have all of a file of ours."""
        cursor = self._connection.execute(
            "SELECT member FROM file_holders WHERE file = ? ORDER BY member", (file,)
        )
        return blobs(cursor)
