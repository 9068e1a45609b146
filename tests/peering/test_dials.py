"""Some targets are dialled at once, and a dial that failed is followed by others."""

from mesh.ids import Address, LinkId, LinkKey
from mesh.limits.peering import DIAL_BACKOFF_MAX_MS, DIALS_CONCURRENT_MAX, REMEMBERED_FAILURES_MAX
from tests.peering.dialers import address, at, link_up, make


def test_a_host_is_not_dialled_under_two_names_at_once() -> None:
    """After midnight, or a restart, discovery still tells of the former name for a while."""
    dialer = make()
    dialer.peer_seen(f"{7:016x}", [address(7)], at(0))
    dialer.peer_seen(f"{8:016x}", [address(7)], at(0))
    (dial,) = dialer.deadline_passed(at(10_000))
    assert dialer.deadline() is None, "nothing else is to be dialled before that has ended"
    dialer.dial_failed(dial.dial, at(11_000))
    assert dialer.deadline_passed(at(11_000)) == [], "nobody is there under the former name"
    (dial,) = dialer.deadline_passed(at(20_000))
    assert dial.address == address(7)
    link_up(dialer, 8, dial.dial, at(20_001))
    dialer.peer_seen(f"{7:016x}", [address(7)], at(30_000))
    (dial,) = dialer.deadline_passed(at(100_000))
    dialer.duplicate_found(dial.dial, LinkKey(bytes([8]) * 32))
    assert dialer.deadline() is None, "that it is the same host is known from now on"


def test_who_shares_an_address_with_others_is_dialled_at_another_meanwhile() -> None:
    """Machines with containers have one address in common, which leads to none of them."""
    dialer = make()
    common = Address("172.17.0.1", 41730)
    for number in (7, 8, 9):
        dialer.peer_seen(f"{number:016x}", [common, address(number)], at(0))
    dialled = [dial.address for dial in dialer.deadline_passed(at(10_000))]
    assert dialled.count(common) == 1
    assert len(set(dialled)) == 3


def test_few_dials_are_under_way_at_once() -> None:
    dialer = make()
    for number in range(1, 9):
        dialer.peer_seen(f"{number:016x}", [address(number)], at(0))
    assert len(dialer.deadline_passed(at(10_000))) == DIALS_CONCURRENT_MAX
    assert dialer.deadline_passed(at(10_001)) == []


def test_failures_back_off_to_a_bound_and_never_end_for_a_configured_peer() -> None:
    dialer = make()
    dialer.targets.configure(address(7), at(0))
    now_ms = 0
    pauses = []
    for _ in range(30):
        (dial,) = dialer.deadline_passed(at(now_ms))
        dialer.dial_failed(dial.dial, at(now_ms))
        deadline = dialer.deadline()
        assert deadline is not None
        pauses.append(deadline // 1000 - now_ms)
        now_ms = deadline // 1000
    assert max(pauses) <= DIAL_BACKOFF_MAX_MS * 3 // 2
    assert sum(pauses[-5:]) > sum(pauses[:5])


def test_a_remembered_address_is_forgotten_after_a_few_failures() -> None:
    dialer = make()
    dialer.targets.remember([address(7)], at(0))
    for turn in range(REMEMBERED_FAILURES_MAX):
        (dial,) = dialer.deadline_passed(at(turn * 1_000_000))
        dialer.dial_failed(dial.dial, at(turn * 1_000_000))
    assert dialer.targets.unlinked() == []


def test_an_offered_address_without_anybody_is_dropped_and_named() -> None:
    dialer = make()
    far = Address("93.184.216.34", 41_730)
    dialer.targets.offer([far], at(0))
    for turn in range(REMEMBERED_FAILURES_MAX):
        now = at(turn * 2 * DIAL_BACKOFF_MAX_MS)
        (dial,) = dialer.deadline_passed(now)
        dialer.dial_failed(dial.dial, now)
    assert dialer.targets.take_unreachable() == [far]
    assert dialer.targets.unlinked() == []


def test_a_remembered_address_whose_links_end_at_once_is_forgotten_too() -> None:
    dialer = make()
    dialer.targets.remember([address(7), address(8)], at(0))
    now_ms = 0
    for _ in range(REMEMBERED_FAILURES_MAX):
        now_ms += DIAL_BACKOFF_MAX_MS * 2
        for dial in dialer.deadline_passed(at(now_ms)):
            if dial.address == address(7):
                link_up(dialer, 7, dial.dial, at(now_ms))
                dialer.link_down(LinkId(7), at(now_ms + 1))
            else:
                link_up(dialer, 8, dial.dial, at(now_ms))
    assert [target.addresses[0] for target in dialer.targets.unlinked()] == []
