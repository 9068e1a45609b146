"""Fault injection: cuts, crashes, absences, locks, blocks and wrong clocks are carried out.

Everything is drawn before the world begins, each node's fate from a stream of its own, so that
one fault less leaves the others as they were. Those of disks are in `sim.faults.lost_disks`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from mesh.errors import StorageError
from sim.faults.contact_changes import ContactChanges
from sim.faults.cut_faults import CutFaults, cut_spans
from sim.faults.disk_faults import DiskFaults
from sim.faults.laptops import Laptops
from sim.faults.lease_faults import LeaseFaults
from sim.faults.lost_disks import LostDisks
from sim.faults.node_faults import NodeFaults
from sim.faults.rotting import Rotting
from sim.faults.stragglers import StragglerFaults
from sim.faults.targets import Targets
from sim.hosts.virtual_node import VirtualNode
from sim.invariants.message_log import LoggedMessage
from sim.kernel.entropy import Chance
from sim.schema.cut_tables import Partitions, Swizzles
from sim.schema.disk_tables import FailingDisks, FullDisks, LostFsyncs, Rots, SlowDisks
from sim.schema.fault_tables import (
    Absences,
    Blocks,
    Clocks,
    Clones,
    Crashes,
    Halves,
    Lasting,
    LeftOut,
    Locks,
    Removals,
    Revocations,
    Rollbacks,
    Wipes,
)
from sim.schema.node_tables import (
    Churn,
    Drifts,
    DutyCycles,
    FlashCrowd,
    Leases,
    MassFailure,
    Pauses,
    SlowCpus,
    Stragglers,
)
from sim.schema.wire_tables import HalfOpen, OnWires
from sim.topology.topology import Layout

US_PER_HOUR = 3_600_000_000


@dataclass(slots=True)
class FaultCounters:
    """The counts of faults."""

    crashes: int = 0
    crashes_within_batch: int = 0
    restarts: int = 0
    absences: int = 0
    locks: int = 0
    blocks: int = 0
    clock_jumps: int = 0
    clocks_frozen: int = 0


@dataclass(slots=True)
class Faults:
    """The faults of one world."""

    targets: Targets
    layout: Layout
    disks: LostDisks
    before_crash: Callable[[VirtualNode, Callable[[], None]], None]
    cut: Callable[[], None]
    healed: Callable[[], None]
    """Told when the mesh is cut, and when nothing lies between its nodes any more."""
    is_on_its_way: Callable[[LoggedMessage], bool]
    renewed: Callable[[int], None]
    """Told of nodes that go on under their names at other addresses."""
    store_lost: Callable[[int], None]
    """Told of nodes that may have lost what they carried, and nothing of their person's."""
    counters: FaultCounters = field(init=False, default_factory=FaultCounters)
    strikes: list[str] = field(init=False, default_factory=list)
    """The faults that were drawn, as `Only.strikes` names it."""
    cuts: CutFaults = field(init=False)
    node_faults: NodeFaults = field(init=False)
    stragglers: StragglerFaults = field(init=False)
    leases: LeaseFaults = field(init=False)
    failing_disks: DiskFaults = field(init=False)
    contact_changes: ContactChanges = field(init=False)
    laptops: Laptops = field(init=False)
    rotting: Rotting = field(init=False)

    def __post_init__(self) -> None:
        self.cuts = CutFaults(
            seed=self.targets.seed,
            loop=self.targets.loop,
            network=self.targets.network,
            layout=self.layout,
            is_injected=self.is_injected,
            cut=self.cut,
            healed=self.healed,
        )
        self.node_faults = NodeFaults(
            targets=self.targets,
            before_crash=self.before_crash,
            restart=self._restart,
            is_injected=self.is_injected,
        )
        self.stragglers = StragglerFaults(
            seed=self.targets.seed,
            loop=self.targets.loop,
            network=self.targets.network,
            nodes=self.targets.nodes,
            is_injected=self.is_injected,
        )
        self.leases = LeaseFaults(
            seed=self.targets.seed,
            loop=self.targets.loop,
            network=self.targets.network,
            nodes=self.targets.nodes,
            renewed=self.renewed,
            is_injected=self.is_injected,
        )
        self.failing_disks = DiskFaults(
            seed=self.targets.seed,
            loop=self.targets.loop,
            nodes=self.targets.nodes,
            hosts=self.disks.hosts,
            restart=self._restart,
            is_injected=self.is_injected,
        )
        self.contact_changes = ContactChanges(
            loop=self.targets.loop,
            present=self.targets.present,
            users=self.targets.users,
            message_log=self.targets.message_log,
            quiet_at=_us(self.targets.scenario.quiet_at_s),
            is_on_its_way=self.is_on_its_way,
        )
        self.laptops = Laptops(self.targets, self.layout, self.before_crash, self._restart)
        self.rotting = Rotting(self.targets, self.disks, self.store_lost)

    def plan(self) -> None:
        """Plan all of them."""
        self.laptops.plan()
        for number, fault in enumerate(self.targets.scenario.faults):
            match fault:
                case Halves() | Partitions() | Swizzles():
                    self.cuts.plan(number, fault)
                case (
                    Churn()
                    | FlashCrowd()
                    | MassFailure()
                    | Pauses()
                    | SlowCpus()
                    | DutyCycles()
                    | Drifts()
                ):
                    self.node_faults.plan(number, fault)
                case Stragglers():
                    self.stragglers.plan(number, fault)
                case Leases():
                    self.leases.plan(number, fault)
                case FullDisks() | FailingDisks() | SlowDisks():
                    self.failing_disks.plan(number, fault)
                case OnWires() | HalfOpen():
                    # Drawn for each wire when it is made.
                    continue
                case LeftOut():
                    continue
                case Clones():
                    self.disks.plan_clones(number, fault, self.is_injected)
                case _:
                    spared = self._spared(number, fault) if isinstance(fault, Clocks) else []
                    for node in self.targets.nodes:
                        chance = Chance(self.targets.seed, "faults", number, node.index)
                        is_drawn = chance.is_true(fault.share) and node.index not in spared
                        when = chance.between(*map(_us, fault.between_s))
                        if is_drawn and self.is_injected(f"{number}/{node.index}", node.index):
                            self._plan_strike(fault, node, chance, when)

    def is_injected(self, strike: str, node: int | None = None) -> bool:
        """Say whether what was drawn is among what is left of a scenario that was shrunk."""
        only = self.targets.scenario.only
        if node is not None and not only.has_node(node):
            return False
        if only.strikes is not None and strike not in only.strikes:
            return False
        self.strikes.append(strike)
        return True

    def stopped(self, node: int, error: StorageError) -> None:
        """A node has stopped since its disk failed."""
        if not self.rotting.stopped(node, error):
            self.failing_disks.stopped(node, error)

    def phase_of(self, message: LoggedMessage) -> str:
        """Return how the mesh was when a message was written: what its delay should be judged
        by.
        """
        if message.is_probe:
            return "after all"
        now_s = message.asked_at / 1_000_000
        spans = cut_spans(self.targets.scenario.faults)
        if all(now_s < begin for begin, _ in spans):
            return "together"
        if all(not begin <= now_s < end for begin, end in spans):
            return "healed"
        is_across = self.cuts.is_across(message.sender, message.recipient)
        return "apart, across" if is_across else "apart, same side"

    def _plan_strike(
        self,
        fault: Crashes
        | Absences
        | Rollbacks
        | LostFsyncs
        | Rots
        | Wipes
        | Clocks
        | Locks
        | Blocks
        | Revocations
        | Removals,
        node: VirtualNode,
        chance: Chance,
        when: int,
    ) -> None:
        match fault:
            case Crashes():
                self._plan_crash(fault, node, chance, when)
            case Absences():
                if fault.at_home_s is not None:
                    # They live so from the beginning.
                    when = _us(fault.between_s[0]) + chance.below(_us(fault.at_home_s[1]))
                self.targets.loop.at(when, partial(self._leave, fault, node, chance))
            case Rollbacks():
                self.disks.plan_rollback(fault, node, chance, when)
            case LostFsyncs():
                self.disks.plan_lost_fsyncs(fault, node, chance, when)
            case Rots():
                self.rotting.plan(fault, node, chance, when)
            case Wipes():
                self.disks.plan_wipe(fault, node, chance, when)
            case Clocks():
                self._plan_clock(fault, node, chance, when)
            case Locks():
                self.targets.loop.at(when, partial(self.lock, node))
                self.targets.loop.at(when + _lasting(fault, chance), node.unlock)
            case Blocks():
                end = when + _lasting(fault, chance)
                self.targets.loop.at(when, partial(self._block, node, chance, end))
            case Revocations() | Removals():
                self.contact_changes.plan(fault, node, chance, when)

    # --- Crashes ----------------------------------------------------------------------------------

    def _plan_crash(self, fault: Crashes, node: VirtualNode, chance: Chance, when: int) -> None:
        down_us = chance.between(*map(_us, fault.down_s))
        is_silent = chance.is_true(fault.silent_share)
        is_within = chance.is_true(fault.within_batch_share)
        statements = chance.between(*fault.statements) if is_within else None
        self.targets.loop.at(when, partial(self.strike, node, is_silent, statements, down_us))

    def strike(
        self, node: VirtualNode, is_silent: bool, statements: int | None, down_us: int
    ) -> None:
        """A node that runs crashes, perhaps within so many statements, and starts again later."""
        if node.is_up:
            crash = partial(self._crash, node, is_silent, statements, down_us)
            self.before_crash(node, partial(self.targets.loop.after, 0, crash))

    def _crash(
        self, node: VirtualNode, is_silent: bool, statements: int | None, down_us: int
    ) -> None:
        if not node.is_up:
            return
        self.counters.crashes += 1
        crashed = partial(self.targets.loop.after, down_us, partial(self._restart, node))
        if statements is None:
            node.crash(is_silent=is_silent)
            crashed()
        else:
            self.counters.crashes_within_batch += 1
            node.crash_within(statements, crashed, is_silent=is_silent)

    def _restart(self, node: VirtualNode) -> None:
        # One node may have had two faults; the first to end wakes it. Whoever comes late is
        # switched on for the first time by their user, whatever faults they had before.
        if node.incarnation and not (node.is_up or node.is_gone):
            self.counters.restarts += 1
            node.boot()
            self.targets.users.booted_again(node.index)

    # --- Absences ---------------------------------------------------------------------------------

    def _leave(self, fault: Absences, node: VirtualNode, chance: Chance) -> None:
        returns = self.targets.loop.now + _lasting(fault, chance)
        if node.is_up:
            turn_off = partial(self._turn_off, node, returns)
            self.before_crash(node, partial(self.targets.loop.after, 0, turn_off))
        self.targets.loop.at(returns, partial(self._return, fault, node, chance))

    def _turn_off(self, node: VirtualNode, returns: int) -> None:
        # Who answers only when they should be back already does not go, or nobody would return.
        if node.is_up and self.targets.loop.now < returns:
            self.counters.absences += 1
            node.crash(is_silent=False)

    def _return(self, fault: Absences, node: VirtualNode, chance: Chance) -> None:
        self._restart(node)
        if fault.at_home_s is not None:
            at_home_us = chance.between(*map(_us, fault.at_home_s))
            if self.targets.loop.now + at_home_us < _us(fault.between_s[1]):
                self.targets.loop.after(at_home_us, partial(self._leave, fault, node, chance))

    # --- Users and clocks ------------------------------------------------------------------------

    def lock(self, node: VirtualNode) -> None:
        """Somebody locks their vault."""
        self.counters.locks += 1
        node.lock()

    def _block(self, node: VirtualNode, chance: Chance, end: int) -> None:
        user = self.targets.users.user_at(node.index)
        if user.contacts:
            other = chance.pick(list(user.contacts))
            self.counters.blocks += 1
            # Of what is written before the block has ended nothing is demanded.
            may_be_lost = partial(self.targets.message_log.trouble_between, node.index, other)
            may_be_lost(end)
            blocks, key = self.targets.users.blocks, user.contacts[other]
            middle = (self.targets.loop.now + end) // 2
            blocks.block(user, key)
            self.targets.loop.at(middle, partial(blocks.look, user, key))
            self.targets.loop.at(end, partial(blocks.unblock, user, key, may_be_lost))

    def _spared(self, number: int, fault: Clocks) -> list[int]:
        """The nodes whose clocks stay right although they are drawn, since too many are."""
        seed, nodes = self.targets.seed, [node.index for node in self.targets.nodes]
        fates = [(Chance(seed, "faults", number, node), node) for node in nodes]
        drawn = [node for chance, node in fates if chance.is_true(fault.share)]
        # By a chance of their own: who is struck is struck as if there were no bound.
        drawn.sort(key=lambda node: Chance(seed, "faults", number, node, "spared").fraction())
        return drawn[int(fault.at_most * len(nodes)) :]

    def _plan_clock(self, fault: Clocks, node: VirtualNode, chance: Chance, when: int) -> None:
        is_frozen = chance.is_true(fault.frozen_share)
        is_ahead = chance.is_true(0.5)
        hours_us = chance.between(*(round(hours * US_PER_HOUR) for hours in fault.wrong_h))
        by_us = hours_us if is_ahead else -hours_us
        self.targets.loop.at(when, partial(self._disturb, node, by_us, is_frozen=is_frozen))
        if fault.for_s is not None:
            end = when + chance.between(*map(_us, fault.for_s))
            set_right_before = node.calendar.times_set_right
            back = partial(self._turn_back, node, -by_us, set_right_before)
            self.targets.loop.at(end, node.calendar.thaw if is_frozen else back)

    def _disturb(self, node: VirtualNode, by_us: int, *, is_frozen: bool) -> None:
        if is_frozen:
            self.counters.clocks_frozen += 1
            node.calendar.freeze(self.targets.loop.now)
        else:
            self.counters.clock_jumps += 1
            node.turn_clock(by_us)

    def _turn_back(self, node: VirtualNode, by_us: int, set_right_before: int) -> None:
        # Its owner may have done so before.
        if node.calendar.times_set_right == set_right_before:
            node.turn_clock(by_us)


def _lasting(fault: Lasting, chance: Chance) -> int:
    return chance.between(*map(_us, fault.for_s))


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
