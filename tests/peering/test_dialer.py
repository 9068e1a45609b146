"""The times at which a node dials, and what it makes of links that begin and end."""

from mesh.ids import Address, DialId, LinkId, LinkKey
from mesh.limits.peering import (
    DIAL_BACKOFF_MAX_MS,
    DIALS_CONCURRENT_MAX,
    HOST_PORTS_FAILED_MAX,
    LINK_SWAP_INTERVAL_MS,
    LINKS_ACTIVE_MIN,
    LINKS_FILL_PAUSE_MS,
    LINKS_KEPT_DIALLED,
    SWAP_SOON_MS,
)
from mesh.peering.dialer import Dialer
from tests.peering.dialers import address, at, full, link_up, make


def test_a_peer_is_dialled_once_and_not_while_it_is_linked() -> None:
    dialer = make()
    dialer.peer_seen(f"{7:016x}", [address(7)], at(0))
    assert dialer.deadline_passed(at(10_000))[0].address == address(7)
    assert dialer.deadline_passed(at(10_001)) == []
    link_up(dialer, 7, DialId(1), at(10_002))
    assert dialer.deadline() is None
    dialer.link_down(LinkId(7), at(60_000))
    assert dialer.deadline_passed(at(70_000))[0].address == address(7)


def test_an_accepted_link_is_known_by_its_instance_and_not_dialled() -> None:
    dialer = make()
    dialer.peer_seen(f"{7:016x}", [address(7)], at(0))
    link_up(dialer, 7, None, at(1))
    assert dialer.deadline_passed(at(10_000)) == []


def test_a_link_found_to_be_a_duplicate_is_not_dialled_again_while_the_other_stands() -> None:
    dialer = make()
    dialer.targets.configure(address(7), at(0))
    (dial,) = dialer.deadline_passed(at(0))
    link_up(dialer, 9, None, at(1))
    dialer.duplicate_found(dial.dial, LinkKey(bytes([9]) * 32))
    assert dialer.deadline() is None
    dialer.link_down(LinkId(9), at(60_000))
    assert dialer.deadline() is not None


def test_what_a_person_typed_is_dialled_again_though_it_was_ourselves() -> None:
    """On another network the same address is somebody else's; and a liar may have said it."""
    dialer = make()
    dialer.targets.configure(address(1), at(0))
    (dial,) = dialer.deadline_passed(at(0))
    dialer.self_found(dial.dial, at(0))
    assert dialer.deadline_passed(at(1_000)) == []
    assert [d.address for d in dialer.deadline_passed(at(DIAL_BACKOFF_MAX_MS))] == [address(1)]


def test_a_link_that_claims_the_name_of_another_node_does_not_keep_us_from_that_node() -> None:
    dialer = make()
    dialer.peer_seen(f"{7:016x}", [address(7)], at(0))
    dialer.link_up(
        LinkId(66),
        None,
        remote_key=LinkKey(bytes([66]) * 32),
        instance=f"{7:016x}",
        address=address(66),
        now=at(0),
    )
    dialer.link_down(LinkId(66), at(1))
    assert [dial.address for dial in dialer.deadline_passed(at(1_000))] == [address(7)]


def test_who_was_turned_away_does_not_come_back_at_once() -> None:
    dialer = full()
    (first, *_) = dialer.links.working_addresses()
    link = LinkId(int(first.host.rpartition(".")[2]))
    dialer.links.turned_away(link)
    dialer.link_down(link, at(60_000))
    again = dialer.deadline_passed(at(61_000))
    assert [dial.address for dial in again if dial.address == first] == []
    assert len(again) == 1


def test_a_backlog_over_a_new_link_shows_that_we_were_apart_and_the_next_swap_comes_soon() -> None:
    dialer = full()
    dialled = LinkId(int(dialer.links.working_addresses()[-1].host.rpartition(".")[2]))
    assert dialer.deadline_passed(at(3_000 + 2 * SWAP_SOON_MS)) == []
    dialer.brought_backlog(dialled, at(20_000))
    assert len(dialer.deadline_passed(at(20_000 + 2 * SWAP_SOON_MS))) == 1


