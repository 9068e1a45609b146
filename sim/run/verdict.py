"""The run of a world to its verdict: it is busy, settles, rests, and is held to its invariants.

A run has two phases. While users write and faults happen, safety is checked at every step. Then
nothing new happens any more, and the mesh is given time to *settle*: it is over as soon as
everything has arrived, and fails if it has not within the scenario's bound.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from mesh.commands.answer import Answer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.errors import UserError
from mesh.limits.stems import STEM_PAUSE_MAX_MS
from sim.faults.node_faults import NEVER
from sim.hosts.virtual_node import VirtualNode
from sim.invariants.frames import require_no_fault
from sim.invariants.groups import require_all_read
from sim.invariants.invariants import L5, L7, BrokenInvariant, require_joined
from sim.invariants.lists import require_true_links
from sim.invariants.member_letters import require_erased
from sim.invariants.quiescence import MEASURED_US, require_bodies, require_quiescence
from sim.run.coverage import coverage_of
from sim.run.deliveries import Deliveries
from sim.run.world import STEP_US, World
from sim.schema.expectations import (
    require_expected,
    require_possible_mail,
    require_sometimes,
    require_stored_mail,
)
from sim.schema.wire_tables import Corruptions, Truncations

ANSWERED_WITHIN_US: Final = 5_000_000
"""A node that is told of nothing else answers in milliseconds, and one that is slow in a second."""


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
        is_all_read = all(one.why for one in world.groups_unread())
        return not world.message_log.outstanding() and self._is_joined() and is_all_read

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
                require_all_read(self.world.groups_unread(), waited_s)
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
        # What was written last may have begun its way through somebody who does not pass it on.
        end = quiet_at + round(world.scenario.settle_s * 1_000_000) + STEM_PAUSE_MAX_MS * 1_000
        while world.loop.now < end and not settling.has_settled():
            world.step(end, progress)
        # Before anybody is asked for anything: a question wakes a node that sleeps for ever.
        dead = settling.find_dead((world.loop.now - quiet_at) // 1_000_000)
        world.step(world.loop.now + world.faults.stragglers.get_well(), progress)
        world.mail_workload.read_histories()
        world.group_doings.look_at_the_end()
        for node in world.present:
            node.ask(AskStatus(), partial(_hold_status, world, node.index))
        world.step(world.loop.now + STEP_US, progress)
        if dead is not None:
            raise dead
        if world.scenario.rest_s:
            _rest(world, progress)
        let_answer(world, progress)
        _require_all(world)


def let_answer(world: World, progress: Callable[[World], None]) -> None:
    """Whoever asked in the last moment is answered in the next: give a node some seconds for it."""
    end = world.loop.now + ANSWERED_WITHIN_US
    while world.users.are_waiting and world.loop.now < end:
        world.step(end, progress)


def _choose_core(world: World) -> list[VirtualNode]:
    """Of whom it is demanded that they settle: nobody waits for those who never get well."""
    core = world.faults.stragglers.core(world.present)
    for node in world.present:
        if node not in core:
            world.message_log.trouble(node.index, NEVER)
    return core


def _hold_status(world: World, node: int, answer: Answer | UserError) -> None:
    """A node says how it stands: what its user reads of that is so."""
    world.sums.add(answer)
    if isinstance(answer, StatusAnswer):
        links_count, contacts_count = answer.links_count, answer.contact_links_count
        require_true_links(node, links_count=links_count, contacts_count=contacts_count)


def _rest(world: World, progress: Callable[[World], None]) -> None:
    """No fault happens and nobody writes: let everything come to rest, and look at it."""
    end = world.loop.now + max(round(world.scenario.rest_s * 1_000_000), MEASURED_US)
    while world.loop.now < end - MEASURED_US:
        world.step(end - MEASURED_US, progress)
    before = _bytes_but_vouches(world)
    while world.loop.now < end:
        world.step(end, progress)
    hosts = [(node.index, world.hosts[node.index]) for node in world.present if node.is_up]
    require_quiescence(
        {index: one.engine for index, one in hosts if one.engine is not None},
        # Which bytes of another release are vouches nobody sees.
        sent_bytes=0 if world.release else _bytes_but_vouches(world) - before,
        links=world.network.streams.links(),
        is_all_honest=world.adversaries.is_empty,
        lapsing_before=world.observers.lapsing_before,
    )
    if world.adversaries.is_empty:
        stores = {index: one.store for index, one in hosts}
        require_bodies(stores, world.observers.lapsing_before)
        world.observers.survival.require_all_said()


def _bytes_but_vouches(world: World) -> int:
    """Lists of vouched keys go by the hour and over each new link, long ones whatever they hold."""
    return world.network.counters.bytes_sent - world.observers.frames.bytes.get("Vouches", 0)


def _require_all(world: World) -> None:
    """Look once, when all is over."""
    deliveries, expect = Deliveries(world), world.scenario.expect
    require_expected(expect, deliveries.due(), world.rests_at, deliveries.copies_per_delivery)
    if expect.waited_ratio_min is not None:
        require_stored_mail(deliveries.stored(), expect.waited_ratio_min)
    if expect.possible_ratio_min is not None:
        require_possible_mail(deliveries.possible(), expect.possible_ratio_min)
    if world.observers.survival.is_noting:
        world.observers.survival.require_true_ends(world.faults.phase_of)
    mail = world.mail_workload
    world.observers.look_at_the_end(mail.orders, mail.doings.views, mail.sent_files)
    world.observers.look_at_groups_at_the_end(world.group_doings.views)
    ours = [one.index for one in world.present if one.index not in world.versions.of_release]
    require_erased({node: world.hosts[node].vault for node in ours})
    world.adversaries.require_bounded(world.loop.now)
    world.network.require_conservation()
    is_mangled = any(isinstance(one, Corruptions | Truncations) for one in world.scenario.faults)
    if not (is_mangled or world.adversaries.is_guilty):
        require_no_fault(world.sums.by_name)
    if world.users.are_waiting:
        raise BrokenInvariant(L5, "a node that rests has not answered its person")
    require_sometimes(expect, coverage_of(world))
