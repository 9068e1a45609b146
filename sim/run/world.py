"""A world: nodes, networks, users and faults under one clock."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import msgspec

from mesh.commands.answer import Answer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.errors import StorageError, UserError
from mesh.events import Event
from sim.adversaries.adversaries import Adversaries, adversary_positions
from sim.adversaries.compromised import Orders, compromise
from sim.adversaries.rogue_members import RogueMembers
from sim.bugs.bugs import BUGS, NO_BUG
from sim.bugs.injection import Bug
from sim.faults.injection import Faults
from sim.faults.lost_disks import LostDisks, cloned_nodes
from sim.faults.node_faults import NEVER, first_boots
from sim.faults.targets import Targets
from sim.faults.wire_faults import WireFaults
from sim.hosts.host_factory import HostFactory, announcement_rules, stream_rules
from sim.hosts.versions import Versions, drawn_versions
from sim.hosts.virtual_node import Surroundings, VirtualNode
from sim.invariants.groups import Unread
from sim.invariants.message_log import LoggedMessage, MessageLog
from sim.invariants.purity_guards import PURITY_GUARDS
from sim.kernel.entropy import Chance, Draws, SeededEntropy
from sim.kernel.loop import Loop
from sim.kernel.trace import Trace
from sim.network.discovery import Discovery
from sim.network.virtual_network import VirtualNetwork
from sim.observers.in_transit import InTransit
from sim.observers.observers import Observers
from sim.releases.release import started_release
from sim.releases.released_host import hosts_of
from sim.run.shadows import cast_shadows, where_shadows_can_follow
from sim.run.stage import Stages, found_installed
from sim.schema.scenario import Scenario, as_drawn
from sim.topology.changes import TopologyChanges
from sim.topology.topology import Layout, lay_out
from sim.users.all_chores import CHORES
from sim.users.chores import Chores, Home
from sim.users.group_doings import GroupDoings
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

WATCH_GROUPS_US: Final = 5_000_000
"""How often it is looked at what nodes have of groups in memory: it is others after each change."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a run: all of them are part of what repeats it."""

    seed: int
    bug: str | None = None
    is_crypto_real: bool = True
    older: str | None = None
    """The wheel of the release that the nodes of `versions.released` run."""


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
    """One scenario with one seed. Run it once. What `ends` holds ends with it (`opened_world`)."""

    def __init__(
        self,
        scenario: Scenario,
        options: Options,
        trace: Trace | None = None,
        *,
        ends: ExitStack | None = None,
    ) -> None:
        seed = options.seed
        scenario = as_drawn(scenario, seed)
        if scenario.shadows:
            scenario = where_shadows_can_follow(scenario)
        cloned = [original for _, original in cloned_nodes(scenario, seed)]
        layout = _layout(scenario, cloned, seed)
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
        self.installed = found_installed(scenario)
        self._has_begun, self._looked_at = False, 0
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
        self.versions = _versions(scenario, seed)
        self.release = started_release(self.versions.of_release, options.older, ends)
        self.hosts = hosts_of(
            self._host_factory,
            scenario.nodes + len(cloned),
            self._bug.inject,
            self.release,
            self.versions.of_release,
        )
        self._rogues = RogueMembers(
            seed, scenario.nodes, scenario.workload.groups, lambda: PURITY_GUARDS.node
        )
        self.observers = Observers(
            message_log=self.message_log,
            loop=self.loop,
            owners=[*range(scenario.nodes), *cloned],
            hosts=self.hosts,
            network=self.network,
            scenario=scenario,
            rogues=self._rogues,
        )
        around = self._build_surroundings()
        self.topology_changes = TopologyChanges(
            layout=layout, loop=self.loop, network=self.network, discovery=around.discovery
        )
        nodes = self._build_nodes(around)
        self.nodes, self.spares = nodes[: scenario.nodes], nodes[scenario.nodes :]
        self.present = [node for node in self.nodes if scenario.only.has_node(node.index)]
        self.adversaries = Adversaries(scenario, seed, layout)
        self.adversaries.stand(
            around,
            self._host_factory.host,
            kem=self._host_factory.kem,
            begin=self._host_factory.begin,
            parameters=self._host_factory.parameters,
        )
        self.observers.states.nodes = nodes
        self.observers.together.nodes = self.nodes
        self.observers.states.adversary_links = self.adversaries.links_count
        self.observers.states.of_release = self.versions.of_release
        self.users, self.mail_workload = self._build_users(cloned)
        self.group_doings = GroupDoings(
            seed=seed,
            loop=self.loop,
            users=self.users,
            scenario=scenario,
            log=self.observers.group_log,
            shown=self.observers.shown_in_group,
        )
        self.chores = _chores(self)
        self.observers.states.is_look_lost = self.mail_workload.is_look_lost
        self.observers.states.tells_reads = lambda node: self.users.everybody[node].is_reader
        self.faults = self._build_faults(around)
        self.wire_faults = WireFaults(
            faults=scenario.faults,
            seed=seed,
            loop=self.loop,
            network=self.network,
            is_injected=self.faults.is_injected,
        )
        self.network.spells_of = self.wire_faults.spells_of
        self.network.changed = self.observers.together.changed
        if scenario.shadows:
            cast_shadows(
                self.hosts,
                self._host_factory,
                seed=seed,
                thinking_us=self.scenario.thinking_us,
                begins_us=round(scenario.begins_at_s * 1_000_000),
            )

    @contextmanager
    def running(self) -> Iterator[None]:
        """While inside it runs: it has begun, is observed, and the bug is in it."""
        with (
            self.observers.observing(),
            self.versions.speaking(),
            self._rogues.acting(),
            self._bug.injected(),
        ):
            self._begin()
            yield

    def run_until(self, at_us: int) -> None:
        """Run up to an instant at which something may still happen, and rest there.

        `run_to_verdict` goes on from it as if nobody had rested, and so does each fork
        (`sim.run.forks`).
        """
        assert at_us <= self.settles_at, "a world that settles rests only between its steps"
        with self.running():
            self.loop.run_until(at_us)

    def inject(self, bug: Bug) -> None:
        """From now on this is planted; it must be one of functions, since engines stand."""
        assert bug.patches
        self._bug, self.observers.has_planted = bug, True

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
    def settles_at(self) -> int:
        """From when on nothing new happens, and the mesh has to settle."""
        return round((self.scenario.quiet_at_s + self.scenario.probe_s) * 1_000_000)

    @property
    def is_unsettled(self) -> bool:
        """Say whether something new may still happen."""
        return self.loop.now < self.settles_at

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
        self.group_doings.plan()
        self.chores.plan()
        self.faults.plan()
        Stages(self.loop, self.users, self.mail_workload, self.faults, self.options.seed).plan(
            self.installed
        )
        self.topology_changes.plan(self.rests_at)
        self.loop.after(WATCH_US, self._look)
        if self.scenario.workload.groups is not None:
            self.loop.after(WATCH_GROUPS_US, self._look_at_groups)

    def _let_meet(self) -> None:
        """Let those meet who are contacts when the world begins."""
        meetings = PriorContacts(
            seed=self.options.seed,
            host=partial(self._host_factory.host_before_the_world, self._bug.inject),
            trace=self.trace,
            thinking_us=self.scenario.thinking_us,
            begins_us=round(self.scenario.begins_at_s * 1_000_000),
            sending=self.observers.secrecy.sending,
            parted=self.observers.parted,
        )
        meetings.hold(self.users.met_before)
        for node, vault in meetings.vaults.items():
            self.hosts[node].bring_vault(vault)
        self.users.have_met(meetings.keys)
        self.observers.begin()

    @property
    def strikes(self) -> list[str]:
        """The faults that happened, each once, as `Only.strikes` names it."""
        return list(dict.fromkeys(self.faults.strikes))

    def groups_unread(self) -> list[Unread]:
        """Return which of the last probes somebody in a group still lacks."""
        return self.observers.unread(self.group_doings.probes_at)

    @property
    def machines_count(self) -> int:
        """Return how many ran: second machines and hostile ones are among them."""
        booted = [node for node in (*self.nodes, *self.spares) if node.incarnation]
        return len(booted) + self.adversaries.count

    @property
    def rests_at(self) -> int:
        """From when on no fault happens any more, and users write but to see whether it arrives."""
        return round(self.scenario.quiet_at_s * 1_000_000)

    def step(self, end: int, progress: Callable[["World"], None]) -> None:
        """A second, or as long as nothing happens."""
        next_at = self.loop.next_at
        step_end = self.loop.now + STEP_US
        self.loop.run_until(min(end, step_end if next_at is None else max(step_end, next_at)))
        progress(self)

    def _look_at_groups(self) -> None:
        self.observers.look_at_groups()
        self.loop.after(WATCH_GROUPS_US, self._look_at_groups)

    def _look(self) -> None:
        # Of a world of weeks most minutes are empty but for this.
        if self.loop.events_count > self._looked_at + 1:
            self.observers.look()
            self.adversaries.require_bounded(self.loop.now)
        self._looked_at = self.loop.events_count
        self.loop.after(WATCH_US, self._look)

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
            thinking_us=self.scenario.thinking_us,
            emitted=self._emitted,
            sending=self.observers.secrecy.sending,
            stopped=self._stopped,
            switched=self.observers.together.switched,
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

    def _build_users(self, cloned: list[int]) -> tuple[Users, MailWorkload]:
        users = Users(
            seed=self.options.seed,
            loop=self.loop,
            nodes=self.nodes,
            spares=list(zip(self.spares, cloned, strict=True)),
            scenario=self.scenario,
            message_log=self.message_log,
            listeners=Listeners(
                told=self.observers.states.told,
                shown=self._shown,
                reach=self.observers.coverage.reach,
                blocking=self.observers.discretion.blocking,
            ),
        )
        return users, MailWorkload(
            seed=self.options.seed,
            loop=self.loop,
            users=users,
            scenario=self.scenario,
            message_log=self.message_log,
            told=self.observers.states.told,
        )

    def _build_faults(self, around: Surroundings) -> Faults:
        targets = Targets(
            scenario=self.scenario,
            seed=self.options.seed,
            loop=self.loop,
            network=self.network,
            nodes=self.nodes,
            present=self.present,
            users=self.users,
            message_log=self.message_log,
        )
        disks = LostDisks(
            targets,
            spares=self.spares,
            hosts=self.hosts,
            mail_workload=self.mail_workload,
            before_crash=self._sum_up_and,
            before_loss=self.observers.before_loss,
            after_copy=self.observers.arrivals.copied,
        )
        return Faults(
            targets,
            layout=self.layout,
            disks=disks,
            before_crash=self._sum_up_and,
            cut=self.observers.repair_cost.cut,
            healed=self._healed,
            is_on_its_way=InTransit(self.hosts).has,
            renewed=around.discovery.renewed,
            store_lost=self.observers.together.lost,
        )

    # --- What is told -----------------------------------------------------------------------------

    def _emitted(self, node: int, event: Event) -> None:
        if node in self.hosts:
            self.observers.coverage.reach(f"event-{type(event).__name__}")
            self.users.happened(node, event)

    def _stopped(self, node: int, error: StorageError) -> None:
        self.faults.stopped(node, error)

    def _shown(self, user: User, message: LoggedMessage) -> None:
        if user.node.index not in self.versions.of_release:
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


