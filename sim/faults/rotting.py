"""Carries out what rots on disks whose nodes are off, and what people do who are told of it.

A damaged store is no loss: everything written to and by its node must arrive all the same. Who has
to save a vault has lost what could not be read, and begins sessions anew, as after a rollback.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from mesh.database import Connection
from mesh.errors import DamagedError, StorageError
from mesh.ids import UnixSeconds
from mesh.storage.connection import filling, transaction
from mesh.storage.vault import portable
from mesh.wire.backup_records import RowsRecord
from sim.faults.lost_disks import LostDisks
from sim.faults.targets import Targets
from sim.hosts.databases import new_vault
from sim.hosts.disk_host import DiskHost
from sim.hosts.failing_disk import Which
from sim.hosts.virtual_node import VirtualNode
from sim.invariants.rot import (
    require_counted,
    require_out,
    require_said,
    require_told_what_to_do,
    require_way_out,
    rows_of,
)
from sim.kernel.entropy import Chance
from sim.schema.disk_tables import Rots

TOLD_AFTER_US: Final = 500_000
"""So long after its start, or later if nothing has happened to it by then, a node must have said
what it found."""

INSTANCE_BITS: Final = 62
"""Of the number that a machine draws which goes on from a backup."""


_LET_GO: Final = "SELECT id, message FROM outbox WHERE data IS NULL AND message IS NOT NULL"
_BODIES: Final = "SELECT id FROM envelopes JOIN bodies USING (arrival)"


@dataclass(slots=True)
class RotCounters:
    """The counts of what rotted, and of what became of it."""

    rots: int = 0
    stores_damaged: int = 0
    vaults_damaged: int = 0
    vaults_saved: int = 0
    vault_rows_lost: int = 0
    backups_put_back: int = 0
    identities_lost: int = 0
    mail_in_no_other_store: int = 0


@dataclass(frozen=True, slots=True)
class _Backup:
    """The rows of a vault as a backup holds them, and when it was made."""

    made_at: int
    rows: list[RowsRecord]


@dataclass(frozen=True, slots=True)
class _Strike:
    """One rot: what, how, and what its person does."""

    which: tuple[Which, ...]
    damage: str
    down_us: int
    mends_us: int
    chance: Chance


@dataclass(slots=True)
class Rotting:
    """The rot of one world."""

    targets: Targets
    disks: LostDisks
    store_lost: Callable[[int], None]
    """Told of a node that may have lost what it carried, and nothing of its person's."""

    counters: RotCounters = field(init=False, default_factory=RotCounters)
    _backups: dict[int, _Backup] = field(init=False, default_factory=dict)
    _strikes: dict[int, _Strike] = field(init=False, default_factory=dict)
    _stopped: dict[int, None] = field(init=False, default_factory=dict)
    _lost: dict[int, frozenset[object]] = field(init=False, default_factory=dict)

    def plan(self, fault: Rots, node: VirtualNode, chance: Chance, when: int) -> None:
        """A node's disk will rot."""
        which: tuple[Which, ...] = chance.pick((("store",), ("vault",), ("store", "vault")))
        if fault.which == "both":
            which = "store", "vault"
        elif fault.which != "any":
            which = (fault.which,)
        drawn = chance.pick(("decayed", "torn", "misdirected", "emptied", "cut-short"))
        strike = _Strike(
            which,
            drawn if fault.damage == "any" else fault.damage,
            down_us=chance.between(*map(_us, fault.down_s)),
            mends_us=chance.between(*map(_us, fault.mends_s)),
            chance=chance,
        )
        if fault.backup_s is not None:
            made_at = max(0, when - chance.between(*map(_us, fault.backup_s)))
            self.targets.loop.at(made_at, partial(self._back_up, node))
        self.targets.loop.at(when, partial(self._stop, node, strike))

    def stopped(self, node: int, error: StorageError) -> bool:
        """A node has stopped; return whether that is since its vault is damaged."""
        host = self.disks.hosts[node]
        if not (isinstance(host, DiskHost) and isinstance(error, DamagedError)):
            return False
        rotted = host.rotted
        if rotted is None or "vault" not in rotted.damaged or node not in self._strikes:
            return False
        require_told_what_to_do(node, str(error))
        self._stopped[node] = None
        mend = partial(self._mend, self.targets.nodes[node], host)
        self.targets.loop.after(self._strikes[node].mends_us, mend)
        return True

    def _back_up(self, node: VirtualNode) -> None:
        if self._has_identity(node):
            rows = list(portable.rows_of(self.disks.hosts[node.index].vault))
            self._backups[node.index] = _Backup(self.targets.loop.now, rows)

    def _has_identity(self, node: VirtualNode) -> bool:
        return bool(self.targets.users.user_at(node.index).identity_key)

    def _stop(self, node: VirtualNode, strike: _Strike) -> None:
        if node.is_up:
            rot = partial(self.targets.loop.after, 0, partial(self._rot, node, strike))
            self.disks.before_crash(node, rot)

    def _rot(self, node: VirtualNode, strike: _Strike) -> None:
        host = self.disks.hosts[node.index]
        # Whoever has no identity yet has nothing that could rot.
        if not (node.is_up and self._has_identity(node) and isinstance(host, DiskHost)):
            return
        self.counters.rots += 1
        self.store_lost(node.index)
        if "vault" in strike.which:
            self.disks.before_loss(node.index)
        node.crash(is_silent=True)
        self._strikes[node.index] = strike
        self._stopped.pop(node.index, None)
        host.rot(strike.which, strike.damage, strike.chance)
        self.targets.loop.after(strike.down_us, partial(self._boot, node, host))

    def _boot(self, node: VirtualNode, host: DiskHost) -> None:
        if node.is_up or node.is_gone:
            return
        self.disks.boot(node)
        assert host.rotted is not None
        self.counters.stores_damaged += "store" in host.rotted.damaged
        self.counters.vaults_damaged += "vault" in host.rotted.damaged
        if "store" in host.rotted.damaged:
            self._excuse(node.index, bodies_in(host.rotted.before.store))
        look = partial(self._look, node, host, node.incarnation)
        self.targets.loop.after(TOLD_AFTER_US, look)

    def _excuse(self, node: int, lost: frozenset[object]) -> None:
        """Nobody demands mail that its author has let go, since a neighbour told to hold it, where
        a store of somebody else was seen to lose it, and no store has it now.
        """
        hosts = self.disks.hosts
        self._lost[node] = self._lost.get(node, frozenset()) | lost
        gone = frozenset[object]().union(*self._lost.values())
        for other, host in hosts.items():
            if other != node:
                gone -= bodies_in(host.store)
        let_go = {
            (author, number)
            for author, host in hosts.items()
            for id_, number in host.vault.execute(_LET_GO).fetchall()
            if id_ in gone and any(id_ in ids for who, ids in self._lost.items() if who != author)
        }
        for message in self.targets.message_log.messages:
            if message.is_cut_off or message.delivered_at is not None:
                continue
            if (message.sender, message.number_there) in let_go:
                message.is_cut_off = True
                self.counters.mail_in_no_other_store += 1

    def _look(
        self, node: VirtualNode, host: DiskHost, incarnation: int, *, is_mended: bool = False
    ) -> None:
        """Require that what a node found was said. `is_mended`: a vault that had stopped it is
        another one now.
        """
        rotted = host.rotted
        has_stopped = node.index in self._stopped
        # Another fault may have ended that life, or the next start has begun already.
        if rotted is None or node.incarnation != incarnation or not (node.is_up or has_stopped):
            return
        if node.is_up and host.unread:
            # Nothing has happened to it yet, so nobody has missed anything.
            look = partial(self._look, node, host, incarnation, is_mended=is_mended)
            self.targets.loop.after(TOLD_AFTER_US, look)
            return
        damaged: tuple[Which, ...] = rotted.damaged
        if has_stopped:
            # It may have done so before anybody was told of the store: that is said after it.
            damaged = tuple(one for one in damaged if (one == "store") == is_mended)
        require_said(node.index, damaged, rotted.notices, has_stopped=has_stopped)

    def _mend(self, node: VirtualNode, host: DiskHost) -> None:
        """The person of a node that its vault stopped saves what can be read, and starts it."""
        if node.is_up or node.is_gone:
            return
        targets, index, since = self.targets, node.index, 0
        assert host.rotted is not None
        before = rows_of(host.rotted.before.vault)
        try:
            saved = host.save_vault()
        except DamagedError as error:
            require_way_out(index, str(error))
            backup = self._backups.get(index)
            if backup is None:
                self._begin_anew(node, host)
                return
            since = backup.made_at
            self._put_back(node, host, backup)
        else:
            self.counters.vaults_saved += 1
            if host.rotted.is_vault_as_before:
                after = rows_of(host.vault)
                self.counters.vault_rows_lost += require_counted(index, before, after, saved)
                require_out(index, before, after, saved)
        targets.message_log.trouble(index, self.disks.heals_at)
        targets.message_log.forget(index, since)
        targets.users.rolled_back(index)
        # One that was replaced as the vault stopped the node is in the log of that life alone.
        is_store_met = host.is_store_still_damaged
        self.disks.boot(node)
        targets.users.saved(index)
        if not is_store_met:
            return
        look = partial(self._look, node, host, node.incarnation, is_mended=True)
        targets.loop.after(TOLD_AFTER_US, look)

    def _put_back(self, node: VirtualNode, host: DiskHost, backup: _Backup) -> None:
        """They put their backup back, as `mesh restore` does."""
        self.counters.backups_put_back += 1
        vault = new_vault()
        with filling(vault), transaction(vault):
            for record in backup.rows:
                portable.put_rows(vault, record)
        now = UnixSeconds(node.calendar.wall(self.targets.loop.now) // 1_000_000)
        instance = self._strikes[node.index].chance.below(1 << INSTANCE_BITS)
        portable.taken_up(vault, instance=instance, restored=now)
        host.go_on_with(vault)

    def _begin_anew(self, node: VirtualNode, host: DiskHost) -> None:
        """Nobody knows who they were: they are somebody else from now on."""
        self.counters.identities_lost += 1
        host.wipe()
        self.targets.message_log.trouble(node.index, self.disks.heals_at)
        self.targets.message_log.forget(node.index, 0)
        self.targets.users.wiped(node.index)
        self.disks.boot(node)


def bodies_in(store: Connection) -> frozenset[object]:
    """Return the ids of all whose bodies a store has."""
    return frozenset(id_ for (id_,) in store.execute(_BODIES).fetchall())


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
