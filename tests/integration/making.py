"""Makes the nodes of a test and ends them, whatever happened."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.integration.meshes import node_of
from tests.integration.nodes import Node
from tests.integration.row import NodeMaker


@contextlib.contextmanager
def made_with(folder: Path, config: str) -> Iterator[NodeMaker]:
    """Hand out a maker, then end what it made; nothing may have shown a traceback."""
    nodes: list[Node] = []

    # Where a start failed too, or the end of another: what runs on would slow all tests that come.
    with contextlib.ExitStack() as ends:

        def make(namespace: str, first_name: str, *, more: str = "") -> Node:
            node = node_of(namespace, folder, first_name, config=config + more)
            ends.callback(node.end)
            nodes.append(node)
            return node

        yield make
    for node in nodes:
        assert "Traceback" not in node.logs(), node.logs()
