"""Whom a node dials, when it waits, and which links it keeps."""

import pytest

from mesh.engine.parts.addresses import parse_address
from mesh.errors import UserError
from mesh.ids import Address, ContactId, DialId, Instant, LinkId, LinkKey, Monotonic
from mesh.inputs import OwnAddress
from mesh.limits import (
    CANDIDATES_MAX,
    DIAL_BACKOFF_MAX_MS,
    DIALS_BLIND_MAX,
    DIALS_CONCURRENT_MAX,
    LINK_SWAP_INTERVAL_MS,
    LINKS_ACTIVE_MAX,
    LINKS_ACTIVE_MIN,
    LINKS_DIALLED_TARGET,
    LINKS_FILL_PAUSE_MS,
    LINKS_HOSTILE_SHARE,
    LINKS_KEPT_CALLED,
    LINKS_KEPT_DIALLED,
    LINKS_ROOM_MAX,
    REMEMBERED_FAILURES_MAX,
    SWAP_SOON_MS,
)
from mesh.peering.dialing import Dialing
from tests.entropy import SeededEntropy


def at(ms: int) -> Instant:
    return Instant(Monotonic(ms * 1000), 0)


def address(number: int, network: int = 0) -> Address:
    return Address(f"10.0.{network}.{number}", 41730)


def make() -> Dialing:
    dialing = Dialing(SeededEntropy(1))
    dialing.rename("5" * 16, at(0))
    return dialing


def link_up(dialing: Dialing, number: int, dial: DialId | None, now: Instant) -> None:
    dialing.link_up(
        LinkId(number),
        dial,
        remote_key=LinkKey(bytes([number]) * 32),
        instance=f"{number:016x}",
        address=address(number),
        now=now,
    )


def test_a_peer_is_dialled_once_and_not_while_it_is_linked() -> None:
    dialing = make()
    dialing.peer_seen(f"{7:016x}", [address(7)], at(0))
    assert dialing.deadline_passed(at(10_000))[0].address == address(7)
    assert dialing.deadline_passed(at(10_001)) == []
    link_up(dialing, 7, DialId(1), at(10_002))
    assert dialing.deadline() is None
    dialing.link_down(LinkId(7), at(60_000))
    assert dialing.deadline_passed(at(70_000))[0].address == address(7)


def test_an_accepted_link_is_known_by_its_instance_and_not_dialled() -> None:
    dialing = make()
    dialing.peer_seen(f"{7:016x}", [address(7)], at(0))
    link_up(dialing, 7, None, at(1))
    assert dialing.deadline_passed(at(10_000)) == []


def test_a_host_is_not_dialled_under_two_names_at_once() -> None:
    """After midnight, or a restart, discovery still tells of the former name for a while."""
    dialing = make()
    dialing.peer_seen(f"{7:016x}", [address(7)], at(0))
    dialing.peer_seen(f"{8:016x}", [address(7)], at(0))
    (dial,) = dialing.deadline_passed(at(10_000))
    assert dialing.deadline() is None, "nothing else is to be dialled before that has ended"
    dialing.dial_failed(dial.dial, at(11_000))
    assert dialing.deadline_passed(at(11_000)) == [], "nobody is there under the former name"
    (dial,) = dialing.deadline_passed(at(20_000))
    assert dial.address == address(7)
    link_up(dialing, 8, dial.dial, at(20_001))
    dialing.peer_seen(f"{7:016x}", [address(7)], at(30_000))
    (dial,) = dialing.deadline_passed(at(100_000))
    dialing.duplicate_found(dial.dial, LinkKey(bytes([8]) * 32))
    assert dialing.deadline() is None, "that it is the same host is known from now on"


def dials_of_a_minute(dialing: Dialing, now_ms: int) -> int:
    """How often anybody is dialled within a minute of which each dial fails at once."""
    count = 0
    for step_ms in range(0, 60_000, 10):
        for dial in dialing.deadline_passed(at(now_ms + step_ms)):
            count += 1
            dialing.dial_failed(dial.dial, at(now_ms + step_ms))
    return count


def test_who_crashed_again_and_again_is_dialled_no_more_often_than_who_crashed_once() -> None:
    """Each life has a name of its own, and none says goodbye."""
    dialing = make()
    for life in range(20):
        dialing.peer_seen(f"{life:016x}", [address(7)], at(life))
    assert 3 < dials_of_a_minute(dialing, 1_000) < 10