def _chores(world: World) -> Chores:
    home = Home(
        loop=world.loop,
        users=world.users,
        message_log=world.message_log,
        sent_files=world.mail_workload.sent_files,
        tokens=world.observers.discretion.tokens,
    )
    seed, scenario, reach = world.options.seed, world.scenario, world.observers.coverage.reach
    return Chores(
        seed=seed, loop=world.loop, home=home, scenario=scenario, kinds=CHORES, reach=reach
    )


def _layout(scenario: Scenario, cloned: list[int], seed: int) -> Layout:
    """Return where all stand; second machines and adversaries stand where honest nodes do."""
    copies = [*cloned, *adversary_positions(scenario, seed)]
    return lay_out(scenario.nodes, scenario.topology, seed).with_copies(copies)


def _versions(scenario: Scenario, seed: int) -> Versions:
    """Return who speaks which version of the protocol."""
    shares = scenario.versions
    drawn = drawn_versions(
        seed, scenario.nodes, older=shares.older, later=shares.later, released=shares.released
    )
    return Versions(drawn, working=lambda: PURITY_GUARDS.node)


@contextmanager
def opened_world(
    scenario: Scenario, options: Options, trace: Trace | None = None
) -> Iterator[World]:
    """Build a world; what it started besides ends with it, also where it cannot be built."""
    with ExitStack() as ends:
        yield World(scenario, options, trace, ends=ends)
