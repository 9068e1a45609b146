"""Graphs: who is next to whom where a topology is fixed.

Each function returns the edges, smaller node first, in order and each once. What is drawn comes
from the given stream alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, pi, sqrt
from xml.etree import ElementTree

from mesh.errors import UserError
from sim.kernel.entropy import Chance

Edge = tuple[int, int]

SWAPS_PER_EDGE = 10
"""After so many swaps of ends nothing is left of the lattice that a regular graph begins as."""

GRAPH_ATTEMPTS_MAX = 100
"""A random regular graph of degree 3 is in one piece nearly always; one of degree 2 seldom is."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Edges between nodes that have places in the unit square."""

    edges: list[Edge]
    places: list[tuple[float, float]]


def line(nodes: int) -> list[Edge]:
    """Each next to the one before."""
    return [(node - 1, node) for node in range(1, nodes)]


def ring(nodes: int) -> list[Edge]:
    """A line whose ends meet."""
    return _ordered([*line(nodes), (0, nodes - 1)]) if nodes > 2 else line(nodes)


def star(nodes: int) -> list[Edge]:
    """All next to the first only."""
    return [(0, node) for node in range(1, nodes)]


def tree(nodes: int, branching: int) -> list[Edge]:
    """Each node above the last row is next to so many below it."""
    return [((node - 1) // branching, node) for node in range(1, nodes)]


def grid(nodes: int, columns: int | None, *, is_torus: bool = False) -> list[Edge]:
    """Rows of so many, the last one perhaps shorter; on a torus rows and columns are rings."""
    width = columns or ceil(sqrt(nodes))
    edges = [(node - 1, node) for node in range(1, nodes) if node % width]
    edges += [(node - width, node) for node in range(width, nodes)]
    if is_torus:
        for start in range(0, nodes, width):
            edges.append((start, min(start + width, nodes) - 1))
        for column in range(min(width, nodes)):
            edges.append((column, column + (nodes - 1 - column) // width * width))
    return _ordered(edges)


def regular(nodes: int, degree: int, chance: Chance) -> list[Edge]:
    """A random graph in one piece in which all have the same number of neighbours."""
    if degree >= nodes or nodes * degree % 2:
        raise UserError(
            "bad-scenario",
            f"There is no graph of {nodes} nodes with {degree} neighbours each: the degree must "
            "be less than the nodes, and one of both even.",
        )
    for _ in range(GRAPH_ATTEMPTS_MAX):
        edges = _swapped(_lattice(nodes, degree), chance)
        if len(parts(nodes, edges)) == 1:
            return _ordered(edges)
    raise UserError(
        "bad-scenario",
        f"No graph of {nodes} nodes with {degree} neighbours each is in one piece: raise degree.",
    )


def small_world(nodes: int, degree: int, rewired: float, chance: Chance) -> list[Edge]:
    """A ring of near neighbours, some edges of which lead anywhere (Watts and Strogatz)."""
    kept = dict.fromkeys(_ordered(_lattice(nodes, min(degree, nodes - 1) // 2 * 2)))
    for edge in list(kept):
        if chance.is_true(rewired):
            other = chance.below(nodes)
            fresh = (min(edge[0], other), max(edge[0], other))
            if other != edge[0] and fresh not in kept:
                del kept[edge]
                kept[fresh] = None
    return joined(nodes, list(kept), chance)


def geometric(nodes: int, degree: float, chance: Chance) -> Placed:
    """Nodes somewhere in a square, next to all within a reach that gives so many neighbours.

    Parts that are out of reach of each other are joined at their nearest nodes.
    """
    places = [(chance.fraction(), chance.fraction()) for _ in range(nodes)]
    reach = sqrt(degree / (pi * nodes))
    cells: dict[tuple[int, int], list[int]] = {}
    edges: list[Edge] = []
    for node, (x, y) in enumerate(places):
        column, row = int(x / reach), int(y / reach)
        for near in ((column + dx, row + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)):
            for other in cells.get(near, ()):
                if _apart(places, node, other) <= reach * reach:
                    edges.append((other, node))
        cells.setdefault((column, row), []).append(node)
    while len(found := parts(nodes, edges)) > 1:
        smallest = min(found, key=len)
        inside = dict.fromkeys(smallest)
        outside = [node for node in range(nodes) if node not in inside]
        pairs = ((one, other) for one in smallest for other in outside)
        nearest = min(pairs, key=lambda pair: _apart(places, *pair))
        edges.append((min(nearest), max(nearest)))
    return Placed(_ordered(edges), places)


def parse_graphml(text: str) -> tuple[int, list[Edge]]:
    """The nodes of a GraphML file in its order, and its edges without their directions."""
    if "<!" in text.replace("<!--", ""):
        raise UserError("bad-graph", "A GraphML file with a document type or entities is refused.")
    try:
        # Nothing can expand without entities.
        root = ElementTree.fromstring(text)  # noqa: S314
    except ElementTree.ParseError as error:
        raise UserError("bad-graph", f"The GraphML file cannot be read: {error}.") from None
    numbers: dict[str, int] = {}
    edges: list[Edge] = []
    for element in root.iter():
        if element.tag.rpartition("}")[2] == "node":
            numbers.setdefault(element.get("id", ""), len(numbers))
    for element in root.iter():
        if element.tag.rpartition("}")[2] == "edge":
            ends = [element.get("source", ""), element.get("target", "")]
            unknown = [end for end in ends if end not in numbers]
            if unknown:
                raise UserError("bad-graph", f"An edge of the GraphML file names {unknown[0]!r}.")
            one, other = sorted(numbers[end] for end in ends)
            if one != other:
                edges.append((one, other))
    if len(numbers) < 2:
        raise UserError("bad-graph", "The GraphML file has fewer than two nodes.")
    return len(numbers), _ordered(edges)


def parts(nodes: int, edges: Iterable[Edge]) -> list[list[int]]:
    """The pieces that hang together, each in order, by their first node."""
    neighbours: list[list[int]] = [[] for _ in range(nodes)]
    for one, other in edges:
        neighbours[one].append(other)
        neighbours[other].append(one)
    found: list[list[int]] = []
    reached = [False] * nodes
    for start in range(nodes):
        if reached[start]:
            continue
        reached[start] = True
        part = [start]
        for node in part:
            for other in neighbours[node]:
                if not reached[other]:
                    reached[other] = True
                    part.append(other)
        found.append(sorted(part))
    return found


def joined(nodes: int, edges: list[Edge], chance: Chance) -> list[Edge]:
    """The same graph, each further part joined to the first one at drawn nodes."""
    first, *others = parts(nodes, edges)
    more = [(chance.pick(first), chance.pick(part)) for part in others]
    return _ordered([*edges, *more])


def _lattice(nodes: int, degree: int) -> list[Edge]:
    """A ring in which all are next to the nearest; an odd degree adds the one opposite."""
    edges = [
        (node, (node + step) % nodes) for step in range(1, degree // 2 + 1) for node in range(nodes)
    ]
    if degree % 2:
        edges += [(node, node + nodes // 2) for node in range(nodes // 2)]
    return edges


def _swapped(edges: list[Edge], chance: Chance) -> list[Edge]:
    """Two edges exchange their ends again and again; every node keeps its degree."""
    present = dict.fromkeys(_ordered(edges))
    found = list(present)
    for _ in range(SWAPS_PER_EDGE * len(found)):
        first, second = chance.below(len(found)), chance.below(len(found))
        a, b = found[first]
        c, d = found[second]
        if chance.is_true(0.5):
            c, d = d, c
        one, other = (min(a, c), max(a, c)), (min(b, d), max(b, d))
        if len({a, b, c, d}) < 4 or one in present or other in present:
            continue
        del present[found[first]], present[found[second]]
        found[first], found[second] = one, other
        present[one] = present[other] = None
    return found


def _ordered(edges: Iterable[Edge]) -> list[Edge]:
    pairs = ((min(edge), max(edge)) for edge in edges)
    return sorted(dict.fromkeys(pair for pair in pairs if pair[0] != pair[1]))


def _apart(places: Sequence[tuple[float, float]], one: int, other: int) -> float:
    d_x, d_y = places[one][0] - places[other][0], places[one][1] - places[other][1]
    return d_x * d_x + d_y * d_y
