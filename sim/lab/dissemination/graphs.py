"""Graphs on which mail spreads."""

from collections.abc import Sequence
from typing import Final

from sim.kernel.entropy import Chance

Edges = Sequence[tuple[int, int]]
REPAIRS_MAX: Final = 100


def random_regular(nodes: int, degrees: tuple[int, int], chance: Chance) -> list[tuple[int, int]]:
    """Each node has a degree between the two, links drawn at random.

    The configuration model (Bollobas 1980): the stubs of all nodes are shuffled and paired; what
    would join a node to itself, or two nodes twice, is paired anew, and given up after a while.
    """
    stubs = [node for node in range(nodes) for _ in range(chance.between(*degrees))]
    edges: dict[tuple[int, int], None] = {}
    for _ in range(REPAIRS_MAX):
        chance.shuffle(stubs)
        rest: list[int] = []
        for one, other in zip(stubs[::2], stubs[1::2], strict=False):
            pair = (min(one, other), max(one, other))
            if one == other or pair in edges:
                rest += [one, other]
            else:
                edges[pair] = None
        if not rest:
            break
        stubs = rest
    return list(edges)


def clusters(
    count: int, size: int, degrees: tuple[int, int], bridges: int, chance: Chance
) -> list[tuple[int, int]]:
    """LANs of `size` nodes; `bridges` nodes of each also stand on a LAN that is drawn.

    The LANs are joined in a ring first, so that none stands apart. A bridge holds two links on the
    other LAN, as a host on two networks does.
    """
    edges: dict[tuple[int, int], None] = {}
    for lan in range(count):
        inside = random_regular(
            size, (min(degrees[0], size - 1), min(degrees[1], size - 1)), chance
        )
        edges |= {(lan * size + one, lan * size + other): None for one, other in inside}
    for lan in range(count):
        for bridge in range(bridges):
            other_lan = (lan + 1) % count if bridge == 0 else chance.below(count)
            node = lan * size + bridge
            for _ in range(2):
                other = other_lan * size + chance.below(size)
                if other != node:
                    edges[min(node, other), max(node, other)] = None
    return list(edges)


def largest_part(nodes: Sequence[int], edges: Edges) -> list[int]:
    """The nodes of the largest connected part of a graph, in order."""
    neighbours: dict[int, list[int]] = {node: [] for node in nodes}
    for one, other in edges:
        if one in neighbours and other in neighbours:
            neighbours[one].append(other)
            neighbours[other].append(one)
    seen: dict[int, None] = {}
    largest: list[int] = []
    for start in nodes:
        if start in seen:
            continue
        part = [start]
        seen[start] = None
        for node in part:
            for other in neighbours[node]:
                if other not in seen:
                    seen[other] = None
                    part.append(other)
        if len(part) > len(largest):
            largest = part
    return sorted(largest)
