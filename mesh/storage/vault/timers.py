"""Rows of the vault about what disappears by itself, and when."""

from typing import Final

from mesh.database import Connection
from mesh.ids import ConversationId, UnixSeconds
from mesh.limits.content import TIMER_GAPS_MAX
from mesh.storage.vault.entries import ENTRY
from mesh.storage.vault.history import HistoryRows
from mesh.storage.vault.rows import EntryRow, all_of, integer

TIMERS_OF_SHOWN: Final = (
    "DROP INDEX entries_to_start",
    "CREATE INDEX entries_to_start ON entries (number) "
    "WHERE timer > 0 AND disappears = 0 AND is_read = 1 AND gone = '' AND place = 1",
    "UPDATE entries SET disappears = 0 WHERE disappears > 0 AND gone = '' AND place = 0",
)
"""What waits cannot be read, so its time does not run. A migration, which never changes."""

TIMERS_BEGUN_EARLY: Final = (
    "ALTER TABLE entries ADD COLUMN began_early INTEGER NOT NULL DEFAULT 0",
)
"""1: its time began to run before the clock was steady. A migration, which never changes."""

# As the index of these says it. What was written here runs from its sealing on.
_TO_START: Final = (
    f"{ENTRY} WHERE timer > 0 AND disappears = 0 AND is_read = 1 AND gone = '' AND place = 1 "
    "AND NOT (is_mine AND lapses IS NULL "
    "AND state IN ('awaiting-key', 'waiting-for-keys', 'queued')) ORDER BY number"
)


class TimerRows:
    """Objects that were written under a timer."""

    def __init__(self, connection: Connection, history: HistoryRows) -> None:
        self._connection = connection
        self._history = history

    def to_start(self) -> list[EntryRow]:
        """Those that were sealed here, or read, and whose time does not run yet."""
        return all_of(self._connection.execute(_TO_START), EntryRow)

    def start(self, number: int, end: UnixSeconds, *, is_early: bool) -> None:
        """The time of one runs; then it disappears. `is_early`: the clock is not steady yet, so it
        is not known when that is.
        """
        self._connection.execute(
            "UPDATE entries SET disappears = ?, began_early = ? WHERE number = ?",
            (end, is_early, number),
        )

    def running(self, limit: int) -> list[tuple[int, int, UnixSeconds]]:
        """Return number, timer and end of those whose time runs, the earliest end first."""
        cursor = self._connection.execute(
            "SELECT number, timer, disappears FROM entries WHERE disappears > 0 AND gone = '' "
            "ORDER BY disappears, number LIMIT ?",
            (limit,),
        )
        found = []
        for number, timer, end in cursor.fetchall():
            assert isinstance(number, int)
            assert isinstance(timer, int)
            assert isinstance(end, int)
            found.append((number, timer, UnixSeconds(end)))
        return found

    def move(self, moved_s: int, now: UnixSeconds, *, is_early: bool) -> None:
        """The clock was set: let the ends move along. None is later than the whole time from now
        on; `is_early`: where one would be, its time began before it is known how late it was. Where
        none changes nothing is written.
        """
        is_changing = self._connection.execute(
            "SELECT EXISTS (SELECT 1 FROM entries WHERE disappears > 0 AND gone = '' "
            "AND (?1 <> 0 OR disappears > ?2 + timer))",
            (moved_s, now),
        )
        if integer(is_changing):
            self._connection.execute(
                "UPDATE entries SET disappears = max(1, min(disappears + ?1, ?2 + timer)), "
                "began_early = began_early OR (?3 AND disappears + ?1 > ?2 + timer) "
                "WHERE disappears > 0 AND gone = ''",
                (moved_s, now, is_early),
            )

    def settle(self, off_s: int) -> None:
        """The clock is steady, and was off for so long before: what began earlier than that was
        known began after it.
        """
        self._connection.execute(
            "UPDATE entries SET disappears = disappears + ?, began_early = 0 "
            "WHERE disappears > 0 AND gone = '' AND began_early = 1",
            (off_s,),
        )

    def find_behind_gap(self, conversation: ConversationId) -> int | None:
        """Return the timer of the newest object of the other side before which something is
        missing, where one has a timer. It looks at so many gaps and no more.
        """
        if self._history.has_no_gaps:
            return None
        # Nearly always nothing is missing, and sorting costs twenty times as much as to see that.
        has_gaps = self._connection.execute(
            "SELECT 1 FROM gaps WHERE conversation = ? LIMIT 1", (conversation,)
        ).fetchone()
        if has_gaps is None:
            return None
        row = self._connection.execute(
            "SELECT timer FROM entries WHERE timer > 0 AND is_mine = 0 AND number IN "
            "(SELECT child FROM gaps WHERE conversation = ? LIMIT ?) "
            "ORDER BY position DESC, id DESC LIMIT 1",
            (conversation, TIMER_GAPS_MAX),
        ).fetchone()
        return row[0] if row is not None and isinstance(row[0], int) else None

    def due(self, now: UnixSeconds, limit: int) -> list[EntryRow]:
        """Those whose time is over, the earliest first."""
        cursor = self._connection.execute(
            f"{ENTRY} WHERE disappears > 0 AND gone = '' AND disappears <= ? "
            "ORDER BY disappears, number LIMIT ?",
            (now, limit),
        )
        return all_of(cursor, EntryRow)

    def next_end(self) -> int:
        """Return when the next one disappears; 0: none does."""
        return integer(
            self._connection.execute(
                "SELECT coalesce(min(disappears), 0) FROM entries "
                "WHERE disappears > 0 AND gone = ''"
            )
        )
