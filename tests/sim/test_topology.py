"""Networks in a ring, bridges between them, halves that keep networks whole."""

from hypothesis import given
from hypothesis import strategies as st

from sim.scenario import Topology
from sim.topology import halves_by_network, networks_of


@given(st.integers(2, 300), st.integers(2, 30), st.integers(1, 4))
def test_every_node_has_a_home_and_all_are_joined(
    nodes: int, network_nodes: int, bridges: int
) -> None:
    networks = networks_of(nodes, Topology(network_nodes=network_nodes, bridges=bridges))
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
    networks = networks_of(nodes, Topology(network_nodes=network_nodes))
    sides = halves_by_network(networks)
    assert sorted(set(sides.values())) == [0, 1]
    if networks[-1][0] > 0:
        by_home: dict[int, set[int]] = {}
        for node, each in enumerate(networks):
            by_home.setdefault(each[0], set()).add(sides[node])
        assert all(len(found) == 1 for found in by_home.values())


def test_without_bridges_networks_stand_alone() -> None:
    assert networks_of(4, Topology(network_nodes=2, bridges=0)) == [[0], [0], [1], [1]]
