"""The hostile nodes of one world: what each runs on, where it stands, what it is held to.

Each stands on the networks of an honest node, drawn by lot, and in its sight. What honest nodes
send to one of them is bounded by what it gave (S11).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import msgspec

from mesh.crypto.kem import Kem
from mesh.database import Connection
from mesh.effects import MintStamp
from mesh.ids import Instant
from mesh.inputs import Input, StampMinted
from mesh.limits.link import HANDSHAKE_MESSAGE_BYTES_MAX
from mesh.link.link import BeginHandshake
from mesh.posting.stamp import NO_STAMP
from mesh.wire.envelope import SIZE_BYTES
from mesh.wire.parameters import MeshParameters
from sim.adversaries.behaviour import Behaviour
from sim.adversaries.engine import AdversaryEngine, Tally
from sim.adversaries.equivocation import Equivocation
from sim.adversaries.floods import (
    BadSignatures,
    EmptyWants,
    Flood,
    ForgedAuthor,
    ForgedRetirements,
    Garbage,
    IdSpam,
    LaterVersion,
    OverQuota,
    Replay,
)
from sim.adversaries.outsiders import MalformedHandshakes, SlowLoris
from sim.adversaries.reviving import Reviving
from sim.adversaries.withholding import (
    BlackHole,
    Eclipse,
    LyingDigests,
    Sybil,
    TimeLies,
    TimeShifts,
    drop_half,
    swallow_stems,
)
from sim.hosts.blobs import Blobs
from sim.hosts.driver_protocol import AnyEngine, AnyHost, Injection
from sim.hosts.host import Host
from sim.hosts.virtual_node import Surroundings, VirtualNode
from sim.invariants.invariants import S11, BrokenInvariant
from sim.kernel.entropy import Chance, SeededEntropy
from sim.network.addresses import address_of
from sim.schema.adversary_table import AdversaryTable, Kind, hostile_kinds
from sim.schema.scenario import Scenario
from sim.topology.topology import Layout

BEHAVIOURS: Final[Mapping[Kind, type[Behaviour]]] = {
    "black-hole": BlackHole,
    "lying-digests": LyingDigests,
    "id-spam": IdSpam,
    "garbage": Garbage,
    "bad-signatures": BadSignatures,
    "replay": Replay,
    "revives": Reviving,
    "forged-author": ForgedAuthor,
    "equivocation": Equivocation,
    "forged-retirements": ForgedRetirements,
    "empty-wants": EmptyWants,
    "flood": Flood,
    "over-quota": OverQuota,
    "sybil": Sybil,
    "eclipse": Eclipse,
    "time-lies": TimeLies,
    "time-shifts": TimeShifts,
    "malformed-handshakes": MalformedHandshakes,
    "slow-loris": SlowLoris,
    "later-version": LaterVersion,
}
"""All but those of `ENGINES`."""

ENGINES: Final[Mapping[Kind, Injection]] = {
    "selective": drop_half,
    "swallows-stems": swallow_stems,
}
"""Real engines with one machine exchanged."""

GUILTY: Final[tuple[Kind, ...]] = (
    "garbage",
    "bad-signatures",
    "forged-retirements",
    "replay",
    "malformed-handshakes",
    "slow-loris",
)
"""Those of which neighbours must say that they are at fault; of the others they must not."""

AMPLIFICATION_MAX: Final = 4
"""Bytes that are neither mail nor news of mail, for each byte that a hostile node gave: an id that
is announced (33 bytes) may be asked for, dropped and found again by comparing."""

LINK_BYTES: Final = 32 * 1024
"""What a link costs before anybody has said a thing: a handshake, a Hello, the first sessions."""

LINK_BYTES_PER_SECOND: Final = 64
"""Pings, roots and the like, on a link that stands."""

SELECTIVE_LINKS: Final = 64
"""More links than a real engine has in a run, which says truly that it holds what it then drops."""

VICTIMS_COUNT: Final = 2
"""Honest nodes that an eclipse is after."""


@dataclass(slots=True)
class AdversaryHost:
    """Fits `sim.hosts.driver_protocol.AnyHost`: nothing outlives a crash but the tally."""

    index: int
    table: AdversaryTable
    seed: int
    parameters: MeshParameters
    kem: Kem
    begin: BeginHandshake
    victims: Sequence[str]
    tally: Tally = field(init=False, default_factory=Tally)
    lives_count: int = field(init=False, default=0)

    def boot(self, now: Instant) -> tuple[AnyEngine, list[Input]]:
        """A new life."""
        self.lives_count += 1
        names = ("hostile", self.index, self.lives_count)
        entropy = SeededEntropy(self.seed, *names)
        chance = Chance(self.seed, *names)
        behaviour = BEHAVIOURS[self.table.kind](
            chance=chance, entropy=entropy, per_second=self.table.per_second
        )
        if isinstance(behaviour, Eclipse):
            behaviour.victims = self.victims
        if isinstance(behaviour, Flood):
            behaviour.size_class = SIZE_BYTES.index(self.table.kib * 1024)
        engine = AdversaryEngine(
            behaviour,
            parameters=self.parameters,
            entropy=entropy,
            kem=self.kem,
            begin=self.begin,
            chance=chance,
            tally=self.tally,
            dials=self.table.dials,
        )
        return engine, []

    def unlock(self) -> Input:
        """There is no vault."""
        raise AssertionError("a hostile node has no vault")

    def crash(self) -> None:
        """Nothing is kept."""

    @property
    def vault(self) -> Connection:
        """It is nobody's."""
        raise AssertionError("a hostile node has no vault")

    @property
    def blobs(self) -> Blobs:
        """It has no large files."""
        raise AssertionError("a hostile node keeps no files")

    def arm(self, statements: int) -> None:
        """There is no database."""

    def take_waited_us(self) -> int:
        """Nor a disk."""
        return 0

    def mint(self, effect: MintStamp) -> tuple[int, Input]:
        """It never asks for that."""
        return 0, StampMinted(effect.posting_key, effect.day, effect.bits, NO_STAMP)


