"""The spells of a world's wires: drawn for each wire from a stream of its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from sim.kernel.entropy import Chance
from sim.kernel.loop import Loop
from sim.network.virtual_network import VirtualNetwork
from sim.network.wires import Spell, bursts_of
from sim.schema.fault_tables import Strict
from sim.schema.wire_tables import (
    Clogs,
    Corruptions,
    Delays,
    HalfOpen,
    Holds,
    Losses,
    Trickles,
    Truncations,
    WireFault,
)


@dataclass(slots=True)
class WireFaultCounters:
    """On how many wires something was wrong."""

    lines_struck: int = 0
    clogs: int = 0
    streams_forgotten: int = 0


@dataclass(slots=True)
class WireFaults:
    """All that is wrong with wires; `is_injected` says what a shrunk scenario still has."""

    faults: Sequence[Strict]
    seed: int
    loop: Loop
    network: VirtualNetwork
    is_injected: Callable[[str], bool]
    counters: WireFaultCounters = field(default_factory=WireFaultCounters)

    def spells_of(self, sender: int, receiver: int) -> list[Spell]:
        """The spells of a wire that has just been made; clogs and the like are planned here."""
        spells: list[Spell] = []
        for number, fault in enumerate(self.faults):
            if isinstance(fault, WireFault):
                spells += self._drawn(number, fault, sender, receiver)
        return spells

    def _drawn(self, number: int, fault: WireFault, sender: int, receiver: int) -> list[Spell]:
        is_of_both = isinstance(fault, HalfOpen) or (
            isinstance(fault, Clogs) and fault.ways == "both"
        )
        if is_of_both and sender > receiver:
            # The other direction of the same two nodes carries it.
            return []
        chance = Chance(self.seed, "lines", number, sender, receiver)
        is_drawn = chance.is_true(fault.share)
        start = chance.between(*map(_us, fault.between_s))
        if not is_drawn or not self.is_injected(f"{number}/{sender}>{receiver}"):
            return []
        self.counters.lines_struck += 1
        if isinstance(fault, HalfOpen):
            self._plan(start, partial(self._forget, sender, receiver))
            return []
        end = start + chance.between(*map(_us, fault.for_s))
        match fault:
            case Clogs():
                wires = (
                    [(sender, receiver), (receiver, sender)] if is_of_both else [(sender, receiver)]
                )
                if end > self.loop.now:
                    self._plan(max(start, self.loop.now), partial(self._clog, wires, end))
                return []
            case Losses(loss=loss, bursts=bursts):
                return [Spell(start, end, loss=loss, bursts=bursts_of(bursts))]
            case Delays(delay=delay):
                return [Spell(start, end, delay=delay)]
            case Trickles(bytes_per_second=rate):
                return [Spell(start, end, bytes_per_second=rate)]
            case Holds():
                return [Spell(start, end, is_held=True)]
            case Corruptions(chunks=chunks):
                return [Spell(start, end, corrupted=chunks)]
            case Truncations(chunks=chunks):
                return [Spell(start, end, truncated=chunks)]

    def _plan(self, when: int, action: Callable[[], None]) -> None:
        if when >= self.loop.now:
            self.loop.at(when, action)

    def _clog(self, wires: Sequence[tuple[int, int]], end: int) -> None:
        self.counters.clogs += 1
        for sender, receiver in wires:
            self.network.clog(sender, receiver)
            self.loop.at(end, partial(self.network.unclog, sender, receiver))

    def _forget(self, one: int, other: int) -> None:
        self.counters.streams_forgotten += self.network.forget_streams(one, other)


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
