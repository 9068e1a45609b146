"""Leases: who has which address, and what becomes of streams and names when they are renewed."""

import pytest

from mesh.effects import Announce, Dial
from mesh.ids import DialId
from mesh.inputs import Connected, DialFailed, Disconnected, PeerGone, PeerSeen
from sim.network.addresses import AddressBook, address_of
from sim.network.discovery import LAPSE_US, REPEAT_US
from tests.sim.talker import Scene, linked_pair

LAPSED_S = (LAPSE_US + 2 * REPEAT_US) / 1_000_000


def renew(scene: Scene, *nodes: int, reuses: bool = False) -> None:
    scene.network.renew(dict.fromkeys(nodes, reuses))


def test_a_fresh_address_is_nobody_elses_and_a_reused_one_was_given_back_first() -> None:
    book = AddressBook({0: (0,), 1: (0,), 2: (0, 1)})
    assert book.renew({0: False}, 0) == 0
    assert book.place(address_of(0, 0).host) is None
    assert book.place(book.of(0, 0).host) == (0, 0)
    assert book.renew({1: True}, 0) == 1
    assert book.of(1, 0) == address_of(0, 0)
    # Nobody is given back what it had.
    assert book.renew({1: True}, 0) == 1
    assert book.of(1, 0) == address_of(1, 0)
    assert book.of(2, 1) == address_of(2, 1)


def test_a_router_that_forgot_its_leases_gives_them_out_crosswise() -> None:
    book = AddressBook({0: (0,), 1: (0,)})
    assert book.renew({0: True, 1: True}, 0) == 2
    assert [book.of(node, 0) for node in (0, 1)] == [address_of(1, 0), address_of(0, 0)]


def test_who_comes_back_has_the_first_address_again_unless_another_has_it() -> None:
    book = AddressBook({0: (0,), 1: (0,)})
    book.leave(0, 0)
    book.join(0, 0)
    assert book.of(0, 0) == address_of(0, 0)
    book.leave(0, 0)
    book.renew({1: True}, 0)
    assert book.of(1, 0) == address_of(0, 0)
    book.join(0, 0)
    assert book.place(book.of(0, 0).host) == (0, 0)
    assert book.place(address_of(0, 0).host) == (1, 0)


def test_a_stream_to_a_former_address_carries_nothing_and_nobody_is_told() -> None:
    scene = linked_pair()
    renew(scene, 1)
    scene.say(0, b"into the air")
    scene.say(1, b"from nowhere")
    scene.run(100)
    assert [talker.text for talker in scene.talkers] == [b"", b""]
    assert scene.talkers[0].heard_of(Disconnected) == []
    assert scene.talkers[1].heard_of(Disconnected) == []
    scene.network.require_conservation()


@pytest.mark.parametrize("is_on, resets_count", [(True, 1), (False, 0)])
def test_who_has_the_address_now_resets_what_is_sent_to_the_former_one(
    is_on: bool, resets_count: int
) -> None:
    scene = Scene([[0], [0], [0]])
    scene.talkers[0].is_dialling = True
    for index in (0, 1):
        scene.nodes[index].boot()
    scene.run(1)
    scene.talkers[0].is_dialling = False
    if is_on:
        scene.nodes[2].boot()
        scene.run(1)
    renew(scene, 1)
    renew(scene, 2, reuses=True)
    assert scene.network.addresses.of(2, 0) == address_of(1, 0)
    scene.run(100)
    # Who writes nothing hears nothing.
    assert scene.talkers[0].heard_of(Disconnected) == []
    scene.say(0, b"is it you?")
    scene.run(1)
    assert len(scene.talkers[0].heard_of(Disconnected)) == resets_count
    assert [scene.talkers[index].text for index in (1, 2)] == [b"", b""]


def test_a_former_address_leads_nowhere_and_then_to_whom_it_was_given() -> None:
    scene = Scene([[0], [0], [0]])
    scene.boot()
    scene.run(1)
    renew(scene, 1)
    scene.want(0, Dial(DialId(7), address_of(1, 0)))
    scene.run(10)
    assert scene.talkers[0].heard_of(DialFailed) == [DialFailed(DialId(7), "no route")]
    renew(scene, 2, reuses=True)
    scene.want(0, Dial(DialId(8), address_of(1, 0)))
    scene.run(1)
    assert [len(scene.talkers[index].heard_of(Connected)) for index in (1, 2)] == [0, 1]


def test_a_dial_on_its_way_to_an_address_that_is_given_back_reaches_nobody() -> None:
    scene = Scene([[0], [0], [0]])
    scene.boot()
    scene.run(1)
    scene.want(0, Dial(DialId(7), address_of(1, 0)))
    scene.run(0.002)
    renew(scene, 1)
    renew(scene, 2, reuses=True)
    scene.run(60)
    assert scene.talkers[0].heard_of(DialFailed) == [DialFailed(DialId(7), "timed out")]
    assert scene.talkers[1].heard_of(Connected) == scene.talkers[2].heard_of(Connected) == []


def test_the_same_name_is_heard_again_at_its_new_address() -> None:
    scene = Scene([[0], [0]])
    scene.boot()
    scene.run(10)
    renew(scene, 1)
    scene.discovery.renewed(1)
    scene.run(1)
    seen = [(each.instance, each.addresses) for each in scene.talkers[0].heard_of(PeerSeen)]
    now = scene.network.addresses.of(1, 0)
    assert seen == [("talker1.1", (address_of(1, 0),)), ("talker1.1", (now,))]
    scene.run(LAPSED_S)
    assert scene.talkers[0].heard_of(PeerGone) == []


def test_a_former_name_at_a_former_address_lapses_and_nobody_says_goodbye() -> None:
    scene = Scene([[0], [0]])
    scene.boot()
    scene.run(10)
    renew(scene, 1)
    scene.want(1, Announce("renamed", None, is_new_network=True))
    scene.run(60)
    assert [each.instance for each in scene.talkers[0].heard_of(PeerSeen)] == [
        "talker1.1",
        "renamed",
    ]
    assert scene.talkers[0].heard_of(PeerGone) == []
    scene.run(LAPSED_S)
    assert scene.talkers[0].heard_of(PeerGone) == [PeerGone("talker1.1")]


def test_an_announcement_that_comes_late_names_the_address_of_when_it_was_said() -> None:
    scene = Scene([[0], [0]], announcement_copied=1)
    scene.boot()
    scene.run(0.5)
    renew(scene, 1)
    scene.discovery.renewed(1)
    scene.run(70)
    seen = [each.addresses for each in scene.talkers[0].heard_of(PeerSeen)]
    former, now = (address_of(1, 0),), (scene.network.addresses.of(1, 0),)
    assert seen[:3] == [former, now, former]
    # A later one sets it right.
    assert seen[-1] == now
