"""Carries out what disks do while their nodes run: full, failing, slow.

A node whose disk is full goes on, reads, and writes again when there is room. One whose disk fails
stops, as the shell does, and somebody starts it again a while later: it may stop at once, again and
again, until the disk is well. Nothing that was committed is lost by that, so every invariant holds.
What a disk loses is in `sim.faults.lost_disks`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from mesh.errors import StorageError
from mesh.inputs import DiskMeasured
from sim.hosts.failing_disk import Disk
from sim.hosts.host import Host
from sim.hosts.virtual_node import VirtualNode
from sim.invariants.invariants import S14, BrokenInvariant
from sim.kernel.entropy import Chance
from sim.kernel.loop import Loop
from sim.schema.disk_tables import SEEN_WITHIN_S, DiskFault, FullDisks, SlowDisks, Trying


@dataclass(slots=True)
class DiskFaultCounters:
    """The counts of faults of disks under nodes that ran."""

    full_disks: int = 0
    failing_disks: int = 0
    slow_disks: int = 0
    stops_by_disk: int = 0


@dataclass(slots=True)
class DiskFaults:
    """The failing disks of one world; `is_injected` says what a shrunk scenario still has."""

    seed: int
    loop: Loop
    nodes: Sequence[VirtualNode]
    hosts: Mapping[int, Host]
    restart: Callable[[VirtualNode], None]
    is_injected: Callable[[str, int], bool]
    counters: DiskFaultCounters = field(default_factory=DiskFaultCounters)
    _tries: dict[int, Chance] = field(default_factory=dict)

    def plan(self, number: int, fault: DiskFault) -> None:
        """Plan one table of a scenario."""
        for node in self.nodes:
            chance = Chance(self.seed, "faults", number, node.index)
            is_drawn = chance.is_true(fault.share)
            begins, lasts = chance.between(*_us(fault.between_s)), chance.between(*_us(fault.for_s))
            if is_drawn and self.is_injected(f"{number}/{node.index}", node.index):
                disk = disk_of(self.hosts[node.index], self.seed, node.index, self.loop)
                self.loop.at(begins, partial(self._begin, number, fault, disk))
                self.loop.at(begins + lasts, partial(_end, number, disk))
                if isinstance(fault, FullDisks):
                    for when in (begins, begins + lasts):
                        seen = when + chance.below(SEEN_WITHIN_S * 1_000_000)
                        self.loop.at(seen, partial(_look, node, disk))

    def stopped(self, node: int, error: StorageError) -> None:
        """A node has stopped since its disk failed; S14 if its disk is well."""
        disk = self.hosts[node].disk if node in self.hosts else None
        tries_s = [] if disk is None else _tries_s(disk)
        if not tries_s:
            raise BrokenInvariant(S14, f"a disk failed that nothing befell: {error}", node)
        self.counters.stops_by_disk += 1
        chance = self._tries.setdefault(node, Chance(self.seed, "tries", node))
        again = chance.between(*_us(tries_s[0]))
        self.loop.after(again, partial(self.restart, self.nodes[node]))

    def _begin(self, number: int, fault: DiskFault, disk: Disk) -> None:
        disk.troubles[number] = fault
        match fault:
            case FullDisks():
                self.counters.full_disks += 1
            case SlowDisks():
                self.counters.slow_disks += 1
            case _:
                self.counters.failing_disks += 1


def _end(number: int, disk: Disk) -> None:
    del disk.troubles[number]


def _look(node: VirtualNode, disk: Disk) -> None:
    """A node looks at its disk, and sees how it is now: what filled it may be gone already."""
    node.put(DiskMeasured(disk.free_bytes))


def disk_of(host: Host, seed: int, node: int, loop: Loop) -> Disk:
    """The disk that will fail under a node; planned before its first boot."""
    if host.disk is None:
        host.disk = Disk(Chance(seed, "disk", node), now=lambda: loop.now)
    return host.disk


def _tries_s(disk: Disk) -> list[tuple[float, float]]:
    return [one.tries_s for one in disk.troubles.values() if isinstance(one, Trying)]


def _us(seconds: tuple[float, float]) -> tuple[int, int]:
    return round(seconds[0] * 1_000_000), round(seconds[1] * 1_000_000)
