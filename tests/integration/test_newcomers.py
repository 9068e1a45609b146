"""An empty newcomer gets all of a neighbour's mail, also where a list of ids just fits a frame."""

import time
from collections import Counter

import pytest

from mesh.ids import UnixSeconds
from tests.integration.authors import written
from tests.integration.holding import fill, known_ids
from tests.integration.networks import Desk
from tests.integration.nodes import Node, eventually, start_relays
from tests.integration.row import NodeMaker

pytestmark = [pytest.mark.netns, pytest.mark.timeout(300)]

WITHIN_S = 60.0


@pytest.mark.parametrize(
    "count", [1869, *(pytest.param(n, marks=pytest.mark.slow) for n in (3737, 3738, 5606, 5607))]
)
def test_a_newcomer_gets_what_just_fits_a_frame(
    desk: Desk, make_node: NodeMaker, count: int
) -> None:
    bridge = desk.bridge("left")
    anna, ben = (
        make_node(desk.laptop(bridge), name, more="discovery = false\n") for name in ("Anna", "Ben")
    )
    written_at = int(time.time())
    moments = [UnixSeconds(written_at - 60 * minutes) for minutes in range(600, 60, -1)]
    start_relays(anna)
    anna.stop()
    fill(anna, written(count, moments))
    start_relays(anna, ben)
    # Whoever dials opens, and learns.
    host = desk.address(anna.namespace, bridge)
    ben.run("peer", "add", f"{host}:{anna.listening_port()}")
    eventually(
        lambda: ben.status().envelopes_count,
        lambda held: held == count,
        within_s=WITHIN_S,
        what="the newcomer",
    )
    assert known_ids(ben) == known_ids(anna)
    assert closed_for(ben) == closed_for(anna) == Counter()


def closed_for(node: Node) -> Counter[str]:
    """The faults for which a node closed links."""
    return Counter(line for line in node.logs().splitlines() if "a reconciliation" in line)
