"""The table of targets, and what displaces its entries."""

from mesh.ids import LinkId, LinkKey
from mesh.inputs import OwnAddress
from mesh.limits.peering import CANDIDATES_MAX
from mesh.peering.dialer import Dialer
from tests.peering.dialers import address, at, make


def dials_of_a_minute(dialer: Dialer, now_ms: int) -> int:
    """Return how often anybody is dialled within a minute of which each dial fails at once."""
    count = 0
    for step_ms in range(0, 60_000, 10):
        for dial in dialer.deadline_passed(at(now_ms + step_ms)):
            count += 1
            dialer.dial_failed(dial.dial, at(now_ms + step_ms))
    return count


def test_who_crashed_again_and_again_is_dialled_no_more_often_than_who_crashed_once() -> None:
    """Each life has a name of its own, and none says goodbye."""
    dialer = make()
    for life in range(20):
        dialer.peer_seen(f"{life:016x}", [address(7)], at(life))
    assert 3 < dials_of_a_minute(dialer, 1_000) < 10


def test_former_lives_are_forgotten_when_the_links_to_them_are_known_to_be_dead() -> None:
    dialer = make()
    for life in range(20):
        dialer.peer_seen(f"{life:016x}", [address(7)], at(0))
        dialer.link_up(
            LinkId(life),
            None,
            remote_key=LinkKey(bytes([life]) * 32),
            instance=f"{life:016x}",
            address=address(7),
            now=at(0),
        )
    for life in range(20):
        dialer.link_down(LinkId(life), at(60_000))
    assert dials_of_a_minute(dialer, 61_000) < 10


def test_who_moved_to_where_another_stood_is_there_now() -> None:
    dialer = make()
    dialer.peer_seen(f"{7:016x}", [address(7)], at(0))
    dialer.peer_seen(f"{8:016x}", [address(8)], at(0))
    dialer.peer_seen(f"{7:016x}", [address(8)], at(1))
    (dial,) = dialer.deadline_passed(at(10_000))
    assert dial.address == address(8)
    dialer.dial_failed(dial.dial, at(10_001))
    assert dialer.deadline_passed(at(10_001)) == []


def test_who_has_another_address_too_is_somebody_else() -> None:
    dialer = make()
    dialer.peer_seen(f"{7:016x}", [address(7)], at(0))
    dialer.peer_seen(f"{8:016x}", [address(8), address(7)], at(0))
    dialled = {dial.address for dial in dialer.deadline_passed(at(10_000))}
    assert dialled == {address(7), address(8)}


def test_itself_is_never_dialled_again() -> None:
    dialer = make()
    dialer.peer_seen("5" * 16, [address(1)], at(0))
    assert dialer.targets.unlinked() == []
    dialer.targets.remember([address(1)], at(0))
    (dial,) = dialer.deadline_passed(at(0))
    dialer.self_found(dial.dial, at(0))
    assert dialer.deadline() is None


def test_a_former_address_of_ours_may_lead_to_whom_it_was_given() -> None:
    dialer = make()
    dialer.targets.remember([address(1)], at(0))
    (dial,) = dialer.deadline_passed(at(0))
    dialer.self_found(dial.dial, at(0))
    dialer.peer_seen(f"{7:016x}", [address(1)], at(0))
    assert dialer.targets.unlinked() == []
    # The lease was renewed with another address, on the same network.
    dialer.networks_seen([OwnAddress("eth0", 1, "10.0.0.9", 24)])
    dialer.peer_seen(f"{7:016x}", [address(1)], at(0))
    assert [target.name for target in dialer.targets.unlinked()] == [f"{7:016x}"]


def test_who_is_seen_is_not_counted_again_as_somebody_told_of() -> None:
    dialer = make()
    dialer.targets.offer([address(7)], at(0))
    dialer.peer_seen(f"{7:016x}", [address(7)], at(0))
    assert [target.name for target in dialer.targets.unlinked()] == [f"{7:016x}"]
    dialer.targets.offer([address(7)], at(1))
    assert len(dialer.targets.unlinked()) == 1


def test_a_flood_of_announcements_is_bounded_and_keeps_what_a_person_typed() -> None:
    dialer = make()
    dialer.targets.configure(address(200), at(0))
    for number in range(CANDIDATES_MAX + 50):
        dialer.peer_seen(f"{number:016x}", [address(number % 250)], at(0))
    assert len(dialer.targets.unlinked()) <= CANDIDATES_MAX
    assert any(target.name == str(address(200)) for target in dialer.targets.unlinked())