def require_bounded_amplification(host: AdversaryHost, lived_s: float) -> None:
    """S11: nobody gets much more than they gave, but the mail that everybody gets."""
    tally = host.tally
    free = tally.streams_count * HANDSHAKE_MESSAGE_BYTES_MAX
    if tally.links_count:
        free += tally.links_count * LINK_BYTES
        free += round(lived_s * tally.links_count * LINK_BYTES_PER_SECOND)
    gained = tally.received_bytes - tally.bodies_bytes - tally.announced_bytes
    if gained > AMPLIFICATION_MAX * tally.sent_bytes + free:
        detail = (
            f"a node that is {host.table.kind} gave {tally.sent_bytes} bytes on "
            f"{tally.streams_count} streams and was sent {gained}, without counting mail"
        )
        raise BrokenInvariant(S11, detail, host.index)


class Adversaries:
    """All hostile nodes of a world; their indexes come after all others."""

    def __init__(self, scenario: Scenario, seed: int, layout: Layout) -> None:
        self._scenario = scenario
        self._seed = seed
        self._kinds = hostile_kinds(scenario.hostile, scenario.nodes)
        self._first = len(layout.networks) - len(self._kinds)
        chance = Chance(seed, "victims")
        victims = [chance.below(scenario.nodes) for _ in range(VICTIMS_COUNT)]
        self._victims = [
            address_of(victim, network).host
            for victim in victims
            for network in layout.networks[victim]
        ]
        self._hosts: dict[int, AdversaryHost] = {}
        self.nodes: list[VirtualNode] = []
        self._let_in: int | None = None

    def stand(
        self,
        around: Surroundings,
        host_of: Callable[[int, Injection], Host],
        *,
        kem: Kem,
        begin: BeginHandshake,
        parameters: MeshParameters,
    ) -> None:
        """Put them into the world, and let each boot while the others do."""
        for place, table in enumerate(self._kinds):
            index = self._first + place
            host: AnyHost
            if table.kind in ENGINES:
                host = host_of(index, ENGINES[table.kind])
            else:
                host = self._hosts[index] = AdversaryHost(
                    index=index,
                    table=table,
                    seed=self._seed,
                    parameters=parameters,
                    kem=kem,
                    begin=begin,
                    victims=self._victims,
                )
            node = VirtualNode(
                index,
                host,
                around,
                wall_offset_us=round(self._scenario.begins_at_s * 1_000_000),
            )
            self.nodes.append(node)
            within_us = round(self._scenario.workload.boot_within_s * 1_000_000)
            comes_us = round(table.from_s * 1_000_000)
            comes_us += Chance(self._seed, "hostile", index).below(within_us + 1)
            around.loop.at(comes_us, partial(self._come, place, node))

    def let_in(self, count: int) -> None:
        """Only so many of them come, and do together as much as all would. Before any has come."""
        self._let_in = count
        for host in self.hosts:
            assert not host.lives_count
            per_second = host.table.per_second * len(self._kinds) / max(1, count)
            host.table = msgspec.structs.replace(host.table, per_second=per_second)

    def _come(self, place: int, node: VirtualNode) -> None:
        if self._let_in is None or place < self._let_in:
            node.boot()

    @property
    def hosts(self) -> list[AdversaryHost]:
        """All that are no real engine within."""
        return list(self._hosts.values())

    def require_bounded(self, now_us: int) -> None:
        """S11, of all of them."""
        for host in self.hosts:
            require_bounded_amplification(host, now_us / 1_000_000)

    @property
    def count(self) -> int:
        """Return how many there are."""
        return len(self._kinds)

    @property
    def is_empty(self) -> bool:
        """Say whether all are honest."""
        return not self._kinds

    @property
    def is_guilty(self) -> bool:
        """Say whether any of them does what nobody honest does, and earns it that links end."""
        return any(one.kind in GUILTY for one in self._kinds)

    def links_count(self) -> int:
        """Return how many links they have had, of which each may have lied."""
        links = sum(host.tally.links_count for host in self.hosts)
        return links + SELECTIVE_LINKS * (len(self._kinds) - len(self._hosts))

    def totals(self) -> dict[str, int]:
        """Return what they did, for the report."""
        tallies = [host.tally for host in self.hosts]
        return {
            "nodes": len(self._kinds),
            "bytes_sent": sum(tally.sent_bytes for tally in tallies),
            "bytes_received": sum(tally.received_bytes for tally in tallies),
            "streams": sum(tally.streams_count for tally in tallies),
            "links": sum(tally.links_count for tally in tallies),
            "links_lost": sum(tally.faults_count for tally in tallies),
        }


def adversary_positions(scenario: Scenario, seed: int) -> list[int]:
    """The honest node beside which each of them stands."""
    chance = Chance(seed, "hostile")
    kinds = hostile_kinds(scenario.hostile, scenario.nodes)
    return [chance.below(scenario.nodes) for _ in kinds]
