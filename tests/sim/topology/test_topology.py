"""Networks in a ring, bridges between them, halves that keep networks whole."""

import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import UserError
from sim.schema.input_files import REFERENCE_DATA, find_file
from sim.schema.topology_tables import (
    Clusters,
    ContactTrace,
    Couriers,
    Geometric,
    GraphMl,
    Grid,
    Line,
    Regular,
    Ring,
    Setdest,
    SmallWorld,
    Star,
    Topology,
    Tree,
    Waypoints,
)
from sim.topology.topology import Layout, halves_of, lay_out


@given(
    nodes=st.integers(2, 300),
    network_nodes=st.integers(2, 30),
    bridges=st.integers(1, 4),
    scattered=st.booleans(),
)
def test_every_node_has_a_home_and_all_are_joined(
    *, nodes: int, network_nodes: int, bridges: int, scattered: bool
) -> None:
    topology = Clusters(network_nodes=network_nodes, bridges=bridges, scattered=scattered)
    networks = lay_out(nodes, topology, 1).networks
    assert len(networks) == nodes
    homes = [each[0] for each in networks]
    assert homes == sorted(homes)
    reached, waiting = {0}, [0]
    members: dict[int, list[int]] = {}
    for node, each in enumerate(networks):
        for network in each:
            members.setdefault(network, []).append(node)
    while waiting:
        for network in networks[waiting.pop()]:
            fresh = [node for node in members[network] if node not in reached]
            reached.update(fresh)
            waiting += fresh
    assert len(reached) == nodes


@given(st.integers(2, 300), st.integers(2, 30))
def test_halves_are_both_there_and_keep_networks_whole(nodes: int, network_nodes: int) -> None:
    networks = lay_out(nodes, Clusters(network_nodes=network_nodes), 1).networks
    sides = halves_of(Layout(networks))
    assert sorted(set(sides.values())) == [0, 1]
    if networks[-1][0] > 0:
        by_home: dict[int, set[int]] = {}
        for node, each in enumerate(networks):
            by_home.setdefault(each[0], set()).add(sides[node])
        assert all(len(found) == 1 for found in by_home.values())


def test_scattered_bridges_lead_to_the_next_network_and_to_others() -> None:
    ring, scattered = (
        lay_out(100, Clusters(network_nodes=10, scattered=scattered), 1).networks
        for scattered in (False, True)
    )
    ways = [{tuple(each) for each in networks if len(each) > 1} for networks in (ring, scattered)]
    onwards = {(home, (home + 1) % 10) for home in range(10)}
    assert ways[0] == onwards
    assert onwards < ways[1]
    assert all(home != other for home, other in ways[1])


def test_without_bridges_networks_stand_alone() -> None:
    layout = lay_out(4, Clusters(network_nodes=2, bridges=0), 1)
    assert layout.networks == [[0], [0], [1], [1]]


def reached_from_first(layout: Layout) -> int:
    """Return how many nodes can be reached over networks and radio."""
    reached, waiting = {0: None}, [0]
    while waiting:
        node = waiting.pop()
        for other, networks in enumerate(layout.networks):
            is_common = any(network in layout.networks[node] for network in networks)
            is_near = layout.near is None or other in layout.near[node]
            if other not in reached and is_common and is_near:
                reached[other] = None
                waiting.append(other)
    return len(reached)


FIXED: list[Topology] = [
    Line(),
    Ring(),
    Star(),
    Tree(branching=3),
    Grid(),
    Grid(columns=3, torus=True, medium="radio"),
    Regular(degree=4),
    SmallWorld(),
    Geometric(),
    Geometric(medium="wire"),
]


@pytest.mark.parametrize("topology", FIXED, ids=repr)
def test_a_fixed_graph_is_laid_as_wires_or_radio_and_joins_all(topology: Topology) -> None:
    layout = lay_out(20, topology, 1)
    assert reached_from_first(layout) == 20
    assert layout == lay_out(20, topology, 1)
    sides = halves_of(layout)
    assert sorted(sides.values()) == [0] * 10 + [1] * 10
    if layout.near is None:
        members = [network for networks in layout.networks for network in networks]
        assert all(members.count(network) == 2 for network in members)
    else:
        assert layout.networks == [[0]] * 20


def test_a_copy_stands_where_its_original_stands() -> None:
    wires = lay_out(4, Line(), 1).with_copies([3])
    assert wires.networks[4] == wires.networks[3]
    radio = lay_out(4, Line(medium="radio"), 1).with_copies([3])
    assert radio.near is not None
    assert radio.near[4] == radio.near[3] == {2: None}
    assert radio.near[2] == {1: None, 3: None, 4: None}


