"""A disk that fails: it is full, cannot be read, is slow, or lies about what it keeps.

It stands where the library's own connection stands, below `mesh.storage.connection`: so what the
library would say of a disk goes through the code that makes it ours. A computer whose disk never
fails has none of this before its databases.

- **Full.** A transaction that has written something cannot be committed; now and then already a
  statement within it fails, as when the pages of a large one do not fit into memory. A checkpoint
  fails too. Reading works.
- **Failing.** Any statement may fail. A commit that fails may be there all the same: its frames
  are in the log, and only the call that should have forced them out has failed.
- **Slow.** Each commit adds to what the node waits before what it wants done may leave.
- **Lying.** It keeps what the databases were before each of the last commits, for a power cut
  that shows which of them had never reached the disk.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NoReturn

from sqlcipher3 import dbapi2

from mesh.database import Connection, Cursor
from mesh.storage.connection import SqlcipherConnection
from sim.hosts.databases import MemoryDatabase
from sim.kernel.entropy import Chance
from sim.schema.delay_laws import delay_us
from sim.schema.disk_tables import FailingDisks, FullDisks, SlowDisks

FULL_WITHIN: Final = 1 / 16
"""So many writing statements fail on a full disk before the commit does."""

ROOM_BYTES: Final = 1 << 40
"""Free on a disk that is not full: more than any store wants."""

_FULL, _IOERR_READ, _IOERR_WRITE, _IOERR_FSYNC = 13, 266, 778, 1034
"""SQLite's codes."""

_ENDING: Final = ("ROLLBACK", "RELEASE", "SAVEPOINT")
"""What changes memory only."""

Which = Literal["store", "vault"]


@dataclass(frozen=True, slots=True)
class _Past:
    """A database as it was before a commit, and when that began."""

    at: int
    database: MemoryDatabase


@dataclass(slots=True)
class Disk:
    """The disk under both databases of one computer; `troubles` by the number of their table."""

    chance: Chance
    now: Callable[[], int]
    troubles: dict[int, FullDisks | FailingDisks | SlowDisks] = field(default_factory=dict)
    unknown_commits_count: int = 0
    """Commits that failed and are there all the same."""
    _waited_us: int = 0
    _past: Mapping[Which, deque[_Past]] = field(
        default_factory=lambda: {"store": deque(maxlen=0), "vault": deque(maxlen=0)}
    )

    @property
    def is_failing(self) -> bool:
        """Say whether it may say no just now."""
        return any(isinstance(one, FullDisks | FailingDisks) for one in self.troubles.values())

    @property
    def free_bytes(self) -> int:
        """Return what a node is told that looks at it."""
        return (
            0 if any(isinstance(one, FullDisks) for one in self.troubles.values()) else ROOM_BYTES
        )

    @property
    def is_keeping(self) -> bool:
        """Say whether the last commits may still be lost."""
        return bool(self._past["store"].maxlen)

    def connect(self, database: MemoryDatabase, which: Which) -> Connection:
        """A database as it is seen over this disk."""
        return SqlcipherConnection(_Raw(database, self, which), f"{which}.db")

    def take_waited_us(self) -> int:
        """Return how long commits took since the last call."""
        waited_us, self._waited_us = self._waited_us, 0
        return waited_us

    def keep_commits(self, count: int) -> None:
        """From now on the last so many commits of each database may turn out to be lost."""
        self._past = {"store": deque(maxlen=count), "vault": deque(maxlen=count)}

    def lose_commits(self, which: Which, count: int) -> tuple[int, MemoryDatabase] | None:
        """Return when the first of the last so many commits began, and what was before it."""
        past = self._past[which]
        if not (past and count):
            return None
        found = past[-min(count, len(past))]
        return found.at, found.database

    def kept_count(self, which: Which, count: int) -> int:
        """Return how many of so many commits can be lost: no more than there were."""
        return min(count, len(self._past[which]))

    # --- Of its databases -----------------------------------------------------------------------

    def remember(self, which: Which, at: int, before: MemoryDatabase) -> None:
        """A commit that began then is done, or seems to be."""
        self._past[which].append(_Past(at, before))

    def stand(self, sql: str) -> None:
        """Let a statement through, or fail it; a commit is looked at by `committing`."""
        for trouble in self.troubles.values():
            match trouble:
                case FailingDisks() if self.chance.is_true(trouble.statements):
                    is_reading = sql.startswith("SELECT")
                    self._fail(_IOERR_READ if is_reading else _IOERR_WRITE, "disk I/O error")
                case FullDisks():
                    is_writing = sql.startswith(("INSERT", "UPDATE", "DELETE", "REPLACE"))
                    if sql.startswith(("PRAGMA wal_checkpoint", "VACUUM")) or (
                        is_writing and self.chance.is_true(FULL_WITHIN)
                    ):
                        self._fail(_FULL, "database or disk is full")
                case _:
                    pass

    def committing(self, commit: Callable[[], None]) -> None:
        """A transaction that has written something is to be committed."""
        for trouble in self.troubles.values():
            match trouble:
                case FullDisks():
                    self._fail(_FULL, "database or disk is full")
                case FailingDisks():
                    if self.chance.is_true(trouble.statements):
                        if self.chance.is_true(0.5):
                            commit()
                            self.unknown_commits_count += 1
                        self._fail(_IOERR_FSYNC, "disk I/O error")
                case SlowDisks():
                    self._waited_us += delay_us(trouble.commit, self.chance.fraction())
                    if self.chance.is_true(trouble.spikes):
                        least, most = (round(ms * 1_000) for ms in trouble.spike_ms)
                        self._waited_us += self.chance.between(least, most)
        commit()

    def _fail(self, code: int, words: str) -> NoReturn:
        error = dbapi2.OperationalError(words)
        error.sqlite_errorcode = code
        raise error


class _Raw:
    """The stand-in for the library's connection in `SqlcipherConnection`, on a disk."""

    def __init__(self, database: MemoryDatabase, disk: Disk, which: Which) -> None:
        self._database = database
        self._whole = database.whole
        self._disk = disk
        self._which = which
        self._changes_before = self._whole.total_changes
        self._before: tuple[int, MemoryDatabase] | None = None

    @property
    def in_transaction(self) -> bool:
        return self._whole.in_transaction

    def execute(self, sql: str, parameters: Sequence[object] = (), /) -> Cursor:
        disk = self._disk
        if sql == "COMMIT":
            return self._commit()
        if not sql.startswith(_ENDING):
            disk.stand(sql)
        if sql.startswith("BEGIN"):
            self._changes_before = self._whole.total_changes
            if disk.is_keeping:
                self._before = disk.now(), self._database.copy()
        return self._whole.execute(sql, parameters)

    def _commit(self) -> Cursor:
        if self._whole.total_changes != self._changes_before:
            self._disk.committing(self._commit_for_good)
            return self._whole.execute("SELECT 1")
        return self._whole.execute("COMMIT")

    def _commit_for_good(self) -> None:
        self._whole.execute("COMMIT")
        if self._before is not None:
            self._disk.remember(self._which, *self._before)

    def executemany(self, sql: str, rows: Iterable[Sequence[object]], /) -> Cursor:
        self._disk.stand(sql)
        return self._whole.executemany(sql, rows)

    def close(self) -> None:
        self._whole.close()
