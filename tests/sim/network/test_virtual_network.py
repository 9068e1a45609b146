"""Networks and discovery: who can be dialled, who is heard, and what a cut takes away."""

from dataclasses import replace

import pytest

from mesh.effects import Announce, Dial
from mesh.ids import Address, DialId
from mesh.inputs import Connected, DialFailed, PeerGone, PeerSeen
from mesh.limits.peering import DIAL_TIMEOUT_MS
from sim.network.addresses import PORT, address_of
from sim.network.discovery import LAPSE_US, REPEAT_US
from tests.sim.talker import Scene, linked_pair

REPEAT_S = REPEAT_US / 1_000_000


def names_seen(scene: Scene, index: int) -> list[str]:
    return [seen.instance for seen in scene.talkers[index].heard_of(PeerSeen)]


def dial(scene: Scene, index: int, address: Address) -> None:
    scene.want(index, Dial(DialId(7), address))


def test_everybody_on_a_network_is_heard_once_and_nobody_beyond() -> None:
    scene = Scene([[0], [0, 1], [1]])
    scene.boot()
    scene.run(100)
    assert names_seen(scene, 0) == ["talker1.1"]
    assert sorted(names_seen(scene, 1)) == ["talker0.1", "talker2.1"]
    assert names_seen(scene, 2) == ["talker1.1"]


def test_two_nodes_on_two_common_networks_hear_both_addresses() -> None:
    scene = Scene([[0, 1], [1, 0]])
    scene.boot()
    scene.run(1)
    (seen,) = scene.talkers[0].heard_of(PeerSeen)
    assert seen.addresses == (address_of(1, 1), address_of(1, 0))


def test_who_boots_later_hears_who_is_there_and_is_heard() -> None:
    scene = Scene([[0], [0]])
    scene.nodes[0].boot()
    scene.run(10)
    scene.nodes[1].boot()
    scene.run(0.2)
    assert names_seen(scene, 0) == ["talker1.1"]
    assert names_seen(scene, 1) == ["talker0.1"]


def test_a_lost_announcement_is_heard_when_it_is_repeated() -> None:
    scene = Scene([[0], [0]], announcement_loss=0.9)
    scene.boot()
    scene.run(1_000)
    assert scene.network.counters.announcements_lost > 5
    assert "talker1.1" in names_seen(scene, 0)


def test_a_new_name_says_goodbye_to_the_former_one_except_on_a_new_network() -> None:
    scene = Scene([[0], [0]])
    scene.boot()
    scene.run(1)
    scene.want(0, Announce("second", None, is_new_network=False))
    scene.run(1)
    assert names_seen(scene, 1) == ["talker0.1", "second"]
    assert scene.talkers[1].heard_of(PeerGone) == [PeerGone("talker0.1")]
    scene.want(0, Announce("third", None, is_new_network=True))
    scene.run(1)
    assert scene.talkers[1].heard_of(PeerGone) == [PeerGone("talker0.1")]


def test_a_name_behind_a_cut_lapses_and_is_heard_again_after_the_heal() -> None:
    scene = Scene([[0], [0]])
    scene.boot()
    scene.run(1)
    scene.network.partition({0: 0, 1: 1}, reset_share=1)
    scene.run(LAPSE_US / 1_000_000 + 3 * REPEAT_S)
    assert scene.talkers[0].heard_of(PeerGone) == [PeerGone("talker1.1")]
    scene.network.heal()
    scene.run(2 * REPEAT_S)
    assert names_seen(scene, 0) == ["talker1.1", "talker1.1"]


def test_a_crashed_node_is_heard_under_its_next_name() -> None:
    scene = Scene([[0], [0]])
    scene.boot()
    scene.run(1)
    scene.nodes[1].crash(is_silent=True)
    scene.run(5)
    scene.nodes[1].boot()
    scene.run(1)
    assert names_seen(scene, 0) == ["talker1.1", "talker1.2"]
    assert names_seen(scene, 1) == ["talker0.1", "talker0.1"]


@pytest.mark.parametrize(
    "address,reason",
    [
        (address_of(1, 1), "no route"),
        (Address("192.0.2.1", PORT), "no route"),
        (replace(address_of(1, 0), port=9), "refused"),
        (address_of(2, 0), "refused"),
    ],
)
def test_what_cannot_be_reached_fails_soon(address: Address, reason: str) -> None:
    scene = Scene([[0], [0, 1], [0]])
    scene.nodes[0].boot()
    scene.nodes[1].boot()
    dial(scene, 0, address)
    scene.run(1)
    assert scene.talkers[0].heard_of(DialFailed) == [DialFailed(DialId(7), reason)]


def test_a_dial_into_a_cut_times_out() -> None:
    scene = Scene([[0], [0]])
    scene.boot()
    scene.network.partition({0: 0, 1: 1}, reset_share=1)
    dial(scene, 0, address_of(1, 0))
    scene.run(DIAL_TIMEOUT_MS / 1_000 - 0.1)
    assert scene.talkers[0].heard_of(DialFailed) == []
    scene.run(1)
    assert scene.talkers[0].heard_of(DialFailed) == [DialFailed(DialId(7), "timed out")]


def test_what_a_former_life_dialled_does_not_reach_the_next() -> None:
    scene = Scene([[0], [0]])
    scene.boot()
    dial(scene, 0, address_of(1, 0))
    scene.run(0.001)
    scene.nodes[0].crash(is_silent=False)
    scene.nodes[0].boot()
    scene.run(1)
    assert scene.talkers[0].heard_of(Connected) == []


def test_the_listener_sees_the_callers_address_on_their_common_network() -> None:
    scene = linked_pair()
    address = scene.talkers[1].heard_of(Connected)[0].address
    assert address.host == address_of(0, 0).host
    assert address.port != PORT
