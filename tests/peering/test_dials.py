"""What is dialled at once, and what a dial that failed is followed by."""

from mesh.ids import Address, LinkId, LinkKey
from mesh.limits import DIAL_BACKOFF_MAX_MS, DIALS_CONCURRENT_MAX, REMEMBERED_FAILURES_MAX
from tests.peering.dialers import address, at, link_up, make


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


def test_who_shares_an_address_with_others_is_dialled_at_another_meanwhile() -> None:
    """Machines with containers have one address in common, which leads to none of them."""
    dialing = make()
    common = Address("172.17.0.1", 41730)
    for number in (7, 8, 9):
        dialing.peer_seen(f"{number:016x}", [common, address(number)], at(0))
    dialled = [dial.address for dial in dialing.deadline_passed(at(10_000))]
    assert dialled.count(common) == 1
    assert len(set(dialled)) == 3


def test_few_dials_are_under_way_at_once() -> None:
    dialing = make()
    for number in range(1, 9):
        dialing.peer_seen(f"{number:016x}", [address(number)], at(0))
    assert len(dialing.deadline_passed(at(10_000))) == DIALS_CONCURRENT_MAX
    assert dialing.deadline_passed(at(10_001)) == []


def test_failures_back_off_to_a_bound_and_never_end_for_a_configured_peer() -> None:
    dialing = make()
    dialing.targets.configure(address(7), at(0))
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
    dialing.targets.remember([address(7)], at(0))
    for turn in range(REMEMBERED_FAILURES_MAX):
        (dial,) = dialing.deadline_passed(at(turn * 1_000_000))
        dialing.dial_failed(dial.dial, at(turn * 1_000_000))
    assert dialing.targets.unlinked() == []


def test_an_offered_address_without_anybody_is_dropped_and_named() -> None:
    dialing = make()
    far = Address("93.184.216.34", 41_730)
    dialing.targets.offer([far], at(0))
    for turn in range(REMEMBERED_FAILURES_MAX):
        now = at(turn * 2 * DIAL_BACKOFF_MAX_MS)
        (dial,) = dialing.deadline_passed(now)
        dialing.dial_failed(dial.dial, now)
    assert dialing.targets.take_unreachable() == [far]
    assert dialing.targets.unlinked() == []


def test_a_remembered_address_whose_links_end_at_once_is_forgotten_too() -> None:
    dialing = make()
    dialing.targets.remember([address(7), address(8)], at(0))
    now_ms = 0
    for _ in range(REMEMBERED_FAILURES_MAX):
        now_ms += DIAL_BACKOFF_MAX_MS * 2
        for dial in dialing.deadline_passed(at(now_ms)):
            if dial.address == address(7):
                link_up(dialing, 7, dial.dial, at(now_ms))
                dialing.link_down(LinkId(7), at(now_ms + 1))
            else:
                link_up(dialing, 8, dial.dial, at(now_ms))
    assert [target.addresses[0] for target in dialing.targets.unlinked()] == []
