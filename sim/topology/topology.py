"""The ground of a world: from the table of a scenario to networks, edges and what changes."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, assert_never

from mesh.errors import UserError
from sim.kernel.entropy import Chance
from sim.schema.input_files import find_file, read_text
from sim.schema.topology_tables import (
    Clusters,
    ContactTrace,
    Couriers,
    Encounters,
    Geometric,
    GraphMl,
    Grid,
    Line,
    Medium,
    Meetings,
    Regular,
    Ring,
    Setdest,
    SmallWorld,
    Star,
    Topology,
    Tree,
    Waypoints,
)
from sim.topology import graphs
from sim.topology.contacts import US, Contact
from sim.topology.encounters import sent_about, traced, walked
from sim.topology.graphs import Edge
from sim.topology.meetings import met_again, opened


class Move(NamedTuple):
    """From then on a node stands on these networks only."""

    at: int
    node: int
    networks: tuple[int, ...]


class Session(NamedTuple):
    """A node runs from `at` to `until`, and is killed in between if `killed_at` is there."""

    at: int
    until: int
    node: int
    killed_at: int | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of nodes when the world begins, and what changes later.

    `networks[i]` lists the networks of node i, its home first. On radio (`near` is there) two
    nodes of a network reach each other only while they are next to each other: the edges of the
    beginning stand in `near`, later ones in `contacts`. `edges` are those of a fixed graph.
    """

    networks: list[list[int]]
    near: dict[int, dict[int, None]] | None = None
    contacts: tuple[Contact, ...] = ()
    moves: tuple[Move, ...] = ()
    sessions: tuple[Session, ...] = ()
    """The spans in which nodes run, in order; without any they all run all the time."""

    edges: tuple[Edge, ...] = ()
    places: list[tuple[float, float]] = field(default_factory=list)
    """In the unit square, where the topology has any."""

    ends_at: int = 0
    """When nothing changes any more, in microseconds."""

    gathers: bool = True
    """Whether all that stand here can be joined once nothing changes any more."""

    def with_copies(self, originals: Sequence[int]) -> "Layout":
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


def lay_out(nodes: int, topology: Topology, seed: int) -> Layout:
    """Return where so many nodes stand; UserError if they cannot stand so, or a file cannot be
    read.
    """
    chance = Chance(seed, "topology")
    match topology:
        case Clusters():
            return Layout(_clustered(nodes, topology, chance))
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
            return _met(nodes, traced(nodes, topology), topology)
        case Meetings():
            return _met_again(nodes, topology, seed)
        case Waypoints():
            return _met(nodes, walked(nodes, topology, seed), topology, topology.moves_s)
        case Setdest():
            return _met(nodes, sent_about(nodes, topology), topology, topology.moves_s)
        case _:
            assert_never(topology)


def halves_of(layout: Layout) -> dict[int, int]:
    """Sides 0 and 1: whole networks where there are several, else half of the nodes.

    A graph falls into the half that is nearest to its first node, and the rest.
    """
    nodes = len(layout.networks)
    if layout.edges or layout.near is not None:
        order = _nearest_first(nodes, layout)
        return {node: int(place * 2 >= nodes) for place, node in enumerate(order)}
    count = 1 + max(each[0] for each in layout.networks)
    if count == 1:
        return {node: int(node * 2 >= nodes) for node in range(nodes)}
    return {node: int(each[0] * 2 >= count) for node, each in enumerate(layout.networks)}


# --- Laying graphs -------------------------------------------------------------------------------


def _laid(nodes: int, edges: Sequence[Edge], medium: Medium) -> Layout:
    """Each edge a wire, or all on one radio. Whoever has no edge stands alone."""
    if medium == "radio":
        near: dict[int, dict[int, None]] = {node: {} for node in range(nodes)}
        for one, other in edges:
            near[one][other] = near[other][one] = None
        return Layout([[0] for _ in range(nodes)], near=near, edges=tuple(edges))
    networks: list[list[int]] = [[] for _ in range(nodes)]
    for number, edge in enumerate(edges):
        for node in edge:
            networks[node].append(number)
    alone = len(edges)
    for each in networks:
        if not each:
            each.append(alone)
            alone += 1
    return Layout(networks, edges=tuple(edges))


def _clustered(nodes: int, topology: Clusters, chance: Chance) -> list[list[int]]:
    """For each node the networks on which it stands, its home first.

    The last `bridges` nodes of each network stand on the next one too, or all but the last of them
    on a drawn one; with two networks both directions lead to the same neighbour, and with one there
    is nothing to bridge.
    """
    networks, count = _homes(nodes, topology.network_nodes)
    if count > 1:
        for network in range(count):
            members = [node for node, each in enumerate(networks) if each[0] == network]
            bridges = members[len(members) - topology.bridges :] if topology.bridges else []
            for node in bridges:
                is_drawn = topology.scattered and node != bridges[-1]
                steps = 1 + chance.below(count - 1) if is_drawn else 1
                networks[node].append((network + steps) % count)
    return networks


def _graphml(nodes: int, topology: GraphMl) -> Layout:
    count, edges = graphs.parse_graphml(read_text(find_file(topology.file)))
    if count != nodes:
        raise UserError(
            "bad-scenario",
            f"The graph in {topology.file} has {count} nodes: say nodes = {count} and not {nodes}.",
        )
    return _laid(nodes, edges, topology.medium)


def _homes(nodes: int, network_nodes: int) -> tuple[list[list[int]], int]:
    count = max(1, round(nodes / network_nodes))
    return [[node * count // nodes] for node in range(nodes)], count


def _couriers(nodes: int, topology: Couriers, chance: Chance) -> Layout:
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
            # Who is on the way then goes home; of two moves at one instant either may be the last.
            if now < end:
                moves.append(Move(now, node, (where,)))
        after = (home, (home + 1) % count) if topology.is_joined_after else (home,)
        moves.append(Move(end, node, after))
    moves = sorted(moves, key=lambda move: move.at)
    is_whole = topology.is_joined_after and topology.couriers >= count - 1
    return Layout(networks, moves=tuple(moves), ends_at=end, gathers=is_whole)


# --- Meeting -------------------------------------------------------------------------------------


def _met(
    nodes: int, contacts: Sequence[Contact], topology: Encounters, moves_s: float = 0
) -> Layout:
    last = max([round(moves_s * US), *(contact.end for contact in contacts)])
    return Layout(
        [[0] for _ in range(nodes)],
        near={node: {} for node in range(nodes)},
        contacts=tuple(contacts),
        ends_at=last,
        gathers=topology.gathers,
    )


def _met_again(nodes: int, topology: Meetings, seed: int) -> Layout:
    edges = graphs.regular(nodes, topology.degree, Chance(seed, "acquaintances"))
    contacts = met_again(edges, topology, seed)
    layout = _met(nodes, contacts, topology, topology.until_s)
    sessions = [
        Session(begins, ends, node, killed_at)
        for node in range(nodes)
        for begins, ends, killed_at in opened(node, contacts, topology, seed)
    ]
    return replace(layout, sessions=tuple(sorted(sessions)))


def _nearest_first(nodes: int, layout: Layout) -> list[int]:
    """All nodes, in the order of their distance from the first; parts by their first nodes."""
    neighbours: list[list[int]] = [[] for _ in range(nodes)]
    for one, other in layout.edges:
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
