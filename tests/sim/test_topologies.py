"""Small worlds of real engines on each kind of ground: everything arrives."""

from pathlib import Path

import pytest

from sim.invariants.message_log import LoggedMessage
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.scenario import parse_scenario

pytestmark = pytest.mark.world

USERS = """
schema = 1
name = "grounds"
summary = "A few people on some ground."
nodes = 7
settle_s = 100

[topology]
{topology}

[workload]
boot_within_s = 3
befriend_between_s = [4, 8]
contacts = 2
write_between_s = [15, 45]
messages_per_second = 0.7
text_letters = [10, 100]
long_text_share = 0
"""

COURIERS = """kind = "couriers"
network_nodes = 4
couriers = 2
stay_s = [8, 20]
travel_s = [3, 6]
until_s = 60"""

WALKS = """kind = "waypoints"
area_m = [40, 40]
range_m = 10
moves_s = 60"""


ORDERS = """kind = "setdest"
file = "villages.ns"
range_m = 10
moves_s = 60"""

WALKER = 6
VILLAGES = "\n".join(
    [
        # Three stand here and three a hundred metres away; the seventh goes to and fro.
        *(
            f"$node_({node}) set {axis}_ {metres}"
            for node in range(7)
            for axis, metres in (("X", 100 if 3 <= node < WALKER else 0), ("Y", node), ("Z", 0))
        ),
        *(
            f'$ns_ at {at} "$node_({WALKER}) setdest {metres} 6 25"'
            for at, metres in ((5, 100), (15, 0), (25, 100), (35, 0), (45, 100))
        ),
    ]
)


def ran(topology: str) -> World:
    scenario = parse_scenario(USERS.format(topology=topology))
    world = World(scenario, Options(seed=2, is_crypto_real=False))
    run_to_verdict(world, lambda world: None)
    return world


FIGURE_OF_EIGHT = """<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <graph edgedefault="undirected">
    <node id="a"/><node id="b"/><node id="c"/><node id="middle"/>
    <node id="d"/><node id="e"/><node id="f"/>
    <edge source="a" target="b"/><edge source="b" target="c"/><edge source="c" target="middle"/>
    <edge source="middle" target="a"/><edge source="middle" target="d"/>
    <edge source="d" target="e"/><edge source="e" target="f"/><edge source="f" target="middle"/>
  </graph>
</graphml>"""

GRAPHS = {
    "line": ("", 6),
    "ring": ("", 7),
    "tree": ("branching = 2", 6),
    "grid": ("columns = 3", 8),
    "geometric": ("degree = 4", None),
    "graphml": ('file = "eight.graphml"', 8),
}
"""By kind: its keys, and how many edges join seven nodes."""


@pytest.mark.parametrize("kind", GRAPHS)
def test_mail_crosses_a_fixed_graph_hop_by_hop(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("eight.graphml").write_text(FIGURE_OF_EIGHT)
    keys, edges_count = GRAPHS[kind]
    world = ran(f'kind = "{kind}"\n{keys}')
    assert world.message_log.delivered_count == world.message_log.confirmed_count > 8
    edges = dict.fromkeys(world.layout.edges)
    assert len(edges) == edges_count or edges_count is None
    links = [(min(link), max(link)) for link in world.network.streams.links()]
    # Engines choose their links, and have no others to choose from.
    assert all(link in edges for link in links)


@pytest.mark.parametrize("topology", [COURIERS, WALKS], ids=["couriers", "walks"])
def test_mail_is_carried_where_no_path_ever_stands(topology: str) -> None:
    assert early_messages(ran(topology))


def test_who_walks_as_a_file_says_carries_mail_between_two_villages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("villages.ns").write_text(VILLAGES)
    early = early_messages(ran(ORDERS))
    village = [node // 3 for node in range(WALKER)]
    across = [one for one in early if WALKER not in (one.sender, one.recipient)]
    assert any(village[one.sender] != village[one.recipient] for one in across)


def early_messages(world: World) -> list[LoggedMessage]:
    """Return what arrived before all came together; all the rest has arrived since."""
    assert world.message_log.delivered_count == world.message_log.confirmed_count > 8
    assert world.topology_changes.moves_count + world.topology_changes.meetings_count > 3
    end = world.layout.ends_at
    return [
        message for message in world.message_log.messages if (message.delivered_at or end) < end
    ]


def test_of_those_who_never_come_together_nothing_is_demanded() -> None:
    world = ran(WALKS + "\ngathers = false")
    assert world.message_log.delivered_count < world.message_log.confirmed_count
