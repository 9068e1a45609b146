"""All that watches a world: who can read what, what is used twice, and whether states are true.

What is cheap is looked at as it happens; databases are read from time to time, before one is
lost, and at the end.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from mesh.engine.door import Engine
from mesh.ids import UnixSeconds
from mesh.wire.envelope import Envelope
from mesh.wire.frames import Frame
from sim.faults.node_faults import drift_us_max
from sim.hosts.host import Laptop
from sim.invariants.authenticity import Proofs
from sim.invariants.bounds import require_bounded, require_patient
from sim.invariants.frames import FrameWatch
from sim.invariants.key_erasure import Erased
from sim.invariants.lifetimes import (
    CLEARED_US,
    LAPSING_US,
    LATE_S,
    Lifetimes,
    require_cleared,
    require_forgotten,
    require_lapsed,
)
from sim.invariants.message_log import Ledger
from sim.invariants.nonce_reuse import Reuse
from sim.invariants.order import Orders, require_parents_above, require_same_order
from sim.invariants.purity_guards import TRAPS
from sim.invariants.repair_cost import Mending
from sim.invariants.secrecy import Secrecy
from sim.kernel.calendar import EPOCH_US
from sim.kernel.loop import Loop
from sim.network.virtual_network import VirtualNetwork
from sim.observers.arrivals import Arrivals
from sim.observers.ciphers import watching_cipher
from sim.observers.coverage import Sometimes
from sim.observers.inboxes import watching_inboxes
from sim.observers.message_states import States
from sim.schema.fault_tables import Clocks
from sim.schema.scenario import Scenario

COUNTED_AT_ONCE: Final = 50
"""Engines whose tables are counted at one look. A table without a bound grows for hours; of a
thousand nodes each has its turn three times in one, and all have it at the end."""

COUNTS_MAX: Final = 200
"""How often an engine is counted while a world lasts, at most: walking through all that it holds
takes longer the more it holds, and a world of days would do nothing else. At the end all are."""


class Watch:
    """Watches the nodes of one world; `owners` says whose vault each machine has."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        loop: Loop,
        owners: Sequence[int],
        laptops: Mapping[int, Laptop],
        network: VirtualNetwork,
        scenario: Scenario,
    ) -> None:
        clock_error_us = worst_clock_us(scenario)
        self._owners = owners
        self._laptops = laptops
        self._loop = loop
        self._network = network
        self._clock_zero_s = round(EPOCH_US // 1_000_000 + scenario.begins_at_s)
        self._are_clocks_good = clock_error_us < LATE_S * 1_000_000 // 2
        self.secrecy = Secrecy(ledger)
        self.reuse = Reuse()
        self.proofs = Proofs(marker=ledger.marker, owners=owners, working=_working)
        self.erased = Erased(working=_working, engine_of=lambda node: laptops[node].engine)
        self.states = States(
            ledger=ledger,
            nodes=[],
            laptops=laptops,
            now=lambda: loop.now,
            clock_error_us=clock_error_us,
        )
        self.lifetimes = Lifetimes(
            true_now=lambda: self._true_now, working=lambda: TRAPS.node, lived_us=self._lived_us
        )
        self.frames = FrameWatch(self._encoding)
        self.mending = Mending(
            loop=loop,
            running=self._running,
            frame_bytes=self.frames.bytes,
            streams_count=lambda: network.counters.streams,
            links_count=lambda: len(network.links()),
        )
        self.arrivals = Arrivals(lambda: loop.now)
        self.sometimes = Sometimes()
        self.conversations_compared = 0
        self._counted_count = 0
        self._counts_at = 0
        self._counts_every_us = round(scenario.quiet_at_s * 1_000_000) // COUNTS_MAX

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """While inside, what engines seal, encode and call is looked at."""
        with (
            watching_cipher(self._sealing, self._opened),
            watching_inboxes(self._taken),
            self.erased.watching(),
            self.frames.watching(),
            self.arrivals.watching(),
            self.sometimes.watching(),
            TRAPS.laid(),
        ):
            yield

    def look(self) -> None:
        """Look at what was sealed since the last time, and what is kept and dialled."""
        dials, self._network.dials_lately = self._network.dials_lately, {}
        require_patient(dials, self._laptops)
        for node, laptop in self._laptops.items():
            self.reuse.collect(node, self._owners[node], laptop.vault)
            self.erased.settle(node)
        if self._loop.now >= self._counts_at:
            self._counts_at = self._loop.now + self._counts_every_us
            self._count(COUNTED_AT_ONCE)
        if self._are_clocks_good:
            self._require_lapsed()

    def _require_lapsed(self) -> None:
        true_now = self._true_now
        for one in self.states.nodes:
            laptop = self._laptops[one.index]
            if one.lived_us > LAPSING_US and laptop.engine is not None:
                require_lapsed(one.index, laptop.store, true_now)
                require_forgotten(one.index, laptop.engine.spreading, true_now)
            if one.open_us > CLEARED_US:
                require_cleared(one.index, laptop.vault, true_now)

    def _sealing(self, key: bytes, nonce: bytes, associated: bytes, plaintext: bytes) -> None:
        self.reuse.sealed(key, nonce, associated, plaintext)
        self.erased.used(key)

    def _opened(self, key: bytes, plaintext: bytes) -> None:
        self.proofs.box_opened(plaintext)
        self.erased.used(key)

    def _taken(self, envelope: Envelope) -> None:
        self.lifetimes.opened(envelope.header.lapses)
        self.proofs.envelope_opened(envelope)

    def _encoding(self, frame: Frame) -> None:
        self.lifetimes.sent(frame)
        self.mending.sent(frame)

    def _running(self) -> dict[int, Engine]:
        return {
            one.index: engine
            for one in self.states.nodes
            if one.is_up and (engine := self._laptops[one.index].engine) is not None
        }

    @property
    def _true_now(self) -> UnixSeconds:
        return UnixSeconds(self._clock_zero_s + self._loop.now // 1_000_000)

    def _lived_us(self, node: int) -> int:
        """0 where clocks are wrong: nothing can be demanded then."""
        if not self._are_clocks_good:
            return 0
        return next((one.lived_us for one in self.states.nodes if one.index == node), 0)

    def _count(self, nodes_count: int) -> None:
        """Count what the next engines hold, in turn."""
        nodes = list(self._laptops)
        for _ in range(min(nodes_count, len(nodes))):
            node = nodes[self._counted_count % len(nodes)]
            self._counted_count += 1
            laptop = self._laptops[node]
            if laptop.engine is not None:
                require_bounded(node, laptop.engine, laptop.store, laptop.vault)

    def begin(self) -> None:
        """What is counted is of the world, and not of those who met before it."""
        self.frames.forget()
        self.arrivals.forget()

    def parted(self, node: int, laptop: Laptop) -> None:
        """Somebody leaves a machine at which they met somebody before the world begins."""
        self.reuse.collect(node, node, laptop.vault)

    def before_loss(self, node: int) -> None:
        """A node's disk is about to be put back, lost or copied."""
        self._search(node)
        self.reuse.collect(node, self._owners[node], self._laptops[node].vault)
        self.reuse.may_repeat_tags(node)
        self.erased.put_back(node)
        self.states.store_lost()

    def look_at_the_end(self, orders: Orders) -> None:
        """Search every database, and hold both sides of each conversation together."""
        self.look()
        self._count(len(self._laptops))
        for node in self._laptops:
            self._search(node)
        for (node, _), shown in orders.items():
            require_parents_above(node, shown, self._laptops[node].vault)
        self.conversations_compared = require_same_order(orders)

    def _search(self, node: int) -> None:
        laptop = self._laptops[node]
        self.secrecy.search_store(node, laptop.store)
        self.secrecy.search_vault(node, self._owners[node], laptop.vault)
        self.erased.require_gone(node, laptop.vault)


def _working() -> int | None:
    """Whose engine works, unless it repeats what was done already."""
    return None if TRAPS.is_twin else TRAPS.node


def worst_clock_us(scenario: Scenario) -> int:
    """How wrong a calendar may be in a scenario."""
    hours = [fault.wrong_h[1] for fault in scenario.faults if isinstance(fault, Clocks)]
    worst_s = max([scenario.wall_offset_s, *(each * 3_600 for each in hours)])
    lasts_s = scenario.quiet_at_s + scenario.probe_s + scenario.settle_s
    return round(worst_s * 1_000_000) + drift_us_max(scenario.faults, lasts_s)
