"""A world: nodes, networks, users and faults under one clock, and the run to a verdict.

A run has two phases. While users write and faults happen, safety is checked at every step. Then
nothing new happens any more, and the mesh is given time to *settle*: it is over as soon as
everything has arrived, and fails if it has not within the scenario's bound.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import msgspec

from mesh.commands import Answer, AskStatus, StatusAnswer
from mesh.errors import StorageError, UserError
from mesh.events import Event
from sim.adversaries.adversaries import Adversaries, adversary_positions
from sim.adversaries.compromised import Orders, compromise
from sim.bugs.bugs import BUGS, NO_BUG
from sim.bugs.injection import Bug
from sim.faults.injection import Faults
from sim.faults.lost_disks import LostDisks, cloned_nodes
from sim.faults.node_faults import NEVER, first_boots
from sim.faults.wire_faults import WireFaults
from sim.hosts.host_factory import HostFactory, announcement_rules, stream_rules
from sim.hosts.versions import Versions, drawn_versions
from sim.hosts.virtual_node import Surroundings, VirtualNode
from sim.invariants.frames import require_no_fault
from sim.invariants.invariants import L5, L7, BrokenInvariant, require_joined
from sim.invariants.message_log import LoggedMessage, MessageLog
from sim.invariants.purity_guards import PURITY_GUARDS
from sim.invariants.quiescence import MEASURED_US, require_quiescence
from sim.invariants.stored_mail import StoredMessage, stored_messages
from sim.kernel.calendar import EPOCH_US
from sim.kernel.entropy import Chance, Draws, SeededEntropy
from sim.kernel.loop import Loop
from sim.kernel.trace import Trace
from sim.network.discovery import Discovery
from sim.network.virtual_network import VirtualNetwork
from sim.observers.in_transit import InTransit
from sim.observers.observers import Observers
from sim.schema.expectations import (
    delivery_ratio,
    due_messages,
    require_expected,
    require_stored_mail,
)
from sim.schema.scenario import Scenario, as_drawn
from sim.schema.wire_tables import Corruptions, Truncations
from sim.topology.changes import TopologyChanges
from sim.topology.topology import lay_out
from sim.users.mail_workload import MailWorkload
from sim.users.nearby_search import plan_nearby_search
from sim.users.prior_contacts import PriorContacts
from sim.users.user import User
from sim.users.users import Listeners, Users

STEP_US: Final = 1_000_000
"""How far a world runs before progress is told and settling is looked at."""

MARKER_BYTES: Final = 8

WATCH_US: Final = 60_000_000
"""How often what is expensive to look at is looked at."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a scenario is run: all of it is part of what repeats a run."""

    seed: int
    bug: str | None = None
    is_crypto_real: bool = True


@dataclass(slots=True)
class Sums:
    """The engines' metrics, summed over all nodes and their earlier lives."""

    by_name: dict[str, int] = field(default_factory=dict)

    def add(self, answer: Answer | UserError) -> None:
        """Add what one node says of itself."""
        assert isinstance(answer, StatusAnswer)
        for name, count in answer.counters.items():
            self.by_name[name] = self.by_name.get(name, 0) + count


