"""The addresses of nodes on their networks, as a router leases them.

Everybody begins with an address of their own. Whose lease is renewed with another one may be given
an address that somebody else had before, as a router does that has few or has forgotten its leases.
"""

from collections.abc import Mapping
from typing import Final

from mesh.ids import Address

PORT: Final = 41_730
FIRST_CALLING_PORT: Final = 49_152
FIRST_FRESH: Final = 1 << 16
"""The first number of an address that nobody began with: no world has so many nodes."""


class AddressBook:
    """The addresses of all nodes. `networks` lists those on which each of them stands at first."""

    def __init__(self, networks: Mapping[int, tuple[int, ...]]) -> None:
        self._of: dict[tuple[int, int], Address] = {}
        self._places: dict[str, tuple[int, int]] = {}
        # On each network, in the order in which they were given back.
        self._given_back: dict[int, dict[str, None]] = {}
        self._fresh: dict[int, int] = {}
        self._calling_ports: dict[int, int] = {}
        for node, each in networks.items():
            for network in each:
                self._give(node, network, address_of(node, network))

    def of(self, node: int, network: int) -> Address:
        """Return where a node listens on a network on which it stands."""
        return self._of[node, network]

    def place(self, host: str) -> tuple[int, int] | None:
        """Return whose address it is, and on which network; None if it is nobody's."""
        return self._places.get(host)

    def calling(self, node: int, network: int) -> Address:
        """Return from where a node dials; each time from another port."""
        port = self._calling_ports.get(node, FIRST_CALLING_PORT)
        self._calling_ports[node] = port + 1 if port < 65_535 else FIRST_CALLING_PORT
        return Address(self._of[node, network].host, port)

    def leave(self, node: int, network: int) -> Address:
        """A node stands on a network no more, or its lease is over: its address is nobody's."""
        address = self._of.pop((node, network))
        del self._places[address.host]
        self._given_back.setdefault(network, {})[address.host] = None
        return address

    def join(self, node: int, network: int) -> None:
        """A node comes to a network: it has its first address there unless another one has it."""
        if (node, network) not in self._of:
            address = address_of(node, network)
            is_taken = address.host in self._places
            self._give(node, network, self._draw_fresh(network) if is_taken else address)

    def renew(self, reuses: Mapping[int, bool], network: int) -> int:
        """Give nodes on a network other addresses, all at once.

        Where `reuses` says so, it is the one that has been nobody's for longest, if there is one
        beside their own. Returns how many were given one that another node had before.
        """
        former = {node: self.leave(node, network) for node in reuses}
        reused = 0
        for node, is_reusing in reuses.items():
            known = self._given_back.get(network, {})
            free = [host for host in known if host != former[node].host]
            if is_reusing and free:
                reused += 1
                self._give(node, network, Address(free[0], PORT))
            else:
                self._give(node, network, self._draw_fresh(network))
        return reused

    def _give(self, node: int, network: int, address: Address) -> None:
        self._given_back.get(network, {}).pop(address.host, None)
        self._of[node, network] = address
        self._places[address.host] = (node, network)

    def _draw_fresh(self, network: int) -> Address:
        number = self._fresh.get(network, FIRST_FRESH)
        self._fresh[network] = number + 1
        return Address(f"{_prefix(network)}::{number >> 16:x}:{number & 0xFFFF:x}", PORT)


def address_of(node: int, network: int) -> Address:
    """Return where a node listens on a network at first: each network is one /64 of private IPv6
    addresses.
    """
    return Address(f"{_prefix(network)}::{node + 1:x}", PORT)


def _prefix(network: int) -> str:
    high, low = divmod(network + 1, 1 << 16)
    return f"fd00:1:{high + 1:x}:{low:x}"
