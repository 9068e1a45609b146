"""Rows of the vault about what is missing in groups, and about what others asked for.

Times are mesh time. A group is named by its conversation.
"""

from enum import IntEnum
from typing import Final

from mesh.database import Connection
from mesh.ids import ConversationId, UnixSeconds, VerifyKey
from mesh.storage.vault.rows import Row, all_of, blobs, insert_numbered

GROUP_NEEDS: Final = (
    # Something that is missing. `wanted`: the id of an operation, of an entry or of an epoch;
    # `named_by`: the member by whose word it is known; `announcement` and `trouble`: of an epoch
    # that does not open; `due`: when it is asked for next, NULL: never again, it is a gap;
    # `is_put_off`: somebody else asked for it.
    """
    CREATE TABLE group_needs (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        wanted BLOB NOT NULL,
        named_by BLOB NOT NULL,
        announcement BLOB,
        trouble INTEGER,
        asked INTEGER NOT NULL,
        due INTEGER,
        is_put_off INTEGER NOT NULL,
        UNIQUE (conversation, wanted)
    ) STRICT
    """,
    "CREATE INDEX group_needs_due ON group_needs (conversation, due) WHERE due IS NOT NULL",
    # Something that a member asked for and that is here: `need` begins the id of the post, `heads`
    # are those of entries that he has, one behind the other.
    """
    CREATE TABLE group_duties (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        wanted BLOB NOT NULL,
        need BLOB NOT NULL,
        member BLOB NOT NULL,
        heads BLOB NOT NULL,
        due INTEGER NOT NULL,
        UNIQUE (conversation, wanted, member)
    ) STRICT
    """,
    "CREATE INDEX group_duties_due ON group_duties (conversation, due)",
)
"""The statements that make the tables. They are part of a migration, and so never change."""

GROUP_NEEDS_MISSED: Final = (
    # How much of what is here misses it, as `Missed` says; of a row of before it is found anew.
    "ALTER TABLE group_needs ADD COLUMN missed INTEGER NOT NULL DEFAULT 0",
)

_NEED: Final = (
    "SELECT number, conversation, wanted, named_by, announcement, trouble, asked, due, is_put_off, "
    "missed FROM group_needs"
)
_DUTY: Final = "SELECT number, conversation, wanted, need, member, heads, due FROM group_duties"
_NEW: Final = (
    "NOT EXISTS (SELECT 1 FROM group_needs WHERE conversation = ?1 AND wanted = {} "
    "AND missed >= {}) "
)
_HERE: Final = (
    "EXISTS (SELECT 1 FROM group_operations WHERE conversation = ?1 AND id = wanted) OR "
    "EXISTS (SELECT 1 FROM entries WHERE conversation = ?1 AND id = wanted) OR "
    "EXISTS (SELECT 1 FROM deleted_messages WHERE conversation = ?1 AND id = wanted) OR "
    "EXISTS (SELECT 1 FROM group_epochs WHERE conversation = ?1 AND id = wanted)"
)


class Missed(IntEnum):
    """The most that something is missed by."""

    NAMED = 0
    """Nothing that is here: a member names it as what he knows last."""

    FOLLOWED = 1
    """An entry, as its parent."""

    AWAITED = 2
    """What is not shown, or not used, until it comes."""


class NeedRow(Row, frozen=True):
    """Something that is missing here."""

    number: int
    conversation: ConversationId
    wanted: bytes
    named_by: VerifyKey
    announcement: bytes | None
    trouble: int | None
    asked: int
    due: UnixSeconds | None
    is_put_off: bool = False
    missed: Missed = Missed.NAMED


class _CountRow(Row, frozen=True):
    named_by: VerifyKey
    count: int


class DutyRow(Row, frozen=True):
    """Something that a member lacks and that we can give."""

    number: int
    conversation: ConversationId
    wanted: bytes
    need: bytes
    member: VerifyKey
    heads: bytes
    due: UnixSeconds


class UnaskedRow(Row, frozen=True):
    """Something that is missing, and of which no row says that it is missed so much. `author`: of
    who names it, as a number; `named_by`: his key, where operations name it.
    """

    wanted: bytes
    author: int | None
    named_by: VerifyKey | None
    missed: Missed


