"""Contacts and moves in virtual time: who hears whom, and what becomes of streams."""

from mesh.effects import Dial
from mesh.ids import DialId
from mesh.inputs import Connected, DialFailed, Disconnected, NetworkChanged, PeerSeen
from mesh.limits.peering import DIAL_TIMEOUT_MS
from sim.network.addresses import address_of
from sim.topology.changes import TopologyChanges
from sim.topology.contacts import Contact
from sim.topology.topology import Layout, Move
from tests.sim.talker import Scene

S = 1_000_000
APART: dict[int, dict[int, None]] = {0: {}, 1: {}, 2: {}}


def scene_of(layout: Layout, *, rests_at_s: int = 1_000) -> Scene:
    """Talkers that dial whom they see, the first two of them."""
    scene = Scene(layout.networks, near=layout.near)
    topology_changes = TopologyChanges(
        layout=layout, loop=scene.loop, network=scene.network, discovery=scene.discovery
    )
    topology_changes.plan(rests_at_s * S)
    scene.talkers[0].is_dialling = True
    scene.boot()
    return scene


def names(scene: Scene, index: int) -> list[str]:
    return [seen.instance for seen in scene.talkers[index].heard_of(PeerSeen)]


def test_who_is_next_to_nobody_hears_nobody_and_who_meets_is_heard_at_once() -> None:
    met = (Contact(50 * S, 60 * S, 0, 1), Contact(70 * S, 71 * S, 1, 2))
    scene = scene_of(Layout([[0]] * 3, near=APART, contacts=met))
    scene.run(49)
    assert [names(scene, index) for index in range(3)] == [[], [], []]
    scene.run(2)
    assert names(scene, 0) == ["talker1.1"]
    assert len(scene.network.streams.links()) == 1
    scene.run(20)
    assert names(scene, 2) == ["talker1.1"]


def test_out_of_reach_is_a_stall_and_what_was_written_comes_when_they_meet_again() -> None:
    met = (Contact(0, 10 * S, 0, 1), Contact(40 * S, 50 * S, 0, 1))
    scene = scene_of(Layout([[0]] * 2, near={0: {}, 1: {}}, contacts=met))
    scene.run(20)
    scene.say(0, b"far away")
    scene.run(10)
    assert scene.talkers[1].text == b""
    assert scene.talkers[1].heard_of(Disconnected) == []
    scene.run(15)
    assert scene.talkers[1].text == b"far away"


def test_a_dial_to_who_is_out_of_reach_times_out() -> None:
    scene = scene_of(Layout([[0]] * 2, near={0: {}, 1: {}}))
    scene.talkers[0].is_dialling = False
    scene.want(0, Dial(DialId(7), address_of(1, 0)))
    scene.run(DIAL_TIMEOUT_MS / 1_000 + 1)
    assert scene.talkers[0].heard_of(DialFailed) == [DialFailed(DialId(7), "timed out")]


def test_when_all_gather_everybody_hears_everybody() -> None:
    layout = Layout([[0]] * 3, near=APART, contacts=(Contact(5 * S, 6 * S, 0, 1),), ends_at=6 * S)
    scene = scene_of(layout, rests_at_s=30)
    scene.run(29)
    assert names(scene, 2) == []
    scene.run(2)
    assert sorted(names(scene, 2)) == ["talker0.1", "talker1.1"]


def test_a_laptop_that_is_carried_away_notices_and_those_it_left_do_not() -> None:
    layout = Layout([[0], [0], [1]], moves=(Move(10 * S, 0, ()), Move(20 * S, 0, (1,))))
    scene = scene_of(layout)
    scene.run(5)
    scene.talkers[0].is_dialling = False
    assert len(scene.network.streams.links()) == 1
    scene.run(10)
    assert len(scene.talkers[0].heard_of(NetworkChanged)) == 1
    assert len(scene.talkers[0].heard_of(Disconnected)) == 1
    assert scene.talkers[1].heard_of(Disconnected) == []
    assert scene.network.streams.links() == []
    scene.want(1, Dial(DialId(8), address_of(0, 0)))
    scene.run(6)
    assert scene.network.reach.networks_of(0) == (1,)
    scene.want(0, Dial(DialId(9), address_of(2, 1)))
    scene.run(DIAL_TIMEOUT_MS / 1_000 + 1)
    assert len(scene.talkers[2].heard_of(Connected)) == 1
    # Its old address belongs to nobody.
    assert scene.talkers[1].heard_of(DialFailed) == [DialFailed(DialId(8), "no route")]
