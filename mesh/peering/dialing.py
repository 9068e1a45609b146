"""Whom to dial and when, and how many links a node keeps.

Implements `docs/protocol/peering.md`. A live machine: it hears what discovery saw and how dials
and links fared, and answers with `Dial` effects and with whether a link may stay.

Theory of operation. Everything that could be dialled is a *target*: an announced instance with
its addresses, an address typed by a person, one remembered from an earlier run, or one that a
neighbour told of. A target is *linked* while an open link is known to lead to it: by the dial that
made it, by the link key that the target showed before, or by the instance name inside the Hello of
a link from one of its addresses. A node links to all targets while they are few. Of many it dials
three and accepts what comes; if that makes fewer than six it dials further ones by and by; and at
least two per network, so that a laptop on two networks always bridges them. Now and then it swaps
one of its links for another: so two groups that each had links enough before they met still join.
Failures back off, doubled, with jitter; of two nodes that see each other at the same moment the one
with the smaller instance name dials first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final, NamedTuple, assert_never

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.effects import Dial
from mesh.ids import Address, ContactId, DialId, Instant, LinkId, LinkKey, Monotonic
from mesh.inputs import OwnAddress
from mesh.limits import (
    ADDRESSES_PER_PEER_MAX,
    CANDIDATES_MAX,
    DIAL_BACKOFF_FIRST_MS,
    DIAL_BACKOFF_MAX_MS,
    DIAL_JITTER_MS,
    DIALS_BLIND_MAX,
    DIALS_CONCURRENT_MAX,
    LINK_SETTLED_MS,
    LINK_SWAP_INTERVAL_MS,
    LINK_TURNED_AWAY_MS,
    LINKS_ACTIVE_MAX,
    LINKS_ACTIVE_MIN,
    LINKS_DIALLED_TARGET,
    LINKS_FILL_PAUSE_MS,
    LINKS_FULL_MESH_MAX,
    LINKS_HOSTILE_SHARE,
    LINKS_ROOM_MAX,
    OWN_ADDRESSES_MAX,
    REMEMBERED_FAILURES_MAX,
    SWAP_SOON_MS,
)
from mesh.peering.open_links import OpenLink, OpenLinks
from mesh.peering.segments import FAR, OwnNetworks
from mesh.peering.targets import Source, Target

_BACKOFF_DOUBLINGS_MAX: Final = 16


@dataclass(frozen=True, slots=True)
class _Wants:
    """Which targets are wanted at present: those seen or told of, on a network here or far away.

    `blind`: whether one more dial may go where nobody announces himself.
    """

    seen: bool
    told: bool
    near: bool
    far: bool
    blind: bool


class _UnderWay(NamedTuple):
    """A dial that has neither become a link nor failed: for which target, and to where."""

    target: str
    address: Address


class Dialing:
    """All targets and open links of a node."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._instance = ""
        self._own = OwnNetworks()
        self._targets: dict[str, Target] = {}
        self._links = OpenLinks(entropy)
        self._dials: dict[DialId, _UnderWay] = {}
        self._next_dial = 1
        self._unreachable: list[Address] = []
        self._own_addresses: dict[Address, None] = {}
        self._fill_at: Monotonic | None = None
        self._swap_at: Monotonic | None = None
        self._swap_dial: DialId | None = None
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
        for one in self._links:
            one.is_configured = one.is_configured and one.target != str(address)

    def networks_seen(self, addresses: Sequence[OwnAddress]) -> None:
        """Discovery knows on which networks this machine is."""
        self._changed()
        self._own = OwnNetworks(addresses)
        for one in self._links:
            one.network = self._own.network_of(one.address)

    def remember(self, addresses: Iterable[Address], now: Instant) -> None:
        """Addresses that led to links in an earlier run are dialled before discovery wakes."""
        for address in addresses:
            if str(address) not in self._targets:
                self._add(str(address), Source.REMEMBERED, [address], now, pause_ms=0)

    def offer(self, addresses: Iterable[Address], now: Instant) -> None:
        """Addresses that neighbours told of, or that worked once, for who is short of links."""
        for address in addresses:
            known = any(address in target.addresses for target in self._targets.values())
            linked = any(one.is_dialled and one.address == address for one in self._links)
            if not known and not linked and address not in self._own_addresses:
                self._add(str(address), Source.EXCHANGED, [address], now, pause_ms=0)

    @property
    def is_short(self) -> bool:
        """Whether more links are wanted than those in sight give, or some that lead far away."""
        return self._is_thin or self._links.is_scarce(FAR)

    def take_unreachable(self) -> list[Address]:
        """Offered addresses at which nobody answered, since the last call."""
        taken, self._unreachable = self._unreachable, []
        return taken

    def peer_seen(self, instance: str, addresses: Sequence[Address], now: Instant) -> None:
        """Discovery heard an announcement, perhaps not for the first time."""
        if instance == self._instance or not addresses:
            return
        target = self._targets.get(instance)
        # Machines with containers all have the same address on a network of their own.
        kept = [address for address in addresses if address not in self._own_addresses]
        del kept[ADDRESSES_PER_PEER_MAX:]
        if not kept:
            return
        if target is not None:
            if kept != target.addresses:
                self._changed()
                target.addresses = kept
                target.next_address = 0
                target.failures_count = 0
                target.not_before = now.monotonic
                # It is the newest of whom we heard at these.
                self._targets[instance] = self._targets.pop(instance)
                self._drop_former(kept)
            return
        self._drop_exchanged(kept)
        pause_ms = uniform_below(self._entropy, DIAL_JITTER_MS)
        if self._instance > instance:
            pause_ms += 2 * DIAL_JITTER_MS
        else:
            pause_ms //= 4
        self._add(instance, Source.ANNOUNCED, kept, now, pause_ms=pause_ms)
        self._drop_former(kept)
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

    def is_welcome(self, address: Address, dial: DialId | None) -> bool:
        """Whether one more link may stay beside the open ones, or in the place of one of them."""
        under_way = self._dials.get(dial) if dial is not None else None
        target = self._targets.get(under_way.target) if under_way is not None else None
        if target is not None and target.source is Source.CONFIGURED:
            return True
        network = self._own.network_of(address)
        is_dialled = dial is not None
        return self._links.has_room(address, network, is_dialled=is_dialled, room=self._room)

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
        is_swap = dial is not None and dial == self._swap_dial
        self._links.up(
            link,
            OpenLink(
                remote_key=remote_key,
                instance=instance,
                address=address,
                network=self._own.network_of(address),
                target=target.name if target is not None else None,
                opened_at=now.monotonic,
                is_dialled=dial is not None,
                is_configured=target is not None and target.source is Source.CONFIGURED,
                is_swap=is_swap,
            ),
        )
        self._wait_for_callers(now)

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
            own = target.addresses.pop((target.next_address - 1) % len(target.addresses))
            self._own_addresses[own] = None
            while len(self._own_addresses) > OWN_ADDRESSES_MAX:
                del self._own_addresses[next(iter(self._own_addresses))]
            self._unreachable.append(own)
            if not target.addresses:
                del self._targets[target.name]

    def turned_away(self, link: LinkId) -> None:
        """The other side gives this link up for another: it will not want us back soon."""
        one = self._links.find(link)
        if one is not None:
            one.is_turned_away = True

    def brought_backlog(self, link: LinkId, now: Instant) -> None:
        """A link brought much old mail that nobody else had: we were apart from a part."""
        one = self._links.find(link)
        if one is None or self._is_small:
            return
        is_young = now.monotonic - one.opened_at < LINK_SWAP_INTERVAL_MS * 1000
        if is_young and one.is_dialled:
            self._changed()
            soon = _after(now, SWAP_SOON_MS + uniform_below(self._entropy, SWAP_SOON_MS))
            self._swap_at = soon if self._swap_at is None else min(self._swap_at, soon)

    def recognised(self, links: Mapping[LinkId, ContactId]) -> None:
        """These links lead to contacts: they are not the first to go. Nobody is dialled for it."""
        self._links.recognised(links)

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link ended: its target may be dialled again, at once if the link had lasted."""
        self._changed()
        closed = self._links.down(link)
        if closed is None:
            return
        self._wait_for_callers(now)
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
                self._drop_former(target.addresses)

    def find_surplus(self) -> LinkId | None:
        """The link that yields to the newest one, if it has to take a place."""
        return self._links.find_surplus(room=self._room)

    def working_addresses(self) -> list[Address]:
        """Addresses whose dials became the links that are open now."""
        return [one.address for one in self._links if one.is_dialled]

    def network_of(self, link: LinkId) -> str:
        """On which of our own networks a link is: the name of an interface, or far away."""
        one = self._links.find(link)
        return FAR if one is None else one.network

    def targets(self) -> list[Target]:
        """All targets without an open link, for a person to see."""
        return [target for target in self._targets.values() if not self._links.has_to(target)]

    def deadline(self) -> Monotonic | None:
        """When `deadline_passed` wants to be called."""
        if not self._is_deadline_known:
            self._is_deadline_known = True
            moments = [target.not_before for target in self._wanted()]
            if not self._is_small:
                moments += [at for at in (self._swap_at, self._find_fill_at()) if at is not None]
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
        wants = self._wants()
        for target in sorted(due, key=lambda target: (target.source.value, target.rank)):
            if len(self._dials) >= DIALS_CONCURRENT_MAX:
                break
            if self._is_wanted(target, wants):
                dials.append(self._dial(target))
                wants = self._wants()
        fill_at = self._find_fill_at()
        if not self._is_small and fill_at is not None and fill_at <= now.monotonic:
            dials += self._dial_another(now)
        if self._swap_at is not None and self._swap_at <= now.monotonic:
            self._swap_at = self._next_swap(now)
            dials += self._dials_to_swap(now)
        return dials

    def _dial(self, target: Target) -> Dial:
        dial = DialId(self._next_dial)
        self._next_dial += 1
        address = self._next_address(target)
        self._dials[dial] = _UnderWay(target.name, address)
        target.dial = dial
        return Dial(dial, address)

    def _next_address(self, target: Target) -> Address:
        """One after the other; at first one on a network that has too few links."""
        scarce = self._scarce_addresses(target) if target.failures_count == 0 else []
        if scarce:
            target.next_address = target.addresses.index(scarce[0])
        free = self._free_addresses(target)
        while target.addresses[target.next_address % len(target.addresses)] not in free:
            target.next_address += 1
        address = target.addresses[target.next_address % len(target.addresses)]
        target.next_address += 1
        return address

    def _free_addresses(self, target: Target) -> list[Address]:
        """Those that are not being dialled just now: a host may have a former name too."""
        taken = [one.address for one in self._dials.values()]
        return [address for address in target.addresses if address not in taken]

    def _dial_another(self, now: Instant) -> list[Dial]:
        """One more dial than is wanted, of anybody in sight."""
        others = [
            target
            for target in self._idle()
            if target.not_before <= now.monotonic and not self._is_blind(target)
        ]
        return [self._dial(others[uniform_below(self._entropy, len(others))])] if others else []

    def _dials_to_swap(self, now: Instant) -> list[Dial]:
        """One dial more; when it has become a link, another one is a surplus."""
        if self._is_small or self._is_thin or self._dials:
            return []
        dials = self._dial_another(now)
        self._swap_dial = dials[0].dial if dials else None
        return dials

    def _find_fill_at(self) -> Monotonic | None:
        """When one more is dialled because too few have called."""
        if self._fill_at is None or self._dials or not self._is_thin:
            return None
        others = [target.not_before for target in self._idle() if not self._is_blind(target)]
        return max(self._fill_at, min(others)) if others else None

    def _wait_for_callers(self, now: Instant) -> None:
        """Links arise while others dial; only who still has too few of them dials further."""
        pause_ms = LINKS_FILL_PAUSE_MS + uniform_below(self._entropy, LINKS_FILL_PAUSE_MS)
        self._fill_at = _after(now, pause_ms)

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

    def _wants(self) -> _Wants:
        links, dials_count = self._links, len(self._dials)
        if self._is_small:
            is_seen = len(links) + dials_count < LINKS_FULL_MESH_MAX
        else:
            is_seen = links.dialled_count + dials_count < LINKS_DIALLED_TARGET
        names = self._own.names
        return _Wants(
            seen=is_seen,
            told=self._is_thin,
            near=not names or any(links.is_scarce(name) for name in names),
            far=links.is_scarce(FAR),
            blind=self._blind_count() < DIALS_BLIND_MAX,
        )

    def _wanted(self) -> list[Target]:
        wants = self._wants()
        return [target for target in self._targets.values() if self._is_wanted(target, wants)]

    def _is_wanted(self, target: Target, wants: _Wants) -> bool:
        is_announced = target.source is Source.ANNOUNCED
        if not (is_announced or wants.blind):
            return False
        match target.source:
            case Source.CONFIGURED:
                is_wanted = True
            case Source.EXCHANGED:
                is_wanted = wants.told
            case Source.ANNOUNCED | Source.REMEMBERED:
                is_wanted = wants.seen
            case _:
                assert_never(target.source)
        if not is_wanted and (wants.near or (wants.far and not is_announced)):
            is_wanted = target.failures_count == 0 and bool(self._scarce_addresses(target))
        return is_wanted and self._is_dialable(target)

    def _is_blind(self, target: Target) -> bool:
        """Whether nobody says that it is there now: dials of such may hang for long."""
        return target.source is not Source.ANNOUNCED

    def _blind_count(self) -> int:
        targets = [self._targets.get(one.target) for one in self._dials.values()]
        return sum(target is None or self._is_blind(target) for target in targets)

    def _idle(self) -> list[Target]:
        return [target for target in self._targets.values() if self._is_dialable(target)]

    def _is_dialable(self, target: Target) -> bool:
        """Whether no link leads to a target, no dial is under way to it, and an address is free."""
        is_idle = target.dial is None and not self._links.has_to(target)
        return is_idle and bool(self._free_addresses(target))

    @property
    def _is_small(self) -> bool:
        # Who was only told of is not in sight. More than a few are never counted.
        return self._count_in_sight(LINKS_FULL_MESH_MAX + 1) <= LINKS_FULL_MESH_MAX

    @property
    def _room(self) -> int:
        """How many links may stand: so many that a third of all in sight cannot fill it."""
        hostile = self._count_in_sight(CANDIDATES_MAX) // LINKS_HOSTILE_SHARE
        return min(max(LINKS_ACTIVE_MAX, LINKS_ACTIVE_MIN + hostile), LINKS_ROOM_MAX)

    def _count_in_sight(self, most: int) -> int:
        in_sight = (one for one in self._targets.values() if one.source is not Source.EXCHANGED)
        return sum(1 for _ in islice(in_sight, most))

    @property
    def _is_thin(self) -> bool:
        """Whether there are fewer links than a node should have."""
        return self._links.counted + len(self._dials) < LINKS_ACTIVE_MIN

    def _scarce_addresses(self, target: Target) -> list[Address]:
        """Where it stands on networks with too few links. Who announces itself is near."""
        free = self._free_addresses(target)
        networks = [(address, self._own.network_of(address)) for address in free]
        return [
            address
            for address, network in networks
            if self._links.is_scarce(network)
            and (network != FAR or target.source is not Source.ANNOUNCED)
        ]

    def _drop_exchanged(self, addresses: Iterable[Address]) -> None:
        """Who is in sight need not be known by hearsay too."""
        for address in addresses:
            target = self._targets.get(str(address))
            if target is not None and target.source is Source.EXCHANGED and target.dial is None:
                del self._targets[target.name]

    def _drop_former(self, addresses: Iterable[Address]) -> None:
        """Of those who were announced at just these addresses only the newest can be there.

        Else each life of a laptop that crashes again and again would be dialled by itself.
        """
        places = set(addresses)
        announced = (one for one in self._targets.values() if one.source is Source.ANNOUNCED)
        # Most differ in their first address, and a stranger can announce a thousand names.
        alike = [
            one
            for one in announced
            if places.issuperset(one.addresses) and places.issubset(one.addresses)
        ]
        for target in alike[:-1]:
            if not self._links.has_to(target):
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
        """Make room: hearsay first, then the oldest that no person typed and no link leads to."""
        hearsay = (one for one in self._targets.values() if one.source is Source.EXCHANGED)
        others = (one for one in self._targets.values() if one.source is not Source.CONFIGURED)
        for target in chain(hearsay, others):
            if not self._links.has_to(target):
                del self._targets[target.name]
                return

    def _finish_dial(self, dial: DialId) -> Target | None:
        under_way = self._dials.pop(dial, None)
        target = self._targets.get(under_way.target) if under_way is not None else None
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


def _after(now: Instant, pause_ms: int) -> Monotonic:
    return Monotonic(now.monotonic + pause_ms * 1000)
