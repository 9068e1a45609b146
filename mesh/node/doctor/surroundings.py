"""Trials for `mesh doctor` of the network itself: its router, a sign-in page, a VPN in the way.

Nothing here needs the internet or any rights. The router is known where the system tells its routes
in a file (Linux). A sign-in page (captive portal) shows itself by an answer in the place of a host
that cannot be: 192.0.2.1 belongs to nobody (RFC 5737). A VPN that takes the local network shows by
the address that the system would send from.
"""

import ipaddress
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

from mesh.ids import Address
from mesh.limits.daemon import PORTAL_ANSWER_BYTES_MAX, PORTAL_TEST_MS
from mesh.node.doctor.reach import Known, try_tcp
from mesh.node.interfaces import InterfaceAddress, Interfaces

Router = Literal["answers", "silent", "none", "unknown"]
"""`none`: no route leads out of this network; `unknown`: the system does not tell."""

_NOBODYS: Final = "192.0.2.1"
_HTTP_PORT: Final = 80
_DNS_PORT: Final = 53
_POINT_TO_POINT_BITS: Final = 31
# <linux/route.h>: the route is up, and leads to a gateway.
_IS_UP, _HAS_GATEWAY = 0x1, 0x2


def try_router() -> Router:
    """Say whether the router of the default route is there, whatever it lets in."""
    return _try_router(_routes()) if sys.platform.startswith("linux") else "unknown"


def _try_router(routes: str) -> Router:
    host = find_router(routes)
    if host is None:
        return "none"
    doors = [Known(Address(host, port), is_in_sight=False) for port in (_DNS_PORT, _HTTP_PORT)]
    # One that drops what it does not know has still said to which hardware its address belongs.
    outcomes = {one.outcome for one in try_tcp(doors)}
    return "silent" if outcomes <= {"gone", "no way"} else "answers"


def find_router(routes: str) -> str | None:
    """Return the gateway of the default route in the text of `/proc/net/route`."""
    for row in routes.splitlines()[1:]:
        fields = row.split()
        if len(fields) > 7 and fields[1] == fields[7] == "00000000":
            flags = int(fields[3], 16)
            if flags & _IS_UP and flags & _HAS_GATEWAY:
                return socket.inet_ntoa(struct.pack("@I", int(fields[2], 16)))
    return None


def find_portal() -> str:
    """Return what the network says by HTTP in the place of a host that cannot be; or nothing.

    It is the first line of the answer, and where that leads to.
    """
    with suppress(OSError, ValueError):
        address = (_NOBODYS, _HTTP_PORT)
        with socket.create_connection(address, timeout=PORTAL_TEST_MS / 1_000) as stream:
            stream.sendall(b"GET / HTTP/1.0\r\nHost: 192.0.2.1\r\n\r\n")
            answer = b""
            while b"\r\n\r\n" not in answer and len(answer) < PORTAL_ANSWER_BYTES_MAX:
                read = stream.recv(PORTAL_ANSWER_BYTES_MAX)
                if not read:
                    break
                answer += read
            return told_by_portal(answer)
    return ""


def told_by_portal(answer: bytes) -> str:
    """Return the first line of an answer in HTTP and its `Location`; nothing if it is none."""
    head, _, _ = answer[:PORTAL_ANSWER_BYTES_MAX].partition(b"\r\n\r\n")
    first, *fields = head.decode("latin-1").split("\r\n")
    if not first.startswith("HTTP/"):
        return ""
    for field in fields:
        name, _, value = field.partition(":")
        if name.lower() == "location":
            return f"{first.strip()}, {value.strip()}"
    return first.strip()


def find_swallowing(interfaces: Interfaces) -> str:
    """Return the interface over which packets for a local network would leave, if it is another.

    Empty if all is well.
    """
    for each in interfaces:
        for probe in _inside(each):
            source = _source_for(probe)
            if source is None or ipaddress.ip_address(source) in _network(each):
                continue
            return next((one.name for one in interfaces if one.host == source), source)
    return ""


def _network(each: InterfaceAddress) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network((each.host, each.prefix_bits), strict=False)


def _inside(each: InterfaceAddress) -> list[str]:
    """Two other hosts of the network: a VPN may take it in halves."""
    if each.is_ipv6 or each.prefix_bits >= _POINT_TO_POINT_BITS:
        return []
    network = _network(each)
    ends = (network.network_address + 1, network.broadcast_address - 1)
    return [str(host) for host in ends if str(host) != each.host]


def _source_for(host: str) -> str | None:
    """From which address the system would send there; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, _DNS_PORT))
        except OSError:
            return None
        return str(probe.getsockname()[0])


def _routes() -> str:
    try:
        return Path("/proc/net/route").read_text(encoding="ascii")
    except OSError:
        return ""