def test_after_sleep_all_is_dialled_at_once_and_on_another_network_only_what_may_be_there() -> None:
    dialer = make()
    dialer.targets.configure(address(7), at(0))
    dialer.peer_seen(f"{8:016x}", [address(8)], at(0))
    for _ in range(6):
        for dial in dialer.deadline_passed(at(0)):
            dialer.dial_failed(dial.dial, at(0))
    dialer.woke(at(1))
    assert {dial.address for dial in dialer.deadline_passed(at(1))} == {address(7), address(8)}
    # What was under way then is not waited for either.
    dialer.network_changed(at(2))
    assert [dial.address for dial in dialer.deadline_passed(at(2))] == [address(7)]


def take_dials(dialer: Dialer, now_ms: int) -> list[int]:
    """Let all dials that are due become links; whom they lead to."""
    linked = []
    for dial in dialer.deadline_passed(at(now_ms)):
        linked.append(int(dial.address.host.rpartition(".")[2]))
        link_up(dialer, linked[-1], dial.dial, at(now_ms))
        surplus = dialer.find_surplus()
        if surplus is not None:
            dialer.link_down(surplus, at(now_ms))
    return linked


def test_who_is_called_by_too_few_dials_further_ones_one_by_one_until_there_are_enough() -> None:
    dialer = make()
    for number in range(1, 60):
        dialer.peer_seen(f"{number:016x}", [address(number)], at(0))
    now_ms = 2_000
    while len(take_dials(dialer, now_ms)) > 1:
        now_ms += 1
    count = len(dialer.links.working_addresses())
    assert count <= DIALS_CONCURRENT_MAX
    assert take_dials(dialer, now_ms + LINKS_FILL_PAUSE_MS - 1) == []
    for _ in range(count, LINKS_ACTIVE_MIN):
        now_ms += 2 * LINKS_FILL_PAUSE_MS
        assert len(take_dials(dialer, now_ms)) == 1
    assert take_dials(dialer, now_ms + 2 * LINKS_FILL_PAUSE_MS) == []
    assert len(dialer.links.working_addresses()) == LINKS_ACTIVE_MIN


def test_a_link_is_swapped_for_another_now_and_then_and_the_first_ones_stay() -> None:
    dialer = make()
    for number in range(1, 60):
        dialer.peer_seen(f"{number:016x}", [address(number)], at(0))
    linked: list[int] = []
    for now_ms in range(2_000, 40_000, 2_000):
        linked += take_dials(dialer, now_ms)
    assert len(linked) == LINKS_ACTIVE_MIN
    for turn in range(1, 30):
        linked += take_dials(dialer, 40_000 + turn * 2 * LINK_SWAP_INTERVAL_MS)
        assert LINKS_ACTIVE_MIN <= len(dialer.links.working_addresses()) <= LINKS_ACTIVE_MIN + 1
    assert len(linked) == LINKS_ACTIVE_MIN + 29
    first = [address(number) for number in linked[:LINKS_KEPT_DIALLED]]
    assert dialer.links.working_addresses()[:LINKS_KEPT_DIALLED] == first


def test_announcements_do_not_have_a_host_scanned() -> None:
    dialer = make()
    for number in range(1_000):
        dialer.peer_seen(f"{number + 1:016x}", [Address("10.0.0.9", 2_000 + number)], at(0))
    tried: dict[int, None] = {}
    for elapsed_ms in range(0, 3_000_000, 1_000):
        for dial in dialer.deadline_passed(at(elapsed_ms)):
            tried[dial.address.port] = None
            dialer.dial_failed(dial.dial, at(elapsed_ms))
    assert len(tried) <= HOST_PORTS_FAILED_MAX + DIALS_CONCURRENT_MAX
    # What a person typed is dialled at once, there too; and another host is not kept waiting.
    dialer.targets.configure(Address("10.0.0.9", 41_730), at(3_000_000))
    dialer.peer_seen(f"{5_000:016x}", [address(7)], at(3_000_000))
    dialled = [
        dial.address
        for second in range(20)
        for dial in dialer.deadline_passed(at(3_000_000 + 1_000 * second))
    ]
    assert {Address("10.0.0.9", 41_730), address(7)} <= set(dialled)