def test_former_lives_are_forgotten_when_the_links_to_them_are_known_to_be_dead() -> None:
    dialing = make()
    for life in range(20):
        dialing.peer_seen(f"{life:016x}", [address(7)], at(0))
        dialing.link_up(
            LinkId(life),
            None,
            remote_key=LinkKey(bytes([life]) * 32),
            instance=f"{life:016x}",
            address=address(7),
            now=at(0),
        )
    for life in range(20):
        dialing.link_down(LinkId(life), at(60_000))
    assert dials_of_a_minute(dialing, 61_000) < 10


def test_who_moved_to_where_another_stood_is_there_now() -> None:
    dialing = make()
    dialing.peer_seen(f"{7:016x}", [address(7)], at(0))
    dialing.peer_seen(f"{8:016x}", [address(8)], at(0))
    dialing.peer_seen(f"{7:016x}", [address(8)], at(1))
    (dial,) = dialing.deadline_passed(at(10_000))
    assert dial.address == address(8)
    dialing.dial_failed(dial.dial, at(10_001))
    assert dialing.deadline_passed(at(10_001)) == []


def test_who_has_another_address_too_is_somebody_else() -> None:
    dialing = make()
    dialing.peer_seen(f"{7:016x}", [address(7)], at(0))
    dialing.peer_seen(f"{8:016x}", [address(8), address(7)], at(0))
    dialled = {dial.address for dial in dialing.deadline_passed(at(10_000))}
    assert dialled == {address(7), address(8)}


def test_who_shares_an_address_with_others_is_dialled_at_another_meanwhile() -> None:
    """Machines with containers have one address in common, which leads to none of them."""
    dialing = make()
    common = Address("172.17.0.1", 41730)
    for number in (7, 8, 9):
        dialing.peer_seen(f"{number:016x}", [common, address(number)], at(0))
    dialled = [dial.address for dial in dialing.deadline_passed(at(10_000))]
    assert dialled.count(common) == 1
    assert len(set(dialled)) == 3


def test_a_link_found_to_be_a_duplicate_is_not_dialled_again_while_the_other_stands() -> None:
    dialing = make()
    dialing.configure(address(7), at(0))
    (dial,) = dialing.deadline_passed(at(0))
    link_up(dialing, 9, None, at(1))
    dialing.duplicate_found(dial.dial, LinkKey(bytes([9]) * 32))
    assert dialing.deadline() is None
    dialing.link_down(LinkId(9), at(60_000))
    assert dialing.deadline() is not None


