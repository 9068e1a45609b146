"""The host of a simulated node: two databases in memory that outlive every crash.

They have the schema of the real ones, made by the same migrations, without a key. A crash rolls
back what was not committed; the next engine starts over the same connections. Between two lives
a disk may be put back to an older snapshot, be emptied, or be another's copy.
"""

from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Literal

from mesh.crypto.entropy import Entropy
from mesh.crypto.kem import Kem
from mesh.crypto.signing import Verify
from mesh.database import Connection
from mesh.effects import MintStamp
from mesh.engine.engine import Engine
from mesh.engine.lasting import LastingEngine
from mesh.engine.settings import EngineSettings
from mesh.errors import StorageError
from mesh.ids import Instant
from mesh.inputs import DiskMeasured, Input, StampMinted, VaultOpened
from mesh.limits.posting_keys import STAMP_TRY_MS
from mesh.link.link import BeginHandshake, begin_noise
from mesh.posting.stamp import mint
from mesh.storage.connection import filling, transaction
from mesh.storage.vault import portable
from mesh.wire.parameters import STAMP_BITS_DEFAULT
from sim.hosts.blobs import Blobs
from sim.hosts.databases import MemoryDatabase, new_store, new_vault
from sim.hosts.double_execution import DOUBLE_ONE_IN, Double, ObservedEngine
from sim.hosts.driver_protocol import AnyEngine, Injection
from sim.hosts.failing_disk import Disk, Which
from sim.hosts.fragile import FragileConnection, Fuse
from sim.hosts.shadows import Shadowing
from sim.invariants.begun_anew import half_of
from sim.invariants.nonce_reuse import observe_outbox
from sim.kernel.entropy import Chance

