"""The mDNS records of a node, and what it believes of others'.

Implements `docs/protocol/discovery.md`. An announcement holds a random instance name, a port,
addresses, and nothing by which a node or a person could be known again on another network or
day. Whatever is heard here is a hint: only the handshake of a link proves anything.
"""

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_network

from zeroconf import IPVersion
from zeroconf.asyncio import AsyncServiceInfo

from mesh.ids import Address
from mesh.limits.discovery import INTERFACES_SCOPES_MAX
from mesh.limits.peering import ADDRESSES_PER_PEER_MAX, PORT_MIN
from mesh.node.interfaces import Interfaces

IPAddress = IPv4Address | IPv6Address

SERVICE_TYPE = "_mesh-node._tcp.local."
_VERSION = b"1"
_INSTANCE = re.compile(r"[0-9a-f]{16}")
_MESH_HINT = re.compile(rb"[0-9a-f]{8}")


def announcement(
    instance: str, port: int, mesh_hint: str | None, interfaces: Interfaces
) -> AsyncServiceInfo:
    """Return the records of one name. The server is named like the instance, not the machine."""
    properties: dict[str, bytes] = {"v": _VERSION}
    if mesh_hint is not None:
        properties["n"] = mesh_hint.encode()
    return AsyncServiceInfo(
        SERVICE_TYPE,
        full_name(instance),
        port=port,
        properties=properties,
        server=f"{instance}.local.",
        parsed_addresses=list(dict.fromkeys(each.host for each in interfaces)),
    )


def full_name(instance: str) -> str:
    """Return the DNS name of an instance."""
    return f"{instance}.{SERVICE_TYPE}"


def instance_of(name: str) -> str | None:
    """Return the instance in a DNS name; None if no node of ours would have that name."""
    instance = name.removesuffix(f".{SERVICE_TYPE}")
    return instance if _INSTANCE.fullmatch(instance) else None


def is_our_version(info: AsyncServiceInfo) -> bool:
    """Say whether the announced node speaks the version that we speak."""
    return info.properties.get(b"v") == _VERSION


def mesh_hint_of(info: AsyncServiceInfo) -> str | None:
    """Return the hint of a closed mesh, if a valid one is announced."""
    hint = info.properties.get(b"n")
    return hint.decode() if hint is not None and _MESH_HINT.fullmatch(hint) else None


def announced_ips(info: AsyncServiceInfo) -> tuple[IPAddress, ...]:
    """Return the announced addresses, IPv4 first."""
    return (
        *info.ip_addresses_by_version(IPVersion.V4Only),
        *info.ip_addresses_by_version(IPVersion.V6Only),
    )


def addresses_of(
    ips: Iterable[IPAddress], port: int, interfaces: Interfaces, *, with_loopback: bool
) -> tuple[Address, ...]:
    """Return where an announced node may be dialled, best first: on our own networks only.

    Whoever announces the address of somebody far away, or a port of another service, is not obeyed.
    A link-local address may come without its interface, or with interface 0, when the answer
    came over IPv4: then it is tried on every interface.
    """
    scopes = _ipv6_scopes(interfaces)
    near: list[Address] = []
    link_local: list[Address] = []
    for ip in ips:
        if ip.is_unspecified or ip.is_multicast or (ip.is_loopback and not with_loopback):
            continue
        host = str(ip).partition("%")[0]
        if ip.version == 4 or not ip.is_link_local:
            if is_on_link(ip, interfaces):
                near.append(Address(host, port))
            continue
        scope = _scope_number(ip.scope_id)
        link_local += [Address(host, port, each) for each in ([scope] if scope else scopes)]
    found = dict.fromkeys((*near, *link_local)) if port >= PORT_MIN else {}
    return tuple(found)[:ADDRESSES_PER_PEER_MAX]


def is_on_link(ip: IPAddress, interfaces: Interfaces) -> bool:
    """Say whether an address is on one of our own networks."""
    return any(ip in ip_network((each.host, each.prefix_bits), strict=False) for each in interfaces)


def _ipv6_scopes(interfaces: Interfaces) -> Sequence[int]:
    indexes = dict.fromkeys(each.index for each in interfaces if each.is_link_local_ipv6)
    return list(indexes)[:INTERFACES_SCOPES_MAX]


def _scope_number(scope_id: str | None) -> int:
    return int(scope_id) if scope_id is not None and scope_id.isdecimal() else 0
