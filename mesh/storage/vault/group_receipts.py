"""Rows of the vault about receipts in groups: what members hold of ours, and what is owed."""

from typing import Final

from mesh.commands.groups import TellsReceipts
from mesh.content.entry import Kind
from mesh.database import Connection
from mesh.group.receipts import Range, ToldAt, decode_ranges, encode_ranges
from mesh.ids import ConversationId, UnixSeconds, VerifyKey
from mesh.limits.group_receipts import OWED_RUNS_MAX
from mesh.storage.vault.rows import Row, all_of, blobs, find_one, integer

GROUP_RECEIPTS: Final = (
    # What a member said to hold of a run of ours, and how far he has read it: ranges of first
    # number and count, the newest first.
    """
    CREATE TABLE group_held (
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        member BLOB NOT NULL,
        run INTEGER NOT NULL,
        read INTEGER NOT NULL,
        ranges BLOB NOT NULL,
        PRIMARY KEY (conversation, run, member)
    ) STRICT, WITHOUT ROWID
    """,
    # Members who said that they tell nobody what they hold.
    """
    CREATE TABLE group_silent (
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        member BLOB NOT NULL,
        PRIMARY KEY (conversation, member)
    ) STRICT, WITHOUT ROWID
    """,
    # Runs of others of which something came, or was read, that they are to be told. `is_again`:
    # their author may have missed what was told before.
    """
    CREATE TABLE group_receipts_owed (
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        author INTEGER NOT NULL REFERENCES authors (number),
        run INTEGER NOT NULL,
        is_again INTEGER NOT NULL,
        PRIMARY KEY (conversation, author, run)
    ) STRICT, WITHOUT ROWID
    """,
    # What our person lets members know, and when something of it is to be told, by mesh time.
    """
    CREATE TABLE group_receipts (
        conversation INTEGER PRIMARY KEY REFERENCES conversations (number),
        tells TEXT NOT NULL,
        due INTEGER
    ) STRICT
    """,
)
"""The statements that make the tables. They are part of a migration, and so never change."""


GROUP_TELLERS: Final = (
    # Every member who told something has a row from now on, with where he told it last: what was
    # told before may come later.
    "ALTER TABLE group_silent RENAME TO group_tellers",
    "ALTER TABLE group_tellers ADD COLUMN is_silent INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE group_tellers ADD COLUMN epoch BLOB NOT NULL DEFAULT x''",
    "ALTER TABLE group_tellers ADD COLUMN number INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE group_tellers ADD COLUMN created INTEGER NOT NULL DEFAULT 0",
)
"""A later migration of `group_silent`, which knew no order."""


class HeldRow(Row, frozen=True):
    """The word of a member on what he holds of a run of ours."""

    member: VerifyKey
    read: int
    ranges: bytes


class TellerRow(Row, frozen=True):
    """The last word of a member on whether he tells what he holds, and where it stood: the first
    bytes of the id of the epoch, his number there, and when he posted it.
    """

    is_silent: bool = False
    epoch: bytes = b""
    number: int = 0
    created: UnixSeconds = UnixSeconds(0)

    @property
    def at(self) -> ToldAt:
        """The place of that word."""
        return ToldAt(self.epoch, self.number, self.created)


class ReceiptsRow(Row, frozen=True):
    """The choice of our person for a group. `due`: when something is told; None: nothing is."""

    conversation: ConversationId
    tells: TellsReceipts = "held"
    due: UnixSeconds | None = None


class OwedRow(Row, frozen=True):
    """A run of an author, who is to be told what is held of it."""

    author: int
    run: int
    is_again: bool


