"""Where nodes stand: local networks in a ring, joined by bridges."""

from collections.abc import Sequence

from sim.scenario import Topology


def networks_of(nodes: int, topology: Topology) -> list[list[int]]:
    """For each node the networks on which it stands, its home first.

    The last `bridges` nodes of each network stand on the next one too; with two networks both
    directions lead to the same neighbour, and with one there is nothing to bridge.
    """
    count = max(1, round(nodes / topology.network_nodes))
    homes = [node * count // nodes for node in range(nodes)]
    networks = [[home] for home in homes]
    if count > 1:
        for network in range(count):
            members = [node for node, home in enumerate(homes) if home == network]
            bridges = members[len(members) - topology.bridges :] if topology.bridges else []
            for node in bridges:
                networks[node].append((network + 1) % count)
    return networks


def halves_by_network(networks: Sequence[Sequence[int]]) -> dict[int, int]:
    """Sides 0 and 1: whole networks where there is more than one, else half of the nodes."""
    count = 1 + max(each[0] for each in networks)
    if count == 1:
        return {node: int(node * 2 >= len(networks)) for node in range(len(networks))}
    return {node: int(each[0] * 2 >= count) for node, each in enumerate(networks)}
