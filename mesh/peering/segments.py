"""The place of an address: its network, and who may be told of it.

Implements `docs/protocol/peering.md`, sections "How many links" and "Peer exchange".
"""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from mesh.ids import Address
from mesh.inputs import OwnAddress

FAR: Final = "far"
"""All addresses that are on none of our own networks are one network: that behind the router."""

_CACHED: Final = 4_096
_V4_PREFIX_BYTES: Final = 3
_V6_PREFIX_BYTES: Final = 8
_V4_REGION_BYTES: Final = 2
_V6_REGION_BYTES: Final = 4


class OwnNetworks:
    """The networks that this machine is on, by the names of its interfaces.

    Where nobody knows them, an address tells its network by its prefix.
    """

    def __init__(self, addresses: Sequence[OwnAddress] = ()) -> None:
        self._scopes = {one.index: one.interface for one in addresses}
        networks = [
            (ip_network((one.host, one.prefix_bits), strict=False), one.interface)
            for one in addresses
        ]
        # The narrowest network that holds an address is where its packets go.
        self._networks = sorted(networks, key=lambda each: -each[0].prefixlen)
        self.names = tuple(dict.fromkeys(one.interface for one in addresses))
        self._holders = {one.host: one.interface for one in addresses}
        # Link-local ones have the same prefix everywhere, so they name no network.
        self._named = [network for network, _ in self._networks if not network.is_link_local]
        self.prefixes = tuple(dict.fromkeys(map(str, self._named)))

    def network_of(self, address: Address) -> str:
        """The name of the interface on whose network an address is, or `FAR`."""
        parsed = _parsed(address.host)
        if parsed is None:
            return FAR
        if parsed.version == 6 and parsed.is_link_local:
            return self._scopes.get(address.scope, f"scope {address.scope}")
        if not self._networks:
            return FAR if parsed.is_global else _prefix(parsed).hex()
        found = (name for network, name in self._networks if parsed in network)
        return next(found, FAR)

    def prefixes_of(self, address: Address) -> tuple[str, ...]:
        """The prefix of the network on which an address is; of one behind a router, all of ours.

        Nothing for one that means something only on a cable.
        """
        parsed = _parsed(address.host)
        if parsed is None or parsed.is_link_local:
            return ()
        found = (str(network) for network in self._named if parsed in network)
        near = next(found, None)
        return self.prefixes if near is None else (near,)

    def interface_of(self, local_host: str, address: Address) -> str:
        """The interface over which a stream goes, by its own end; empty if that is not known."""
        held = self._holders.get(local_host)
        if held is not None:
            return held
        return self._scopes.get(address.scope, "") if address.scope else ""


def is_global(address: Address) -> bool:
    """Say whether an address means the same node from everywhere; a host name may mean any."""
    parsed = _parsed(address.host)
    return parsed is not None and parsed.is_global and not parsed.is_multicast


def is_one_segment(one: Address, other: Address) -> bool:
    """Say whether two addresses stand in the same IPv4 /24, IPv6 /64, or on the same cable."""
    left, right = _parsed(one.host), _parsed(other.host)
    if left is None or right is None or left.version != right.version:
        return False
    if left.is_link_local and left.version == 6:
        return right.is_link_local and one.scope == other.scope
    return _prefix(left) == _prefix(right)


def region_of(address: Address) -> bytes | None:
    """The IPv4 /16 or IPv6 /32 of an internet address; None for all others."""
    parsed = _parsed(address.host)
    if parsed is None or not parsed.is_global:
        return None
    return parsed.packed[: _V4_REGION_BYTES if parsed.version == 4 else _V6_REGION_BYTES]


def packed(address: Address) -> bytes | None:
    """The bytes of an IP address; None for a host name."""
    parsed = _parsed(address.host)
    return None if parsed is None else parsed.packed


def is_node_address(address: Address) -> bool:
    """Say whether a single other machine could have this address."""
    parsed = _parsed(address.host)
    return parsed is not None and not (
        parsed.is_multicast or parsed.is_unspecified or parsed.is_loopback or parsed.is_reserved
    )


def _prefix(address: IPv4Address | IPv6Address) -> bytes:
    return address.packed[: _V4_PREFIX_BYTES if address.version == 4 else _V6_PREFIX_BYTES]


@lru_cache(maxsize=_CACHED)
def _parsed(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
