"""The mail that a flood leaves: our stores beside plain queues, tried in forks.

One world for each seed is run until the flood begins: by then users are contacts, have told
each other by which keys they write, and for whom they vouch. From that instant it is forked, so
each trial has the same users, friendships and messages; what differs are the stores, and how many
hostile nodes come, or how many of the users's hosts are taken over. However many these are,
together they send as much.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Literal

import msgspec

from mesh.errors import UserError
from mesh.storage.store.store import Store
from mesh.trust.distance import Depth
from mesh.wire.envelope import SIZE_BYTES
from sim.adversaries.compromised import Orders
from sim.invariants.stored_mail import StoredMessage
from sim.lab.models.holders import Links, reaches
from sim.lab.models.plain_queue import PLAIN_QUEUE
from sim.run.deliveries import Deliveries
from sim.run.forks import try_forks
from sim.run.world import Options, World
from sim.schema.adversary_table import AdversaryTable
from sim.schema.node_tables import DutyCycles
from sim.schema.scenario import Scenario

Stores = Literal["ours", "queues"]

Attackers = Literal["outsiders", "insiders", "withholding insiders"]
"""Insiders are users's own hosts, which were taken over."""

KINDS: Final[tuple[Stores, ...]] = ("ours", "queues")


class Kept(msgspec.Struct, frozen=True):
    """The number of messages that had to wait, and how many of them arrived."""

    arrived: int = 0
    waited: int = 0

    def __add__(self, other: "Kept") -> "Kept":
        return Kept(self.arrived + other.arrived, self.waited + other.waited)

    @property
    def ratio(self) -> float:
        """Return how many of those that waited arrived."""
        return self.arrived / self.waited if self.waited else 1


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one fork."""

    seed: int
    stores: Stores
    honest: int
    hostile: int
    attackers: Attackers = "outsiders"

    small: dict[str, Kept]
    """Messages in envelopes of 1 KiB, by how near their authors were to who carried them."""

    large: dict[str, Kept]
    """Those in envelopes of 16 KiB."""

    by_insider: dict[str, Kept]
    """Of those trusted, by how near the nearest insider was to their authors."""

    foretold: int
    """Those trusted of which `sim.lab.models.holders` foretells what became of them."""

    turnovers: float
    """How often the whole store of who never sleeps came anew while somebody slept."""

    @property
    def share(self) -> float:
        """Return how many of all nodes were hostile."""
        return self.hostile / (self.hostile + self.honest)

    @property
    def trusted(self) -> Kept:
        """All messages by authors who were no strangers to all who carried them."""
        near = [depth.name for depth in Depth if depth is not Depth.STRANGER]
        found = [by.get(name, Kept()) for by in (self.small, self.large) for name in near]
        return sum(found, Kept())


def try_floods(
    scenario: Scenario,
    seed: int,
    hostile_counts: Sequence[int],
    *,
    attackers: Attackers = "outsiders",
    kinds: Sequence[Stores] = KINDS,
) -> list[Trial]:
    """All trials with one seed: each number of hostile nodes, with our stores and with queues."""
    flood, naps = _tables(scenario)
    world = World(scenario, Options(seed=seed, is_crypto_real=False))
    world.run_until(round(flood.from_s * 1_000_000))
    forks: list[Callable[[World], Trial]] = [
        partial(_try, flood, naps, stores, count, attackers)
        for count in hostile_counts
        for stores in kinds
    ]
    return try_forks(world, forks, Trial)


def _try(
    flood: AdversaryTable,
    naps: DutyCycles,
    stores: Stores,
    hostile: int,
    attackers: Attackers,
    world: World,
) -> Trial:
    if stores == "queues":
        world.inject(PLAIN_QUEUE)
    if attackers == "outsiders":
        world.adversaries.let_in(hostile)
    else:
        orders = Orders(
            SIZE_BYTES.index(flood.kib * 1024),
            per_second=flood.per_second * world.adversaries.count,
            is_withholding=attackers == "withholding insiders",
        )
        world.adversaries.let_in(0)
        world.take_over(hostile, orders)
    messages_before, before = world.message_log.confirmed_count, _arrivals(world)
    world.run_until(world.rests_at)
    junk = {
        node: count - before[node] - (world.message_log.confirmed_count - messages_before)
        for node, count in _arrivals(world).items()
        if node not in world.faults.node_faults.naps and node not in world.compromised
    }
    scenario = world.scenario
    assert scenario.stored_mib is not None
    stored_kib = scenario.stored_mib * 1024
    lasts_s = naps.between_s[1] - flood.from_s
    away_s = naps.period_s - naps.awake_s
    turned = sum(junk.values()) / max(1, len(junk)) * flood.kib / stored_kib
    waited, links = Deliveries(world).stored(), _links(world)
    return Trial(
        seed=world.options.seed,
        stores=stores,
        honest=scenario.nodes - len(world.compromised),
        hostile=hostile,
        attackers=attackers,
        small=_kept_by(lambda one: one.depth, [one for one in waited if not one.is_large]),
        large=_kept_by(lambda one: one.depth, [one for one in waited if one.is_large]),
        by_insider=_kept_by(lambda one: one.compromised, [one for one in waited if one.is_trusted]),
        foretold=sum(_is_foretold(world, links, one, stores) for one in waited if one.is_trusted),
        turnovers=turned * away_s / lasts_s,
    )


def _is_foretold(world: World, links: Links, one: StoredMessage, stores: Stores) -> bool:
    """Say whether a message came where the model says so: to who wakes and is joined to who holds
    it.

    Of queues it says that nobody holds anything.
    """
    naps = world.faults.node_faults.naps
    to = one.message.recipient
    asking = [node for node, spans in naps.items() if spans == naps[to]]
    holders = one.holders if stores == "ours" else ()
    return reaches(links, holders=holders, asking=asking, to=to) == one.has_arrived


def _links(world: World) -> Links:
    """Return who stands on one network with whom."""
    places = [dict.fromkeys(networks) for networks in world.layout.networks]
    nodes = range(world.scenario.nodes)
    return {
        node: [
            other
            for other in nodes
            if other != node and any(network in places[other] for network in places[node])
        ]
        for node in nodes
    }


def _kept_by(
    nearness: Callable[[StoredMessage], Depth], waited: Sequence[StoredMessage]
) -> dict[str, Kept]:
    kept: dict[str, Kept] = {}
    for one in waited:
        name = nearness(one).name
        kept[name] = kept.get(name, Kept()) + Kept(int(one.has_arrived), 1)
    return kept


def _arrivals(world: World) -> dict[int, int]:
    """Return how much has ever come to each node's store."""
    return {
        node.index: Store(world.hosts[node.index].store).last_arrival() for node in world.present
    }


def _tables(scenario: Scenario) -> tuple[AdversaryTable, DutyCycles]:
    """The flood of a scenario, and who sleeps meanwhile."""
    floods = [one for one in scenario.hostile if one.kind == "flood"]
    naps = [one for one in scenario.faults if isinstance(one, DutyCycles) and one.shifts]
    if len(floods) != 1 or len(scenario.hostile) != 1 or not naps or scenario.stored_mib is None:
        raise UserError(
            "bad-scenario",
            "A flood needs one table of hostile nodes that flood, duty-cycles with shifts, and "
            "stored_mib.",
        )
    return floods[0], naps[0]
