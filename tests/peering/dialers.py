"""A dialing machine among peers that have numbers, and what its tests do with it."""

from mesh.ids import Address, DialId, Instant, LinkId, LinkKey, Monotonic
from mesh.limits.peering import LINKS_ACTIVE_MIN, LINKS_HOSTILE_SHARE
from mesh.peering.dialer import Dialer
from tests.entropy import SeededEntropy


def at(ms: int) -> Instant:
    return Instant(Monotonic(ms * 1000), 0)


def address(number: int, network: int = 0) -> Address:
    return Address(f"10.0.{network}.{number}", 41730)


def make() -> Dialer:
    dialer = Dialer(SeededEntropy(1))
    dialer.rename("5" * 16, at(0))
    return dialer


def link_up(dialer: Dialer, number: int, dial: DialId | None, now: Instant) -> None:
    dialer.link_up(
        LinkId(number),
        dial,
        remote_key=LinkKey(bytes([number]) * 32),
        instance=f"{number:016x}",
        address=address(number),
        now=now,
    )


def full(dialled: int = 3) -> Dialer:
    """A node with as many links as it keeps, some of them dialled, with nine in sight."""
    dialer = make()
    for number in range(1, 10):
        dialer.peer_seen(f"{number:016x}", [address(number)], at(0))
    for place, dial in enumerate(dialer.deadline_passed(at(2_000))):
        if place < dialled:
            number = int(dial.address.host.rpartition(".")[2])
            link_up(dialer, number, dial.dial, at(2_000))
        else:
            dialer.dial_failed(dial.dial, at(2_000))
    for number in range(100, 100 + LINKS_ACTIVE_MIN + 9 // LINKS_HOSTILE_SHARE - dialled):
        link_up(dialer, number, None, at(2_000 + number))
    return dialer
