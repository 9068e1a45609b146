"""Makes the nodes of a test and ends them, whatever happened."""

from collections.abc import Iterator
from pathlib import Path

from tests.integration.meshes import node_of
from tests.integration.nodes import Node
from tests.integration.row import NodeMaker


def made_with(folder: Path, config: str) -> Iterator[NodeMaker]:
    """Hand out a maker, then end what it made; nothing may have shown a traceback."""
    nodes: list[Node] = []

    def make(namespace: str, first_name: str, *, more: str = "") -> Node:
        nodes.append(node_of(namespace, folder, first_name, config=config + more))
        return nodes[-1]

    try:
        yield make
    finally:
        # Where a start failed too: what runs on would slow all tests that come.
        for node in nodes:
            node.end()
    for node in nodes:
        assert "Traceback" not in node.logs(), node.logs()
