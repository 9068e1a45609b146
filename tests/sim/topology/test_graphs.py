"""Graphs: each kind has the shape that its name says, and is in one piece."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import UserError
from sim.kernel.entropy import Chance
from sim.topology.graphs import (
    Edge,
    geometric,
    grid,
    line,
    parse_graphml,
    parts,
    regular,
    ring,
    small_world,
    star,
    tree,
)


def degrees(nodes: int, edges: list[Edge]) -> list[int]:
    assert edges == sorted(set(edges))
    assert all(one < other for one, other in edges)
    return [sum(node in edge for edge in edges) for node in range(nodes)]


@given(st.integers(2, 40))
def test_lines_rings_stars_and_trees_have_their_shape(nodes: int) -> None:
    assert len(line(nodes)) == len(star(nodes)) == len(tree(nodes, 3)) == nodes - 1
    for edges in (line(nodes), ring(nodes), star(nodes), tree(nodes, 3)):
        assert len(parts(nodes, edges)) == 1
    assert max(degrees(nodes, line(nodes))) <= 2
    assert degrees(nodes, star(nodes))[0] == nodes - 1
    assert max(degrees(nodes, tree(nodes, 3))) <= 4
    if nodes > 2:
        assert set(degrees(nodes, ring(nodes))) == {2}


@given(st.integers(2, 60), st.integers(1, 8))
def test_a_grid_has_rows_and_columns(nodes: int, columns: int) -> None:
    edges = grid(nodes, columns)
    assert len(parts(nodes, edges)) == 1
    for one, other in edges:
        assert other - one in (1, columns)
    assert max(degrees(nodes, edges)) <= 4


def test_the_grid_of_25_has_40_edges_and_its_torus_50() -> None:
    assert len(grid(25, None)) == 40
    torus = grid(25, 5, is_torus=True)
    assert set(degrees(25, torus)) == {4}


@given(st.integers(0, 20), st.sampled_from([(10, 3), (16, 4), (20, 7), (40, 8), (9, 2)]))
def test_in_a_regular_graph_all_have_the_same_number_of_neighbours(
    seed: int, shape: tuple[int, int]
) -> None:
    nodes, degree = shape
    edges = regular(nodes, degree, Chance(seed, "graph"))
    assert set(degrees(nodes, edges)) == {degree}
    assert len(parts(nodes, edges)) == 1


def test_another_seed_draws_another_graph() -> None:
    drawn = [regular(40, 4, Chance(seed, "graph")) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("nodes,degree", [(5, 3), (4, 4), (4, 1)])
def test_a_regular_graph_that_cannot_be_is_refused(nodes: int, degree: int) -> None:
    with pytest.raises(UserError, match=f"of {nodes} nodes with {degree} neighbours"):
        regular(nodes, degree, Chance(1, "graph"))


@given(st.integers(0, 20), st.integers(3, 60))
def test_a_small_world_and_a_geometric_graph_are_in_one_piece(seed: int, nodes: int) -> None:
    world = small_world(nodes, 4, 0.2, Chance(seed, "graph"))
    assert len(parts(nodes, world)) == 1
    placed = geometric(nodes, 6, Chance(seed, "graph"))
    assert len(parts(nodes, placed.edges)) == 1
    assert len(placed.places) == nodes


def test_a_geometric_graph_joins_who_is_near_and_has_about_the_degree_asked_for() -> None:
    placed = geometric(400, 8, Chance(3, "graph"))
    mean = 2 * len(placed.edges) / 400
    # Nodes at the rim of the square have fewer.
    assert 6 < mean < 8.5


def test_a_small_world_keeps_its_edges_and_has_shortcuts() -> None:
    edges = small_world(60, 4, 0.3, Chance(1, "graph"))
    assert abs(len(edges) - 120) <= 3
    assert sum(min(b - a, 60 - b + a) > 2 for a, b in edges) > 20


GRAPHML = """<?xml version="1.0"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <!-- three cities -->
  <graph edgedefault="undirected">
    <node id="Oslo"/><node id="Bergen"/><node id="Voss"/>
    <edge source="Voss" target="Oslo"/><edge source="Bergen" target="Voss"/>
    <edge source="Oslo" target="Voss"/><edge source="Oslo" target="Oslo"/>
  </graph>
</graphml>"""


def test_a_graphml_file_is_read_without_its_loops_and_directions() -> None:
    assert parse_graphml(GRAPHML) == (3, [(0, 2), (1, 2)])


@pytest.mark.parametrize(
    "text",
    [
        "<graphml>",
        "<graphml/>",
        GRAPHML.replace('target="Oslo"', 'target="Rome"'),
        GRAPHML.replace("<graphml", '<!DOCTYPE a [<!ENTITY b "cc">]><graphml', 1),
    ],
)
def test_a_graphml_file_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="GraphML"):
        parse_graphml(text)


@given(st.text('<>/="ab node edge graph id source target!&;', max_size=80), st.integers(0, 400))
def test_whatever_is_in_a_graphml_file_is_read_or_refused(text: str, place: int) -> None:
    for content in (text, GRAPHML[:place] + text + GRAPHML[place:]):
        try:
            nodes, edges = parse_graphml(content)
        except UserError:
            continue
        assert all(0 <= one < other < nodes for one, other in edges)
