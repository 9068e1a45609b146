"""Trials of UDP for `mesh doctor`: what is sent to all on an interface must come back from it.

A question of a random name is sent to the group of mDNS, and noise to that of the beacon at its
port and at one that nobody knows. Each must come back to a socket of ours that listens to that
group on that interface. What the system loops back passes the rules for packets that come in, so
a firewall shows that drops what it does not know, without anybody's help and without any rights.
"""

import errno
import os
import select
import socket
import struct
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Final, Literal

from mesh.limits.daemon import MULTICAST_TEST_MS
from mesh.node.interfaces import InterfaceAddress, Interfaces
from mesh.wire.beacon import BEACON_PORT, GROUP_V4, group_v6

MDNS_PORT: Final = 5353
_MDNS_V4: Final = "224.0.0.251"
_MDNS_V6: Final = "ff02::fb"

Means = Literal["mDNS", "beacon", "other"]
"""By what others are found, and a port that no rule can know."""


@dataclass(slots=True)
class Trial:
    """One address and means on trial. `failure` is the system's word, if it was not even sent."""

    address: InterfaceAddress
    means: Means
    token: bytes
    port: int
    failure: OSError | None = None
    is_heard: bool = False

    @property
    def family(self) -> str:
        """IPv4 or IPv6."""
        return "IPv6" if self.address.is_ipv6 else "IPv4"

    @property
    def where(self) -> str:
        """The interface and the family, for people."""
        return f"{self.address.name} ({self.family})"

    @property
    def is_forbidden(self) -> bool:
        """Say whether a firewall of this machine let nothing out."""
        return self.failure is not None and self.failure.errno in (errno.EPERM, errno.EACCES)

    @property
    def is_dropped(self) -> bool:
        """Say whether it was sent and did not come back."""
        return self.failure is None and not self.is_heard


def try_multicast(interfaces: Interfaces, means: Sequence[Means]) -> list[Trial]:
    """Send to all on each interface by each of these means, and listen for what was sent."""
    # One IPv4 and one link-local IPv6 address of an interface are enough.
    chosen = {
        (each.index, each.is_ipv6): each
        for each in interfaces
        if not each.is_ipv6 or each.is_link_local_ipv6
    }
    trials = [
        Trial(address, each, os.urandom(8).hex().encode(), _PORTS[each])
        for address in chosen.values()
        for each in means
    ]
    with ExitStack() as opened:
        listeners: list[socket.socket] = []
        for trial in trials:
            try:
                listener = opened.enter_context(_listener(trial))
                trial.port = listener.getsockname()[1]
                listeners.append(listener)
                _send(trial)
            except OSError as error:
                trial.failure = error
        _listen(listeners, trials)
    return trials


_PORTS: Final[dict[Means, int]] = {"mDNS": MDNS_PORT, "beacon": BEACON_PORT, "other": 0}


def _group(trial: Trial) -> str:
    if trial.address.is_ipv6:
        is_mdns = trial.means == "mDNS"
        return _MDNS_V6 if is_mdns else socket.inet_ntop(socket.AF_INET6, group_v6())
    return _MDNS_V4 if trial.means == "mDNS" else GROUP_V4


def _listener(trial: Trial) -> socket.socket:
    address = trial.address
    family = socket.AF_INET6 if address.is_ipv6 else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_DGRAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "SO_REUSEPORT"):
            with suppress(OSError):
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        group = socket.inet_pton(family, _group(trial))
        if address.is_ipv6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            opened.bind(("::", trial.port))
            joined = group + struct.pack("@I", address.index)
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, joined)
        else:
            opened.bind(("", trial.port))
            joined = group + socket.inet_aton(address.host)
            opened.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
        opened.setblocking(False)
    except OSError:
        opened.close()
        raise
    return opened


def _send(trial: Trial) -> None:
    address = trial.address
    packet = _question(trial.token) if trial.means == "mDNS" else trial.token
    family = socket.AF_INET6 if address.is_ipv6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        if address.is_ipv6:
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, address.index)
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 1)
            sender.sendto(packet, (_group(trial), trial.port, 0, address.index))
        else:
            near = socket.inet_aton(address.host)
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, near)
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
            sender.sendto(packet, (_group(trial), trial.port))


def _question(token: bytes) -> bytes:
    """A DNS question of a name that nobody has."""
    name = b"".join(bytes([len(label)]) + label for label in (token, b"local")) + b"\0"
    return struct.pack("!6H", 0, 0, 1, 0, 0, 0) + name + struct.pack("!2H", 12, 1)


def _listen(listeners: list[socket.socket], trials: list[Trial]) -> None:
    deadline = time.monotonic() + MULTICAST_TEST_MS / 1_000
    while not all(trial.is_heard or trial.failure for trial in trials):
        left = deadline - time.monotonic()
        if left <= 0:
            return
        ready, _, _ = select.select(listeners, [], [], left)
        for listener in ready:
            with suppress(OSError):
                heard = listener.recv(9_000)
                for trial in trials:
                    trial.is_heard |= trial.token in heard
