"""Rows of the vault about changes of objects: what waits, what counts, and what stands beside."""

from typing import Final

from mesh.content.entry import CHANGE_BIT
from mesh.database import Connection
from mesh.ids import ConversationId
from mesh.storage.vault.entries import ENTRY, EntryRows, Place
from mesh.storage.vault.rows import EntryRow, Verdict, all_of, find_one, integer, integers

_UNDER: Final = "conversation = ?1 AND target = ?2 AND target <> x'' AND kind = ?3"

_OF_GROUPS: Final = "conversation IN (SELECT number FROM conversations WHERE kind = 'group')"
# One step for each of them, however often he voted.
_LATE: Final = (
    "SELECT min(author) AS author FROM entries WHERE conversation = ?1 AND target = ?2 "
    "AND is_counted = 0 AND is_apart = 0"
)
_LATE_VOTERS: Final = (
    f"WITH RECURSIVE voters AS ({_LATE} UNION ALL "
    f"SELECT ({_LATE} AND author > voters.author) FROM voters WHERE voters.author IS NOT NULL) "
    "SELECT count(author) FROM voters"
)


class ChangeRows:
    """Entries that are about others."""

    def __init__(self, connection: Connection, entries: EntryRows) -> None:
        self._connection = connection
        self._entries = entries

    def waiting_for(self, conversation: ConversationId, id_: bytes) -> list[EntryRow]:
        """The entries that cannot be judged without this one, as they came."""
        if self._entries.is_none_waiting:
            return []
        cursor = self._connection.execute(
            f"{ENTRY} WHERE conversation = ? AND waits = ? ORDER BY number", (conversation, id_)
        )
        return all_of(cursor, EntryRow)

    def look_for_waiting(self) -> None:
        """See whether any waits to be judged, unless it is known; asked inside no savepoint."""
        if not self._entries.is_none_waiting:
            cursor = self._connection.execute(
                "SELECT EXISTS (SELECT 1 FROM entries WHERE waits IS NOT NULL)"
            )
            self._entries.is_none_waiting = not integer(cursor)

    def find_first_waiting(self, id_: bytes) -> EntryRow | None:
        """The entry that waits longest for something, in whichever group."""
        cursor = self._connection.execute(
            f"{ENTRY} WHERE {_OF_GROUPS} AND waits = ? ORDER BY number LIMIT 1",
            (id_,),
        )
        return find_one(cursor, EntryRow)

    def judge(
        self, number: int, verdict: Verdict, waits: bytes | None = None, *, is_apart: bool
    ) -> None:
        """This is the verdict of an entry now, and the id that it waits for, if it does."""
        if waits is not None:
            self._entries.is_none_waiting = False
        self._connection.execute(
            "UPDATE entries SET verdict = ?1, waits = ?2, is_apart = ?3, is_counted = NOT ?3 "
            "WHERE number = ?4",
            (verdict, waits, is_apart, number),
        )

    def set_waits(self, number: int, id_: bytes | None) -> None:
        """Say which operation of those that an entry names a damaged disk has lost; None: none. It
        counts as it was judged.
        """
        self._connection.execute("UPDATE entries SET waits = ? WHERE number = ?", (id_, number))

    def set_apart(self, number: int, *, is_apart: bool) -> None:
        """A valid entry counts no more, or again."""
        self._connection.execute(
            "UPDATE entries SET is_apart = ?1, is_counted = NOT ?1 WHERE number = ?2",
            (is_apart, number),
        )

    def unknown(self, after: int, to: int) -> list[int]:
        """Return the entries within some numbers whose kind was one of a newer version."""
        return integers(
            self._connection.execute(
                "SELECT number FROM entries WHERE number > ? AND number <= ? "
                "AND verdict = 'unknown' ORDER BY number",
                (after, to),
            )
        )

    def newest(self) -> int:
        """Return the greatest number of an entry; 0 if there is none."""
        return integer(self._connection.execute("SELECT coalesce(max(number), 0) FROM entries"))

    def set_counted(self, number: int, *, is_counted: bool) -> None:
        """Say whether a valid change has an effect."""
        self._connection.execute(
            "UPDATE entries SET is_counted = ? WHERE number = ?", (is_counted, number)
        )

    def valid(self, conversation: ConversationId, target: bytes, kind: int) -> list[EntryRow]:
        """The valid changes of a kind of an object, as they came."""
        cursor = self._connection.execute(
            f"{ENTRY} WHERE {_UNDER} AND verdict = 'valid' ORDER BY number",
            (conversation, target, kind),
        )
        return all_of(cursor, EntryRow)

    def of_object(self, conversation: ConversationId, target: bytes) -> list[EntryRow]:
        """The changes of an object, by whomever, as they came."""
        cursor = self._connection.execute(
            f"{ENTRY} WHERE conversation = ? AND target = ? AND target <> x'' "
            f"AND kind & {CHANGE_BIT} ORDER BY number",
            (conversation, target),
        )
        return all_of(cursor, EntryRow)

    def find_last(
        self, conversation: ConversationId, target: bytes, kind: int, *, author: int
    ) -> EntryRow | None:
        """The last change of a kind that one author made of an object, whatever its verdict."""
        cursor = self._connection.execute(
            f"{ENTRY} WHERE {_UNDER} AND author = ?4 ORDER BY number DESC LIMIT 1",
            (conversation, target, kind, author),
        )
        return find_one(cursor, EntryRow)

    def find_waiting(
        self, conversation: ConversationId, target: bytes, kind: int, *, author: int
    ) -> EntryRow | None:
        """A change of a kind by one author that waits for the object that it is about, and for
        nothing else.
        """
        cursor = self._connection.execute(
            f"{ENTRY} WHERE {_UNDER} AND author = ?4 AND verdict = 'waiting' AND waits = target "
            "ORDER BY number LIMIT 1",
            (conversation, target, kind, author),
        )
        return find_one(cursor, EntryRow)

    def late_voters_count(self, conversation: ConversationId, poll: bytes) -> int:
        """Return how many people voted after the end of a poll; no other change goes uncounted."""
        return integer(self._connection.execute(_LATE_VOTERS, (conversation, poll)))

    def said_since(self, conversation: ConversationId, clock: int, limit: int) -> list[EntryRow]:
        """The entries of a group that count and claim to be of then or later, the newest first."""
        cursor = self._connection.execute(
            f"{ENTRY} WHERE conversation = ? AND clock >= ? AND ops <> x'' "
            "AND verdict = 'valid' AND is_apart = 0 ORDER BY position DESC, id DESC LIMIT ?",
            (conversation, clock, limit),
        )
        return all_of(cursor, EntryRow)

    def unread(self, conversation: ConversationId, until: Place) -> list[EntryRow]:
        """The items that nobody has read, down to a place."""
        # The plus lets the index of what is unread be taken.
        cursor = self._connection.execute(
            f"{ENTRY} WHERE conversation = ? AND is_read = 0 AND +place = 1 "
            "AND (position, id) <= (?, ?) ORDER BY position, id",
            (conversation, *until),
        )
        return all_of(cursor, EntryRow)
