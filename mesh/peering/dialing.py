"""Whom to dial and when, and how many links a node keeps.

Implements `docs/protocol/peering.md`. A live machine: it hears what discovery saw and how dials
and links fared, and answers with `Dial` effects and with whether a link may stay.

Theory of operation. Everything that could be dialled is a *target*: an announced instance with
its addresses, an address typed by a person, or one remembered from an earlier run. A target is
*linked* while an open link is known to lead to it: by the dial that made it, by the link key
that the target showed before, or by the instance name inside the Hello of a link from one of its
addresses. A node links to all targets while they are few. Of many it dials three and accepts what
comes, which makes about six, and at least two per network, so that a laptop on two networks always
bridges them. Now and then it swaps one of the three for another: so two groups that each had
links enough before they met still join. Failures back off, doubled, with jitter; of two nodes
that see each other at the same moment the one with the smaller instance name dials first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.effects import Dial
from mesh.ids import Address, DialId, Instant, LinkId, LinkKey, Monotonic
from mesh.limits import (
    ADDRESSES_PER_PEER_MAX,
    CANDIDATES_MAX,
    DIAL_BACKOFF_FIRST_MS,
    DIAL_BACKOFF_MAX_MS,
    DIAL_JITTER_MS,
    DIALS_CONCURRENT_MAX,
    LINK_SETTLED_MS,
    LINK_SWAP_INTERVAL_MS,
    LINK_TURNED_AWAY_MS,
    LINKS_ACTIVE_MAX,
    LINKS_ACTIVE_MIN,
    LINKS_DIALLED_TARGET,
    LINKS_FULL_MESH_MAX,
    LINKS_KEPT_BY_CHANCE,
    LINKS_KEPT_DIALLED,
    LINKS_PER_NETWORK_MIN,
    LINKS_REPLACED_PAUSE_MS,
    REMEMBERED_FAILURES_MAX,
    SWAP_SOON_MS,
)
from mesh.peering.segments import INTERNET, is_global, network_of

_BACKOFF_DOUBLINGS_MAX: Final = 16


class Source(Enum):
    """How we came to know of a target; what a person typed is dialled first."""

    CONFIGURED = auto()
    ANNOUNCED = auto()
    REMEMBERED = auto()
    EXCHANGED = auto()


@dataclass(slots=True)
class Target:
    """Something that could be dialled. `rank` is drawn once, so that choices are random."""

    name: str
    source: Source
    addresses: list[Address]
    rank: int
    not_before: Monotonic
    failures_count: int = 0
    next_address: int = 0
    dial: DialId | None = None
    remote_key: LinkKey | None = None


@dataclass(slots=True)
class _OpenLink:
    remote_key: LinkKey
    instance: str
    host: str
    network: str
    target: str | None
    opened_at: Monotonic
    # When it last brought what nobody else had brought; at first when it opened.
    news_at: Monotonic
    dialled: Address | None = field(default=None)
    is_contacts: bool = False
    is_turned_away: bool = False

    def leads_to(self, target: Target) -> bool:
        """Whether the other end is this target.

        Anybody can put another node's instance name into its Hello, but not call from its address.
        """
        is_named = target.name == self.instance and any(
            address.host == self.host for address in target.addresses
        )
        is_known = target.remote_key is not None and target.remote_key == self.remote_key
        return target.name == self.target or is_named or is_known


class Dialing:
    """All targets and open links of a node."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._instance = ""
        self._targets: dict[str, Target] = {}
        self._links: dict[LinkId, _OpenLink] = {}
        self._dials: dict[DialId, str] = {}
        self._next_dial = 1
        self._newest: LinkId | None = None
        self._unreachable: list[Address] = []
        self._own_addresses: dict[Address, None] = {}
        self._replaced_at: Monotonic | None = None
        self._swap_at: Monotonic | None = None
        self._deadline: Monotonic | None = None
        self._is_deadline_known = False

    def rename(self, instance: str, now: Instant) -> None:
        """This node announces itself by another name from now on."""
        self._changed()
        self._instance = instance
        self._targets.pop(instance, None)
        if self._swap_at is None:
            self._swap_at = self._next_swap(now)

    def configure(self, address: Address, now: Instant) -> None:
        """A person typed this address: dial it for ever."""
        self._add(str(address), Source.CONFIGURED, [address], now, pause_ms=0)

    def unconfigure(self, address: Address) -> None:
        """A person took the address back; a link that stands stays."""
        self._changed()
        self._targets.pop(str(address), None)

    def remember(self, addresses: Iterable[Address], now: Instant) -> None:
        """Addresses that led to links in an earlier run are dialled before discovery wakes."""
        for address in addresses:
            if str(address) not in self._targets:
                self._add(str(address), Source.REMEMBERED, [address], now, pause_ms=0)

    def offer(self, addresses: Iterable[Address], now: Instant) -> None:
        """Addresses that neighbours told of, or that worked once, for who is short of links."""
        for address in addresses:
            known = any(address in target.addresses for target in self._targets.values())
            linked = any(link.dialled == address for link in self._links.values())
            if not known and not linked and address not in self._own_addresses:
                self._add(str(address), Source.EXCHANGED, [address], now, pause_ms=0)

    @property
    def is_short(self) -> bool:
        """Whether more links are wanted than those in sight give, or some that lead far away."""
        count = len(self._links) + len(self._dials)
        return count < LINKS_ACTIVE_MIN or self._links_in(INTERNET) < LINKS_PER_NETWORK_MIN

    def take_unreachable(self) -> list[Address]:
        """Offered addresses at which nobody answered, since the last call."""
        taken, self._unreachable = self._unreachable, []
        return taken

    def peer_seen(self, instance: str, addresses: Sequence[Address], now: Instant) -> None:
        """Discovery heard an announcement, perhaps not for the first time."""
        self._changed()
        if instance == self._instance or not addresses:
            return
        target = self._targets.get(instance)
        kept = list(addresses[:ADDRESSES_PER_PEER_MAX])
        if target is not None:
            if kept != target.addresses:
                target.addresses = kept
                target.next_address = 0
                target.failures_count = 0
                target.not_before = now.monotonic
            return
        self._drop_exchanged(kept)
        pause_ms = uniform_below(self._entropy, DIAL_JITTER_MS)
        if self._instance > instance:
            pause_ms += 2 * DIAL_JITTER_MS
        else:
            pause_ms //= 4
        self._add(instance, Source.ANNOUNCED, kept, now, pause_ms=pause_ms)
        if not self._is_small:
            self._perhaps_swap_soon(now)

    def peer_gone(self, instance: str) -> None:
        """Discovery heard a goodbye; a link that stands stays."""
        self._changed()
        target = self._targets.get(instance)
        if target is not None and target.source is Source.ANNOUNCED:
            del self._targets[instance]

    def network_changed(self, now: Instant) -> None:
        """On another network old failures mean nothing, and who was in sight is not.

        Discovery begins anew too, and tells of those who are still there.
        """
        for name, target in list(self._targets.items()):
            if target.source in (Source.ANNOUNCED, Source.EXCHANGED):
                del self._targets[name]
        self._own_addresses.clear()
        self.woke(now)

    def woke(self, now: Instant) -> None:
        """Everything may have changed meanwhile: dial at once, and wait for no former dial."""
        self._changed()
        self._dials.clear()
        for target in self._targets.values():
            target.dial = None
            target.failures_count = 0
            target.not_before = now.monotonic

    def dial_failed(self, dial: DialId, now: Instant) -> None:
        """A dial, or the handshake after it, came to nothing."""
        self._changed()
        target = self._finish_dial(dial)
        if target is not None:
            self._back_off(target, now)

    def is_welcome(self, address: Address, dial: DialId | None, now: Instant) -> bool:
        """Whether one more link may stay beside the open ones, or in the place of one of them."""
        target = self._targets.get(self._dials.get(dial, "")) if dial is not None else None
        if target is not None and target.source is Source.CONFIGURED:
            return True
        is_scarce = self._links_in(self._network(address)) < LINKS_PER_NETWORK_MIN
        if is_scarce or self._counted() < LINKS_ACTIVE_MAX:
            return True
        is_pausing = (
            self._replaced_at is not None
            and now.monotonic - self._replaced_at < LINKS_REPLACED_PAUSE_MS * 1000
        )
        # Who calls often must not make us give up one link after another.
        return (dial is not None or not is_pausing) and bool(self._yielding())

    def link_up(
        self,
        link: LinkId,
        dial: DialId | None,
        *,
        remote_key: LinkKey,
        instance: str,
        address: Address,
        now: Instant,
    ) -> None:
        """A link is ready and stays."""
        self._changed()
        target = self._finish_dial(dial) if dial is not None else None
        if target is not None:
            target.remote_key = remote_key
        self._newest = link
        self._links[link] = _OpenLink(
            remote_key=remote_key,
            instance=instance,
            host=address.host,
            network=self._network(address),
            target=target.name if target is not None else None,
            opened_at=now.monotonic,
            news_at=now.monotonic,
            dialled=address if dial is not None else None,
        )

    def duplicate_found(self, dial: DialId, remote_key: LinkKey) -> None:
        """A dial led to a node that another open link leads to already."""
        self._changed()
        target = self._finish_dial(dial)
        if target is not None:
            target.remote_key = remote_key

    def self_found(self, dial: DialId | None, now: Instant) -> None:
        """A dial led to ourselves, or the other side said so.

        What a person typed stays: on another network the address is somebody else's again.
        """
        self._changed()
        target = self._finish_dial(dial) if dial is not None else None
        if target is None:
            return
        if target.source is Source.CONFIGURED:
            target.not_before = _after(now, DIAL_BACKOFF_MAX_MS)
        else:
            self._own_addresses |= dict.fromkeys(target.addresses)
            while len(self._own_addresses) > ADDRESSES_PER_PEER_MAX:
                del self._own_addresses[next(iter(self._own_addresses))]
            self._unreachable += target.addresses
            del self._targets[target.name]

    def turned_away(self, link: LinkId) -> None:
        """The other side gives this link up for another: it will not want us back soon."""
        one = self._links.get(link)
        if one is not None:
            one.is_turned_away = True

    def brought_news(self, link: LinkId, now: Instant, *, is_backlog: bool) -> None:
        """A link brought what nobody else had; as a backlog it shows that we were apart."""
        one = self._links.get(link)
        if one is None:
            return
        one.news_at = now.monotonic
        is_young = now.monotonic - one.opened_at < LINK_SWAP_INTERVAL_MS * 1000
        if is_backlog and is_young and one.dialled is not None and not self._is_small:
            self._changed()
            soon = _after(now, SWAP_SOON_MS + uniform_below(self._entropy, SWAP_SOON_MS))
            self._swap_at = soon if self._swap_at is None else min(self._swap_at, soon)

    def recognised(self, link: LinkId) -> None:
        """A link leads to a contact: it is not the first to go. Nobody is dialled for that."""
        one = self._links.get(link)
        if one is not None:
            one.is_contacts = True

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link ended: its target may be dialled again, at once if the link had lasted."""
        self._changed()
        closed = self._links.pop(link, None)
        if closed is None:
            return
        for target in list(self._targets.values()):
            if closed.leads_to(target):
                if closed.is_turned_away:
                    pause_ms = LINK_TURNED_AWAY_MS
                    pause_ms += uniform_below(self._entropy, LINK_TURNED_AWAY_MS)
                    target.not_before = _after(now, pause_ms)
                elif now.monotonic - closed.opened_at >= LINK_SETTLED_MS * 1000:
                    target.failures_count = 0
                    pause_ms = uniform_below(self._entropy, DIAL_JITTER_MS)
                    target.not_before = _after(now, pause_ms)
                else:
                    self._back_off(target, now)

    def find_surplus(self, now: Instant) -> LinkId | None:
        """The link that yields to the newest one, if there are more of them than are wanted."""
        if self._counted() > LINKS_ACTIVE_MAX:
            yielding = self._yielding()
            for _ in range(LINKS_KEPT_BY_CHANCE):
                if len(yielding) > 1:
                    yielding.pop(uniform_below(self._entropy, len(yielding)))
            if yielding:
                self._replaced_at = now.monotonic
            return self._least_useful(yielding)
        if self._is_small or len(self._chosen()) <= LINKS_DIALLED_TARGET:
            return None
        return self._least_useful(
            [link for link in self._chosen() if link != self._newest and self._has_spare(link)]
        )

    def working_addresses(self) -> list[Address]:
        """Addresses whose dials became the links that are open now."""
        return [link.dialled for link in self._links.values() if link.dialled is not None]

    def targets(self) -> list[Target]:
        """All targets without an open link, for a person to see."""
        return [target for target in self._targets.values() if not self._is_linked(target)]

    def deadline(self) -> Monotonic | None:
        """When `deadline_passed` wants to be called."""
        if not self._is_deadline_known:
            self._is_deadline_known = True
            moments = [target.not_before for target in self._wanted()]
            if self._swap_at is not None and not self._is_small:
                moments.append(self._swap_at)
            self._deadline = min(moments, default=None)
            if len(self._dials) >= DIALS_CONCURRENT_MAX:
                self._deadline = None
        return self._deadline

    def deadline_passed(self, now: Instant) -> list[Dial]:
        """The dials that are due."""
        deadline = self.deadline()
        if deadline is None or deadline > now.monotonic:
            return []
        self._changed()
        dials: list[Dial] = []
        due = [target for target in self._wanted() if target.not_before <= now.monotonic]
        for target in sorted(due, key=lambda target: (target.source.value, target.rank)):
            if len(self._dials) >= DIALS_CONCURRENT_MAX:
                break
            if self._is_wanted(target):
                dials.append(self._dial(target))
        if self._swap_at is not None and self._swap_at <= now.monotonic:
            self._swap_at = self._next_swap(now)
            dials += self._dials_to_swap(now)
        return dials

    def _dial(self, target: Target) -> Dial:
        dial = DialId(self._next_dial)
        self._next_dial += 1
        self._dials[dial] = target.name
        target.dial = dial
        address = target.addresses[target.next_address % len(target.addresses)]
        target.next_address += 1
        return Dial(dial, address)

    def _dials_to_swap(self, now: Instant) -> list[Dial]:
        """One more dial than is wanted; when it has become a link, the oldest is a surplus."""
        if self._is_small or len(self._chosen()) < LINKS_DIALLED_TARGET or self._dials:
            return []
        others = [
            target
            for target in self._targets.values()
            if target.dial is None
            and target.not_before <= now.monotonic
            and not self._is_linked(target)
        ]
        if not others:
            return []
        return [self._dial(others[uniform_below(self._entropy, len(others))])]

    def _perhaps_swap_soon(self, now: Instant) -> None:
        """Of all who see a new target about as many swap at once as each node dials.

        One newcomer hardly disturbs anybody; where two groups meet, many links arise between them.
        """
        if uniform_below(self._entropy, len(self._targets)) < LINKS_DIALLED_TARGET:
            soon = _after(now, 2 * DIAL_JITTER_MS + uniform_below(self._entropy, DIAL_JITTER_MS))
            self._swap_at = soon if self._swap_at is None else min(self._swap_at, soon)

    def _next_swap(self, now: Instant) -> Monotonic:
        jitter_ms = uniform_below(self._entropy, LINK_SWAP_INTERVAL_MS)
        return _after(now, LINK_SWAP_INTERVAL_MS // 2 + jitter_ms)

    def _changed(self) -> None:
        """The deadline has to be found anew; it is asked for far more often than it changes."""
        self._is_deadline_known = False

    def _wanted(self) -> list[Target]:
        return [target for target in self._targets.values() if self._is_wanted(target)]

    def _is_wanted(self, target: Target) -> bool:
        if target.dial is not None or self._is_linked(target):
            return False
        if target.source is Source.CONFIGURED:
            return True
        if target.source is Source.EXCHANGED:
            return self.is_short
        if self._is_small and len(self._links) + len(self._dials) < LINKS_FULL_MESH_MAX:
            return True
        if not self._is_small and len(self._chosen()) + len(self._dials) < LINKS_DIALLED_TARGET:
            return True
        return any(
            self._links_in(_network_in_sight(target, address)) < LINKS_PER_NETWORK_MIN
            for address in target.addresses
        )

    def _is_linked(self, target: Target) -> bool:
        return any(link.leads_to(target) for link in self._links.values())

    @property
    def _is_small(self) -> bool:
        # Who was only told of is not in sight.
        count = sum(one.source is not Source.EXCHANGED for one in self._targets.values())
        return count <= LINKS_FULL_MESH_MAX

    def _dialled(self) -> list[LinkId]:
        """Links that we dialled and no person asked for, oldest first."""
        return [
            link
            for link, one in self._links.items()
            if one.dialled is not None and not self._is_configured(one.target)
        ]

    def _chosen(self) -> list[LinkId]:
        """Those of them to nodes in sight; links that lead far away are counted by themselves."""
        return [link for link in self._dialled() if self._links[link].network != INTERNET]

    def _is_configured(self, name: str | None) -> bool:
        target = self._targets.get(name) if name is not None else None
        return target is not None and target.source is Source.CONFIGURED

    def _counted(self) -> int:
        """Links that no person asked for."""
        return sum(not self._is_configured(one.target) for one in self._links.values())

    def _yielding(self) -> list[LinkId]:
        """Links that may yield to a newer one; those that chance keeps are still among them."""
        kept = self._dialled()[:LINKS_KEPT_DIALLED]
        found = [
            link
            for link, one in self._links.items()
            if link not in kept
            and link != self._newest
            and not self._is_configured(one.target)
            and self._has_spare(link)
        ]
        return found if len(found) > LINKS_KEPT_BY_CHANCE else []

    def _least_useful(self, links: list[LinkId]) -> LinkId | None:
        """A stranger's before a contact's, of many of one host, and silent for the longest."""
        hosts = [one.host for one in self._links.values()]

        def worth(link: LinkId) -> tuple[bool, int, Monotonic]:
            one = self._links[link]
            return (one.is_contacts, -hosts.count(one.host), one.news_at)

        return min(links, key=worth, default=None)

    def _has_spare(self, link: LinkId) -> bool:
        """Whether its network has links enough without it."""
        return self._links_in(self._links[link].network) > LINKS_PER_NETWORK_MIN

    def _links_in(self, network: str) -> int:
        return sum(link.network == network for link in self._links.values())

    def _network(self, address: Address) -> str:
        """The network of an open link; an internet address of a neighbour is on our own cable."""
        network = network_of(address)
        if not is_global(address):
            return network
        is_near = any(
            target.source is Source.ANNOUNCED
            and any(network_of(each) == network for each in target.addresses)
            for target in self._targets.values()
        )
        return network if is_near else INTERNET

    def _drop_exchanged(self, addresses: Iterable[Address]) -> None:
        """Who is in sight need not be known by hearsay too."""
        for address in addresses:
            target = self._targets.get(str(address))
            if target is not None and target.source is Source.EXCHANGED and target.dial is None:
                del self._targets[target.name]

    def _add(
        self, name: str, source: Source, addresses: list[Address], now: Instant, *, pause_ms: int
    ) -> None:
        self._changed()
        if len(self._targets) >= CANDIDATES_MAX:
            self._forget_one()
        self._targets[name] = Target(
            name=name,
            source=source,
            addresses=addresses,
            rank=uniform_below(self._entropy, 1 << 32),
            not_before=_after(now, pause_ms),
        )

    def _forget_one(self) -> None:
        """Make room: the oldest target that no person typed and no link leads to."""
        for name, target in self._targets.items():
            if target.source is not Source.CONFIGURED and not self._is_linked(target):
                del self._targets[name]
                return

    def _finish_dial(self, dial: DialId) -> Target | None:
        target = self._targets.get(self._dials.pop(dial, ""))
        if target is None or target.dial != dial:
            return None
        target.dial = None
        return target

    def _back_off(self, target: Target, now: Instant) -> None:
        target.failures_count += 1
        is_lost = target.failures_count >= REMEMBERED_FAILURES_MAX
        if target.source in (Source.REMEMBERED, Source.EXCHANGED) and is_lost:
            self._targets.pop(target.name, None)
            self._unreachable += target.addresses
            return
        has_untried = target.failures_count < len(target.addresses)
        doublings = min(target.failures_count - 1, _BACKOFF_DOUBLINGS_MAX)
        pause_ms = min(DIAL_BACKOFF_FIRST_MS << doublings, DIAL_BACKOFF_MAX_MS)
        pause_ms = pause_ms // 2 + uniform_below(self._entropy, pause_ms)
        target.not_before = _after(now, 0 if has_untried else pause_ms)


def _network_in_sight(target: Target, address: Address) -> str:
    """The network on which a target stands: the cable only if it was seen there."""
    is_near = target.source is Source.ANNOUNCED or not is_global(address)
    return network_of(address) if is_near else INTERNET


def _after(now: Instant, pause_ms: int) -> Monotonic:
    return Monotonic(now.monotonic + pause_ms * 1000)
