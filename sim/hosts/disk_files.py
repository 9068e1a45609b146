"""The databases of a computer as files that a disk can damage, sealed as those of a real node are.

What a simulated node has in memory is written into files under a key, damaged there, and opened by
the very functions of `mesh.storage` that open a node's own: so the cipher's seals notice what they
notice there.
"""

import shutil
import tempfile
import weakref
from contextlib import closing
from pathlib import Path
from typing import Final, cast

from mesh.errors import DamagedError
from mesh.ids import UnixSeconds
from mesh.storage.connection import (
    SqlcipherConnection,
    check_pages,
    checkpoint,
    connect,
    connect_to_read,
)
from mesh.storage.migrations import migrate_store, migrate_vault
from mesh.storage.salvage import DamagedDatabase
from mesh.storage.store.replacement import begin_after, told_of
from mesh.storage.vault_saving import Saved, save_readable
from sim.hosts.damaging import DAMAGES
from sim.hosts.databases import MemoryDatabase, RawConnection
from sim.hosts.failing_disk import Which
from sim.kernel.entropy import Chance

KEY: Final = bytes(range(32))
"""Nobody else is at this disk."""

_MIGRATE: Final = {"store": migrate_store, "vault": migrate_vault}


class DiskDatabase(MemoryDatabase):
    """An open file, with what a simulated node asks of its databases."""

    __slots__ = ("path",)

    def __init__(self, path: Path) -> None:
        """Open it. Raises DamagedError if what is read first of it is damaged."""
        connection = connect(path, KEY)
        assert isinstance(connection, SqlcipherConnection)
        self.whole = cast(RawConnection, connection._raw)
        self.path = path
        SqlcipherConnection.__init__(self, self.whole, str(path), is_sealed=True)

    def copy(self) -> MemoryDatabase:
        """Another database in memory with the same rows; only of one that is whole."""
        return loaded(self.path)


class DiskFiles:
    """Both databases of one computer, in a folder that goes with this object."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="meshsim-"))
        self._end = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    def path(self, which: Which) -> Path:
        """Return where one of them stands."""
        return self._folder / f"{which}.db"

    def lay(self, which: Which, database: MemoryDatabase) -> None:
        """Write a database into its file, and nothing of it into a log."""
        path = self.path(which)
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        raw = database.whole
        [(version,)] = raw.execute("PRAGMA user_version").fetchall()
        raw.execute(f"ATTACH DATABASE ? AS disk KEY \"x'{KEY.hex()}'\"", (str(path),))
        try:
            raw.execute("SELECT sqlcipher_export('disk')").fetchall()
            raw.execute(f"PRAGMA disk.user_version = {version}").fetchall()
        finally:
            raw.execute("DETACH DATABASE disk")

    def damage(self, which: Which, how: str, chance: Chance) -> None:
        """Let the disk do this to a file that nobody has open."""
        path = self.path(which)
        former = path.read_bytes()
        with closing(connect(path, KEY)) as database:
            # Each page is written once more: what a write that was torn leaves is of the first.
            database.execute("VACUUM")
            checkpoint(database)
        path.write_bytes(DAMAGES[how](former, path.read_bytes(), chance))

    def is_whole(self, which: Which) -> bool:
        """Say whether every page that is in use can be read."""
        try:
            with closing(connect_to_read(self.path(which), KEY)) as database:
                check_pages(database)
        except DamagedError:
            return False
        return True

    def opened(self, which: Which) -> DiskDatabase:
        """Open a file as a node does at its start. Raises DamagedError."""
        database = DiskDatabase(self.path(which))
        try:
            _MIGRATE[which](database)
            checkpoint(database)
        except BaseException:
            database.close()
            raise
        return database

    def replace_store(self, now: UnixSeconds) -> tuple[DiskDatabase, str]:
        """Put a new store in the place of a damaged one, as a node does; return what to tell."""
        path = self.path("store")
        aside = path.with_name(f"{path.name}.damaged")
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        path.replace(aside)
        store = self.opened("store")
        with closing(DamagedDatabase(aside, KEY)) as former:
            begin_after(store, former, now)
        # Where the folder is is drawn by the system; a run must not hang on it.
        return store, told_of(aside.name)

    def save_vault(self) -> tuple[MemoryDatabase, Saved]:
        """Save what can be read of a damaged vault. DamagedError if that is not enough."""
        fresh = MemoryDatabase()
        with closing(DamagedDatabase(self.path("vault"), KEY)) as source:
            saved = save_readable(source, fresh)
        # Another one, in which rows are held to those that they refer to again.
        return fresh.copy(), saved

    def remove(self) -> None:
        """Let go of the folder."""
        self._end()


def loaded(path: Path) -> MemoryDatabase:
    """Return what a file that is whole holds, in memory."""
    database = MemoryDatabase()
    database.execute(f"ATTACH DATABASE ? AS disk KEY \"x'{KEY.hex()}'\"", (str(path),))
    database.execute("SELECT sqlcipher_export('main', 'disk')").fetchall()
    [(version,)] = database.execute("PRAGMA disk.user_version").fetchall()
    database.execute(f"PRAGMA user_version = {version}").fetchall()
    database.execute("DETACH DATABASE disk")
    # What was written into the list of tables by its rows is known to another connection alone.
    return database.copy()
