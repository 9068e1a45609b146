"""Where nodes stand: from the table of a scenario to networks, edges and what changes."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple, assert_never

from mesh.errors import UserError
from sim import graphs
from sim.contacts import US, Contact, read_trace
from sim.entropy import Chance
from sim.graphs import Edge
from sim.mobility import WaypointRules, contacts_of, parse_setdest, random_waypoints
from sim.topology_tables import (
    Clusters,
    ContactTrace,
    Couriers,
    Geometric,
    GraphMl,
    Grid,
    Line,
    Medium,
    Meeting,
    Regular,
    Ring,
    Setdest,
    SmallWorld,
    Star,
    Topology,
    Tree,
    Waypoints,
)

REFERENCE_DATA: Final = "MESH_REFERENCE_DATA"
"""A folder with traces that may not come along."""

TEXT_BYTES_MAX: Final = 64 * 1024 * 1024
"""Of a graph or of walks."""


class Move(NamedTuple):
    """From then on a node stands on these networks only."""

    at: int
    node: int
    networks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ground:
    """Where nodes stand when the world begins, and what changes later.

    `networks[i]` lists the networks of node i, its home first. On radio (`near` is there) two
    nodes of a network reach each other only while they are next to each other: the edges of the
    beginning stand in `near`, later ones in `contacts`. `edges` are those of a fixed graph.
    """

    networks: list[list[int]]
    near: dict[int, dict[int, None]] | None = None
    contacts: tuple[Contact, ...] = ()
    moves: tuple[Move, ...] = ()
    edges: tuple[Edge, ...] = ()
    places: list[tuple[float, float]] = field(default_factory=list)
    """In the unit square, where the topology has any."""

    ends_at: int = 0
    """When nothing changes any more, in microseconds."""

    gathers: bool = True
    """Whether all that stand here can be joined once nothing changes any more."""

    def with_copies(self, originals: Sequence[int]) -> "Ground":
        """More nodes, each where another one stands; who moves has no copy that moves along."""
        networks = [*self.networks, *(list(self.networks[original]) for original in originals)]
        if self.near is None or not originals:
            return replace(self, networks=networks)
        near = {node: dict(others) for node, others in self.near.items()}
        for copy, original in enumerate(originals, len(self.networks)):
            near[copy] = dict(near[original])
            for other in near[copy]:
                near[other][copy] = None
        return replace(self, networks=networks, near=near)


def stand(nodes: int, topology: Topology, seed: int) -> Ground:
    """Where so many nodes stand; UserError if they cannot stand so, or a file cannot be read."""
    chance = Chance(seed, "topology")
    match topology:
        case Clusters():
            return Ground(networks_of(nodes, topology))
        case Couriers():
            return _couriers(nodes, topology, chance)
        case Line():
            return _laid(nodes, graphs.line(nodes), topology.medium)
        case Ring():
            return _laid(nodes, graphs.ring(nodes), topology.medium)
        case Star():
            return _laid(nodes, graphs.star(nodes), topology.medium)
        case Tree():
            return _laid(nodes, graphs.tree(nodes, topology.branching), topology.medium)
        case Grid():
            edges = graphs.grid(nodes, topology.columns, is_torus=topology.torus)
            return _laid(nodes, edges, topology.medium)
        case Regular():
            return _laid(nodes, graphs.regular(nodes, topology.degree, chance), topology.medium)
        case SmallWorld():
            edges = graphs.small_world(nodes, topology.degree, topology.rewired, chance)
            return _laid(nodes, edges, topology.medium)
        case Geometric():
            placed = graphs.geometric(nodes, topology.degree, chance)
            return replace(_laid(nodes, placed.edges, topology.medium), places=placed.places)
        case GraphMl():
            return _graphml(nodes, topology)
        case ContactTrace():
            return _met(nodes, _traced(nodes, topology), topology)
        case Waypoints():
            return _met(nodes, _walked(nodes, topology, seed), topology, topology.moves_s)
        case Setdest():
            return _met(nodes, _ordered_about(nodes, topology), topology, topology.moves_s)
        case _:
            assert_never(topology)


def networks_of(nodes: int, topology: Clusters) -> list[list[int]]:
    """For each node the networks on which it stands, its home first.

    The last `bridges` nodes of each network stand on the next one too; with two networks both
    directions lead to the same neighbour, and with one there is nothing to bridge.
    """
    networks, count = _homes(nodes, topology.network_nodes)
    if count > 1:
        for network in range(count):
            members = [node for node, each in enumerate(networks) if each[0] == network]
            bridges = members[len(members) - topology.bridges :] if topology.bridges else []
            for node in bridges:
                networks[node].append((network + 1) % count)
    return networks


def halves_of(ground: Ground) -> dict[int, int]:
    """Sides 0 and 1: whole networks where there are several, else half of the nodes.

    A graph falls into the half that is nearest to its first node, and the rest.
    """
    nodes = len(ground.networks)
    if ground.edges or ground.near is not None:
        order = _nearest_first(nodes, ground)
        return {node: int(place * 2 >= nodes) for place, node in enumerate(order)}
    count = 1 + max(each[0] for each in ground.networks)
    if count == 1:
        return {node: int(node * 2 >= nodes) for node in range(nodes)}
    return {node: int(each[0] * 2 >= count) for node, each in enumerate(ground.networks)}


def find_file(name: str) -> Path:
    """A file of a topology: as it is named, among those that come along, or in MESH_REFERENCE_DATA.

    Raises UserError with the places in which it was looked for.
    """
    places = [Path(name), Path(str(files("sim") / "traces")) / name]
    elsewhere = os.environ.get(REFERENCE_DATA)
    if elsewhere:
        places.append(Path(elsewhere) / "traces" / name)
    for place in places:
        if place.is_file():
            return place
    looked = ", ".join(str(place) for place in places)
    hint = "" if elsewhere else f"; {REFERENCE_DATA} may name a folder with more of them"
    raise UserError("not-found", f"There is no file {name!r} for the topology: {looked}{hint}.")


# --- Laying graphs -------------------------------------------------------------------------------


def _laid(nodes: int, edges: Sequence[Edge], medium: Medium) -> Ground:
    """Each edge a wire, or all on one radio. Whoever has no edge stands alone."""
    if medium == "radio":
        near: dict[int, dict[int, None]] = {node: {} for node in range(nodes)}
        for one, other in edges:
            near[one][other] = near[other][one] = None
        return Ground([[0] for _ in range(nodes)], near=near, edges=tuple(edges))
    networks: list[list[int]] = [[] for _ in range(nodes)]
    for number, edge in enumerate(edges):
        for node in edge:
            networks[node].append(number)
    alone = len(edges)
    for each in networks:
        if not each:
            each.append(alone)
            alone += 1
    return Ground(networks, edges=tuple(edges))


def _graphml(nodes: int, topology: GraphMl) -> Ground:
    count, edges = graphs.parse_graphml(_text(find_file(topology.file)))
    if count != nodes:
        raise UserError(
            "bad-scenario",
            f"The graph in {topology.file} has {count} nodes: say nodes = {count} and not {nodes}.",
        )
    return _laid(nodes, edges, topology.medium)


def _homes(nodes: int, network_nodes: int) -> tuple[list[list[int]], int]:
    count = max(1, round(nodes / network_nodes))
    return [[node * count // nodes] for node in range(nodes)], count


def _couriers(nodes: int, topology: Couriers, chance: Chance) -> Ground:
    """The first nodes of the networks in turn are the couriers."""
    networks, count = _homes(nodes, topology.network_nodes)
    if count < 2:
        raise UserError(
            "bad-scenario",
            f"Couriers need two networks at least: {nodes} nodes make one of "
            f"{topology.network_nodes}.",
        )
    firsts = [next(node for node in range(nodes) if networks[node] == [n]) for n in range(count)]
    end = round(topology.until_s * US)
    moves: list[Move] = []
    for number in range(topology.couriers):
        node = firsts[number % count] + number // count
        if node >= nodes or networks[node] != [number % count]:
            raise UserError(
                "bad-scenario", f"There are not {topology.couriers} nodes for couriers."
            )
        home, now, where = number % count, 0, number % count
        while True:
            now += chance.between(*(round(each * US) for each in topology.stay_s))
            if now >= end:
                break
            moves.append(Move(now, node, ()))
            now += chance.between(*(round(each * US) for each in topology.travel_s))
            where = (where + 1 + chance.below(count - 1)) % count
            moves.append(Move(min(now, end), node, (where,)))
        after = (home, (home + 1) % count) if topology.is_joined_after else (home,)
        moves.append(Move(end, node, after))
    moves = sorted(moves, key=lambda move: move.at)
    is_whole = topology.is_joined_after and topology.couriers >= count - 1
    return Ground(networks, moves=tuple(moves), ends_at=end, gathers=is_whole)


# --- Meeting -------------------------------------------------------------------------------------


def _met(nodes: int, contacts: Sequence[Contact], topology: Meeting, moves_s: float = 0) -> Ground:
    last = max([round(moves_s * US), *(contact.end for contact in contacts)])
    return Ground(
        [[0] for _ in range(nodes)],
        near={node: {} for node in range(nodes)},
        contacts=tuple(contacts),
        ends_at=last,
        gathers=topology.gathers,
    )


def _traced(nodes: int, topology: ContactTrace) -> list[Contact]:
    trace = read_trace(
        find_file(topology.file),
        trace_format=topology.format,
        pad_s=topology.pad_s,
        slot_s=topology.slot_s,
    )
    if nodes > len(trace.names):
        raise UserError(
            "bad-scenario",
            f"The trace {topology.file} has {len(trace.names)} nodes, fewer than {nodes}.",
        )
    begins = round(topology.from_s * US)
    ends = trace.end if topology.until_s is None else round(topology.until_s * US)
    within = [
        contact._replace(start=max(contact.start, begins), end=min(contact.end, ends))
        for contact in trace.contacts
        if contact.start < ends and contact.end > begins
    ]
    together = [0] * len(trace.names)
    for contact in within:
        for node in (contact.one, contact.other):
            together[node] += contact.end - contact.start
    longest = sorted(range(len(together)), key=lambda node: (-together[node], node))
    numbers = {node: number for number, node in enumerate(sorted(longest[:nodes]))}
    return [
        Contact(
            round((contact.start - begins) / topology.speed),
            round((contact.end - begins) / topology.speed),
            numbers[contact.one],
            numbers[contact.other],
        )
        for contact in within
        if contact.one in numbers and contact.other in numbers
    ]


def _walked(nodes: int, topology: Waypoints, seed: int) -> tuple[Contact, ...]:
    rules = WaypointRules(
        width_m=topology.area_m[0],
        height_m=topology.area_m[1],
        speed_m_per_s=topology.speed_m_per_s,
        pause_s=topology.pause_s,
        warmup_s=topology.warmup_s,
    )
    walks = [
        random_waypoints(Chance(seed, "walk", node), rules, topology.moves_s)
        for node in range(nodes)
    ]
    return contacts_of(walks, topology.range_m, topology.moves_s)


def _ordered_about(nodes: int, topology: Setdest) -> tuple[Contact, ...]:
    walks = parse_setdest(_text(find_file(topology.file)), topology.moves_s)
    if len(walks) < nodes:
        raise UserError(
            "bad-scenario",
            f"The walks in {topology.file} are of {len(walks)} nodes, fewer than {nodes}.",
        )
    return contacts_of(walks[:nodes], topology.range_m, topology.moves_s)


def _nearest_first(nodes: int, ground: Ground) -> list[int]:
    """All nodes, in the order of their distance from the first; parts by their first nodes."""
    neighbours: list[list[int]] = [[] for _ in range(nodes)]
    for one, other in ground.edges:
        neighbours[one].append(other)
        neighbours[other].append(one)
    order: dict[int, None] = {}
    for start in range(nodes):
        if start in order:
            continue
        order[start] = None
        waiting = [start]
        for node in waiting:
            for other in neighbours[node]:
                if other not in order:
                    order[other] = None
                    waiting.append(other)
    return list(order)


def _text(path: Path) -> str:
    if path.stat().st_size > TEXT_BYTES_MAX:
        raise UserError("too-large", f"{path} has more than {TEXT_BYTES_MAX} bytes.")
    return path.read_text(encoding="utf-8", errors="replace")