@pytest.mark.parametrize("seed", range(20))
def test_a_courier_moves_once_at_an_instant_whose_order_is_drawn(seed: int) -> None:
    """Else it may end where it was on its way to, and join nothing."""
    layout = lay_out(12, Couriers(network_nodes=4, couriers=3, until_s=360), seed)
    moved = [(move.at, move.node) for move in layout.moves]
    assert len(moved) == len(dict.fromkeys(moved))


def test_couriers_visit_networks_and_are_at_home_in_the_end() -> None:
    layout = lay_out(10, Couriers(network_nodes=5, couriers=2, until_s=600), 3)
    assert layout.networks == [[0]] * 5 + [[1]] * 5
    assert {move.node for move in layout.moves} == {0, 5}
    visited = [move.networks for move in layout.moves if move.node == 0 and move.networks]
    assert (1,) in visited
    assert visited[-1] == (0, 1)
    # On the way they stand on no network.
    mine = [move.networks for move in layout.moves if move.node == 5]
    assert all(here == () or there == () for here, there in pairwise(mine[:-1]))


def test_of_a_trace_those_are_taken_who_were_together_longest() -> None:
    topology = ContactTrace(file="SFHH_tij.dat.xz", format="tij", speed=10, until_s=36_000)
    layout = lay_out(30, topology, 1)
    assert layout.near == {node: {} for node in range(30)}
    together_s = sum(contact.end - contact.start for contact in layout.contacts) / 1e6
    everybody = lay_out(403, topology, 1)
    all_s = sum(contact.end - contact.start for contact in everybody.contacts) / 1e6
    assert together_s > 2 * all_s * (30 / 403) ** 2
    assert 0 < layout.ends_at <= 3_600_000_000
    late = ContactTrace(file="SFHH_tij.dat.xz", format="tij", from_s=30_000, until_s=36_000)
    assert lay_out(30, late, 1).ends_at <= 6_000_000_000


def test_walks_make_contacts() -> None:
    layout = lay_out(12, Waypoints(area_m=(100, 100), range_m=15, moves_s=300, warmup_s=10), 1)
    assert layout.ends_at == 300_000_000
    assert len(layout.contacts) > 10
    assert layout.contacts != lay_out(12, Waypoints(area_m=(100, 100), moves_s=300), 2).contacts


def test_files_of_ones_own_are_read(tmp_path: Path) -> None:
    (tmp_path / "g.graphml").write_text(
        "<graphml><graph><node id='a'/><node id='b'/>"
        "<edge source='a' target='b'/></graph></graphml>"
    )
    assert lay_out(2, GraphMl(file=str(tmp_path / "g.graphml")), 1).networks == [[0], [0]]
    (tmp_path / "w.ns2").write_text(
        '$node_(0) set X_ 0\n$node_(1) set X_ 30\n$ns_ at 0.0 "$node_(1) setdest 0 0 1.0"\n'
    )
    layout = lay_out(2, Setdest(file=str(tmp_path / "w.ns2"), range_m=10, moves_s=60), 1)
    assert [(contact.start, contact.end) for contact in layout.contacts] == [
        (20_000_000, 60_000_000)
    ]


@pytest.mark.skipif(REFERENCE_DATA not in os.environ, reason="MESH_REFERENCE_DATA names no folder")
def test_traces_that_may_not_come_along_are_found_elsewhere() -> None:
    topology = ContactTrace(file="infocom05/contacts_pad120.txt.gz", format="one")
    assert len(lay_out(41, topology, 1).contacts) == 14_673


def test_where_a_file_was_looked_for_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(REFERENCE_DATA, raising=False)
    with pytest.raises(UserError, match="MESH_REFERENCE_DATA may name a folder"):
        find_file("infocom05/contacts_pad120.txt.gz")
    monkeypatch.setenv(REFERENCE_DATA, "/nowhere")
    with pytest.raises(UserError, match="/nowhere/traces/infocom05"):
        find_file("infocom05/contacts_pad120.txt.gz")


@pytest.mark.parametrize(
    "nodes,topology,words",
    [
        (3, GraphMl(file="nowhere.graphml"), "no file 'nowhere.graphml'"),
        (500, ContactTrace(file="SFHH_tij.dat.xz", format="tij"), "403 nodes, fewer than 500"),
        (5, Regular(degree=3), "of 5 nodes with 3 neighbours"),
        (6, Couriers(network_nodes=6, until_s=10), "two networks"),
        (6, Couriers(network_nodes=3, couriers=7, until_s=10), "7 nodes for couriers"),
    ],
    ids=["absent", "few", "odd", "one", "many"],
)
def test_what_cannot_stand_is_refused_in_words(nodes: int, topology: Topology, words: str) -> None:
    with pytest.raises(UserError, match=words):
        lay_out(nodes, topology, 1)
