"""Carries out what comes between nodes: halves, partitions of all modes, swizzles."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import assert_never

from sim.kernel.entropy import Chance
from sim.kernel.loop import Loop
from sim.network.cuts import Cut, Neighbourhood, Sides, Silence
from sim.network.virtual_network import VirtualNetwork
from sim.schema.cut_tables import Partitions, Swizzles
from sim.schema.fault_tables import Halves, Strict
from sim.topology.topology import Layout, halves_of


@dataclass(slots=True)
class CutCounters:
    """The counts of cuts."""

    cuts: int = 0
    swizzled: int = 0


def _nobody() -> None:
    """Nobody wants to know."""


@dataclass(slots=True)
class CutFaults:
    """All cuts of one world; `is_injected` says whether a shrunk scenario still has a strike."""

    seed: int
    loop: Loop
    network: VirtualNetwork
    layout: Layout
    is_injected: Callable[[str], bool]
    cut: Callable[[], None] = _nobody
    healed: Callable[[], None] = _nobody
    """Told when a cut begins, and when the last one ended."""
    counters: CutCounters = field(init=False, default_factory=CutCounters)
    latest: Cut | None = field(init=False, default=None)
    """The latest cut through the whole mesh."""

    def plan(self, number: int, fault: Halves | Partitions | Swizzles) -> None:
        """Plan one table of a scenario."""
        match fault:
            case Halves():
                if self.is_injected(f"{number}"):
                    cut = self._halves(number, fault)
                    self._plan_cut(cut, fault.at_s, fault.ends_s, fault.reset_share)
            case Partitions():
                if self.is_injected(f"{number}"):
                    self._plan_partitions(number, fault)
            case Swizzles():
                self._plan_swizzles(number, fault)
            case _:
                assert_never(fault)

    def is_across(self, one: int, other: int) -> bool:
        """Say whether the latest cut lay between two nodes, in any direction."""
        cut = self.latest
        return cut is not None and (cut.blocks(one, other) or cut.blocks(other, one))

    def _plan_partitions(self, number: int, fault: Partitions) -> None:
        chance = Chance(self.seed, "faults", number)
        if fault.flaps_s is None:
            cut = self._drawn(fault, chance)
            self._plan_cut(cut, fault.at_s, fault.ends_s, fault.reset_share)
            return
        apart_s, together_s = fault.flaps_s
        at_s = fault.at_s
        cut = self._drawn(fault, chance)
        while at_s < fault.ends_s:
            end_s = min(at_s + apart_s, fault.ends_s)
            self._plan_cut(cut, at_s, end_s, fault.reset_share)
            at_s = end_s + together_s

    def _plan_cut(self, cut: Cut, at_s: float, end_s: float, reset_share: float) -> None:
        self.loop.at(_us(at_s), partial(self.begin, cut, _us(end_s), reset_share))

    def begin(self, cut: Cut, end: int, reset_share: float) -> None:
        """Cut now, and heal at an instant."""
        self.counters.cuts += 1
        self.latest = cut
        self.cut()
        number = self.network.cut(cut, reset_share=reset_share)
        self.loop.at(end, partial(self._heal, number))

    def _heal(self, number: int) -> None:
        self.network.heal(number)
        if not self.network.reach.is_cut:
            self.healed()

    def _plan_swizzles(self, number: int, fault: Swizzles) -> None:
        for node in range(len(self.layout.networks)):
            chance = Chance(self.seed, "faults", number, node)
            is_drawn = chance.is_true(fault.share)
            half_us = _us(fault.for_s / 2)
            goes = _us(fault.at_s) + chance.below(half_us)
            returns = _us(fault.at_s) + half_us + chance.below(half_us)
            if is_drawn and self.is_injected(f"{number}/{node}"):
                cut = Silence(node, is_deaf=fault.symmetric)
                self.loop.at(goes, partial(self._swizzle, cut, returns))

    def _swizzle(self, cut: Silence, end: int) -> None:
        self.counters.swizzled += 1
        self.cut()
        self.loop.at(end, partial(self.network.heal, self.network.cut(cut)))

    # --- Who is apart -----------------------------------------------------------------------------

    @property
    def _nodes(self) -> Sequence[int]:
        return range(len(self.layout.networks))

    def _halves(self, number: int, fault: Halves) -> Cut:
        if fault.by == "network":
            return Sides(halves_of(self.layout))
        chance = Chance(self.seed, "faults", number)
        return Sides({node: chance.below(2) for node in self._nodes})

    def _drawn(self, fault: Partitions, chance: Chance) -> Cut:
        nodes = list(self._nodes)
        count = len(nodes)
        is_symmetric = fault.symmetric
        if fault.mode == "arcs":
            start, length = chance.below(count), 1 + chance.below(count - 1)
            sides = {node: int((node - start) % count < length) for node in nodes}
            return Sides(sides, is_symmetric)
        chance.shuffle(nodes)
        places = {node: place for place, node in enumerate(nodes)}
        match fault.mode:
            case "isolate":
                few = 1
            case "halves" | "bridge":
                few = count // 2
            case "uniform":
                few = 1 + chance.below(count - 1)
            case "parts":
                return Sides({node: places[node] % fault.parts for node in places}, is_symmetric)
            case "guests" | "alone":
                # Each on a side of its own.
                between = {nodes[-1]: None} if fault.mode == "guests" else {}
                return Sides(places, is_symmetric, between)
            case "ring":
                # One way round a majority is half of them, both ways a quarter on either side.
                reach = (count // 2 + 1) // 2 if is_symmetric else count // 2
                return Neighbourhood(places, max(1, reach), is_symmetric)
            case _:
                assert_never(fault.mode)
        sides = {node: int(place < few) for node, place in places.items()}
        between = {nodes[-1]: None} if fault.mode == "bridge" else {}
        return Sides(sides, is_symmetric, between)


def cut_spans(faults: Sequence[Strict]) -> list[tuple[float, float]]:
    """Return when the whole mesh is cut, in seconds, gaps of flapping included."""
    return [
        (fault.at_s, fault.ends_s) for fault in faults if isinstance(fault, Halves | Partitions)
    ]


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
