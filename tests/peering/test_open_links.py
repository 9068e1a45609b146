"""A node keeps the right links when others come, and lets the right ones in."""

import pytest

from mesh.ids import Address, LinkId, LinkKey
from mesh.limits.peering import (
    LINKS_ACTIVE_MAX,
    LINKS_ACTIVE_MIN,
    LINKS_HOSTILE_SHARE,
    LINKS_KEPT_CALLED,
    LINKS_KEPT_DIALLED,
    LINKS_ROOM_MAX,
)
from mesh.peering.dialer import Dialer
from tests.peering.dialers import address, at, full, make


def call(dialer: Dialer, number: int, host: Address) -> LinkId | None:
    """Somebody calls; whose link yields to him. He is not let in if it is his own."""
    if not dialer.is_welcome(host, None):
        return LinkId(number)
    dialer.link_up(
        LinkId(number),
        None,
        remote_key=LinkKey(number.to_bytes(32)),
        instance=f"{number:016x}",
        address=host,
        now=at(20_000 + number),
    )
    surplus = dialer.find_surplus()
    if surplus is not None:
        dialer.link_down(surplus, at(20_000 + number))
    return surplus


def test_who_comes_late_finds_room_in_the_place_of_another() -> None:
    """Not at each node, but at most."""
    welcome = sum(full().is_welcome(address(number), None) for number in range(70, 100))
    assert welcome >= 15
    dialer = full()
    caller = next(n for n in range(70, 100) if dialer.is_welcome(address(n), None))
    yielded = call(dialer, 300, address(caller))
    assert yielded is not None
    assert yielded != LinkId(300)


def let_in(in_sight: int, hosts_count: int) -> int:
    """Return how many callers from so many hosts a node lets in before any link yields."""
    dialer = make()
    for number in range(1, in_sight + 1):
        dialer.peer_seen(f"{number:016x}", [address(number)], at(0))
    for count in range(100):
        host = Address(f"10.0.1.{1 + count % hosts_count}", 1_000 + count)
        if call(dialer, 200 + count, host) is not None:
            return count
    raise AssertionError("no link ever yields")


def test_a_third_of_those_in_sight_cannot_fill_a_node() -> None:
    assert let_in(8, 100) == LINKS_ACTIVE_MAX
    assert let_in(30, 100) == LINKS_ACTIVE_MIN + 30 // LINKS_HOSTILE_SHARE
    assert let_in(500, 100) == LINKS_ROOM_MAX


def test_one_host_takes_no_places_beyond_the_usual_ones() -> None:
    assert let_in(30, 1) == LINKS_ACTIVE_MAX


def test_a_network_with_few_links_always_has_room() -> None:
    dialer = full()
    assert call(dialer, 300, address(1, network=1)) is not None
    assert dialer.is_welcome(address(2, network=1), None)


@pytest.mark.parametrize("hosts_count", [1, 200])
def test_callers_without_end_get_their_share_of_links_and_never_the_oldest(
    hosts_count: int,
) -> None:
    dialer = full()
    kept = dialer.links.working_addresses()[:LINKS_KEPT_DIALLED]
    replaced: list[LinkId] = []
    for number in range(200, 1_200):
        host = Address(f"10.0.0.{50 + number % hosts_count}", number)
        yielded = call(dialer, number, host)
        assert yielded is not None
        if yielded != LinkId(number):
            replaced.append(yielded)
    assert dialer.links.working_addresses()[:LINKS_KEPT_DIALLED] == kept
    first_callers = [LinkId(100 + place) for place in range(LINKS_KEPT_CALLED)]
    assert not any(link in replaced for link in first_callers)
    # Each taking of a place needs a better rank, so they soon come to an end.
    assert len(replaced) <= (1 if hosts_count == 1 else 30)


def test_many_links_of_one_host_yield_before_those_of_others() -> None:
    dialer = make()
    for number in range(1, LINKS_ACTIVE_MAX + 1):
        host = 1 if number > 4 else number + 10
        dialer.link_up(
            LinkId(number),
            None,
            remote_key=LinkKey(bytes([number]) * 32),
            instance=f"{number:016x}",
            address=address(host),
            now=at(number),
        )
    # Whatever the rank of who calls.
    for number in (50, 51, 52):
        surplus = call(dialer, number, address(number))
        assert surplus is not None
        assert LinkId(4) < surplus < LinkId(50)
