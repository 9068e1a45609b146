"""All that observes a world: who can read what, what is used twice, and whether states are true.

What is cheap is looked at as it happens; databases are read from time to time, before one is
lost, and at the end.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from mesh.commands.items import ItemAnswer
from mesh.engine.engine import Engine
from mesh.ids import UnixSeconds
from mesh.limits.messages import KEPT_SECONDS
from mesh.retention.eviction import Eviction
from mesh.trust.distance import Depth
from mesh.wire.envelope import LIFETIME_SECONDS, Envelope
from mesh.wire.frames import Frame
from sim.adversaries.rogue_members import RogueMembers
from sim.faults.node_faults import drift_us_max
from sim.hosts.host import Host
from sim.invariants.authenticity import Authenticity
from sim.invariants.bounds import require_bounded, require_patient
from sim.invariants.files import SentFiles
from sim.invariants.folding import Pair, View, require_same_items
from sim.invariants.frames import FrameCheck
from sim.invariants.group_log import GroupLog, GroupText
from sim.invariants.groups import (
    Agreement,
    Unread,
    Views,
    groups_of,
    require_apart,
    require_same_groups,
    require_true_devices,
    unread,
)
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
from sim.invariants.shares import require_fair
from sim.invariants.survival import Sealings, Survival
from sim.kernel.calendar import EPOCH_US
from sim.kernel.entropy import Chance
from sim.kernel.loop import Loop
from sim.network.virtual_network import VirtualNetwork
from sim.observers.arrivals import Arrivals
from sim.observers.beginning_anew import BeginningAnew
from sim.observers.ciphers import observing_cipher
from sim.observers.coverage import Coverage
from sim.observers.discretion import Discretion
from sim.observers.evictions import observing_evictions
from sim.observers.group_sealings import GroupSealings
from sim.observers.inboxes import observing_inboxes
from sim.observers.message_states import MessageStates
from sim.observers.sealings import observing_sealings
from sim.observers.together import Together
from sim.schema.fault_tables import Clocks
from sim.schema.scenario import Scenario
from sim.users.user import User

FOR_EVER_S: Final = 1 << 40
"""Longer than any world lasts."""

COUNTED_AT_ONCE: Final = 50
"""Engines whose tables are counted at one look. A table without a bound grows for hours; of a
thousand nodes each has its turn three times in one, and all have it at the end."""

COUNTS_MAX: Final = 200
"""How often an engine is counted while a world lasts, at most: walking through all that it holds
takes longer the more it holds, and a world of days would do nothing else. At the end all are."""


GROUPS_LOOKS_MAX: Final = 3_000
"""How often it is looked at groups in memory while a world lasts, about: each look goes through all
epochs, and a world of weeks would do nothing else."""


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
        rogues: RogueMembers,
    ) -> None:
        clock_error_us = worst_clock_us(scenario)
        kept_us = (KEPT_SECONDS[scenario.workload.keep_for] or FOR_EVER_S) * 1_000_000
        self._owners = owners
        self._hosts = hosts
        self._loop = loop
        self._network = network
        self._clock_zero_s = round(EPOCH_US // 1_000_000 + scenario.begins_at_s)
        self._clock_error_s = clock_error_us // 1_000_000
        self._are_clocks_good = clock_error_us < LATE_S * 1_000_000 // 2
        self._message_log = message_log
        self.group_log = GroupLog(marker=message_log.marker)
        self.nonce_reuse = NonceReuse()
        for owner in owners if rogues.are_taking_numbers else ():
            # What the owner of a number seals there is not the first.
            self.nonce_reuse.may_repeat_tags(owner)
        self.group_sealings = GroupSealings(
            log=self.group_log,
            working=_working,
            vault_of=lambda node: hosts[node].vault,
            owner_of=lambda node: owners[node] if node < len(owners) else node,
            nonce_reuse=self.nonce_reuse,
        )
        self.agreement = Agreement()
        # That these seal to members alone, and that they are read, is not demanded.
        self._rogues = self.group_sealings.rogues = rogues.nodes
        self.group_texts_out = 0
        table = scenario.workload.groups
        self._is_all_due = table is not None and table.all_due
        self._groups_at = 0
        self._groups_every_us = round(scenario.quiet_at_s * 1_000_000) // GROUPS_LOOKS_MAX
        self._may_have_lost: dict[int, None] = {}
        self.group_items_compared = 0
        self.secrecy = Secrecy(message_log, self.group_log)
        self.has_planted = False
        """Another rule than the product's holds since a moment of this run, of what goes for want
        of room.
        """

        self.authenticity = Authenticity(marker=message_log.marker, owners=owners, working=_working)
        self.key_erasure = KeyErasure(working=_working, engine_of=lambda node: hosts[node].engine)
        self.states = MessageStates(
            message_log=message_log,
            nodes=[],
            hosts=hosts,
            now=lambda: loop.now,
            has_had_body=lambda node, id_: self.arrivals.has_had_body(node, id_),
            kept_us=kept_us,
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
        self.beginning_anew = BeginningAnew(
            loop, hosts, Chance(int(message_log.marker, 16), "beginning anew")
        )
        self.discretion = Discretion(
            marker=message_log.marker,
            now=lambda: loop.now,
            working=_working,
            body_came_at=self.arrivals.body_came_at,
            token_delay_us=round(scenario.retire_delay_s[0] * 1_000_000),
        )
        message_log.may_have_left = self.discretion.taken_back.may_have_left
        self.together = Together(
            lambda: loop.now,
            network.reach,
            is_noting=_may_lapse(scenario) or scenario.expect.possible_ratio_min is not None,
            zero_us=self._clock_zero_s * 1_000_000,
        )
        self.sealings = Sealings(lambda: loop.now)
        self.survival = Survival(
            message_log=message_log,
            sealings=self.sealings,
            given=self.together.given,
            now=lambda: loop.now,
            kept_us=kept_us,
            retired_us=round(scenario.retire_delay_s[1] * 1_000_000),
            relayed_us=round(scenario.relay_delay_s * 1_000_000),
            is_noting=_may_lapse(scenario),
        )
        message_log.is_past_saving = self.survival.is_past_saving
        self.coverage = Coverage()
        self.conversations_compared = 0
        self.items_compared = 0
        self._counted_count = 0
        self._counts_at = 0
        self._counts_every_us = round(scenario.quiet_at_s * 1_000_000) // COUNTS_MAX

    @contextlib.contextmanager
    def observing(self) -> Iterator[None]:
        """While inside, what engines seal, encode and call is looked at."""
        with (
            observing_cipher(self._sealing, self._opened),
            observing_inboxes(self._taken),
            observing_sealings(self._sealed),
            observing_evictions(lambda *of: None if self.has_planted else _require_fair(*of)),
            self.group_sealings.observing(),
            self.key_erasure.observing(),
            self.frames.observing(),
            self.arrivals.observing(),
            self.coverage.observing(),
            self.discretion.observing(),
            PURITY_GUARDS.laid(),
        ):
            yield

    def look(self) -> None:
        """Look at what was sealed since the last time, and what is kept and dialled."""
        dials, self._network.dials_lately = self._network.dials_lately, {}
        require_patient(dials, self._hosts)
        # Where a node has not met the damage yet, a look would meet it in its place.
        read = {node: host for node, host in self._hosts.items() if not host.unread}
        doors = [node for node in self.states.of_release if node in read]
        self.nonce_reuse.learn_doors(read[node].vault for node in doors)
        for node, host in read.items():
            self.nonce_reuse.collect(node, self._owners[node], host.vault)
        for node in self._hosts:
            self.key_erasure.settle(node)
        if self._loop.now >= self._counts_at:
            self._counts_at = self._loop.now + self._counts_every_us
            self._count(COUNTED_AT_ONCE)
        if self._are_clocks_good:
            self._require_lapsed()
        self.beginning_anew.look(self.states.nodes)

    def look_at_groups(self, *, is_last: bool = False) -> None:
        """Look at what nodes have of groups in memory; in a world of weeks not every time."""
        if self._loop.now < self._groups_at and not is_last:
            return
        self._groups_at = self._loop.now + self._groups_every_us
        for node, engine in self._sound().items():
            self.agreement.look(node, engine, self._loop.now)

    def unread(self, since: int) -> list[Unread]:
        """Return which texts, asked for since then, somebody in a group still lacks."""
        texts: list[GroupText] = [
            one for one in self.group_log.texts if one.asked_at >= since and not one.is_retracted
        ]
        if not texts:
            return []
        vaults = {node: host.vault for node, host in self._hosts.items()}
        groups = {node: groups_of(engine) for node, engine in self._sound().items()}
        return [
            one
            for one in unread(texts, groups, vaults, is_all_due=self._is_all_due)
            if not any(
                node in self._rogues or self._message_log.is_in_trouble_at(node, one.text.asked_at)
                for node in (one.text.author, one.reader)
            )
        ]

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

    def _sealed(self, message: int, lives_s: int, lapses_s: int) -> None:
        node = _working()
        if node is not None:
            lapses_s -= self._clock_zero_s
            self.sealings.sealed(node, message, lives_s * 1_000_000, lapses_s * 1_000_000)

    def _encoding(self, frame: Frame) -> None:
        self.lifetimes.sent(frame)
        self.repair_cost.sent(frame)
        self.discretion.sent(frame)

    def _running(self) -> dict[int, Engine]:
        return {
            one.index: engine
            for one in self.states.nodes
            if one.is_up and (engine := self._hosts[one.index].engine) is not None
        }

    def _sound(self) -> dict[int, Engine]:
        """Those of the running ones whose memory can be looked at: it reads their databases."""
        return {
            node: engine for node, engine in self._running().items() if self._hosts[node].is_sound
        }

    @property
    def _true_now(self) -> UnixSeconds:
        return UnixSeconds(self._clock_zero_s + self._loop.now // 1_000_000)

    @property
    def lapsing_before(self) -> UnixSeconds:
        """Return the time before which some node may take what lapses to be over."""
        return UnixSeconds(self._true_now + self._clock_error_s + LATE_S)

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
            if host.engine is not None and not host.unread:
                require_bounded(node, host.engine, host.store, host.vault)

    def begin(self) -> None:
        """Begin to count: what is counted is of the world, and not of those who met before it."""
        self.frames.forget()
        self.arrivals.forget()
        self.discretion.tokens.has_begun = True

    def parted(self, node: int, host: Host) -> None:
        """Somebody leaves a machine at which they met somebody before the world begins."""
        self.nonce_reuse.collect(node, node, host.vault)

    def before_loss(self, node: int) -> None:
        """A node's disk is about to be put back, lost or copied."""
        self.group_log.forget(node)
        self.discretion.forget(node)
        self._may_have_lost[node] = None
        self._search(node)
        self.nonce_reuse.collect(node, self._owners[node], self._hosts[node].vault)
        self.nonce_reuse.may_repeat_tags(node)
        self.key_erasure.put_back(node)
        self.together.lost(node)

    def shown_in_group(self, user: User, group: str, items: Sequence[ItemAnswer]) -> None:
        """Somebody looks at a group: what is told of devices is so."""
        vaults = {node: host.vault for node, host in self._hosts.items()}
        require_true_devices(user.node.index, group, items, vaults, self._may_lack(group))

    def _may_lack(self, gid: str) -> list[int]:
        """Return who may lack what they told to have of a group."""
        return [*self._may_have_lost, *self.group_sealings.came_back(gid)]

    def look_at_groups_at_the_end(self, views: Views) -> None:
        """Hold all that nodes show of a group together, and against what was written."""
        vaults = {node: host.vault for node, host in self._hosts.items()}
        for (node, gid), view in views.items():
            me = next((member.key for member in view.members if member.is_me), None)
            self.group_log.require_shown(node, gid, me, view.items, view.held)
            require_true_devices(node, gid, view.items, vaults, self._may_lack(gid))
        texts = {text.entry: text for text in self.group_log.texts if text.entry}
        for node, engine in self._sound().items():
            for group in groups_of(engine):
                place = node, group.gid.hex()
                if place in views and group.membership is not None:
                    items, since = views[place].items, self.agreement.known_since
                    self.group_texts_out += require_apart(node, group, items, texts, since)
        self.group_items_compared = require_same_groups(views, vaults)

    def look_at_the_end(self, orders: Orders, views: Mapping[Pair, View], files: SentFiles) -> None:
        """Search every database, and hold both sides of each conversation together."""
        self.look()
        self.look_at_groups(is_last=True)
        self._count(len(self._hosts))
        for node, host in self._hosts.items():
            files.require_true(node, host.vault)
        for node in self._hosts:
            self._search(node)
        for (node, _), shown in orders.items():
            require_parents_above(node, shown, self._hosts[node].vault)
        self.conversations_compared = require_same_order(orders)
        vaults = {node: host.vault for node, host in self._hosts.items()}
        self.items_compared = require_same_items(views, vaults)

    def _search(self, node: int) -> None:
        host = self._hosts[node]
        self.secrecy.search_store(node, host.store)
        self.secrecy.search_vault(node, self._owners[node], host.vault)
        self.key_erasure.require_gone(node, host.vault)
        self.group_sealings.require_held_by_right(node, self._owners[node], host.vault)


def _working() -> int | None:
    """Return whose engine works, unless it repeats what was done already."""
    return None if PURITY_GUARDS.is_double else PURITY_GUARDS.node


def _require_fair(eviction: Eviction, room_bytes: int, victim: Depth) -> None:
    usage, shares = eviction.usage(), eviction.shares
    require_fair(_working(), usage, shares, room_bytes=room_bytes, victim=victim)


def _may_lapse(scenario: Scenario) -> bool:
    """Say whether a world lasts so long that mail may lapse, and has room for all of it."""
    lasts_s = scenario.quiet_at_s + scenario.probe_s
    is_roomy = not scenario.hostile and scenario.stored_mib is None
    return is_roomy and lasts_s > min(LIFETIME_SECONDS)


def worst_clock_us(scenario: Scenario) -> int:
    """Return how wrong a calendar may be in a scenario."""
    hours = [fault.wrong_h[1] for fault in scenario.faults if isinstance(fault, Clocks)]
    worst_s = max([scenario.wall_offset_s, *(each * 3_600 for each in hours)])
    lasts_s = scenario.quiet_at_s + scenario.probe_s + scenario.settle_s
    return round(worst_s * 1_000_000) + drift_us_max(scenario.faults, lasts_s)