WhichDatabase = Literal["store", "vault", "both"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Both databases as they were at some moment."""

    store: MemoryDatabase
    vault: MemoryDatabase


class Host:
    """Fits `sim.hosts.driver_protocol.AnyHost` with the real engine."""

    def __init__(
        self,
        *,
        settings: EngineSettings,
        entropy: Entropy,
        chance: Chance,
        kem: Kem,
        verify: Verify,
        begin: BeginHandshake = begin_noise,
        inject: Injection | None = None,
        observed: tuple[int, Chance] | None = None,
    ) -> None:
        self._settings = settings
        self._entropy = entropy
        self._chance = chance
        self._kem = kem
        self._verify = verify
        self._begin = begin
        self._inject = inject
        # Whose engine is observed, and what draws which of its lives has a double.
        self._observed = observed
        self.engine: Engine | None = None
        """The engine of this life, for those that look into it; never what drives it."""

        self.blobs = Blobs()
        """The bytes of its large files."""

        self.disk: Disk | None = None
        """Of a computer whose disk is going to fail."""

        self.shadowing: Shadowing | None = None
        """Of a node that runs beside others with other vaults, while its disk does not fail."""

        self.cuts: dict[Which, int] = {"store": 0, "vault": 0}
        """How many crashes fell within a transaction of each."""

        self.unread: tuple[Which, ...] = ()
        """Which of both are open, and may have damage that nobody has met yet."""

        self.full_disk_lives = 0
        """How many engines a full disk has ended, so that others went on."""

        self._fuse = Fuse()
        self.store, self.vault = _new_databases()

    def boot(self, now: Instant) -> tuple[AnyEngine, list[Input]]:
        """A new engine over what was committed, and the opened vault for it."""
        double = self._double(now)
        store = FragileConnection(self._seen(self.store, "store"), self._fuse)
        driven: AnyEngine
        if self.disk is None and self.shadowing is not None:
            self.engine, driven = self.shadowing.boot(
                self._made,
                store,
                self.store,
                now,
                vault_entropy=self._entropy,
                injected=self._injected,
            )
        elif self.disk is None:
            self.engine = self._made(self._entropy, store, now)
            driven = self._injected(self.engine)
        else:
            driven = LastingEngine(
                partial(self._made_again, store), now=now, driven_by=self._injected
            )
        if self._observed is not None:
            driven = ObservedEngine(self._observed[0], driven, double)
        first = [] if self.disk is None else [DiskMeasured(self.disk.free_bytes)]
        return driven, [*first, self.unlock()]

    def _made_again(self, store: Connection, now: Instant) -> Engine:
        """The next engine of a life: it counts as one of those that a full disk has ended."""
        self.full_disk_lives += self.engine is not None
        self.engine = self._made(self._entropy, store, now)
        return self.engine

    def _injected(self, engine: Engine) -> AnyEngine:
        return engine if self._inject is None else self._inject(engine)

    def _made(self, entropy: Entropy, store: Connection, now: Instant) -> Engine:
        return Engine(
            settings=self._settings,
            store=store,
            entropy=entropy,
            kem=self._kem,
            verify=self._verify,
            begin=self._begin,
            now=now,
        )

    def _double(self, now: Instant) -> Double | None:
        if self._observed is None or self._observed[1].below(DOUBLE_ONE_IN):
            return None
        if self.disk is not None or self.shadowing is not None:
            # What a disk fails the double's does not; and shadows are doubles already.
            return None
        both = self.snapshot()
        driven = self._injected(self._made(deepcopy(self._entropy), both.store, now))
        return Double(driven, both.vault)

    def unlock(self) -> Input:
        """The user gives the passphrase."""
        return VaultOpened(FragileConnection(self._seen(self.vault, "vault"), self._fuse))

    def _seen(self, database: MemoryDatabase, which: Which) -> Connection:
        """A database over the disk that there is."""
        return database if self.disk is None else self.disk.connect(database, which)

    def take_waited_us(self) -> int:
        """Return how long commits took since the last call, where the disk is a slow one."""
        return 0 if self.disk is None else self.disk.take_waited_us()

    def arm(self, statements: int) -> None:
        """The power fails before the next statement but so many."""
        self._fuse.statements_left = statements

    @property
    def is_sound(self) -> bool:
        """Say whether nothing fails at the next statements, whoever runs them."""
        return self.disk is None and self._fuse.statements_left is None

    @property
    def is_readable(self) -> bool:
        """Say whether both databases can be read and copied now: nothing fails at the next
        statements, and no transaction is open, as a planted bug may leave one.
        """
        is_failing = self.disk is not None and self.disk.is_failing
        is_open = self.store.whole.in_transaction or self.vault.whole.in_transaction
        return self._fuse.statements_left is None and not (is_failing or is_open)

    def crash(self) -> None:
        """Roll back what was not committed."""
        self.engine = None
        self._fuse.statements_left = None
        self.cuts["store"] += self.store.whole.in_transaction
        self.cuts["vault"] += self.vault.whole.in_transaction
        for database in (self.store, self.vault):
            # It is an error to roll back where no transaction is open, and the usual case.
            with suppress(StorageError):
                database.execute("ROLLBACK")

    # --- Between two batches --------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Copy both databases."""
        return Snapshot(self.store.copy(), self.vault.copy())

    def begin_anew(self, now: Instant, *, is_locked: bool = False) -> tuple[Engine, Instant]:
        """Make another engine over copies of both databases, to be asked and not driven.

        Returns it, with its vault open unless that is to be locked, and the time that it is there.
        """
        both = self.snapshot()
        return self._opened(both.store, None if is_locked else both.vault, now)

    def begin_from_backup(self, now: Instant) -> tuple[Engine, Instant]:
        """Make another engine, without mail of others, over what a backup holds of the vault."""
        vault = new_vault()
        with filling(vault), transaction(vault):
            for record in portable.rows_of(self.vault):
                portable.put_rows(vault, record)
        return self._opened(new_store(), vault, now)

    def _opened(
        self, store: MemoryDatabase, vault: MemoryDatabase | None, now: Instant
    ) -> tuple[Engine, Instant]:
        engine = self._made(deepcopy(self._entropy), store, now)
        there: Instant = vars(engine)["_clock"].at(now)
        if vault is not None:
            half_of(engine).unlock(vault, there)
        return engine, there

    # --- Between two lives ----------------------------------------------------------------------

    def put_back(self, snapshot: Snapshot, which: WhichDatabase) -> None:
        """Lose everything since a snapshot, in one database or in both."""
        if which in ("store", "both"):
            self.store = snapshot.store.copy()
        if which in ("vault", "both"):
            self.vault = snapshot.vault.copy()
            observe_outbox(self.vault)
        self._keep_nothing()

    def lose_commits(self, store_count: int, vault_count: int) -> int | None:
        """The power failed on a disk that lied: the last so many commits of each are gone.

        Returns when the first that the vault has lost was begun.
        """
        assert self.disk is not None
        store = self.disk.lose_commits("store", store_count)
        vault = self.disk.lose_commits("vault", vault_count)
        self._keep_nothing()
        if store is not None:
            self.store = store[1]
        if vault is None:
            return None
        since, self.vault = vault
        observe_outbox(self.vault)
        return since

    def _keep_nothing(self) -> None:
        """Keep nothing of what was before the last commits."""
        if self.disk is not None:
            self.disk.keep_commits(0)

    def bring_vault(self, vault: MemoryDatabase) -> None:
        """The user brings a vault that was taken from another machine."""
        self.vault.close()
        self.vault = vault
        observe_outbox(self.vault)

    def take_over(self, inject: Injection) -> None:
        """Somebody else's program runs here from the next start on."""
        self._inject = inject

    def take_vault(self) -> MemoryDatabase:
        """The user takes the vault away, and the machine is used no more.

        It is a copy: an open database holds a few hundred kilobytes of prepared statements.
        """
        vault = self.vault.copy()
        self.store.close()
        self.vault.close()
        return vault

    def wipe(self) -> None:
        """Lose everything."""
        self.store, self.vault = _new_databases()
        self.blobs = Blobs()
        self._keep_nothing()

    def mint(self, effect: MintStamp) -> tuple[int, Input]:
        """The real proof of work, after the time of one of six bits at least.

        Its search begins where the computer draws it, as a daemon's does: what is drawn of the
        engine's entropy beside the engine its double does not draw.
        """
        start = b"".join(self._chance.below(256).to_bytes(1, "big") for _ in range(8))
        stamp = mint(effect.posting_key, effect.day, effect.bits, start)
        bits = max(effect.bits, STAMP_BITS_DEFAULT)
        delay = self._chance.exponential(STAMP_TRY_MS * 1_000 << bits)
        return delay, StampMinted(effect.posting_key, effect.day, effect.bits, stamp)


def _new_databases() -> tuple[MemoryDatabase, MemoryDatabase]:
    store, vault = new_store(), new_vault()
    observe_outbox(vault)
    return store, vault