class GroupNeedRows:
    """All that is missing in groups, here and elsewhere."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- Ours ---------------------------------------------------------------------------------

    def unasked(self, conversation: ConversationId) -> list[UnaskedRow]:
        """Return what rows of operations and entries name that is not here and was not noted, or
        noted as missed by less.
        """
        # The conditions are those of this file.
        cursor = self._connection.execute(
            "SELECT missing, NULL, min(author), ?2 FROM group_waiting AS child "
            "WHERE conversation = ?1 AND NOT EXISTS (SELECT 1 FROM group_waiting "
            "WHERE conversation = ?1 AND id = child.missing) "
            f"AND {_NEW.format('missing', '?2')} GROUP BY missing UNION ALL "
            "SELECT waits, min(author), NULL, ?2 FROM entries WHERE conversation = ?1 "
            "AND waits IS NOT NULL AND length(waits) = 32 "
            f"AND {_NEW.format('waits', '?2')} GROUP BY waits UNION ALL "
            "SELECT parent, min(entries.author), NULL, ?3 FROM gaps "
            "JOIN entries ON entries.number = gaps.child WHERE gaps.conversation = ?1 "
            f"AND {_NEW.format('parent', '?3')} GROUP BY parent",
            (conversation, Missed.AWAITED, Missed.FOLLOWED),
        )
        return all_of(cursor, UnaskedRow)

    def add_need(self, row: NeedRow) -> NeedRow:
        """Note that something is missing; return it with its number."""
        return insert_numbered(self._connection, "group_needs", row)

    def put_need(self, row: NeedRow) -> None:
        """Keep when it is asked for next, what misses it, and of an epoch why it does not open."""
        self._connection.execute(
            "UPDATE group_needs SET trouble = ?, asked = ?, due = ?, is_put_off = ?, missed = ? "
            "WHERE number = ?",
            (row.trouble, row.asked, row.due, row.is_put_off, row.missed, row.number),
        )

    def needs(self, conversation: ConversationId, wanted: bytes | None = None) -> list[NeedRow]:
        """All that is missing and will be asked for, the one that is due first first; or the row of
        one thing, also if it is never asked for again.
        """
        if wanted is not None:
            cursor = self._connection.execute(
                f"{_NEED} WHERE conversation = ? AND wanted = ?", (conversation, wanted)
            )
        else:
            cursor = self._connection.execute(
                f"{_NEED} WHERE conversation = ? AND due IS NOT NULL ORDER BY due, number",
                (conversation,),
            )
        return all_of(cursor, NeedRow)

    def needs_counts(self, conversation: ConversationId) -> dict[VerifyKey, int]:
        """Count all that is missing, gaps among them, by who named it."""
        cursor = self._connection.execute(
            "SELECT named_by, count(*) FROM group_needs WHERE conversation = ? GROUP BY named_by",
            (conversation,),
        )
        return {row.named_by: row.count for row in all_of(cursor, _CountRow)}

    def drop_oldest(
        self, conversation: ConversationId, named_by: VerifyKey, *, only_gaps: bool
    ) -> bool:
        """Forget the oldest gap of those that a member named, else the oldest of all where that may
        be; return whether there was one.
        """
        cursor = self._connection.execute(
            "DELETE FROM group_needs WHERE number = (SELECT number FROM group_needs "
            "WHERE conversation = ? AND named_by = ? AND (due IS NULL OR NOT ?) "
            "ORDER BY due IS NOT NULL, number LIMIT 1)",
            (conversation, named_by, only_gaps),
        )
        return cursor.rowcount > 0

    def drop_found(self, conversation: ConversationId) -> None:
        """Forget what is here now."""
        # The conditions are those of this file.
        self._connection.execute(
            f"DELETE FROM group_needs WHERE conversation = ?1 AND ({_HERE})",
            (conversation,),
        )

    def drop_need(self, number: int) -> None:
        """Nothing needs it any more."""
        self._connection.execute("DELETE FROM group_needs WHERE number = ?", (number,))

    def before_gap(self, conversation: ConversationId, parent: bytes, count: int) -> list[bytes]:
        """Return the ids of the entries that stand last before what names a parent that is
        missing.
        """
        cursor = self._connection.execute(
            # An operation that stands among them is no entry, and names none.
            "SELECT id FROM entries WHERE conversation = ?1 AND ops <> x'' AND position < "
            "(SELECT min(position) FROM gaps JOIN entries AS child ON child.number = gaps.child "
            "WHERE gaps.conversation = ?1 AND gaps.parent = ?2) "
            "ORDER BY position DESC, id DESC LIMIT ?3",
            (conversation, parent, count),
        )
        return blobs(cursor)

    # --- Of others ----------------------------------------------------------------------------

    def add_duty(self, row: DutyRow) -> None:
        """Note what is to be answered; what a member asked for before keeps its time."""
        self._connection.execute(
            "INSERT OR IGNORE INTO group_duties (conversation, wanted, need, member, heads, due) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (row.conversation, row.wanted, row.need, row.member, row.heads, row.due),
        )

    def duties(self, conversation: ConversationId) -> list[DutyRow]:
        """All that is to be answered, the first first."""
        cursor = self._connection.execute(
            f"{_DUTY} WHERE conversation = ? ORDER BY due, number", (conversation,)
        )
        return all_of(cursor, DutyRow)

    def drop_duty(self, number: int) -> None:
        """It is answered."""
        self._connection.execute("DELETE FROM group_duties WHERE number = ?", (number,))

    def drop_duties_of(self, conversation: ConversationId, wanted: bytes) -> None:
        """Somebody gave it to all."""
        self._connection.execute(
            "DELETE FROM group_duties WHERE conversation = ? AND wanted = ?",
            (conversation, wanted),
        )

    # --- The end ------------------------------------------------------------------------------

    def forget(self, conversation: ConversationId) -> None:
        """Erase all of a group."""
        for table in ("group_needs", "group_duties"):
            # The names are those of this file.
            self._connection.execute(
                f"DELETE FROM {table} WHERE conversation = ?",
                (conversation,),
            )
