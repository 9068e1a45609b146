"""The losses of disks: put back to a snapshot, lost, lying, or copied to a second machine.

Each is drawn like other faults. The message log is told what was lost, so that everything else is
demanded all the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from sim.faults.disk_faults import disk_of
from sim.faults.targets import Targets
from sim.hosts.host import Host, Snapshot, WhichDatabase
from sim.hosts.virtual_node import VirtualNode
from sim.kernel.entropy import Chance
from sim.schema.disk_tables import LostFsyncs
from sim.schema.fault_tables import Clones, Rollbacks, Wipes
from sim.schema.scenario import Scenario
from sim.users.mail_workload import MailWorkload

LYING_US = 30_000_000
"""For how long before the power fails a disk lies."""

AGAIN_US = 1_000_000
"""How often a disk that is to lie looks whether its owner has an identity."""

NEVER = 1 << 62
"""Later than any world lasts."""


@dataclass(slots=True)
class DiskCounters:
    """The counts of faults of disks."""

    rollbacks: int = 0
    wipes: int = 0
    lost_fsyncs: int = 0
    commits_lost: int = 0
    stores_behind: int = 0
    vaults_behind: int = 0
    clones: int = 0


@dataclass(slots=True)
class LostDisks:
    """The faults of disks of one world. `spares` are second machines, in the order of tables."""

    targets: Targets
    spares: Sequence[VirtualNode]
    hosts: Mapping[int, Host]
    mail_workload: MailWorkload
    before_crash: Callable[[VirtualNode, Callable[[], None]], None]
    before_loss: Callable[[int], None]
    """Told of a node whose disk is about to be lost, so that it can be searched before."""

    after_copy: Callable[[int, int], None]
    """Told of a node, and of the second machine that has a copy of its disk."""

    counters: DiskCounters = field(init=False, default_factory=DiskCounters)
    _lives: dict[int, int] = field(init=False, default_factory=dict)

    def plan_rollback(self, fault: Rollbacks, node: VirtualNode, chance: Chance, when: int) -> None:
        """A node will be put back to a snapshot."""
        back_us = chance.between(*map(_us, fault.back_s))
        down_us = chance.between(*map(_us, fault.down_s))
        drawn: WhichDatabase = chance.pick(("store", "vault", "both"))
        which = drawn if fault.which == "any" else fault.which
        self.targets.loop.at(
            max(0, when - back_us), partial(self._remember, node, which, when, down_us)
        )

    def plan_lost_fsyncs(
        self, fault: LostFsyncs, node: VirtualNode, chance: Chance, when: int
    ) -> None:
        """The power of a node will fail, and its disk has lied about its last commits."""
        down_us = chance.between(*map(_us, fault.down_s))
        most = chance.between(*fault.commits)
        lost = (chance.between(0, most), chance.between(0, most))
        disk_of(self.hosts[node.index], self.targets.seed, node.index, self.targets.loop)
        self.targets.loop.at(max(0, when - LYING_US), partial(self._lie, node, most, when))
        lose = partial(self._lose_commits, node, lost, down_us)
        self.targets.loop.at(when, partial(self._stop, node, lose))

    def plan_wipe(self, fault: Wipes, node: VirtualNode, chance: Chance, when: int) -> None:
        """A node will lose everything."""
        down_us = chance.between(*map(_us, fault.down_s))
        self.targets.loop.at(when, partial(self._stop, node, partial(self._wipe, node, down_us)))

    def plan_clones(
        self, number: int, fault: Clones, is_injected: Callable[[str, int], bool]
    ) -> None:
        """Second machines will run from copies; each is a strike, by its place among them all."""
        for place, (table, original) in enumerate(
            cloned_nodes(self.targets.scenario, self.targets.seed)
        ):
            if table == number and is_injected(f"{number}/{place}", original):
                chance = Chance(self.targets.seed, "clones", number, place)
                when = chance.between(*map(_us, fault.between_s))
                for_us = chance.between(*map(_us, fault.for_s))
                node, spare = self.targets.nodes[original], self.spares[place]
                clone = partial(self._clone, fault, node, spare, chance, for_us)
                self.targets.loop.at(when, clone)

    def _remember(self, node: VirtualNode, which: WhichDatabase, when: int, down_us: int) -> None:
        if not self.targets.users.user_at(node.index).identity_key:
            # Whoever has no identity yet has nothing to lose.
            return
        snapshot = self.hosts[node.index].snapshot()
        put_back = partial(
            self._put_back,
            node,
            which,
            down_us,
            snapshot=snapshot,
            taken_at=self.targets.loop.now,
            life=self._lives.get(node.index, 0),
        )
        self.targets.loop.at(when, partial(self._stop, node, put_back))

    def _stop(self, node: VirtualNode, then: Callable[[], None]) -> None:
        if node.is_up:
            self.before_crash(node, partial(self.targets.loop.after, 0, then))

    def _put_back(
        self,
        node: VirtualNode,
        which: WhichDatabase,
        down_us: int,
        *,
        snapshot: Snapshot,
        taken_at: int,
        life: int,
    ) -> None:
        # A disk that was lost meanwhile has no snapshot any more.
        if not node.is_up or self._lives.get(node.index, 0) != life:
            return
        self.counters.rollbacks += 1
        self.before_loss(node.index)
        node.crash(is_silent=True)
        self.hosts[node.index].put_back(snapshot, which)
        self.targets.message_log.trouble(node.index, self.heals_at)
        if which != "store":
            self.targets.message_log.forget(node.index, taken_at)
            self.targets.users.rolled_back(node.index)
        self.targets.loop.after(down_us, partial(self.boot, node))

    def _lie(self, node: VirtualNode, commits_count: int, until: int) -> None:
        disk = self.hosts[node.index].disk
        assert disk is not None
        # Whoever has no identity yet has nothing to lose, and may have something soon.
        if self.targets.users.user_at(node.index).identity_key:
            disk.keep_commits(commits_count)
        elif self.targets.loop.now < until:
            self.targets.loop.after(AGAIN_US, partial(self._lie, node, commits_count, until))

    def _lose_commits(self, node: VirtualNode, lost: tuple[int, int], down_us: int) -> None:
        disk = self.hosts[node.index].disk
        if not node.is_up or disk is None or not disk.is_keeping:
            return
        self.counters.lost_fsyncs += 1
        self.before_loss(node.index)
        node.crash(is_silent=True)
        of_store, of_vault = disk.kept_count("store", lost[0]), disk.kept_count("vault", lost[1])
        self.counters.commits_lost += of_store + of_vault
        self.counters.stores_behind += of_store > of_vault == 0
        self.counters.vaults_behind += of_vault > of_store == 0
        since = self.hosts[node.index].lose_commits(*lost)
        self.targets.message_log.trouble(node.index, self.heals_at)
        if since is not None:
            self.targets.message_log.forget(node.index, since)
            self.targets.users.rolled_back(node.index)
        self.targets.loop.after(down_us, partial(self.boot, node))

    def _wipe(self, node: VirtualNode, down_us: int) -> None:
        if not node.is_up:
            return
        self.counters.wipes += 1
        self.before_loss(node.index)
        node.crash(is_silent=True)
        self._lives[node.index] = self._lives.get(node.index, 0) + 1
        self.hosts[node.index].wipe()
        self.targets.message_log.trouble(node.index, self.heals_at)
        self.targets.message_log.forget(node.index, 0)
        self.targets.users.wiped(node.index)
        self.targets.loop.after(down_us, partial(self.boot, node))

    def boot(self, node: VirtualNode) -> None:
        """Somebody starts a node again over what its disk has."""
        if not (node.is_up or node.is_gone):
            node.boot()
            self.targets.users.booted_again(node.index)

    def _clone(
        self,
        fault: Clones,
        node: VirtualNode,
        spare: VirtualNode,
        chance: Chance,
        for_us: int,
    ) -> None:
        if not self.targets.users.user_at(node.index).identity_key:
            # Whoever has no identity yet has nothing that could be copied.
            return
        self.counters.clones += 1
        self.before_loss(node.index)
        self.targets.message_log.trouble(node.index, self.heals_at)
        self.hosts[spare.index].put_back(self.hosts[node.index].snapshot(), "both")
        self.after_copy(node.index, spare.index)
        spare.boot()
        self.targets.users.cloned(spare.index)
        user = self.targets.users.user_at(spare.index)
        for _ in range(fault.messages_count):
            write = partial(self.mail_workload.write_from, user)
            self.targets.loop.after(chance.below(for_us), write)
        self.targets.loop.after(for_us, partial(self._end_clone, spare))

    def _end_clone(self, spare: VirtualNode) -> None:
        self._stop(spare, partial(spare.crash, is_silent=True))

    @property
    def heals_at(self) -> int:
        """Return from when on everything must arrive that is written to or by who lost a disk."""
        heals_at_s = self.targets.scenario.heals_at_s
        return _us(heals_at_s) if self.targets.scenario.probe_s else NEVER


def cloned_nodes(scenario: Scenario, seed: int) -> list[tuple[int, int]]:
    """(table, original) of each second machine that a scenario wants, in order."""
    chance = Chance(seed, "cloned")
    return [
        (number, chance.below(scenario.nodes))
        for number, fault in enumerate(scenario.faults)
        if isinstance(fault, Clones)
        for _ in range(fault.count)
    ]


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
