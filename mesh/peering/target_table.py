"""The table of all that could be dialled, by name and within a bound.

Implements `docs/protocol/peering.md`, sections "Sources" and "Changes". Part of the dialing
machine: it hears what a person typed, what discovery saw and what peers told of. It decides
who is in the table, and not who is dialled.

Theory of operation. The name of a target is the instance that was announced, or else its address.
Who announces himself displaces what was told of his addresses, and a former announcement of just
the same addresses. When the table is full, hearsay goes first, and then the oldest; what a person
typed, and what an open link leads to, stays.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.ids import Address, Instant
from mesh.limits.peering import (
    ADDRESSES_PER_PEER_MAX,
    CANDIDATES_MAX,
    DIAL_JITTER_MS,
    OWN_ADDRESSES_MAX,
)
from mesh.peering.open_links import OpenLinks
from mesh.peering.targets import Source, Target


class TargetTable:
    """All targets of a node. `version` is another one after each change of the table."""

    def __init__(self, entropy: Entropy, links: OpenLinks) -> None:
        self.version = 0
        self._entropy = entropy
        self._links = links
        self._instance = ""
        self._by_name: dict[str, Target] = {}
        self._unreachable: list[Address] = []
        self._own_addresses: dict[Address, None] = {}

    def __len__(self) -> int:
        return len(self._by_name)

    def __iter__(self) -> Iterator[Target]:
        return iter(self._by_name.values())

    def find(self, name: str) -> Target | None:
        """Return what is in the table under this name."""
        return self._by_name.get(name)

    def count_in_sight(self, most: int) -> int:
        """Return how many were not only told of; no more than `most` are counted."""
        in_sight = (one for one in self if one.source is not Source.EXCHANGED)
        return sum(1 for _ in islice(in_sight, most))

    def unlinked(self) -> list[Target]:
        """All targets without an open link, for a person to see."""
        return [target for target in self if not self._links.has_to(target)]

    # --- What a person typed, and what peers told of --------------------------------------

    def configure(self, address: Address, now: Instant) -> None:
        """A person typed this address: dial it for ever."""
        self._add(str(address), Source.CONFIGURED, [address], now, pause_ms=0)

    def unconfigure(self, address: Address) -> None:
        """A person took the address back; a link that stands stays."""
        self.version += 1
        self._by_name.pop(str(address), None)
        self._links.unconfigure(str(address))

    def remember(self, addresses: Iterable[Address], now: Instant) -> None:
        """Addresses that led to links in an earlier run are dialled before discovery wakes."""
        for address in addresses:
            if str(address) not in self._by_name:
                self._add(str(address), Source.REMEMBERED, [address], now, pause_ms=0)

    def offer(self, addresses: Iterable[Address], now: Instant) -> None:
        """Addresses that peers told of, or that worked once, for who is short of links."""
        for address in addresses:
            known = any(address in target.addresses for target in self)
            linked = address in self._links.working_addresses()
            if not known and not linked and address not in self._own_addresses:
                self._add(str(address), Source.EXCHANGED, [address], now, pause_ms=0)

    # --- What discovery saw --------------------------------------------------------------------

    def rename(self, instance: str) -> None:
        """This node announces itself by another name from now on."""
        self.version += 1
        self._instance = instance
        self._by_name.pop(instance, None)

    def peer_seen(self, instance: str, addresses: Sequence[Address], now: Instant) -> bool:
        """Discovery heard an announcement; whether it is the first one of this name."""
        if instance == self._instance:
            return False
        # Machines with containers all have the same address on a network of their own.
        kept = [address for address in addresses if address not in self._own_addresses]
        del kept[ADDRESSES_PER_PEER_MAX:]
        if not kept:
            return False
        target = self._by_name.get(instance)
        if target is not None:
            if kept != target.addresses:
                self._moved(target, kept, now)
            return False
        self._drop_exchanged(kept)
        pause_ms = uniform_below(self._entropy, DIAL_JITTER_MS)
        if self._instance > instance:
            pause_ms += 2 * DIAL_JITTER_MS
        else:
            pause_ms //= 4
        self._add(instance, Source.ANNOUNCED, kept, now, pause_ms=pause_ms)
        self.drop_former(kept)
        return True

    def peer_gone(self, instance: str) -> None:
        """Discovery heard a goodbye; a link that stands stays."""
        target = self._by_name.get(instance)
        if target is not None and target.source is Source.ANNOUNCED:
            self._remove(target)

    def network_changed(self) -> None:
        """Forget who was in sight on the former network; discovery tells of who is still there."""
        for target in list(self):
            if target.source in (Source.ANNOUNCED, Source.EXCHANGED):
                self._remove(target)
        self._own_addresses.clear()

    def networks_seen(self) -> None:
        """Our addresses are others: a former one of ours may lead to somebody now."""
        self.version += 1
        self._own_addresses.clear()

    # --- What dials came to --------------------------------------------------------------------

    def give_up(self, target: Target) -> None:
        """Nobody is there."""
        self._remove(target)
        self._unreachable += target.addresses

    def take_unreachable(self) -> list[Address]:
        """Offered addresses at which nobody answered, since the last call."""
        taken, self._unreachable = self._unreachable, []
        return taken

    def own_address_found(self, target: Target) -> None:
        """The address that was dialled last is one of ours, and leads to no other node."""
        self.version += 1
        own = target.addresses.pop((target.next_address - 1) % len(target.addresses))
        self._own_addresses[own] = None
        while len(self._own_addresses) > OWN_ADDRESSES_MAX:
            del self._own_addresses[next(iter(self._own_addresses))]
        self._unreachable.append(own)
        if not target.addresses:
            self._remove(target)

    def drop_former(self, addresses: Iterable[Address]) -> None:
        """Of those who were announced at just these addresses only the newest can be there.

        Else each life of a laptop that crashes again and again would be dialled by itself.
        """
        places = set(addresses)
        announced = (one for one in self if one.source is Source.ANNOUNCED)
        # Most differ in their first address, and a stranger can announce a thousand names.
        alike = [
            one
            for one in announced
            if places.issuperset(one.addresses) and places.issubset(one.addresses)
        ]
        for target in alike[:-1]:
            if not self._links.has_to(target):
                self._remove(target)

    # --- Within --------------------------------------------------------------------------------

    def _moved(self, target: Target, addresses: list[Address], now: Instant) -> None:
        """A target is announced at other addresses than before."""
        self.version += 1
        target.addresses = addresses
        target.next_address = 0
        target.failures_count = 0
        target.not_before = now.monotonic
        # It is the newest of whom we heard at these.
        self._by_name[target.name] = self._by_name.pop(target.name)
        self.drop_former(addresses)

    def _drop_exchanged(self, addresses: Iterable[Address]) -> None:
        """Drop from hearsay who is in sight."""
        for address in addresses:
            target = self._by_name.get(str(address))
            if target is not None and target.source is Source.EXCHANGED and target.dial is None:
                self._remove(target)

    def _add(
        self, name: str, source: Source, addresses: list[Address], now: Instant, *, pause_ms: int
    ) -> None:
        self.version += 1
        if len(self._by_name) >= CANDIDATES_MAX:
            self._forget_one()
        self._by_name[name] = Target(
            name=name,
            source=source,
            addresses=addresses,
            rank=uniform_below(self._entropy, 1 << 32),
            not_before=now.after(pause_ms),
        )

    def _forget_one(self) -> None:
        """Make room: hearsay first, then the oldest that no person typed and no link leads to."""
        hearsay = (one for one in self if one.source is Source.EXCHANGED)
        others = (one for one in self if one.source is not Source.CONFIGURED)
        for target in chain(hearsay, others):
            if not self._links.has_to(target):
                self._remove(target)
                return

    def _remove(self, target: Target) -> None:
        self.version += 1
        self._by_name.pop(target.name, None)
