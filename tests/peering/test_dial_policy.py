"""A node dials by its links and its networks."""

from mesh.ids import Address, LinkId, LinkKey
from mesh.inputs import OwnAddress
from mesh.limits.peering import (
    CANDIDATES_MAX,
    DIALS_BLIND_MAX,
    DIALS_CONCURRENT_MAX,
    LINKS_ACTIVE_MIN,
    LINKS_DIALLED_TARGET,
)
from tests.peering.dialers import address, at, link_up, make


def test_what_a_person_typed_is_dialled_before_a_flood_of_announcements() -> None:
    dialer = make()
    for number in range(CANDIDATES_MAX):
        dialer.peer_seen(f"{number:016x}", [address(number % 250)], at(0))
    dialer.targets.configure(address(251), at(0))
    assert address(251) in [dial.address for dial in dialer.deadline_passed(at(10_000))]


def test_among_many_a_node_dials_a_few_but_never_misses_another_network() -> None:
    dialer = make()
    for number in range(1, 60):
        dialer.peer_seen(f"{number:016x}", [address(number)], at(0))
    for _ in range(40):
        for dial in dialer.deadline_passed(at(10_000)):
            number = int(dial.address.host.rpartition(".")[2])
            link_up(dialer, number, dial.dial, at(10_000))
            surplus = dialer.find_surplus()
            if surplus is not None:
                dialer.link_down(surplus, at(10_000))
    assert LINKS_DIALLED_TARGET <= len(dialer.links.working_addresses()) <= DIALS_CONCURRENT_MAX
    dialer.peer_seen("ff" * 8, [address(1, network=1)], at(10_001))
    assert [d.address for d in dialer.deadline_passed(at(20_000))] == [address(1, network=1)]


def test_what_peers_told_of_is_dialled_only_while_links_are_few() -> None:
    dialer = make()
    for number in range(1, LINKS_ACTIVE_MIN):
        link_up(dialer, number, None, at(0))
    far = [Address("93.184.216.34", 41_730), Address("8.8.8.8", 41_730)]
    dialer.targets.offer(far, at(1))
    dials = dialer.deadline_passed(at(1))
    assert {dial.address for dial in dials} == set(far)
    for number, dial in enumerate(dials, 50):
        dialer.link_up(
            LinkId(number),
            dial.dial,
            remote_key=LinkKey(bytes([number]) * 32),
            instance=f"{number:016x}",
            address=dial.address,
            now=at(2),
        )
    assert not dialer.is_short
    dialer.targets.offer([Address("1.1.1.1", 41_730)], at(3))
    assert dialer.deadline_passed(at(10_000)) == []


OWN = [
    OwnAddress("eth0", 2, "192.168.7.2", 24),
    OwnAddress("eth0", 2, "2001:db8:7::2", 64),
    OwnAddress("eth0", 2, "fe80::2", 64),
    OwnAddress("br-c", 3, "172.17.0.1", 16),
]


def places(number: int) -> list[Address]:
    """Return where a machine on two families of one cable and with containers says that it is."""
    return [
        Address("172.17.0.1", 41730),
        Address(f"192.168.7.{number}", 41730),
        Address(f"2001:db8:7::{number:x}", 41730),
        Address(f"2001:db8:99::{number:x}", 41730),
        Address(f"fe80::{number:x}", 41730, 2),
    ]


def test_one_cable_with_three_kinds_of_addresses_is_one_network() -> None:
    """And the network of containers, where everybody is at the same address, is given up soon."""
    dialer = make()
    dialer.networks_seen(OWN)
    for number in range(10, 40):
        dialer.peer_seen(f"{number:016x}", places(number), at(0))
    tries: list[Address] = []
    for now_ms in range(1_000, 120_000, 500):
        for dial in dialer.deadline_passed(at(now_ms)):
            tries.append(dial.address)
            number = int(dial.address.host.replace(":", ".").rpartition(".")[2], 16)
            if dial.address.host == "172.17.0.1":
                dialer.self_found(dial.dial, at(now_ms))
                continue
            dialer.link_up(
                LinkId(len(tries)),
                dial.dial,
                remote_key=LinkKey(bytes([number]) * 32),
                instance=f"{number:016x}",
                address=dial.address,
                now=at(now_ms),
            )
            surplus = dialer.find_surplus()
            if surplus is not None:
                dialer.link_down(surplus, at(now_ms))
    assert len(dialer.links.working_addresses()) == LINKS_ACTIVE_MIN
    assert tries.count(Address("172.17.0.1", 41730)) <= 30
    assert len(tries) <= 30 + LINKS_ACTIVE_MIN
    # Who was dialled at the address of our own containers is not lost for that.
    assert len(dialer.targets.unlinked()) == 30 - LINKS_ACTIVE_MIN


def test_a_target_on_two_networks_is_dialled_where_links_are_few() -> None:
    dialer = make()
    own = [OwnAddress("eth0", 2, "10.0.0.9", 24), OwnAddress("wlan0", 3, "10.0.1.9", 24)]
    dialer.networks_seen(own)
    for number in range(1, 4):
        link_up(dialer, number, None, at(0))
    dialer.peer_seen(f"{7:016x}", [address(7), address(7, network=1)], at(0))
    assert [dial.address for dial in dialer.deadline_passed(at(1_000))] == [address(7, network=1)]


def test_dials_in_the_blind_leave_room_for_peers_who_are_there() -> None:
    dialer = make()
    dialer.targets.remember([address(number) for number in range(100, 116)], at(0))
    assert len(dialer.deadline_passed(at(0))) == DIALS_BLIND_MAX
    dialer.peer_seen(f"{7:016x}", [address(7)], at(1))
    assert [dial.address for dial in dialer.deadline_passed(at(2_000))] == [address(7)]
