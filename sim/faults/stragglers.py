"""Nodes that fall behind for good, and the core of those whom they must keep nothing from (L7)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, assert_never

from sim.hosts.virtual_node import VirtualNode
from sim.kernel.entropy import Chance
from sim.kernel.loop import Loop
from sim.network.cuts import Silence
from sim.network.virtual_network import VirtualNetwork
from sim.schema.node_tables import Stragglers, Straggling

CATCHING_UP_BATCHES: Final = 2
"""A node that thinks slowly has at most one batch in hand, and perhaps just begins the next."""


@dataclass(slots=True)
class StragglerFaults:
    """All stragglers of one world; `is_injected` says what a shrunk scenario still has."""

    seed: int
    loop: Loop
    network: VirtualNetwork
    nodes: Sequence[VirtualNode]
    is_injected: Callable[[str, int], bool]
    struck: dict[int, Straggling] = field(default_factory=dict)
    """Who straggles, and how."""
    _cuts: list[int] = field(default_factory=list)
    _slowed: list[tuple[VirtualNode, float]] = field(default_factory=list)

    def plan(self, number: int, fault: Stragglers) -> None:
        """Plan one table of a scenario."""
        order = list(self.nodes)
        Chance(self.seed, "faults", number).shuffle(order)
        for node in order[: round(fault.share * len(order))]:
            way = Chance(self.seed, "faults", number, node.index).pick(fault.ways)
            if self.is_injected(f"{number}/{node.index}", node.index):
                strike = partial(self._strike, node, way, fault.times)
                self.loop.at(round(fault.at_s * 1_000_000), strike)

    def core(self, nodes: Sequence[VirtualNode]) -> list[VirtualNode]:
        """The most of these nodes that keep up and reach one another without the stragglers."""
        if not self.struck:
            return list(nodes)
        within = {node.index: node for node in nodes if node.index not in self.struck}
        best: dict[int, None] = {}
        seen: dict[int, None] = {}
        for start in within:
            if start in seen:
                continue
            part = {start: None}
            waiting = [start]
            for node in waiting:
                for other in self.network.reach.others(node):
                    if other in within and other not in part:
                        part[other] = None
                        waiting.append(other)
            seen.update(part)
            best = max(best, part, key=len)
        return [within[index] for index in sorted(best)]

    def get_well(self) -> int:
        """It is over; returns after how many microseconds all think as others do."""
        slowest_us = max([node.processor.thinking_us for node, _ in self._slowed], default=0)
        for cut in self._cuts:
            self.network.heal(cut)
        for node, times in self._slowed:
            node.processor.think_slower(1 / times)
        self._cuts.clear()
        self._slowed.clear()
        return CATCHING_UP_BATCHES * slowest_us

    def _strike(self, node: VirtualNode, way: Straggling, times: float) -> None:
        if node.index in self.struck:
            return
        self.struck[node.index] = way
        match way:
            case "slow":
                node.processor.think_slower(times)
                self._slowed.append((node, times))
            case "deaf":
                self._cuts.append(self.network.cut(Silence(node.index, is_mute=False)))
            case "mute":
                self._cuts.append(self.network.cut(Silence(node.index, is_deaf=False)))
            case _:
                assert_never(way)