class World:
    """One scenario with one seed. Run it once."""

    def __init__(self, scenario: Scenario, options: Options, trace: Trace | None = None) -> None:
        seed = options.seed
        scenario = as_drawn(scenario, seed)
        cloned = [original for _, original in cloned_nodes(scenario, seed)]
        places = adversary_positions(scenario, seed)
        layout = lay_out(scenario.nodes, scenario.topology, seed).with_copies([*cloned, *places])
        lasts_s = max(scenario.lasts_s, layout.ends_at / 1_000_000)
        scenario = msgspec.structs.replace(scenario, lasts_s=lasts_s)
        self.layout = layout
        self.scenario = scenario
        self.options = options
        order = Chance(seed, "order") if scenario.order == "shuffle" else None
        self.loop = Loop(tick_us=scenario.tick_us, order=order)
        self.trace = Trace() if trace is None else trace
        self.message_log = MessageLog(marker=SeededEntropy(seed, "marker").draw(MARKER_BYTES).hex())
        self.sums = Sums()
        self._has_begun = False
        self.compromised: dict[int, None] = {}
        """Nodes that were taken over while the world ran."""
        self._bug = NO_BUG if options.bug is None else BUGS[options.bug]
        self.network = VirtualNetwork(
            loop=self.loop,
            rules=stream_rules(scenario.wire),
            networks=dict(enumerate(layout.networks)),
            near=layout.near,
            seed=seed,
        )
        self._host_factory = HostFactory(scenario, seed=seed, is_crypto_real=options.is_crypto_real)
        self.hosts = {
            index: self._host_factory.host(index, self._bug.inject)
            for index in range(scenario.nodes + len(cloned))
        }
        self.observers = Observers(
            message_log=self.message_log,
            loop=self.loop,
            owners=[*range(scenario.nodes), *cloned],
            hosts=self.hosts,
            network=self.network,
            scenario=scenario,
        )
        self.versions = Versions(
            drawn_versions(
                seed,
                scenario.nodes,
                older=scenario.versions.older,
                later=scenario.versions.later,
            ),
            working=lambda: PURITY_GUARDS.node,
        )
        around = self._build_surroundings()
        self.topology_changes = TopologyChanges(
            layout=layout, loop=self.loop, network=self.network, discovery=around.discovery
        )
        nodes = self._build_nodes(around)
        self.nodes, self.spares = nodes[: scenario.nodes], nodes[scenario.nodes :]
        self.present = [node for node in self.nodes if scenario.only.has_node(node.index)]
        self._core = self.present
        self.adversaries = Adversaries(scenario, seed, layout)
        self.adversaries.stand(
            around,
            self._host_factory.host,
            kem=self._host_factory.kem,
            begin=self._host_factory.begin,
            parameters=self._host_factory.parameters,
        )
        self.observers.states.nodes = nodes
        self.observers.states.adversary_links = self.adversaries.links_count
        self.users = Users(
            seed=seed,
            loop=self.loop,
            nodes=self.nodes,
            spares=list(zip(self.spares, cloned, strict=True)),
            scenario=scenario,
            message_log=self.message_log,
            listeners=Listeners(
                told=self.observers.states.told,
                shown=self._shown,
                reach=self.observers.coverage.reach,
            ),
        )
        self.mail_workload = MailWorkload(
            seed=seed,
            loop=self.loop,
            users=self.users,
            scenario=scenario,
            message_log=self.message_log,
            told=self.observers.states.told,
        )
        self.faults = self._build_faults()
        self.wire_faults = WireFaults(
            faults=scenario.faults,
            seed=seed,
            loop=self.loop,
            network=self.network,
            is_injected=self.faults.is_injected,
        )
        self.network.spells_of = self.wire_faults.spells_of

    def run(self, progress: Callable[["World"], None]) -> None:
        """Run to the verdict; raises BrokenInvariant at the step that breaks one."""
        with self.observers.observing(), self.versions.speaking(), self._bug.injected():
            self._begin()
            self._run(progress)

    def run_until(self, at_us: int) -> None:
        """Run up to an instant at which something may still happen, and rest there.

        `run` goes on from it as if nobody had rested, and so does each fork (`sim.run.forks`).
        """
        assert at_us <= self._settles_at, "a world that settles rests only between its steps"
        with self.observers.observing(), self.versions.speaking(), self._bug.injected():
            self._begin()
            self.loop.run_until(at_us)

    def inject(self, bug: Bug) -> None:
        """From now on this is planted; it must be one of functions, since engines stand."""
        assert bug.patches
        self._bug = bug

    def take_over(self, count: int, orders: Orders) -> None:
        """So many hosts, drawn, are hostile from now on, never sleep, and do all this together.

        Their users write nothing any more. If more are taken over, these are among them.
        """
        each = replace(orders, per_second=orders.per_second / count)
        order = [node for node in self.present if node.is_up]
        Chance(self.options.seed, "insiders").shuffle(order)
        for node in order[:count]:
            inject = compromise(each, node.index, seed=self.options.seed)
            self.compromised[node.index] = None
            self.faults.node_faults.awake[node.index] = None
            self.message_log.trouble(node.index, NEVER)
            self.users.lose(node.index)
            self.hosts[node.index].take_over(inject)
            node.crash(is_silent=False)
            node.boot()

    @property
    def _settles_at(self) -> int:
        """From when on nothing new happens, and the mesh has to settle."""
        return round((self.scenario.quiet_at_s + self.scenario.probe_s) * 1_000_000)

    @property
    def is_unsettled(self) -> bool:
        """Whether something new may still happen."""
        return self.loop.now < self._settles_at

    def _begin(self) -> None:
        """Plan everything, once."""
        if self._has_begun:
            return
        self._has_begun = True
        self.users.plan(first_boots(self.scenario.faults, self.options.seed, self.scenario.nodes))
        self._let_meet()
        write_from_s, write_to_s = self.scenario.workload.write_between_s
        plan_nearby_search(
            self.users.everybody,
            share=self.scenario.workload.nearby_share,
            between_us=(round(write_from_s * 1_000_000), round(write_to_s * 1_000_000)),
            seed=self.options.seed,
            loop=self.loop,
            is_there=lambda user: self.scenario.only.has_node(user.index),
        )
        self.mail_workload.plan()
        self.faults.plan()
        self.topology_changes.plan(self.rests_at)
        self.loop.after(WATCH_US, self._look)

    def _let_meet(self) -> None:
        """Let those meet who are contacts when the world begins."""
        meetings = PriorContacts(
            seed=self.options.seed,
            host=partial(self._host_factory.host_before_the_world, self._bug.inject),
            trace=self.trace,
            thinking_us=self._thinking_us,
            begins_us=round(self.scenario.begins_at_s * 1_000_000),
            sending=self.observers.secrecy.sending,
            parted=self.observers.parted,
        )
        meetings.hold(self.users.met_before)
        for node, vault in meetings.vaults.items():
            self.hosts[node].bring_vault(vault)
        self.users.have_met(meetings.keys)
        self.observers.begin()

    def _run(self, progress: Callable[["World"], None]) -> None:
        quiet_at = self._settles_at
        while self.loop.now < quiet_at:
            self._step(quiet_at, progress)
        self._choose_core()
        end = quiet_at + round(self.scenario.settle_s * 1_000_000)
        while self.loop.now < end and not self._has_settled():
            self._step(end, progress)
        waited_s = (self.loop.now - quiet_at) // 1_000_000
        # Before anybody is asked for anything: a question wakes a node that sleeps for ever.
        dead = self._find_dead(waited_s)
        self._step(self.loop.now + self.faults.stragglers.get_well(), progress)
        self.mail_workload.read_histories()
        for node in self.present:
            self._sum_up(node)
        self._step(self.loop.now + STEP_US, progress)
        if dead is not None:
            raise dead
        if self.scenario.rest_s:
            self._rest(progress)
        self._require_expected()
        self.observers.look_at_the_end(self.mail_workload.orders)
        self.adversaries.require_bounded(self.loop.now)
        self.network.require_conservation()
        is_mangled = any(isinstance(one, Corruptions | Truncations) for one in self.scenario.faults)
        if not (is_mangled or self.adversaries.is_guilty):
            require_no_fault(self.sums.by_name)
        if self.users.are_waiting:
            raise BrokenInvariant(L5, "a node that rests has not answered its person")

    def _find_dead(self, waited_s: int) -> BrokenInvariant | None:
        """What has not come to life again, if all of them ever come together."""
        up = [node.index for node in self._core if node.is_up]
        try:
            if self.layout.gathers:
                require_joined(up, self.network.streams.links(), waited_s)
                self.message_log.require_all_delivered(self.faults.phase_of, waited_s)
        except BrokenInvariant as error:
            struck = self.faults.stragglers.struck
            if not struck:
                return error
            how = ", ".join(f"node {node} is {way}" for node, way in struck.items())
            return BrokenInvariant(L7, f"while {how}: {error.detail}", error.node)
        return None

    def _choose_core(self) -> None:
        """Of whom it is demanded that they settle: nobody waits for those who never get well."""
        self._core = self.faults.stragglers.core(self.present)
        for node in self.present:
            if node not in self._core:
                self.message_log.trouble(node.index, NEVER)

    @property
    def strikes(self) -> list[str]:
        """The faults that happened, each once, as `Only.strikes` names it."""
        return list(dict.fromkeys(self.faults.strikes))

    @property
    def machines_count(self) -> int:
        """How many ran: second machines and hostile ones are among them."""
        booted = [node for node in (*self.nodes, *self.spares) if node.incarnation]
        return len(booted) + self.adversaries.count

    def due_messages(self) -> list[LoggedMessage]:
        """What should have arrived when no fault happened any more."""
        gone = tuple(node.index for node in self.nodes if node.is_gone)
        return due_messages(self.message_log, self.rests_at, gone=gone)

    @property
    def delivery_ratio(self) -> float:
        """How much of that had."""
        return delivery_ratio(self.due_messages(), self.rests_at)

    @property
    def copies_per_delivery(self) -> float:
        """Bodies received for each envelope that a node took in."""
        received = self.sums.by_name.get("bodies_received", 0)
        first = received - self.sums.by_name.get("bodies_duplicate", 0)
        return round(received / first, 3) if first else 0

    def stored_messages(self) -> list[StoredMessage]:
        """Those of them that had to wait in others' stores."""
        standings = {
            node.index: engine.standings
            for node in self.present
            if (engine := self.hosts[node.index].engine) is not None
        }
        return stored_messages(
            [message for message in self.due_messages() if message.sender in standings],
            self.faults.node_faults.naps,
            standings,
            self.compromised,
            begins_at_s=EPOCH_US // 1_000_000 + round(self.scenario.begins_at_s),
            rests_at=self.rests_at,
        )

    @property
    def rests_at(self) -> int:
        """From when on no fault happens any more, and users write but to see whether it arrives."""
        return round(self.scenario.quiet_at_s * 1_000_000)

    def _require_expected(self) -> None:
        require_expected(
            self.scenario.expect, self.due_messages(), self.rests_at, self.copies_per_delivery
        )
        if self.scenario.expect.waited_ratio_min is not None:
            require_stored_mail(self.stored_messages(), self.scenario.expect.waited_ratio_min)

    def _rest(self, progress: Callable[["World"], None]) -> None:
        """No fault happens and nobody writes: let everything come to rest, and look at it."""
        end = self.loop.now + max(round(self.scenario.rest_s * 1_000_000), MEASURED_US)
        while self.loop.now < end - MEASURED_US:
            self._step(end - MEASURED_US, progress)
        before = self.network.counters.bytes_sent
        while self.loop.now < end:
            self._step(end, progress)
        hosts = [(node.index, self.hosts[node.index]) for node in self.present if node.is_up]
        require_quiescence(
            {index: one.engine for index, one in hosts if one.engine is not None},
            sent_bytes=self.network.counters.bytes_sent - before,
            links=self.network.streams.links(),
            is_all_honest=self.adversaries.is_empty,
        )

    def _step(self, end: int, progress: Callable[["World"], None]) -> None:
        """A second, or as long as nothing happens."""
        next_at = self.loop.next_at
        step_end = self.loop.now + STEP_US
        self.loop.run_until(min(end, step_end if next_at is None else max(step_end, next_at)))
        progress(self)

    def _look(self) -> None:
        self.observers.look()
        self.adversaries.require_bounded(self.loop.now)
        self.loop.after(WATCH_US, self._look)

    def _has_settled(self) -> bool:
        if self.users.are_waiting or not all(node.is_up for node in self._core):
            return False
        # Of those who never come together nothing is demanded, so nothing is waited for.
        return not self.layout.gathers or (not self.message_log.outstanding() and self._is_joined())

    def _is_joined(self) -> bool:
        try:
            require_joined([node.index for node in self._core], self.network.streams.links(), 0)
        except BrokenInvariant:
            return False
        return True

    # --- Building ---------------------------------------------------------------------------------

    def _build_surroundings(self) -> Surroundings:
        discovery = Discovery(
            loop=self.loop,
            network=self.network,
            rules=announcement_rules(self.scenario.wire),
            draws=Draws(self.options.seed, "discovery"),
        )
        return Surroundings(
            loop=self.loop,
            network=self.network,
            discovery=discovery,
            trace=self.trace,
            thinking_us=self._thinking_us,
            emitted=self._emitted,
            sending=self.observers.secrecy.sending,
            stopped=self._stopped,
        )

    def _build_nodes(self, around: Surroundings) -> list[VirtualNode]:
        clocks = Chance(self.options.seed, "clocks")
        begins_us = round(self.scenario.begins_at_s * 1_000_000)
        wrong_us = round(self.scenario.wall_offset_s * 1_000_000)
        return [
            VirtualNode(
                index,
                host,
                around,
                wall_offset_us=begins_us + clocks.between(-wrong_us, wrong_us),
            )
            for index, host in self.hosts.items()
        ]

    @property
    def _thinking_us(self) -> int:
        return round(self.scenario.thinking_ms * 1_000)

    def _build_faults(self) -> Faults:
        disks = LostDisks(
            scenario=self.scenario,
            seed=self.options.seed,
            loop=self.loop,
            nodes=self.nodes,
            spares=self.spares,
            hosts=self.hosts,
            users=self.users,
            mail_workload=self.mail_workload,
            message_log=self.message_log,
            before_crash=self._sum_up_and,
            before_loss=self.observers.before_loss,
        )
        return Faults(
            scenario=self.scenario,
            seed=self.options.seed,
            loop=self.loop,
            network=self.network,
            layout=self.layout,
            nodes=self.nodes,
            present=self.present,
            users=self.users,
            message_log=self.message_log,
            disks=disks,
            before_crash=self._sum_up_and,
            cut=self.observers.repair_cost.cut,
            healed=self._healed,
            is_on_its_way=InTransit(self.hosts).has,
        )

    # --- What is told -----------------------------------------------------------------------------

    def _emitted(self, node: int, event: Event) -> None:
        if node in self.hosts:
            self.users.happened(node, event)

    def _stopped(self, node: int, error: StorageError) -> None:
        self.faults.failing_disks.stopped(node, error)

    def _shown(self, user: User, message: LoggedMessage) -> None:
        self.observers.authenticity.require_opened(user.index, message.number)
        self.mail_workload.read_later(user, message)

    def _healed(self) -> None:
        # Who lies without end makes others compare without end.
        if self.adversaries.is_empty:
            self.observers.repair_cost.healed()

    def _sum_up_and(self, node: VirtualNode, then: Callable[[], None]) -> None:
        """Metrics die with an engine: ask for them before it crashes."""

        def answered(answer: Answer | UserError) -> None:
            self.sums.add(answer)
            then()

        if node.processor.is_paused or node.is_committing:
            # It would crash only when it wakes, or has told all; what it counted is lost.
            then()
        else:
            node.ask(AskStatus(), answered)

    def _sum_up(self, node: VirtualNode) -> None:
        node.ask(AskStatus(), self.sums.add)
