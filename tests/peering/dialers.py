"""A dialing machine among peers that have numbers, and what its tests do with it."""

from mesh.ids import Address, DialId, Instant, LinkId, LinkKey, Monotonic
from mesh.limits import LINKS_ACTIVE_MIN, LINKS_HOSTILE_SHARE
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
