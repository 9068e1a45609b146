"""The open links of a node as a choice among peers: which of them stay when others come.

Implements `docs/protocol/peering.md`, section "How many links". Part of the dialing machine, which
decides whom to dial.

Theory of operation. Links that a person asked for stand outside all counts. Of the others at most
eight stay, or where many are in sight a third of these and six: honest nodes call until they have
three, so most have fewer than eight all the same, and who calls everybody cannot fill the places of
all before the last honest node has come. One more is let in if it ranks before one that may yield,
or a mesh whose nodes have links enough would be closed to newcomers. A rank is a keyed hash of
where the other end is, under a key that nobody else knows: so whoever calls, and however often, the
links of a node are a random sample of all hosts that have called. What a link brings and how often
somebody calls does not count, since a hostile node can do both better than an honest one. Never do
these yield: the two links that this node dialled the longest ago, the two that called the longest
ago, and the last two of a network. So who comes later to take all links of a mesh finds most of
them kept.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b
from mesh.ids import Address, LinkId, LinkKey, Monotonic
from mesh.inputs import OwnAddress
from mesh.limits.peering import (
    LINKS_ACTIVE_MAX,
    LINKS_ACTIVE_MIN,
    LINKS_KEPT_CALLED,
    LINKS_KEPT_DIALLED,
    LINKS_PER_NETWORK_MIN,
)
from mesh.peering.segments import FAR, OwnNetworks, region_of
from mesh.peering.targets import Target

RANK_KEY_BYTES: Final = 16
RANK_BYTES: Final = 8


@dataclass(slots=True, kw_only=True)
class OpenLink:
    """One link that is ready. `address` is where its other end is, or from where it called."""

    remote_key: LinkKey
    instance: str
    address: Address
    network: str
    target: str | None
    opened_at: Monotonic
    is_dialled: bool
    is_configured: bool = False
    is_swap: bool = False
    is_turned_away: bool = False

    def leads_to(self, target: Target) -> bool:
        """Say whether the other end is this target.

        Anybody can put another node's instance name into its Hello, but not call from its address.
        """
        is_named = target.name == self.instance and any(
            address.host == self.address.host for address in target.addresses
        )
        is_known = target.remote_key is not None and target.remote_key == self.remote_key
        return target.name == self.target or is_named or is_known


class OpenLinks:
    """All of them, in the order in which they opened, on the networks of this machine."""

    def __init__(self, entropy: Entropy) -> None:
        self._rank_key = entropy.draw(RANK_KEY_BYTES)
        self._own = OwnNetworks()
        self._links: dict[LinkId, OpenLink] = {}
        self._newest: LinkId | None = None

    def __len__(self) -> int:
        return len(self._links)

    def __iter__(self) -> Iterator[OpenLink]:
        return iter(self._links.values())

    def find(self, link: LinkId) -> OpenLink | None:
        """Return what is known of a link, if it is open."""
        return self._links.get(link)

    def up(self, link: LinkId, opened: OpenLink) -> None:
        """A link is ready and stays."""
        self._newest = link
        self._links[link] = opened

    def down(self, link: LinkId) -> OpenLink | None:
        """A link ended."""
        return self._links.pop(link, None)

    def networks_seen(self, addresses: Sequence[OwnAddress]) -> None:
        """Discovery knows on which networks this machine is."""
        self._own = OwnNetworks(addresses)
        for one in self:
            one.network = self.network_of(one.address)

    def network_of(self, address: Address) -> str:
        """On which of our own networks an address is: the name of an interface, or far away."""
        return self._own.network_of(address)

    def turned_away(self, link: LinkId) -> None:
        """The other side gives this link up for another: it will not want us back soon."""
        one = self._links.get(link)
        if one is not None:
            one.is_turned_away = True

    def unconfigure(self, target: str) -> None:
        """A person asks no more for the links that were dialled for this target."""
        for one in self:
            one.is_configured = one.is_configured and one.target != target

    @property
    def counted(self) -> int:
        """Links that no person asked for."""
        return sum(not one.is_configured for one in self)

    @property
    def dialled_count(self) -> int:
        """Those of them that this node opened itself."""
        return len(self._dialled())

    def working_addresses(self) -> list[Address]:
        """Addresses whose dials became the links that are open now."""
        return [one.address for one in self if one.is_dialled]

    def count_in(self, network: str) -> int:
        """Links on a network."""
        return sum(one.network == network for one in self)

    def is_scarce(self, network: str) -> bool:
        """Say whether a network has fewer links than it should have."""
        return self.count_in(network) < LINKS_PER_NETWORK_MIN

    @property
    def is_scarce_near(self) -> bool:
        """Say whether any of our own networks has, or may have, fewer links than it should."""
        names = self._own.names
        return not names or any(self.is_scarce(name) for name in names)

    def has_to(self, target: Target) -> bool:
        """Say whether a link leads to a target."""
        return any(one.leads_to(target) for one in self)

    def has_room(self, address: Address, *, is_dialled: bool, room: int) -> bool:
        """Say whether one more link may stay beside the open ones, or in the place of one of them.

        Places beyond the usual ones are for other hosts only.
        """
        network = self.network_of(address)
        if self.is_scarce(network) or self.counted < LINKS_ACTIVE_MAX:
            return True
        origin = _origin(address, network)
        is_known = any(_origin(one.address, one.network) == origin for one in self)
        if self.counted < room and not is_known:
            return True
        yielding = self._yielding()
        if is_dialled or not yielding:
            return bool(yielding)
        worst = max(self._worth(link) for link in yielding)
        return not is_known and (False, self._rank(origin)) < worst

    def find_surplus(self, *, room: int) -> LinkId | None:
        """The link that yields to the newest one, if it has to take a place."""
        newest = self._links.get(self._newest) if self._newest is not None else None
        most = LINKS_ACTIVE_MIN if newest is not None and newest.is_swap else room
        if self.counted <= most:
            return None
        return max(self._yielding(), key=self._worth, default=None)

    def _dialled(self) -> list[LinkId]:
        """Links that we dialled and no person asked for, oldest first."""
        return [
            link for link, one in self._links.items() if one.is_dialled and not one.is_configured
        ]

    def _yielding(self) -> list[LinkId]:
        """Links that may yield to a newer one."""
        called = [link for link, one in self._links.items() if not one.is_dialled]
        kept = (*self._dialled()[:LINKS_KEPT_DIALLED], *called[:LINKS_KEPT_CALLED])
        return [
            link
            for link, one in self._links.items()
            if link not in kept
            and link != self._newest
            and not one.is_configured
            and self.count_in(one.network) > LINKS_PER_NETWORK_MIN
        ]

    def _worth(self, link: LinkId) -> tuple[bool, bytes]:
        """The greatest yields first: one of several to one place, a late rank."""
        one = self._links[link]
        origin = _origin(one.address, one.network)
        count = sum(_origin(other.address, other.network) == origin for other in self)
        return (count > 1, self._rank(origin))

    def _rank(self, origin: bytes) -> bytes:
        return blake2b(self._rank_key, origin, b"", RANK_BYTES)


def _origin(address: Address, network: str) -> bytes:
    """Return what an attacker cannot have many of: a host near us, or a region of the internet."""
    region = region_of(address) if network == FAR else None
    return address.host.encode() if region is None else region
