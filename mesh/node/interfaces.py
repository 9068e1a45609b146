"""The network interfaces of this machine, and how the node learns that they changed.

Where an interface has an address twice or two have the same link-local one, only the pair
(index, address) tells them apart. On Linux the kernel tells of a change at once; elsewhere
changes are found by comparing every few seconds.
"""

import asyncio
import ipaddress
import socket
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

import ifaddr
import psutil

from mesh.inputs import OwnAddress
from mesh.limits.discovery import (
    INTERFACES_POLL_MS,
    INTERFACES_RECHECK_MS,
    INTERFACES_SETTLE_MS,
)

# <linux/rtnetlink.h>: RTMGRP_LINK, RTMGRP_IPV4_IFADDR and RTMGRP_IPV6_IFADDR.
_NETLINK_GROUPS = 0x1 | 0x10 | 0x100
# <linux/netlink.h>, <linux/if.h>: a message's head, what it says of a link, and a flag of it.
_NETLINK_HEAD = struct.Struct("@IHHII")
_LINK_HEAD = struct.Struct("@BBHiII")
_RTM_NEWLINK = 16
_RTM_DELLINK = 17
_IFF_RUNNING = 0x40

TUNNELS = ("tun", "tap", "utun", "wg", "tailscale", "ppp", "nordlynx", "proton", "zt")
"""How the names of interfaces begin that lead into a VPN."""
_INWARD = ("docker", "br-", "veth", "virbr", "vmnet", "lxc", "podman", "lo")


@dataclass(frozen=True, slots=True, order=True)
class InterfaceAddress:
    """One address of one interface that is up."""

    index: int
    name: str
    host: str
    prefix_bits: int = 0

    @property
    def is_ipv6(self) -> bool:
        """Say whether the address is an IPv6 one."""
        return ":" in self.host

    @property
    def is_link_local_ipv6(self) -> bool:
        """Say whether the address means something only together with the interface."""
        return self.is_ipv6 and ipaddress.ip_address(self.host).is_link_local


Interfaces = tuple[InterfaceAddress, ...]


def list_interfaces(*, with_loopback: bool = False) -> Interfaces:
    """Return the addresses of all interfaces that are up, sorted.

    Loopback counts only if it is wanted and there is no other.
    """
    stats = psutil.net_if_stats()
    found: list[InterfaceAddress] = []
    loopback: list[InterfaceAddress] = []
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            host = ip.ip if isinstance(ip.ip, str) else ip.ip[0]
            name, index = str(adapter.name), adapter.index or 0
            address = InterfaceAddress(index, name, host, ip.network_prefix)
            known = stats.get(address.name)
            if (known is not None and not known.isup) or _is_port_of_bridge(name):
                continue
            is_loopback = ipaddress.ip_address(host).is_loopback
            (loopback if is_loopback else found).append(address)
    return tuple(sorted(found or (loopback if with_loopback else [])))


def own_addresses(interfaces: Interfaces) -> tuple[OwnAddress, ...]:
    """The same as the engine takes them."""
    return tuple(
        OwnAddress(each.name, each.index, each.host, each.prefix_bits) for each in interfaces
    )


def networks(interfaces: Interfaces) -> tuple[tuple[int, str], ...]:
    """On which networks these interfaces are, whatever addresses they have there."""
    found = (
        (each.index, str(ipaddress.ip_network((each.host, each.prefix_bits), strict=False)))
        for each in interfaces
    )
    return tuple(sorted(dict.fromkeys(found)))


def tellable_hosts(interfaces: Interfaces) -> list[str]:
    """Return the hosts by which others on our networks may reach us, IPv4 first.

    Not told are those of a VPN, which stay for months, of containers, which lead nowhere, and those
    that mean something only on one cable.
    """
    told = [
        each
        for each in interfaces
        if not each.name.startswith(_INWARD + TUNNELS)
        and not ipaddress.ip_address(each.host).is_link_local
    ]
    return [each.host for each in sorted(told, key=lambda each: (each.is_ipv6, each.index))]


class InterfaceWatch:
    """Wakes an asyncio task when interfaces may have changed."""

    def __init__(self) -> None:
        self._touched = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._lost_carriers: dict[int, None] = {}
        self._netlink = _open_netlink()
        if self._netlink is not None:
            self._loop.add_reader(self._netlink, self._read_netlink)

    async def wait(self) -> None:
        """Return when it is time to compare again."""
        try:
            pause_ms = INTERFACES_RECHECK_MS if self.tells_of_carriers else INTERFACES_POLL_MS
            await asyncio.wait_for(self._touched.wait(), pause_ms / 1_000)
        except TimeoutError:
            return
        # One change comes as several messages, and an IPv6 address is not usable at once.
        await asyncio.sleep(INTERFACES_SETTLE_MS / 1_000)
        self._touched.clear()

    def take_lost_carriers(self) -> tuple[int, ...]:
        """The interfaces that were without anything at their other end since the last call.

        Where the system does not tell of it, there are none.
        """
        lost, self._lost_carriers = self._lost_carriers, {}
        return tuple(lost)

    @property
    def tells_of_carriers(self) -> bool:
        """Say whether the system tells when a cable is pulled, or another Wi-Fi joined."""
        return self._netlink is not None

    def close(self) -> None:
        """Let go of the socket."""
        if self._netlink is not None:
            self._loop.remove_reader(self._netlink)
            self._netlink.close()

    def _read_netlink(self) -> None:
        assert self._netlink is not None
        try:
            while told := self._netlink.recv(65_536):
                self._lost_carriers |= dict.fromkeys(lost_carriers(told))
                self._touched.set()
        except BlockingIOError:
            return
        except OSError:
            # More messages than the socket's buffer holds: something did change.
            self._touched.set()


def _is_port_of_bridge(name: str) -> bool:
    """Say whether an interface only hands its packets to a bridge, as those of containers do."""
    # Such a folder is there on Linux only.
    return Path("/sys/class/net", name, "brport").exists()


def lost_carriers(told: bytes) -> list[int]:
    """Return the interfaces that have nothing at their other end, in messages of the kernel."""
    lost: list[int] = []
    place = 0
    while place + _NETLINK_HEAD.size + _LINK_HEAD.size <= len(told):
        length, kind, _, _, _ = _NETLINK_HEAD.unpack_from(told, place)
        _, _, _, index, flags, _ = _LINK_HEAD.unpack_from(told, place + _NETLINK_HEAD.size)
        if kind == _RTM_DELLINK or (kind == _RTM_NEWLINK and not flags & _IFF_RUNNING):
            lost.append(index)
        place += max(_NETLINK_HEAD.size, (length + 3) & ~3)
    return lost


def _open_netlink() -> socket.socket | None:
    if sys.platform == "linux":
        try:
            opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK)
        except OSError:
            return None
        try:
            opened.bind((0, _NETLINK_GROUPS))
        except OSError:
            opened.close()
        else:
            return opened
    return None
