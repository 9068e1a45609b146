"""The network interfaces of this machine, and how the node learns that they changed.

Where an interface has an address twice or two have the same link-local one, only the pair
(index, address) tells them apart. On Linux the kernel tells of a change at once; elsewhere
changes are found by comparing every few seconds.
"""

import asyncio
import ipaddress
import socket
import sys
from dataclasses import dataclass

import ifaddr
import psutil

from mesh.limits import INTERFACES_POLL_MS, INTERFACES_SETTLE_MS

# <linux/rtnetlink.h>: RTMGRP_LINK, RTMGRP_IPV4_IFADDR and RTMGRP_IPV6_IFADDR.
_NETLINK_GROUPS = 0x1 | 0x10 | 0x100


@dataclass(frozen=True, slots=True, order=True)
class InterfaceAddress:
    """One address of one interface that is up."""

    index: int
    name: str
    host: str

    @property
    def is_ipv6(self) -> bool:
        """Whether the address is an IPv6 one."""
        return ":" in self.host

    @property
    def is_link_local_ipv6(self) -> bool:
        """Whether the address means something only together with the interface."""
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
            address = InterfaceAddress(adapter.index or 0, str(adapter.name), host)
            known = stats.get(address.name)
            if known is not None and not known.isup:
                continue
            is_loopback = ipaddress.ip_address(host).is_loopback
            (loopback if is_loopback else found).append(address)
    return tuple(sorted(found or (loopback if with_loopback else [])))


class InterfaceWatch:
    """Wakes an asyncio task when interfaces may have changed."""

    def __init__(self) -> None:
        self._touched = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._netlink = _open_netlink()
        if self._netlink is not None:
            self._loop.add_reader(self._netlink, self._read_netlink)

    async def wait(self) -> None:
        """Return when it is time to compare again."""
        try:
            await asyncio.wait_for(self._touched.wait(), INTERFACES_POLL_MS / 1_000)
        except TimeoutError:
            return
        # One change comes as several messages, and an IPv6 address is not usable at once.
        await asyncio.sleep(INTERFACES_SETTLE_MS / 1_000)
        self._touched.clear()

    def close(self) -> None:
        """Let go of the socket."""
        if self._netlink is not None:
            self._loop.remove_reader(self._netlink)
            self._netlink.close()

    def _read_netlink(self) -> None:
        assert self._netlink is not None
        try:
            while self._netlink.recv(65_536):
                self._touched.set()
        except BlockingIOError:
            return
        except OSError:
            # More messages than the socket's buffer holds: something did change.
            self._touched.set()


def _open_netlink() -> socket.socket | None:
    if sys.platform != "linux":
        return None
    try:
        opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK)
    except OSError:
        return None
    try:
        opened.bind((0, _NETLINK_GROUPS))
    except OSError:
        opened.close()
        return None
    return opened
