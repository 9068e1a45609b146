"""The open links of a node as a choice among neighbours: which of them stay when others come.

Implements `docs/protocol/peering.md`, section "How many links". Part of the dialing machine, which
decides whom to dial.

Theory of operation. Links that a person asked for stand outside all counts. Of the others at most
eight stay. One more is let in all the same, and the least useful of them yields, or a mesh whose
nodes have links enough would be closed to newcomers; but callers displace no more than one link in
ten seconds. Three kinds never yield, so that no flood of callers can leave a node among strangers
of one mind: the two that this node dialled the longest ago, the last two of a network, and two
that are drawn anew each time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.ids import Address, ContactId, Instant, LinkId, LinkKey, Monotonic
from mesh.limits import (
    LINKS_ACTIVE_MAX,
    LINKS_ACTIVE_MIN,
    LINKS_KEPT_BY_CHANCE,
    LINKS_KEPT_DIALLED,
    LINKS_PER_NETWORK_MIN,
    LINKS_REPLACED_PAUSE_MS,
)
from mesh.peering.targets import Target


@dataclass(slots=True, kw_only=True)
class OpenLink:
    """One link that is ready. `address` is where its other end is, or from where it called."""

    remote_key: LinkKey
    instance: str
    address: Address
    network: str
    target: str | None
    opened_at: Monotonic
    # When it last brought what nobody else had brought; at first when it opened.
    news_at: Monotonic
    is_dialled: bool
    is_configured: bool = False
    is_swap: bool = False
    is_contacts: bool = False
    is_turned_away: bool = False

    def leads_to(self, target: Target) -> bool:
        """Whether the other end is this target.

        Anybody can put another node's instance name into its Hello, but not call from its address.
        """
        is_named = target.name == self.instance and any(
            address.host == self.address.host for address in target.addresses
        )
        is_known = target.remote_key is not None and target.remote_key == self.remote_key
        return target.name == self.target or is_named or is_known


class OpenLinks:
    """All of them, in the order in which they opened."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._links: dict[LinkId, OpenLink] = {}
        self._newest: LinkId | None = None
        self._replaced_at: Monotonic | None = None

    def __len__(self) -> int:
        return len(self._links)

    def __iter__(self) -> Iterator[OpenLink]:
        return iter(self._links.values())

    def find(self, link: LinkId) -> OpenLink | None:
        """What is known of a link, if it is open."""
        return self._links.get(link)

    def up(self, link: LinkId, opened: OpenLink) -> None:
        """A link is ready and stays."""
        self._newest = link
        self._links[link] = opened

    def down(self, link: LinkId) -> OpenLink | None:
        """A link ended."""
        return self._links.pop(link, None)

    def recognised(self, contacts: Mapping[LinkId, ContactId]) -> None:
        """These links lead to contacts, and no others."""
        for link, one in self._links.items():
            one.is_contacts = link in contacts

    @property
    def counted(self) -> int:
        """Links that no person asked for."""
        return sum(not one.is_configured for one in self)

    @property
    def dialled_count(self) -> int:
        """Those of them that this node opened itself."""
        return len(self._dialled())

    def count_in(self, network: str) -> int:
        """Links on a network."""
        return sum(one.network == network for one in self)

    def is_scarce(self, network: str) -> bool:
        """Whether a network has fewer links than it should have."""
        return self.count_in(network) < LINKS_PER_NETWORK_MIN

    def has_to(self, target: Target) -> bool:
        """Whether a link leads to a target."""
        return any(one.leads_to(target) for one in self)

    def has_room(self, network: str, now: Instant, *, is_dialled: bool) -> bool:
        """Whether one more link may stay beside the open ones, or in the place of one of them."""
        if self.is_scarce(network) or self.counted < LINKS_ACTIVE_MAX:
            return True
        is_pausing = (
            self._replaced_at is not None
            and now.monotonic - self._replaced_at < LINKS_REPLACED_PAUSE_MS * 1000
        )
        # Who calls often must not make us give up one link after another.
        return (is_dialled or not is_pausing) and bool(self._yielding())

    def find_surplus(self, now: Instant) -> LinkId | None:
        """The link that yields to the newest one, if it has to take a place."""
        newest = self._links.get(self._newest) if self._newest is not None else None
        most = LINKS_ACTIVE_MIN if newest is not None and newest.is_swap else LINKS_ACTIVE_MAX
        if self.counted <= most:
            return None
        yielding = self._yielding()
        for _ in range(LINKS_KEPT_BY_CHANCE):
            if len(yielding) > 1:
                yielding.pop(uniform_below(self._entropy, len(yielding)))
        if yielding:
            self._replaced_at = now.monotonic
        return self._least_useful(yielding)

    def _dialled(self) -> list[LinkId]:
        """Links that we dialled and no person asked for, oldest first."""
        return [
            link for link, one in self._links.items() if one.is_dialled and not one.is_configured
        ]

    def _yielding(self) -> list[LinkId]:
        """Links that may yield to a newer one; those that chance keeps are still among them."""
        kept = self._dialled()[:LINKS_KEPT_DIALLED]
        found = [
            link
            for link, one in self._links.items()
            if link not in kept
            and link != self._newest
            and not one.is_configured
            and self.count_in(one.network) > LINKS_PER_NETWORK_MIN
        ]
        return found if len(found) > LINKS_KEPT_BY_CHANCE else []

    def _least_useful(self, links: list[LinkId]) -> LinkId | None:
        """A stranger's before a contact's, of many of one host, and silent for the longest."""
        hosts = [one.address.host for one in self]

        def worth(link: LinkId) -> tuple[bool, int, Monotonic]:
            one = self._links[link]
            return (one.is_contacts, -hosts.count(one.address.host), one.news_at)

        return min(links, key=worth, default=None)
