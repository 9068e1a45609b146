"""A world: nodes, networks, people and faults under one clock, and the run to a verdict.

A run has two phases. While people write and faults befall, safety is checked at every step. Then
nothing new happens any more, and the mesh is given time to *settle*: it is over as soon as
everything has arrived, and fails if it has not within the scenario's bound.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from mesh.commands import Answer, AskStatus, StatusAnswer
from mesh.crypto.kem import Kem
from mesh.crypto.signing import Verify, is_signature_valid
from mesh.engine.door import EngineSettings
from mesh.errors import UserError
from mesh.events import Event
from mesh.wire.parameters import MeshParameters
from sim.bugs import BUGS
from sim.discovery import AnnouncementRules, Discovery
from sim.entropy import Chance, SeededEntropy
from sim.faults import Faults
from sim.kem import KyberPyKem
from sim.laptop import Laptop
from sim.ledger import Ledger
from sim.loop import Loop
from sim.memo import RememberedVerify
from sim.modelled_kem import ModelledKem
from sim.people import People
from sim.promises import BrokenPromise, require_joined
from sim.scenario import Scenario
from sim.stream import StreamRules
from sim.topology import networks_of
from sim.trace import Trace
from sim.virtual_network import VirtualNetwork
from sim.virtual_node import Surroundings, VirtualNode

STEP_US: Final = 1_000_000
"""How far a world runs before progress is told and settling is looked at."""

SIMULATED_MESH: Final = MeshParameters(name="simulated", stamp_bits=0, key_quota=1_000_000)
"""No proof of work, which would only burn real time, and a quota that nobody meets."""


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

    def __init__(self, scenario: Scenario, options: Options) -> None:
        seed = options.seed
        self.scenario = scenario
        self.options = options
        order = Chance(seed, "order") if scenario.order == "shuffle" else None
        self.loop = Loop(tick_us=scenario.tick_us, order=order)
        self.trace = Trace()
        self.ledger = Ledger()
        self.sums = Sums()
        networks = networks_of(scenario.nodes, scenario.topology)
        wire = scenario.wire
        self.network = VirtualNetwork(
            loop=self.loop,
            rules=StreamRules(
                latency_min_us=round(wire.latency_ms[0] * 1_000),
                latency_max_us=round(wire.latency_ms[1] * 1_000),
                jitter_us=round(wire.jitter_ms * 1_000),
                loss=wire.loss,
                bytes_per_second=round(wire.bandwidth_mbit * 1_000_000 / 8),
            ),
            networks=networks,
            chance=Chance(seed, "network"),
            faults=Chance(seed, "faults"),
        )
        discovery = Discovery(
            loop=self.loop,
            network=self.network,
            rules=AnnouncementRules(
                delay_max_us=round(wire.announcement_delay_ms * 1_000),
                loss=wire.announcement_loss,
            ),
            chance=Chance(seed, "discovery"),
        )
        around = Surroundings(
            loop=self.loop,
            network=self.network,
            discovery=discovery,
            trace=self.trace,
            thinking_us=round(scenario.thinking_ms * 1_000),
            emitted=self._emitted,
        )
        self.nodes = self._build_nodes(around)
        self.people = People(
            seed=seed,
            loop=self.loop,
            nodes=self.nodes,
            workload=scenario.workload,
            ledger=self.ledger,
        )
        self.faults = Faults(
            scenario=scenario,
            seed=seed,
            loop=self.loop,
            network=self.network,
            networks=networks,
            nodes=self.nodes,
            before_crash=self._sum_up_and,
            booted_again=self.people.booted_again,
        )

    def run(self, progress: Callable[["World"], None]) -> None:
        """Run to the verdict; raises BrokenPromise at the step that breaks one."""
        self.people.plan()
        self.faults.plan()
        quiet_at = round(self.scenario.quiet_at_s * 1_000_000)
        while self.loop.now < quiet_at:
            self._step(quiet_at, progress)
        end = quiet_at + round(self.scenario.settle_s * 1_000_000)
        while self.loop.now < end and not self._has_settled():
            self._step(end, progress)
        waited_s = (self.loop.now - quiet_at) // 1_000_000
        self.people.read_histories()
        for node in self.nodes:
            self._sum_up(node)
        self._step(self.loop.now + STEP_US, progress)
        up = [node.index for node in self.nodes if node.is_up]
        require_joined(up, self.network.links(), waited_s)
        self.ledger.require_all_delivered(self.faults.phase_of, waited_s)
        if self.people.are_waiting:
            raise AssertionError("a node that rests did not answer its person")

    def _step(self, end: int, progress: Callable[["World"], None]) -> None:
        self.loop.run_until(min(end, self.loop.now + STEP_US))
        progress(self)

    def _has_settled(self) -> bool:
        return not (
            self.ledger.confirmed_count > self.ledger.delivered_count
            or self.people.are_waiting
            or self.ledger.outstanding()
            or not all(node.is_up for node in self.nodes)
            or not self._is_joined()
        )

    def _is_joined(self) -> bool:
        try:
            require_joined([node.index for node in self.nodes], self.network.links(), 0)
        except BrokenPromise:
            return False
        return True

    def _build_nodes(self, around: Surroundings) -> list[VirtualNode]:
        seed = self.options.seed
        kem = self._kem()
        verify: Verify = is_signature_valid
        if not self.options.is_crypto_real:
            verify = RememberedVerify(is_signature_valid)
        plant = BUGS[self.options.bug].plant if self.options.bug is not None else None
        clocks = Chance(seed, "clocks")
        begins_us = round(self.scenario.begins_at_s * 1_000_000)
        wrong_us = round(self.scenario.wall_offset_s * 1_000_000)
        return [
            VirtualNode(
                index,
                Laptop(
                    settings=EngineSettings(parameters=SIMULATED_MESH),
                    entropy=SeededEntropy(seed, "node", index),
                    chance=Chance(seed, "minting", index),
                    kem=kem,
                    verify=verify,
                    plant=plant,
                ),
                around,
                wall_offset_us=begins_us + clocks.between(-wrong_us, wrong_us),
            )
            for index in range(self.scenario.nodes)
        ]

    def _kem(self) -> Kem:
        return KyberPyKem() if self.options.is_crypto_real else ModelledKem()

    def _emitted(self, node: int, event: Event) -> None:
        self.people.happened(node, event)

    def _sum_up_and(self, node: VirtualNode, then: Callable[[], None]) -> None:
        """Metrics die with an engine: ask for them before it crashes."""

        def answered(answer: Answer | UserError) -> None:
            self.sums.add(answer)
            then()

        node.ask(AskStatus(), answered)

    def _sum_up(self, node: VirtualNode) -> None:
        node.ask(AskStatus(), self.sums.add)
