"""Trials of TCP for `mesh doctor`: whether those who are in sight or known can be reached.

Who announces itself is there, so a connection that does not open was stopped by a firewall, here
or there. Who is remembered may be gone, and an announcement may outlive a node: then the system
says after some seconds that nobody has this address. A firewall that refuses says so at once.
"""

import errno
import ipaddress
import selectors
import socket
import struct
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from mesh.ids import Address
from mesh.limits.daemon import (
    REACH_DOUBT_MS,
    REACH_GONE_MS,
    REACH_TEST_MS,
    REACH_TRIALS_MAX,
)
from mesh.node.doctor.finding import Finding
from mesh.node.interfaces import Interfaces

Outcome = Literal["open", "silent", "refused", "forbidden", "no way", "gone"]

_OUTCOMES: Final[dict[int, Outcome]] = {
    0: "open",
    errno.ECONNREFUSED: "refused",
    errno.EPERM: "forbidden",
    errno.EACCES: "forbidden",
    errno.ETIMEDOUT: "silent",
}
# <linux/if_arp.h>: the hardware address is known.
_IS_COMPLETE: Final = 0x2
# <linux/netlink.h>, <linux/rtnetlink.h>, <linux/neighbour.h>
_NLMSGHDR, _NDMSG, _ATTRIBUTE = (
    struct.Struct("@IHHII"),
    struct.Struct("@BBHiHBB"),
    struct.Struct("@HH"),
)
_NEIGHBOUR, _GET_NEIGHBOURS, _DUMP, _DESTINATION = 28, 30, 0x301, 1
_IS_UNANSWERED: Final = 0x01 | 0x20
_NETLINK_SECONDS: Final = 1.0
_WORDS: Final[dict[Outcome, str]] = {
    "silent": "no answer",
    "refused": "refused",
    "forbidden": "not allowed here",
    "no way": "no way there",
    "gone": "not there",
}


@dataclass(frozen=True, slots=True)
class Known:
    """An address to try; `is_in_sight`: it is announced at this moment."""

    address: Address
    is_in_sight: bool


@dataclass(frozen=True, slots=True)
class Tried:
    """An address that was tried, and what came of it."""

    known: Known
    outcome: Outcome

    def __str__(self) -> str:
        return f"{self.known.address} ({_WORDS.get(self.outcome, self.outcome)})"


def try_known(known: Sequence[Known]) -> list[Tried]:
    """Try all; who is silent is tried again if nobody at all was reached: he may just have left."""
    tried = try_tcp(known)
    silent = [one.known for one in tried if one.outcome == "silent"]
    if not silent or any(one.outcome == "open" for one in tried):
        return tried
    time.sleep((REACH_DOUBT_MS - REACH_TEST_MS) / 1_000)
    again = {one.known: one for one in try_tcp(silent)}
    return [again.get(one.known, one) for one in tried]


def try_tcp(known: Sequence[Known]) -> list[Tried]:
    """Open a connection to each of these at once, and close it again."""
    outcomes: dict[int, Outcome] = {}
    with ExitStack() as opened, selectors.DefaultSelector() as selector:
        for number, one in enumerate(known[:REACH_TRIALS_MAX]):
            try:
                outcome = _begin(one.address, number, opened, selector)
            except OSError as error:
                outcome = _OUTCOMES.get(error.errno or 0, "no way")
            if outcome is not None:
                outcomes[number] = outcome
        began = time.monotonic()
        deadline = began + REACH_TEST_MS / 1_000
        while selector.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                selector.unregister(key.fileobj)
                assert isinstance(key.fileobj, socket.socket)
                code = key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                is_late = time.monotonic() - began >= REACH_GONE_MS / 1_000
                # By IPv6 a firewall refuses in other words, so that this is the system's own.
                host = known[key.data].address.host
                is_late |= code == errno.EHOSTUNREACH and ":" in host
                outcomes[key.data] = _OUTCOMES.get(code, "gone" if is_late else "no way")
    nobodys = unanswered_hosts(_neighbour_table()) | _unanswered_by_ipv6()
    for number, one in enumerate(known[:REACH_TRIALS_MAX]):
        # A node that dials at the same time has asked already, so that the system says it at once;
        # and by IPv6 it often says nothing of it to who connects.
        outcome = outcomes.get(number, "silent")
        if outcome in ("no way", "silent") and one.address.host in nobodys:
            outcomes[number] = "gone"
    return [
        Tried(one, outcomes.get(number, "silent"))
        for number, one in enumerate(known[:REACH_TRIALS_MAX])
    ]


def unanswered_hosts(table: str) -> dict[str, None]:
    """Return the hosts of which nobody said that he has the address, in `/proc/net/arp`."""
    rows = (row.split() for row in table.splitlines()[1:])
    return {row[0]: None for row in rows if len(row) > 2 and not int(row[2], 16) & _IS_COMPLETE}


def _neighbour_table() -> str:
    """Return it where the system tells it in a file (Linux, IPv4); else nothing."""
    try:
        return Path("/proc/net/arp").read_text(encoding="ascii")
    except OSError:
        return ""


