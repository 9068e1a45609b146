"""The host of a node whose disk may rot while nobody runs over it (`sim.hosts.disk_files`).

From such a start until the node stops, its databases are files, and `mesh.engine.lasting` stands
before its engine as in a real node: a damaged store is replaced, at the start or when the damaged
page is read; a damaged vault stops the node, and its person saves what can be read of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mesh.effects import Effect, Emit
from mesh.engine.engine import Engine
from mesh.engine.lasting import LastingEngine
from mesh.errors import DamagedError
from mesh.events import NoticeRaised
from mesh.ids import Instant, Monotonic, UnixSeconds
from mesh.inputs import Input
from mesh.storage.connection import check_pages
from mesh.storage.vault_saving import Saved, vault_damage
from sim.hosts.databases import MemoryDatabase
from sim.hosts.disk_files import DiskDatabase, DiskFiles
from sim.hosts.double_execution import ObservedEngine
from sim.hosts.driver_protocol import AnyEngine
from sim.hosts.failing_disk import Which
from sim.hosts.fragile import FragileConnection
from sim.hosts.host import Host, Snapshot, WhichDatabase
from sim.invariants.nonce_reuse import observe_outbox
from sim.kernel.entropy import Chance

READ_AFTER_BATCHES = 1
"""So many batches run over what has rotted before somebody reads all of it, as `mesh doctor` does:
until then the node meets what it needs itself."""


@dataclass(slots=True)
class Rotted:
    """The rot of a disk, and all that was told of it since."""

    before: Snapshot
    """Both databases as they were written."""

    damaged: tuple[Which, ...] = ()
    """Those of which a page that is in use cannot be read."""

    is_vault_as_before: bool = True
    """True while its node has written nothing into the vault since it started over it."""

    notices: list[str] = field(default_factory=list)
    """All that the node told its person since it started over them."""


class DiskHost(Host):
    """A host that has files from a rot on, until its node stops."""

    rotted: Rotted | None = None
    """The last one."""

    _files: DiskFiles | None = None
    _rots: tuple[tuple[Which, ...], str, Chance] | None = None
    _now: Instant | None = None
    _changes = 0
    # Which of those that are closed nobody can read.
    _left: tuple[Which, ...] = ()

    def rot(self, which: Sequence[Which], how: str, chance: Chance) -> None:
        """While the node is off this befalls these databases; it is there at the next start."""
        self._rots = tuple(which), how, chance

    def boot(self, now: Instant) -> tuple[AnyEngine, list[Input]]:
        """Start over what stands on the disk. DamagedError if that is a vault that is damaged."""
        if self._rots is None and self._files is None:
            return super().boot(now)
        self._now = now
        files = self._lay()
        driven = LastingEngine(self._begun, now=now, repair=self._repair, driven_by=self._read)
        try:
            self._bring("vault", files.opened("vault"))
        except DamagedError as error:
            raise vault_damage(error) from error
        heard = _Heard(driven, self._rotted.notices)
        assert self._observed is not None
        return ObservedEngine(self._observed[0], heard, None), [self.unlock()]

    def crash(self) -> None:
        """Roll back what was not committed, and have in memory what can be read."""
        super().crash()
        if self._files is None:
            return
        self._left = tuple(which for which in ("store", "vault") if not self._take_off(which))
        self.unread = ()
        if not self._left:
            self._files.remove()
            self._files = None

    def save_vault(self) -> Saved:
        """The person saves what can be read. DamagedError if that is not enough to be somebody."""
        assert self._files is not None
        vault, saved = self._files.save_vault()
        self.go_on_with(vault)
        return saved

    def go_on_with(self, vault: MemoryDatabase) -> None:
        """The person has another vault from now on: what was damaged is in nobody's way."""
        self._bring("vault", vault)
        self._left = tuple(which for which in self._left if which != "vault")

    def put_back(self, snapshot: Snapshot, which: WhichDatabase) -> None:
        """Lose everything since a snapshot: its files are others from then on."""
        super().put_back(snapshot, which)
        self._left = tuple(one for one in self._left if which not in (one, "both"))

    def wipe(self) -> None:
        """Lose everything."""
        super().wipe()
        self._left = ()

    def read_all(self) -> None:
        """Read every page, once after a start. Raises DamagedError."""
        while self.unread:
            which, *rest = self.unread
            self.unread = tuple(rest)
            check_pages(self._database(which))

    @property
    def is_store_still_damaged(self) -> bool:
        """Say whether the store that the node finds at its next start cannot be read whole."""
        return "store" in self._left

    @property
    def is_sound(self) -> bool:
        """Say whether nothing fails at the next statements, whoever runs them."""
        return super().is_sound and not self.unread

    @property
    def is_readable(self) -> bool:
        """Say whether both databases can be read and copied now."""
        return super().is_readable and not self.unread

    @property
    def _rotted(self) -> Rotted:
        assert self.rotted is not None
        return self.rotted

    def _lay(self) -> DiskFiles:
        """Write what is in memory into files, and let befall them what was said."""
        files = self._files = self._files or DiskFiles()
        for which in ("store", "vault"):
            if which not in self._left:
                files.lay(which, self._database(which))
        befalls, self._rots = self._rots, None
        if befalls is not None:
            self.rotted = Rotted(Snapshot(self.store, self.vault))
            for which in befalls[0]:
                files.damage(which, befalls[1], befalls[2])
            damaged = tuple(one for one in befalls[0] if not files.is_whole(one))
            self.rotted.damaged = damaged
        self.unread = "store", "vault"
        return files

    def _begun(self, now: Instant) -> Engine:
        """Begin an engine over the store; one that is not open yet is opened."""
        assert self._files is not None
        if not isinstance(self.store, DiskDatabase):
            self._bring("store", self._files.opened("store"))
        store = FragileConnection(self._seen(self.store, "store"), self._fuse)
        self.engine = self._made(self._entropy, store, now)
        return self.engine

    def _read(self, engine: Engine) -> AnyEngine:
        return _Reading(self, self._injected(engine))

    def _repair(self, error: DamagedError) -> str:
        """Put another store there, as a node does; a vault has nobody who could fill it."""
        assert self._files is not None
        assert self._now is not None
        if Path(error.path).name != self._files.path("store").name:
            raise vault_damage(error) from error
        if isinstance(self.store, DiskDatabase):
            self.store.close()
        now = UnixSeconds(self._now.wall // 1_000_000)
        store, sentence = self._files.replace_store(now)
        self._bring("store", store)
        return sentence

    def hear(self, now: Instant) -> None:
        """Note what time it is."""
        self._now = now

    def _database(self, which: Which) -> MemoryDatabase:
        return self.store if which == "store" else self.vault

    def _bring(self, which: Which, database: MemoryDatabase) -> None:
        if which == "store":
            self.store = database
            return
        # A connection that met damage answers nothing else, though these are in memory.
        sealed = self.vault.whole.execute("SELECT data FROM sealed ORDER BY number").fetchall()
        observe_outbox(database)
        database.execute("BEGIN")
        for (data,) in sealed:
            database.execute("INSERT INTO sealed (data) VALUES (?)", (data,))
        database.execute("COMMIT")
        self.vault = database
        self._changes = database.whole.total_changes

    def _take_off(self, which: Which) -> bool:
        """Have a database in memory; return whether all of it can be read."""
        assert self._files is not None
        database = self._database(which)
        if not isinstance(database, DiskDatabase):
            # It was never opened: a start that a damaged one ended.
            return self._files.is_whole(which)
        is_whole, before = self._files.is_whole(which), self._rotted.before
        former = before.store if which == "store" else before.vault
        copied = database.copy() if is_whole else former.copy()
        if which == "vault":
            self._rotted.is_vault_as_before = database.whole.total_changes == self._changes
        self._bring(which, copied)
        database.close()
        return is_whole


class _Reading:
    """Stands before an engine, and reads all of both databases a moment after it began."""

    def __init__(self, host: DiskHost, engine: AnyEngine) -> None:
        self._host = host
        self._engine = engine
        self._batches_left = READ_AFTER_BATCHES

    def handle(self, batch: Sequence[Input], now: Instant, /) -> list[Effect]:
        """Return what the engine wants done. Raises DamagedError."""
        self._host.hear(now)
        if self._host.unread and self._batches_left <= 0:
            self._host.read_all()
        self._batches_left -= 1
        return self._engine.handle(batch, now)

    def deadline(self) -> Monotonic | None:
        """Return when the engine wants to be called."""
        return self._engine.deadline()


class _Heard:
    """Stands behind an engine, where its person is, and notes what they are told."""

    def __init__(self, engine: AnyEngine, notices: list[str]) -> None:
        self._engine = engine
        self._notices = notices

    def handle(self, batch: Sequence[Input], now: Instant, /) -> list[Effect]:
        """Return what the engine wants done."""
        effects = self._engine.handle(batch, now)
        for effect in effects:
            if isinstance(effect, Emit) and isinstance(effect.event, NoticeRaised):
                self._notices.append(effect.event.sentence)
        return effects

    def deadline(self) -> Monotonic | None:
        """Return when the engine wants to be called."""
        return self._engine.deadline()
