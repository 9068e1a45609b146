"""The addresses that led to nodes, each under the network on which it did.

Implements `docs/protocol/peering.md`, section "Sources". A network is its prefix, such as
192.168.7.0/24: what worked at home is dialled at home, and not in another house that has other
numbers. What means the same from everywhere (an address of the internet, also one of an invite)
stands under no network. Whose nodes they are is not noted, so that neither these rows nor the dials
draw who knows whom.

Who calls tells his port himself and may have many addresses, and what an invite names led nowhere
yet. Such addresses take at most half of a network's, so that they cannot push out all others.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from mesh.limits.peering import (
    NETWORKS_REMEMBERED_MAX,
    REMEMBERED_ADDRESSES_MAX,
    REMEMBERED_HEARSAY_MAX,
)

ANYWHERE: Final = "-"
"""The network of what is dialled wherever this machine is."""
_TOLD: Final = "?"
"""Before an address to which no dial of ours has led yet."""


class NetworkMemory:
    """Networks and their addresses, both the latest first and bounded. It keeps texts."""

    def __init__(self, stored: bytes = b"") -> None:
        # Of each address whether a dial of ours led to a node there.
        self._by_network: dict[str, dict[str, bool]] = {}
        for line in stored.decode().splitlines():
            network, *texts = line.split()
            self._by_network[network] = {
                text.removeprefix(_TOLD): not text.startswith(_TOLD) for text in texts
            }

    def encode(self) -> bytes:
        """Return it as the store keeps it: a line for each network."""
        lines = (
            " ".join((name, *(one if is_sure else _TOLD + one for one, is_sure in known.items())))
            for name, known in self._by_network.items()
        )
        return "\n".join(lines).encode()

    def worked(self, networks: Iterable[str], address: str, *, is_sure: bool = True) -> bool:
        """An address led to a node from these networks, or is said to; whether that is news."""
        before = self.encode()
        for network in networks:
            known = self._by_network.pop(network, {})
            was_sure = known.pop(address, False)
            latest = {address: is_sure or was_sure, **known}
            hearsay = [one for one, is_proven in latest.items() if not is_proven]
            for one in hearsay[REMEMBERED_HEARSAY_MAX:]:
                del latest[one]
            while len(latest) > REMEMBERED_ADDRESSES_MAX:
                latest.popitem()
            self._by_network = {network: latest, **self._by_network}
        while len(self._by_network) > NETWORKS_REMEMBERED_MAX:
            self._by_network.popitem()
        return self.encode() != before

    def known_at(self, networks: Sequence[str]) -> list[str]:
        """Return what is to be dialled on these networks, and what is dialled anywhere."""
        places = (*networks, ANYWHERE)
        return list(
            dict.fromkeys(each for place in places for each in self._by_network.get(place, ()))
        )