def _unanswered_by_ipv6() -> dict[str, None]:
    """Return the same for IPv6, which Linux tells by netlink alone; elsewhere nothing."""
    found: dict[str, None] = {}
    if sys.platform == "linux":
        with suppress(OSError, struct.error):
            opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
            with opened:
                opened.settimeout(_NETLINK_SECONDS)
                asked = _NDMSG.pack(socket.AF_INET6, 0, 0, 0, 0, 0, 0)
                length = _NLMSGHDR.size + len(asked)
                opened.send(_NLMSGHDR.pack(length, _GET_NEIGHBOURS, _DUMP, 1, 0) + asked)
                while True:
                    read = opened.recv(1 << 16)
                    while read:
                        length, kind, *_ = _NLMSGHDR.unpack_from(read)
                        if kind != _NEIGHBOUR:
                            return found
                        found |= unanswered_host(read[_NLMSGHDR.size : length])
                        read = read[-(-length // 4) * 4 :]
    return found


def unanswered_host(row: bytes) -> dict[str, None]:
    """Return the host of an IPv6 row of netlink (ndmsg and its attributes), if nobody answered."""
    state = _NDMSG.unpack_from(row)[4]
    rest = row[_NDMSG.size :]
    while state & _IS_UNANSWERED and len(rest) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(rest)
        if kind == _DESTINATION:
            return {socket.inet_ntop(socket.AF_INET6, rest[_ATTRIBUTE.size : length]): None}
        rest = rest[max(_ATTRIBUTE.size, -(-length // 4) * 4) :]
    return {}


def _begin(
    address: Address, number: int, opened: ExitStack, selector: selectors.BaseSelector
) -> Outcome | None:
    """Begin to connect; what is known at once comes back."""
    is_ipv6 = ":" in address.host
    family = socket.AF_INET6 if is_ipv6 else socket.AF_INET
    one = opened.enter_context(socket.socket(family, socket.SOCK_STREAM))
    one.setblocking(False)
    place: tuple[str, int] | tuple[str, int, int, int] = (address.host, address.port)
    if is_ipv6:
        place = (address.host, address.port, 0, address.scope)
    code = one.connect_ex(place)
    if code in (errno.EINPROGRESS, errno.EWOULDBLOCK):
        selector.register(one, selectors.EVENT_WRITE, number)
        return None
    return _OUTCOMES.get(code, "no way")


def near_and_far(known: Iterable[Known], interfaces: Interfaces) -> tuple[list[Known], list[Known]]:
    """Those on a network of this machine, and those behind a router; each once, in all as many as
    are tried. Of who is far silence says nothing.
    """
    networks = [
        ipaddress.ip_network((each.host, each.prefix_bits), strict=False) for each in interfaces
    ]
    near: dict[Address, Known] = {}
    far: dict[Address, Known] = {}
    for one in known:
        try:
            host = ipaddress.ip_address(one.address.host)
        except ValueError:
            continue
        is_near = any(host.version == each.version and host in each for each in networks)
        side = near if is_near else far
        before = side.get(one.address)
        if before is None or not before.is_in_sight:
            side[one.address] = one
    ordered = _ordered(near)[:REACH_TRIALS_MAX]
    return ordered, _ordered(far)[: REACH_TRIALS_MAX - len(ordered)]


def _ordered(side: dict[Address, Known]) -> list[Known]:
    return sorted(side.values(), key=lambda one: (not one.is_in_sight, str(one.address)))


def reach_findings(tried: Sequence[Tried], *, links_count: int, fix: str) -> list[Finding]:
    """Say of whom TCP does not pass to, and how bad that is."""
    check = "reach"
    stopped = [one for one in tried if is_stopped(one)]
    if not stopped:
        through = [str(one.known.address) for one in tried if one.outcome == "open"]
        if not through:
            return []
        return [Finding(check=check, level="ok", found=f"TCP passes to {', '.join(through)}.")]
    named = ", ".join(map(str, stopped))
    some = "a node that is" if len(stopped) == 1 else f"{len(stopped)} nodes that are"
    in_sight = any(one.known.is_in_sight for one in stopped)
    found = f"TCP does not pass to {some} {'in sight' if in_sight else 'known'}: {named}."
    if links_count or any(one.outcome == "open" for one in tried):
        return [
            Finding(
                check=check,
                level="warn",
                found=found,
                meaning="A firewall there may drop it; mail goes over the nodes that are reached.",
                fix=f"On the other machine: {fix}",
            )
        ]
    return [
        Finding(
            check=check,
            level="fail",
            found=found,
            meaning="A firewall on this machine or on the other one drops it, so no mail passes.",
            fix=f"On both machines: {fix}",
        )
    ]


def is_stopped(tried: Tried) -> bool:
    """Say whether only a firewall can have stopped it."""
    if tried.known.is_in_sight:
        return tried.outcome not in ("open", "gone")
    return tried.outcome in ("silent", "forbidden")
