"""The run of a world to its verdict: it is busy, settles, rests, and is held to its invariants.

A run has two phases. While users write and faults happen, safety is checked at every step. Then
nothing new happens any more, and the mesh is given time to *settle*: it is over as soon as
everything has arrived, and fails if it has not within the scenario's bound.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mesh.commands.status import AskStatus
from sim.faults.node_faults import NEVER
from sim.hosts.virtual_node import VirtualNode
from sim.invariants.frames import require_no_fault
from sim.invariants.invariants import L5, L7, BrokenInvariant, require_joined
from sim.invariants.quiescence import MEASURED_US, require_quiescence
from sim.run.coverage import coverage_of
from sim.run.deliveries import Deliveries
from sim.run.world import STEP_US, World
from sim.schema.expectations import require_expected, require_sometimes, require_stored_mail
from sim.schema.wire_tables import Corruptions, Truncations


@dataclass(frozen=True, slots=True)
class Settling:
    """A world that should settle: `core` are the nodes of which it is demanded."""

    world: World
    core: Sequence[VirtualNode]

    def has_settled(self) -> bool:
        """Say whether there is nothing left to wait for."""
        world = self.world
        if world.users.are_waiting or not all(node.is_up for node in self.core):
            return False
        # Of those who never come together nothing is demanded, so nothing is waited for.
        if not world.layout.gathers:
            return True
        return not world.message_log.outstanding() and self._is_joined()

    def _is_joined(self) -> bool:
        links = self.world.network.streams.links()
        try:
            require_joined([node.index for node in self.core], links, 0)
        except BrokenInvariant:
            return False
        return True

    def find_dead(self, waited_s: int) -> BrokenInvariant | None:
        """Return what has not come to life again, if all of them ever come together."""
        up = [node.index for node in self.core if node.is_up]
        try:
            if self.world.layout.gathers:
                require_joined(up, self.world.network.streams.links(), waited_s)
                self.world.message_log.require_all_delivered(self.world.faults.phase_of, waited_s)
        except BrokenInvariant as error:
            struck = self.world.faults.stragglers.struck
            if not struck:
                return error
            how = ", ".join(f"node {node} is {way}" for node, way in struck.items())
            return BrokenInvariant(L7, f"while {how}: {error.detail}", error.node)
        return None


def run_to_verdict(world: World, progress: Callable[[World], None]) -> None:
    """Run a world; raises BrokenInvariant at the step that breaks one."""
    with world.running():
        quiet_at = world.settles_at
        while world.loop.now < quiet_at:
            world.step(quiet_at, progress)
        settling = Settling(world, _choose_core(world))
        end = quiet_at + round(world.scenario.settle_s * 1_000_000)
        while world.loop.now < end and not settling.has_settled():
            world.step(end, progress)
        # Before anybody is asked for anything: a question wakes a node that sleeps for ever.
        dead = settling.find_dead((world.loop.now - quiet_at) // 1_000_000)
        world.step(world.loop.now + world.faults.stragglers.get_well(), progress)
        world.mail_workload.read_histories()
        for node in world.present:
            node.ask(AskStatus(), world.sums.add)
        world.step(world.loop.now + STEP_US, progress)
        if dead is not None:
            raise dead
        if world.scenario.rest_s:
            _rest(world, progress)
        _require_all(world)


def _choose_core(world: World) -> list[VirtualNode]:
    """Of whom it is demanded that they settle: nobody waits for those who never get well."""
    core = world.faults.stragglers.core(world.present)
    for node in world.present:
        if node not in core:
            world.message_log.trouble(node.index, NEVER)
    return core


def _rest(world: World, progress: Callable[[World], None]) -> None:
    """No fault happens and nobody writes: let everything come to rest, and look at it."""
    end = world.loop.now + max(round(world.scenario.rest_s * 1_000_000), MEASURED_US)
    while world.loop.now < end - MEASURED_US:
        world.step(end - MEASURED_US, progress)
    before = world.network.counters.bytes_sent
    while world.loop.now < end:
        world.step(end, progress)
    hosts = [(node.index, world.hosts[node.index]) for node in world.present if node.is_up]
    require_quiescence(
        {index: one.engine for index, one in hosts if one.engine is not None},
        sent_bytes=world.network.counters.bytes_sent - before,
        links=world.network.streams.links(),
        is_all_honest=world.adversaries.is_empty,
    )


def _require_all(world: World) -> None:
    """Look once, when all is over."""
    deliveries, expect = Deliveries(world), world.scenario.expect
    require_expected(expect, deliveries.due(), world.rests_at, deliveries.copies_per_delivery)
    if expect.waited_ratio_min is not None:
        require_stored_mail(deliveries.stored(), expect.waited_ratio_min)
    world.observers.look_at_the_end(world.mail_workload.orders)
    world.adversaries.require_bounded(world.loop.now)
    world.network.require_conservation()
    is_mangled = any(isinstance(one, Corruptions | Truncations) for one in world.scenario.faults)
    if not (is_mangled or world.adversaries.is_guilty):
        require_no_fault(world.sums.by_name)
    if world.users.are_waiting:
        raise BrokenInvariant(L5, "a node that rests has not answered its person")
    require_sometimes(expect, coverage_of(world))
