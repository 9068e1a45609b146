"""Carries out what routers do with addresses: leases that are renewed with another one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from mesh.inputs import NetworkChanged, Woke
from sim.hosts.virtual_node import VirtualNode
from sim.kernel.entropy import Chance
from sim.kernel.loop import Loop
from sim.network.virtual_network import VirtualNetwork
from sim.schema.node_tables import Leases


@dataclass(frozen=True, slots=True)
class _Renewal:
    """The draws of one node."""

    node: VirtualNode
    is_reusing: bool
    is_renamed: bool


@dataclass(slots=True)
class LeaseFaults:
    """The leases of one world; `is_injected` says what a shrunk scenario still has.

    Whose machine is off has another address when it comes back.
    """

    seed: int
    loop: Loop
    network: VirtualNetwork
    nodes: Sequence[VirtualNode]
    renewed: Callable[[int], None]
    """Told of each node that goes on under its name: discovery says it again."""
    is_injected: Callable[[str, int], bool]

    def plan(self, number: int, fault: Leases) -> None:
        """Plan one table of a scenario."""
        between_us = [round(each * 1_000_000) for each in fault.between_s]
        restarts = Chance(self.seed, "faults", number).between(*between_us)
        together: list[_Renewal] = []
        for node in self.nodes:
            chance = Chance(self.seed, "faults", number, node.index)
            is_drawn = chance.is_true(fault.share)
            when = chance.between(*between_us)
            drawn = _Renewal(
                node, chance.is_true(fault.reused_share), chance.is_true(fault.renamed_share)
            )
            if is_drawn and self.is_injected(f"{number}/{node.index}", node.index):
                if fault.at_once:
                    together.append(drawn)
                else:
                    self.loop.at(when, partial(self._renew, [drawn]))
        if together:
            self.loop.at(restarts, partial(self._renew, together))

    def _renew(self, renewals: Sequence[_Renewal]) -> None:
        self.network.renew({each.node.index: each.is_reusing for each in renewals})
        for each in renewals:
            if each.node.is_up:
                each.node.put(NetworkChanged() if each.is_renamed else Woke())
                if not each.is_renamed:
                    self.renewed(each.node.index)
