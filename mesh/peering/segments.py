"""What an address tells of where it is: which network, and who may be told of it.

Implements `docs/protocol/peering.md`, sections "How many links" and "Peer exchange".
"""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from mesh.ids import Address

INTERNET: Final = "internet"
"""All addresses that can be reached from everywhere are one network."""

_CACHED: Final = 4_096
_V4_PREFIX_BYTES: Final = 3
_V6_PREFIX_BYTES: Final = 8
_V4_REGION_BYTES: Final = 2
_V6_REGION_BYTES: Final = 4


def network_of(address: Address) -> str:
    """A name for the network that an address is on, as far as the address tells."""
    if ":" not in address.host:
        return address.host.rpartition(".")[0]
    parsed = _parsed(address.host)
    if parsed is None or parsed.is_link_local:
        return f"scope {address.scope}"
    return parsed.packed[:_V6_PREFIX_BYTES].hex()


def is_global(address: Address) -> bool:
    """Whether an address means the same node from everywhere; a host name may mean any."""
    parsed = _parsed(address.host)
    return parsed is not None and parsed.is_global and not parsed.is_multicast


def is_one_segment(one: Address, other: Address) -> bool:
    """Whether two addresses stand in the same IPv4 /24, IPv6 /64, or on the same cable."""
    left, right = _parsed(one.host), _parsed(other.host)
    if left is None or right is None or left.version != right.version:
        return False
    if left.is_link_local and left.version == 6:
        return right.is_link_local and one.scope == other.scope
    length = _V4_PREFIX_BYTES if left.version == 4 else _V6_PREFIX_BYTES
    return left.packed[:length] == right.packed[:length]


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
    """Whether a single other machine could have this address."""
    parsed = _parsed(address.host)
    return parsed is not None and not (
        parsed.is_multicast or parsed.is_unspecified or parsed.is_loopback or parsed.is_reserved
    )


@lru_cache(maxsize=_CACHED)
def _parsed(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