class GroupReceiptRows:
    """Receipts of groups."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- What we tell -------------------------------------------------------------------------

    def settings(self, conversation: ConversationId) -> ReceiptsRow:
        """Return what is told in a group, and when."""
        cursor = self._connection.execute(
            "SELECT conversation, tells, due FROM group_receipts WHERE conversation = ?",
            (conversation,),
        )
        return find_one(cursor, ReceiptsRow) or ReceiptsRow(conversation)

    def put_settings(self, row: ReceiptsRow) -> None:
        """Keep what is told in a group, and when."""
        self._connection.execute(
            "INSERT OR REPLACE INTO group_receipts (conversation, tells, due) VALUES (?, ?, ?)",
            (row.conversation, row.tells, row.due),
        )

    def due(self) -> list[ReceiptsRow]:
        """The groups in which something is to be told, the next first."""
        cursor = self._connection.execute(
            "SELECT conversation, tells, due FROM group_receipts WHERE due IS NOT NULL "
            "ORDER BY due, conversation"
        )
        return all_of(cursor, ReceiptsRow)

    def owe(
        self, conversation: ConversationId, author: int, run: int, *, is_again: bool = False
    ) -> None:
        """An author is to be told what is held of a run of his, of a few runs at most."""
        self._connection.execute(
            "DELETE FROM group_receipts_owed WHERE conversation = ?1 AND author = ?2 AND run IN ("
            "SELECT run FROM group_receipts_owed WHERE conversation = ?1 AND author = ?2 "
            "AND run <> ?3 ORDER BY is_again DESC, run LIMIT -1 OFFSET ?4)",
            (conversation, author, run, OWED_RUNS_MAX - 1),
        )
        self._connection.execute(
            "INSERT INTO group_receipts_owed (conversation, author, run, is_again) "
            "VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE "
            "SET is_again = max(is_again, excluded.is_again)",
            (conversation, author, run, is_again),
        )

    def owed(self, conversation: ConversationId, after: int = 0) -> list[OwedRow]:
        """All that is owed in a group: one run of each author, then another one of each. The first
        is the author who comes after one who had his turn.
        """
        cursor = self._connection.execute(
            "SELECT author, run, is_again FROM group_receipts_owed WHERE conversation = ? "
            "ORDER BY row_number() OVER (PARTITION BY author ORDER BY run), author <= ?, author",
            (conversation, after),
        )
        return all_of(cursor, OwedRow)

    def drop_owed(self, conversation: ConversationId, row: OwedRow) -> None:
        """It is told, or there is nothing to tell."""
        self._connection.execute(
            "DELETE FROM group_receipts_owed WHERE conversation = ? AND author = ? AND run = ?",
            (conversation, row.author, row.run),
        )

    def forget_owed(self, conversation: ConversationId) -> None:
        """Nothing is told in a group any more."""
        self._connection.execute(
            "DELETE FROM group_receipts_owed WHERE conversation = ?", (conversation,)
        )

    # --- What is here of others ---------------------------------------------------------------

    def ranges(
        self, conversation: ConversationId, author: int, run: int, limit: int
    ) -> tuple[Range, ...]:
        """Return which numbers of a run are here and count: the newest so many ranges, the newest
        first.
        """
        rows = self._connection.execute(
            "SELECT min(seq), count(*) FROM (SELECT seq, seq - row_number() OVER (ORDER BY seq) "
            "AS island FROM (SELECT DISTINCT seq FROM entries WHERE conversation = ? "
            "AND author = ? AND run = ? AND ops <> x'' AND verdict = 'valid' AND is_apart = 0)) "
            "GROUP BY island ORDER BY min(seq) DESC LIMIT ?",
            (conversation, author, run, limit),
        ).fetchall()
        return tuple(
            (first, count)
            for first, count in rows
            if isinstance(first, int) and isinstance(count, int)
        )

    def read(self, conversation: ConversationId, author: int, run: int) -> int:
        """Return a number of a run below which all items that are here were read: of the first that
        was not, or one more than that of the last; 0: none was.
        """
        return integer(
            self._connection.execute(
                "SELECT min(read, coalesce(unread, read)) FROM (SELECT "
                "coalesce(max(seq) FILTER (WHERE is_read = 1) + 1, 0) AS read, "
                "min(seq) FILTER (WHERE is_read = 0) AS unread "
                "FROM entries WHERE conversation = ? AND author = ? AND run = ? AND ops <> x'' "
                # That the timer or a name was changed is nothing to be read.
                "AND verdict = 'valid' AND is_apart = 0 AND place = 1 AND kind NOT IN (?, ?))",
                (conversation, author, run, int(Kind.TIMER), int(Kind.NAME)),
            )
        )

    def newest_run(self, conversation: ConversationId, author: int) -> int | None:
        """The run in which an author wrote last, as far as it is here."""
        rows = self._connection.execute(
            "SELECT run FROM entries WHERE conversation = ? AND author = ? AND ops <> x'' "
            "ORDER BY number DESC LIMIT 1",
            (conversation, author),
        ).fetchall()
        run = rows[0][0] if rows else None
        return run if isinstance(run, int) else None

    # --- What they hold of ours ---------------------------------------------------------------

    def held(self, conversation: ConversationId, run: int) -> list[HeldRow]:
        """Return what members said to hold of a run of ours, by member."""
        cursor = self._connection.execute(
            "SELECT member, read, ranges FROM group_held WHERE conversation = ? AND run = ? "
            "ORDER BY member",
            (conversation, run),
        )
        return all_of(cursor, HeldRow)

    def find_held(
        self, conversation: ConversationId, run: int, member: VerifyKey
    ) -> tuple[int, tuple[Range, ...]]:
        """Return how far a member has read a run of ours, and what he holds of it."""
        cursor = self._connection.execute(
            "SELECT member, read, ranges FROM group_held WHERE conversation = ? AND run = ? "
            "AND member = ?",
            (conversation, run, member),
        )
        row = find_one(cursor, HeldRow)
        return (0, ()) if row is None else (row.read, decode_ranges(row.ranges))

    def put_held(
        self,
        conversation: ConversationId,
        run: int,
        member: VerifyKey,
        *,
        read: int,
        ranges: tuple[Range, ...],
    ) -> None:
        """Keep what a member said to hold of a run of ours."""
        self._connection.execute(
            "INSERT OR REPLACE INTO group_held (conversation, member, run, read, ranges) "
            "VALUES (?, ?, ?, ?, ?)",
            (conversation, member, run, read, encode_ranges(ranges)),
        )

    def own_numbers(
        self, conversation: ConversationId, run: int, limit: int
    ) -> list[tuple[int, int]]:
        """Return the newest entries of a run of ours, each with its number in the run."""
        rows = self._connection.execute(
            "SELECT number, seq FROM entries WHERE conversation = ? AND author = 0 AND run = ? "
            "AND ops <> x'' ORDER BY seq DESC LIMIT ?",
            (conversation, run, limit),
        ).fetchall()
        return [(one, two) for one, two in rows if isinstance(one, int) and isinstance(two, int)]

    def teller(self, conversation: ConversationId, member: VerifyKey) -> TellerRow:
        """Return the last word of a member on whether he tells; without one he does."""
        cursor = self._connection.execute(
            "SELECT is_silent, epoch, number, created FROM group_tellers "
            "WHERE conversation = ? AND member = ?",
            (conversation, member),
        )
        return find_one(cursor, TellerRow) or TellerRow()

    def put_teller(self, conversation: ConversationId, member: VerifyKey, row: TellerRow) -> None:
        """Keep whether a member tells what he holds."""
        self._connection.execute(
            "INSERT OR REPLACE INTO group_tellers "
            "(conversation, member, is_silent, epoch, number, created) VALUES (?, ?, ?, ?, ?, ?)",
            (conversation, member, row.is_silent, row.epoch, row.number, row.created),
        )

    def silent(self, conversation: ConversationId) -> list[bytes]:
        """Return who tells nobody what he holds."""
        cursor = self._connection.execute(
            "SELECT member FROM group_tellers WHERE conversation = ? AND is_silent = 1 "
            "ORDER BY member",
            (conversation,),
        )
        return blobs(cursor)

    def forget(self, conversation: ConversationId) -> None:
        """Erase all that is known of receipts in a group."""
        self.forget_owed(conversation)
        for table in ("group_held", "group_tellers", "group_receipts"):
            self._connection.execute(
                f"DELETE FROM {table} WHERE conversation = ?",
                (conversation,),
            )
