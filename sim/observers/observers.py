"""All that observes a world: who can read what, what is used twice, and whether states are true.

What is cheap is looked at as it happens; databases are read from time to time, before one is
lost, and at the end.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from mesh.engine.engine import Engine
from mesh.ids import UnixSeconds
from mesh.wire.envelope import Envelope
from mesh.wire.frames import Frame
from sim.faults.node_faults import drift_us_max
from sim.hosts.host import Host
from sim.invariants.authenticity import Authenticity
from sim.invariants.bounds import require_bounded, require_patient
from sim.invariants.frames import FrameCheck
from sim.invariants.key_erasure import KeyErasure
from sim.invariants.lifetimes import (
    CLEARED_US,
    LAPSING_US,
    LATE_S,
    Lifetimes,
    require_cleared,
    require_forgotten,
    require_lapsed,
)
from sim.invariants.message_log import MessageLog
from sim.invariants.nonce_reuse import NonceReuse
from sim.invariants.order import Orders, require_parents_above, require_same_order
from sim.invariants.purity_guards import PURITY_GUARDS
from sim.invariants.repair_cost import RepairCost
from sim.invariants.secrecy import Secrecy
from sim.kernel.calendar import EPOCH_US
from sim.kernel.loop import Loop
from sim.network.virtual_network import VirtualNetwork
from sim.observers.arrivals import Arrivals
from sim.observers.ciphers import observing_cipher
from sim.observers.coverage import Coverage
from sim.observers.inboxes import observing_inboxes
from sim.observers.message_states import MessageStates
from sim.schema.fault_tables import Clocks
from sim.schema.scenario import Scenario

COUNTED_AT_ONCE: Final = 50
"""Engines whose tables are counted at one look. A table without a bound grows for hours; of a
thousand nodes each has its turn three times in one, and all have it at the end."""

COUNTS_MAX: Final = 200
"""How often an engine is counted while a world lasts, at most: walking through all that it holds
takes longer the more it holds, and a world of days would do nothing else. At the end all are."""


class Observers:
    """Observes the nodes of one world; `owners` says whose vault each machine has."""

    def __init__(
        self,
        *,
        message_log: MessageLog,
        loop: Loop,
        owners: Sequence[int],
        hosts: Mapping[int, Host],
        network: VirtualNetwork,
        scenario: Scenario,
    ) -> None:
        clock_error_us = worst_clock_us(scenario)
        self._owners = owners
        self._hosts = hosts
        self._loop = loop
        self._network = network
        self._clock_zero_s = round(EPOCH_US // 1_000_000 + scenario.begins_at_s)
        self._are_clocks_good = clock_error_us < LATE_S * 1_000_000 // 2
        self.secrecy = Secrecy(message_log)
        self.nonce_reuse = NonceReuse()
        self.authenticity = Authenticity(marker=message_log.marker, owners=owners, working=_working)
        self.key_erasure = KeyErasure(working=_working, engine_of=lambda node: hosts[node].engine)
        self.states = MessageStates(
            message_log=message_log,
            nodes=[],
            hosts=hosts,
            now=lambda: loop.now,
            clock_error_us=clock_error_us,
        )
        self.lifetimes = Lifetimes(
            true_now=lambda: self._true_now,
            working=lambda: PURITY_GUARDS.node,
            lived_us=self._lived_us,
        )
        self.frames = FrameCheck(self._encoding)
        self.repair_cost = RepairCost(
            loop=loop,
            running=self._running,
            frame_bytes=self.frames.bytes,
            streams_count=lambda: network.counters.streams,
            links_count=lambda: len(network.streams.links()),
        )
        self.arrivals = Arrivals(lambda: loop.now)
        self.coverage = Coverage()
        self.conversations_compared = 0
        self._counted_count = 0
        self._counts_at = 0
        self._counts_every_us = round(scenario.quiet_at_s * 1_000_000) // COUNTS_MAX

    @contextlib.contextmanager
    def observing(self) -> Iterator[None]:
        """While inside, what engines seal, encode and call is looked at."""
        with (
            observing_cipher(self._sealing, self._opened),
            observing_inboxes(self._taken),
            self.key_erasure.observing(),
            self.frames.observing(),
            self.arrivals.observing(),
            self.coverage.observing(),
            PURITY_GUARDS.laid(),
        ):
            yield

    def look(self) -> None:
        """Look at what was sealed since the last time, and what is kept and dialled."""
        dials, self._network.dials_lately = self._network.dials_lately, {}
        require_patient(dials, self._hosts)
        for node, host in self._hosts.items():
            self.nonce_reuse.collect(node, self._owners[node], host.vault)
            self.key_erasure.settle(node)
        if self._loop.now >= self._counts_at:
            self._counts_at = self._loop.now + self._counts_every_us
            self._count(COUNTED_AT_ONCE)
        if self._are_clocks_good:
            self._require_lapsed()

    def _require_lapsed(self) -> None:
        true_now = self._true_now
        for one in self.states.nodes:
            host = self._hosts[one.index]
            if one.lived_us > LAPSING_US and host.engine is not None:
                require_lapsed(one.index, host.store, true_now)
                require_forgotten(one.index, host.engine.replicator, true_now)
            if one.open_us > CLEARED_US:
                require_cleared(one.index, host.vault, true_now)

    def _sealing(self, key: bytes, nonce: bytes, associated: bytes, plaintext: bytes) -> None:
        self.nonce_reuse.sealed(key, nonce, associated, plaintext)
        self.key_erasure.used(key)

    def _opened(self, key: bytes, plaintext: bytes) -> None:
        self.authenticity.box_opened(plaintext)
        self.key_erasure.used(key)

    def _taken(self, envelope: Envelope) -> None:
        self.lifetimes.opened(envelope.header.lapses)
        self.authenticity.envelope_opened(envelope)

    def _encoding(self, frame: Frame) -> None:
        self.lifetimes.sent(frame)
        self.repair_cost.sent(frame)

    def _running(self) -> dict[int, Engine]:
        return {
            one.index: engine
            for one in self.states.nodes
            if one.is_up and (engine := self._hosts[one.index].engine) is not None
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
        nodes = list(self._hosts)
        for _ in range(min(nodes_count, len(nodes))):
            node = nodes[self._counted_count % len(nodes)]
            self._counted_count += 1
            host = self._hosts[node]
            if host.engine is not None:
                require_bounded(node, host.engine, host.store, host.vault)

    def begin(self) -> None:
        """Begin to count: what is counted is of the world, and not of those who met before it."""
        self.frames.forget()
        self.arrivals.forget()

    def parted(self, node: int, host: Host) -> None:
        """Somebody leaves a machine at which they met somebody before the world begins."""
        self.nonce_reuse.collect(node, node, host.vault)

    def before_loss(self, node: int) -> None:
        """A node's disk is about to be put back, lost or copied."""
        self._search(node)
        self.nonce_reuse.collect(node, self._owners[node], self._hosts[node].vault)
        self.nonce_reuse.may_repeat_tags(node)
        self.key_erasure.put_back(node)
        self.states.store_lost()

    def look_at_the_end(self, orders: Orders) -> None:
        """Search every database, and hold both sides of each conversation together."""
        self.look()
        self._count(len(self._hosts))
        for node in self._hosts:
            self._search(node)
        for (node, _), shown in orders.items():
            require_parents_above(node, shown, self._hosts[node].vault)
        self.conversations_compared = require_same_order(orders)

    def _search(self, node: int) -> None:
        host = self._hosts[node]
        self.secrecy.search_store(node, host.store)
        self.secrecy.search_vault(node, self._owners[node], host.vault)
        self.key_erasure.require_gone(node, host.vault)


def _working() -> int | None:
    """Return whose engine works, unless it repeats what was done already."""
    return None if PURITY_GUARDS.is_double else PURITY_GUARDS.node


def worst_clock_us(scenario: Scenario) -> int:
    """Return how wrong a calendar may be in a scenario."""
    hours = [fault.wrong_h[1] for fault in scenario.faults if isinstance(fault, Clocks)]
    worst_s = max([scenario.wall_offset_s, *(each * 3_600 for each in hours)])
    lasts_s = scenario.quiet_at_s + scenario.probe_s + scenario.settle_s
    return round(worst_s * 1_000_000) + drift_us_max(scenario.faults, lasts_s)