def test_failures_back_off_to_a_bound_and_never_end_for_a_configured_peer() -> None:
    dialing = make()
    dialing.configure(address(7), at(0))
    now_ms = 0
    pauses = []
    for _ in range(30):
        (dial,) = dialing.deadline_passed(at(now_ms))
        dialing.dial_failed(dial.dial, at(now_ms))
        deadline = dialing.deadline()
        assert deadline is not None
        pauses.append(deadline // 1000 - now_ms)
        now_ms = deadline // 1000
    assert max(pauses) <= DIAL_BACKOFF_MAX_MS * 3 // 2
    assert sum(pauses[-5:]) > sum(pauses[:5])


def test_a_remembered_address_is_forgotten_after_a_few_failures() -> None:
    dialing = make()
    dialing.remember([address(7)], at(0))
    for turn in range(REMEMBERED_FAILURES_MAX):
        (dial,) = dialing.deadline_passed(at(turn * 1_000_000))
        dialing.dial_failed(dial.dial, at(turn * 1_000_000))
    assert dialing.targets() == []


def test_itself_is_never_dialled_again() -> None:
    dialing = make()
    dialing.peer_seen("5" * 16, [address(1)], at(0))
    assert dialing.targets() == []
    dialing.remember([address(1)], at(0))
    (dial,) = dialing.deadline_passed(at(0))
    dialing.self_found(dial.dial, at(0))
    assert dialing.deadline() is None


def test_what_a_person_typed_is_dialled_again_though_it_was_ourselves() -> None:
    """On another network the same address is somebody else's; and a liar may have said it."""
    dialing = make()
    dialing.configure(address(1), at(0))
    (dial,) = dialing.deadline_passed(at(0))
    dialing.self_found(dial.dial, at(0))
    assert dialing.deadline_passed(at(1_000)) == []
    assert [d.address for d in dialing.deadline_passed(at(DIAL_BACKOFF_MAX_MS))] == [address(1)]


def test_what_a_person_typed_is_dialled_before_a_flood_of_announcements() -> None:
    dialing = make()
    for number in range(CANDIDATES_MAX):
        dialing.peer_seen(f"{number:016x}", [address(number % 250)], at(0))
    dialing.configure(address(251), at(0))
    assert address(251) in [dial.address for dial in dialing.deadline_passed(at(10_000))]


def test_a_link_that_claims_the_name_of_another_node_does_not_keep_us_from_that_node() -> None:
    dialing = make()
    dialing.peer_seen(f"{7:016x}", [address(7)], at(0))
    dialing.link_up(
        LinkId(66),
        None,
        remote_key=LinkKey(bytes([66]) * 32),
        instance=f"{7:016x}",
        address=address(66),
        now=at(0),
    )
    dialing.link_down(LinkId(66), at(1))
    assert [dial.address for dial in dialing.deadline_passed(at(1_000))] == [address(7)]


def test_few_dials_are_under_way_at_once() -> None:
    dialing = make()
    for number in range(1, 9):
        dialing.peer_seen(f"{number:016x}", [address(number)], at(0))
    assert len(dialing.deadline_passed(at(10_000))) == DIALS_CONCURRENT_MAX
    assert dialing.deadline_passed(at(10_001)) == []


def test_among_many_a_node_dials_a_few_but_never_misses_another_network() -> None:
    dialing = make()
    for number in range(1, 60):
        dialing.peer_seen(f"{number:016x}", [address(number)], at(0))
    for _ in range(40):
        for dial in dialing.deadline_passed(at(10_000)):
            number = int(dial.address.host.rpartition(".")[2])
            link_up(dialing, number, dial.dial, at(10_000))
            surplus = dialing.find_surplus()
            if surplus is not None:
                dialing.link_down(surplus, at(10_000))
    assert LINKS_DIALLED_TARGET <= len(dialing.working_addresses()) <= DIALS_CONCURRENT_MAX
    dialing.peer_seen("ff" * 8, [address(1, network=1)], at(10_001))
    assert [d.address for d in dialing.deadline_passed(at(20_000))] == [address(1, network=1)]


def full(dialled: int = 3) -> Dialing:
    """A node with as many links as it keeps, some of them dialled, with nine in sight."""
    dialing = make()
    for number in range(1, 10):
        dialing.peer_seen(f"{number:016x}", [address(number)], at(0))
    for place, dial in enumerate(dialing.deadline_passed(at(2_000))):
        if place < dialled:
            number = int(dial.address.host.rpartition(".")[2])
            link_up(dialing, number, dial.dial, at(2_000))
        else:
            dialing.dial_failed(dial.dial, at(2_000))
    for number in range(100, 100 + LINKS_ACTIVE_MIN + 9 // LINKS_HOSTILE_SHARE - dialled):
        link_up(dialing, number, None, at(2_000 + number))
    return dialing


def call(dialing: Dialing, number: int, host: Address) -> LinkId | None:
    """Somebody calls; whose link yields to him. He is not let in if it is his own."""
    if not dialing.is_welcome(host, None):
        return LinkId(number)
    dialing.link_up(
        LinkId(number),
        None,
        remote_key=LinkKey(number.to_bytes(32)),
        instance=f"{number:016x}",
        address=host,
        now=at(20_000 + number),
    )
    surplus = dialing.find_surplus()
    if surplus is not None:
        dialing.link_down(surplus, at(20_000 + number))
    return surplus


def test_who_comes_late_finds_room_in_the_place_of_another() -> None:
    """Not at each node, but at most."""
    welcome = sum(full().is_welcome(address(number), None) for number in range(70, 100))
    assert welcome >= 15
    dialing = full()
    caller = next(n for n in range(70, 100) if dialing.is_welcome(address(n), None))
    yielded = call(dialing, 300, address(caller))
    assert yielded is not None
    assert yielded != LinkId(300)


def let_in(in_sight: int, hosts_count: int) -> int:
    """How many callers from so many hosts a node lets in before any link yields."""
    dialing = make()
    for number in range(1, in_sight + 1):
        dialing.peer_seen(f"{number:016x}", [address(number)], at(0))
    for count in range(100):
        host = Address(f"10.0.1.{1 + count % hosts_count}", 1_000 + count)
        if call(dialing, 200 + count, host) is not None:
            return count
    raise AssertionError("no link ever yields")


def test_a_third_of_those_in_sight_cannot_fill_a_node() -> None:
    assert let_in(8, 100) == LINKS_ACTIVE_MAX
    assert let_in(30, 100) == LINKS_ACTIVE_MIN + 30 // LINKS_HOSTILE_SHARE
    assert let_in(500, 100) == LINKS_ROOM_MAX


def test_one_host_takes_no_places_beyond_the_usual_ones() -> None:
    assert let_in(30, 1) == LINKS_ACTIVE_MAX


def test_a_network_with_few_links_always_has_room() -> None:
    dialing = full()
    assert call(dialing, 300, address(1, network=1)) is not None
    assert dialing.is_welcome(address(2, network=1), None)


@pytest.mark.parametrize("hosts_count", [1, 200])
def test_callers_without_end_get_their_share_of_links_and_never_the_oldest(
    hosts_count: int,
) -> None:
    dialing = full()
    kept = dialing.working_addresses()[:LINKS_KEPT_DIALLED]
    replaced: list[LinkId] = []
    for number in range(200, 1_200):
        host = Address(f"10.0.0.{50 + number % hosts_count}", number)
        yielded = call(dialing, number, host)
        assert yielded is not None
        if yielded != LinkId(number):
            replaced.append(yielded)
    assert dialing.working_addresses()[:LINKS_KEPT_DIALLED] == kept
    first_callers = [LinkId(100 + place) for place in range(LINKS_KEPT_CALLED)]
    assert not any(link in replaced for link in first_callers)
    # Each taking of a place needs a better rank, so they soon come to an end.
    assert len(replaced) <= (1 if hosts_count == 1 else 30)


def test_a_contacts_link_yields_last_and_counts_like_any_other() -> None:
    dialing = full()
    theirs = {LinkId(number): ContactId(number) for number in (102, 103, 104)}
    dialing.recognised(theirs)
    yielded = [call(dialing, number, address(number - 150)) for number in range(200, 230)]
    replaced = [link for link in yielded if link is not None and link < LinkId(200)]
    others = [link for link in replaced if link not in theirs]
    assert replaced[: len(others)] == others
    # And they do yield, where nobody else can.
    assert len(dialing.working_addresses()) <= 3
    dialing.recognised({})


def test_many_links_of_one_host_yield_before_those_of_others() -> None:
    dialing = make()
    for number in range(1, LINKS_ACTIVE_MAX + 1):
        host = 1 if number > 4 else number + 10
        dialing.link_up(
            LinkId(number),
            None,
            remote_key=LinkKey(bytes([number]) * 32),
            instance=f"{number:016x}",
            address=address(host),
            now=at(number),
        )
    # Whatever the rank of who calls.
    for number in (50, 51, 52):
        surplus = call(dialing, number, address(number))
        assert surplus is not None
        assert LinkId(4) < surplus < LinkId(50)


def test_who_was_turned_away_does_not_come_back_at_once() -> None:
    dialing = full()
    (first, *_) = dialing.working_addresses()
    link = LinkId(int(first.host.rpartition(".")[2]))
    dialing.turned_away(link)
    dialing.link_down(link, at(60_000))
    again = dialing.deadline_passed(at(61_000))
    assert [dial.address for dial in again if dial.address == first] == []
    assert len(again) == 1


def test_a_backlog_over_a_new_link_shows_that_we_were_apart_and_the_next_swap_comes_soon() -> None:
    dialing = full()
    dialled = LinkId(int(dialing.working_addresses()[-1].host.rpartition(".")[2]))
    assert dialing.deadline_passed(at(3_000 + 2 * SWAP_SOON_MS)) == []
    dialing.brought_backlog(dialled, at(20_000))
    assert len(dialing.deadline_passed(at(20_000 + 2 * SWAP_SOON_MS))) == 1


def test_what_neighbours_told_of_is_dialled_only_while_links_are_few() -> None:
    dialing = make()
    for number in range(1, LINKS_ACTIVE_MIN):
        link_up(dialing, number, None, at(0))
    far = [Address("93.184.216.34", 41_730), Address("8.8.8.8", 41_730)]
    dialing.offer(far, at(1))
    dials = dialing.deadline_passed(at(1))
    assert {dial.address for dial in dials} == set(far)
    for number, dial in enumerate(dials, 50):
        dialing.link_up(
            LinkId(number),
            dial.dial,
            remote_key=LinkKey(bytes([number]) * 32),
            instance=f"{number:016x}",
            address=dial.address,
            now=at(2),
        )
    assert not dialing.is_short
    dialing.offer([Address("1.1.1.1", 41_730)], at(3))
    assert dialing.deadline_passed(at(10_000)) == []


def test_an_offered_address_without_anybody_is_dropped_and_named() -> None:
    dialing = make()
    far = Address("93.184.216.34", 41_730)
    dialing.offer([far], at(0))
    for turn in range(REMEMBERED_FAILURES_MAX):
        now = at(turn * 2 * DIAL_BACKOFF_MAX_MS)
        (dial,) = dialing.deadline_passed(now)
        dialing.dial_failed(dial.dial, now)
    assert dialing.take_unreachable() == [far]
    assert dialing.targets() == []


def test_who_is_seen_is_not_counted_again_as_somebody_told_of() -> None:
    dialing = make()
    dialing.offer([address(7)], at(0))
    dialing.peer_seen(f"{7:016x}", [address(7)], at(0))
    assert [target.name for target in dialing.targets()] == [f"{7:016x}"]
    dialing.offer([address(7)], at(1))
    assert len(dialing.targets()) == 1


def test_after_sleep_all_is_dialled_at_once_and_on_another_network_only_what_may_be_there() -> None:
    dialing = make()
    dialing.configure(address(7), at(0))
    dialing.peer_seen(f"{8:016x}", [address(8)], at(0))
    for _ in range(6):
        for dial in dialing.deadline_passed(at(0)):
            dialing.dial_failed(dial.dial, at(0))
    dialing.woke(at(1))
    assert {dial.address for dial in dialing.deadline_passed(at(1))} == {address(7), address(8)}
    # What was under way then is not waited for either.
    dialing.network_changed(at(2))
    assert [dial.address for dial in dialing.deadline_passed(at(2))] == [address(7)]


def take_dials(dialing: Dialing, now_ms: int) -> list[int]:
    """Let all dials that are due become links; whom they lead to."""
    linked = []
    for dial in dialing.deadline_passed(at(now_ms)):
        linked.append(int(dial.address.host.rpartition(".")[2]))
        link_up(dialing, linked[-1], dial.dial, at(now_ms))
        surplus = dialing.find_surplus()
        if surplus is not None:
            dialing.link_down(surplus, at(now_ms))
    return linked


def test_who_is_called_by_too_few_dials_further_ones_one_by_one_until_there_are_enough() -> None:
    dialing = make()
    for number in range(1, 60):
        dialing.peer_seen(f"{number:016x}", [address(number)], at(0))
    now_ms = 2_000
    while len(take_dials(dialing, now_ms)) > 1:
        now_ms += 1
    count = len(dialing.working_addresses())
    assert count <= DIALS_CONCURRENT_MAX
    assert take_dials(dialing, now_ms + LINKS_FILL_PAUSE_MS - 1) == []
    for _ in range(count, LINKS_ACTIVE_MIN):
        now_ms += 2 * LINKS_FILL_PAUSE_MS
        assert len(take_dials(dialing, now_ms)) == 1
    assert take_dials(dialing, now_ms + 2 * LINKS_FILL_PAUSE_MS) == []
    assert len(dialing.working_addresses()) == LINKS_ACTIVE_MIN


def test_a_link_is_swapped_for_another_now_and_then_and_the_first_ones_stay() -> None:
    dialing = make()
    for number in range(1, 60):
        dialing.peer_seen(f"{number:016x}", [address(number)], at(0))
    linked: list[int] = []
    for now_ms in range(2_000, 40_000, 2_000):
        linked += take_dials(dialing, now_ms)
    assert len(linked) == LINKS_ACTIVE_MIN
    for turn in range(1, 30):
        linked += take_dials(dialing, 40_000 + turn * 2 * LINK_SWAP_INTERVAL_MS)
        assert LINKS_ACTIVE_MIN <= len(dialing.working_addresses()) <= LINKS_ACTIVE_MIN + 1
    assert len(linked) == LINKS_ACTIVE_MIN + 29
    first = [address(number) for number in linked[:LINKS_KEPT_DIALLED]]
    assert dialing.working_addresses()[:LINKS_KEPT_DIALLED] == first


OWN = [
    OwnAddress("eth0", 2, "192.168.7.2", 24),
    OwnAddress("eth0", 2, "2001:db8:7::2", 64),
    OwnAddress("eth0", 2, "fe80::2", 64),
    OwnAddress("br-c", 3, "172.17.0.1", 16),
]


def places(number: int) -> list[Address]:
    """Where a machine on two families of one cable and with containers says that it is."""
    return [
        Address("172.17.0.1", 41730),
        Address(f"192.168.7.{number}", 41730),
        Address(f"2001:db8:7::{number:x}", 41730),
        Address(f"2001:db8:99::{number:x}", 41730),
        Address(f"fe80::{number:x}", 41730, 2),
    ]


def test_one_cable_with_three_kinds_of_addresses_is_one_network() -> None:
    """And the network of containers, where everybody is at the same address, is given up soon."""
    dialing = make()
    dialing.networks_seen(OWN)
    for number in range(10, 40):
        dialing.peer_seen(f"{number:016x}", places(number), at(0))
    tries: list[Address] = []
    for now_ms in range(1_000, 120_000, 500):
        for dial in dialing.deadline_passed(at(now_ms)):
            tries.append(dial.address)
            number = int(dial.address.host.replace(":", ".").rpartition(".")[2], 16)
            if dial.address.host == "172.17.0.1":
                dialing.self_found(dial.dial, at(now_ms))
                continue
            dialing.link_up(
                LinkId(len(tries)),
                dial.dial,
                remote_key=LinkKey(bytes([number]) * 32),
                instance=f"{number:016x}",
                address=dial.address,
                now=at(now_ms),
            )
            surplus = dialing.find_surplus()
            if surplus is not None:
                dialing.link_down(surplus, at(now_ms))
    assert len(dialing.working_addresses()) == LINKS_ACTIVE_MIN
    assert tries.count(Address("172.17.0.1", 41730)) <= 30
    assert len(tries) <= 30 + LINKS_ACTIVE_MIN
    # Who was dialled at the address of our own containers is not lost for that.
    assert len(dialing.targets()) == 30 - LINKS_ACTIVE_MIN


def test_a_target_on_two_networks_is_dialled_where_links_are_few() -> None:
    dialing = make()
    own = [OwnAddress("eth0", 2, "10.0.0.9", 24), OwnAddress("wlan0", 3, "10.0.1.9", 24)]
    dialing.networks_seen(own)
    for number in range(1, 4):
        link_up(dialing, number, None, at(0))
    dialing.peer_seen(f"{7:016x}", [address(7), address(7, network=1)], at(0))
    assert [dial.address for dial in dialing.deadline_passed(at(1_000))] == [address(7, network=1)]


def test_dials_in_the_blind_leave_room_for_neighbours_who_are_there() -> None:
    dialing = make()
    dialing.remember([address(number) for number in range(100, 116)], at(0))
    assert len(dialing.deadline_passed(at(0))) == DIALS_BLIND_MAX
    dialing.peer_seen(f"{7:016x}", [address(7)], at(1))
    assert [dial.address for dial in dialing.deadline_passed(at(2_000))] == [address(7)]


def test_a_flood_of_announcements_is_bounded_and_keeps_what_a_person_typed() -> None:
    dialing = make()
    dialing.configure(address(200), at(0))
    for number in range(CANDIDATES_MAX + 50):
        dialing.peer_seen(f"{number:016x}", [address(number % 250)], at(0))
    assert len(dialing.targets()) <= CANDIDATES_MAX
    assert any(target.name == str(address(200)) for target in dialing.targets())


@pytest.mark.parametrize(
    "text", ["", "host", "host:0", "host:99999", "a b:1", "::1:80", ":80", "[fe80::1%x]:1"]
)
def test_a_bad_address_is_refused_in_words(text: str) -> None:
    with pytest.raises(UserError, match="HOST:PORT"):
        parse_address(text)


@pytest.mark.parametrize("text", ["10.0.0.1:41730", "[fe80::1%3]:41730", "box.local:80"])
def test_an_address_reads_back_as_it_was_written(text: str) -> None:
    assert str(parse_address(text)) == text


def test_a_remembered_address_whose_links_end_at_once_is_forgotten_too() -> None:
    dialing = make()
    dialing.remember([address(7), address(8)], at(0))
    now_ms = 0
    for _ in range(REMEMBERED_FAILURES_MAX):
        now_ms += DIAL_BACKOFF_MAX_MS * 2
        for dial in dialing.deadline_passed(at(now_ms)):
            if dial.address == address(7):
                link_up(dialing, 7, dial.dial, at(now_ms))
                dialing.link_down(LinkId(7), at(now_ms + 1))
            else:
                link_up(dialing, 8, dial.dial, at(now_ms))
    assert [target.addresses[0] for target in dialing.targets()] == []
