"""Daemons that are nobody's, in namespaces on one bridge, and what of theirs is counted."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mesh.commands.peers import AskPeers, PeersAnswer
from tests.integration.meshes import node_of
from tests.integration.networks import Desk
from tests.integration.nodes import Node

PATIENCE_S = 600.0
_POLL_S = 0.02


@dataclass(frozen=True)
class Relays:
    """Some nodes on one bridge; none of them runs yet."""

    desk: Desk
    bridge: str
    nodes: list[Node]

    def cut(self) -> None:
        """Pull the first node's cable."""
        self.desk.cut(self.nodes[0].namespace, self.bridge)

    def heal(self) -> None:
        """Plug it in again."""
        self.desk.heal(self.nodes[0].namespace, self.bridge)


@contextmanager
def relays(scratch: Path, count: int, config: str) -> Iterator[Relays]:
    """So many nodes with these settings, gone at the end."""
    with Desk() as desk:
        bridge = desk.bridge("b0")
        nodes = [
            node_of(desk.laptop(bridge), scratch, f"Relay {number}", config=config)
            for number in range(count)
        ]
        try:
            yield Relays(desk, bridge, nodes)
        finally:
            for node in nodes:
                node.end()


def known_count(node: Node) -> int:
    """Return how many envelopes a node knows."""
    return node.status().envelopes_count


def counted(nodes: list[Node], counter: str) -> int:
    """A counter, summed over nodes."""
    return sum(node.status().counters.get(counter, 0) for node in nodes)


def wait_for(is_so: Callable[[], bool], what: str) -> float:
    """Wait until something is so; return the moment."""
    ends = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < ends, f"not within {PATIENCE_S} s: {what}"
        time.sleep(_POLL_S)
    return time.monotonic()


def cable_bytes(node: Node) -> int:
    """Return what passed a node's cable so far, both ways, with all headers."""
    told = subprocess.run(
        ["ip", "-n", node.namespace, "-json", "-statistics", "link", "show", "dev", "eth0"],
        check=True,
        capture_output=True,
    )
    (interface,) = json.loads(told.stdout)
    counts = interface["stats64"]
    return int(counts["rx"]["bytes"]) + int(counts["tx"]["bytes"])


def link_bytes(node: Node) -> int:
    """Return what went over a node's links that stand, both ways, encrypted."""
    peers = node.client.ask(AskPeers(), PeersAnswer).peers
    return sum(one.bytes_received + one.bytes_sent for one in peers if one.state == "linked")
