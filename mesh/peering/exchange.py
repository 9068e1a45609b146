"""Peer exchange: nodes that are known beside those that are linked, and telling of them.

Implements `docs/protocol/peering.md`, section "Peer exchange". A live machine.

Theory of operation. The passive cache holds nodes by their addresses: those that this node has
reached itself (*proven*, passed on for a day), and those that peers told of (*hearsay*, never
passed on). So a false address goes no further than one step. Who has called us is passed on while
its link stands: at the host from which it called, and the port that its Hello says. Once a minute
a random peer is asked; and who calls a node that has links enough is told unasked where else
to knock, so that a node whose address everybody has typed is a door and no bottleneck. Nothing
told is signed, because an address is a hint and a signature would need a key by which a node could
be known again; so what is told is bounded by the link, the hour and the region of the internet
instead. Which addresses may be told to whom depends on what the node itself said in its Hello, and
on whether the asker stands in the same segment.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.errors import PeerError
from mesh.ids import Address, Instant, LinkId, Monotonic
from mesh.limits.peering import (
    LINK_TURNED_AWAY_MS,
    PASSIVE_ADDRESSES_MAX,
    PASSIVE_PER_PREFIX_MAX,
    PEX_FRESH_MS,
    PEX_INTERVAL_MS,
    PEX_RECORDS_MAX,
    PEX_RECORDS_PER_HOUR_MAX,
    PORT_MIN,
)
from mesh.peering.segments import (
    is_global,
    is_node_address,
    is_one_segment,
    packed,
    region_of,
)
from mesh.wire.frames import (
    FEATURE_TOLD_FAR,
    FEATURE_TOLD_NEAR,
    PEX_KIND_V4,
    PEX_KIND_V6,
    Pex,
    PexAddress,
    PexRequest,
)

PexFrame = PexRequest | Pex
_HOUR_US: Final = 3_600_000_000
_JITTER_MS: Final = PEX_INTERVAL_MS // 4
_LENGTHS: Final = {PEX_KIND_V4: 4, PEX_KIND_V6: 16}


@dataclass(slots=True)
class _Known:
    """One node of the passive cache. `proven_at` is None for hearsay."""

    addresses: tuple[Address, ...]
    proven_at: Monotonic | None = None
    features: tuple[int, ...] = ()
    # A link to it has just ended: the dialing machine knows better when to try that again.
    not_before: Monotonic | None = None

    @property
    def name(self) -> str:
        return str(self.addresses[0])


@dataclass(slots=True)
class _OpenLink:
    address: Address
    # Where a node that called us takes calls itself, and who may be told of that.
    listens_at: Address | None = None
    features: tuple[int, ...] = ()
    asked_at: Monotonic | None = None
    is_answer_due: bool = False
    answered_at: Monotonic | None = None
    hour_began: Monotonic | None = None
    taken_count: int = 0


class PeerExchange:
    """The passive cache of a node, and the questions and answers that fill it."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._known: dict[str, _Known] = {}
        self._links: dict[LinkId, _OpenLink] = {}
        self._frames: list[tuple[LinkId, PexFrame]] = []
        self._shuffle_at: Monotonic | None = None

    def __len__(self) -> int:
        return len(self._known)

    # --- What this node finds out itself ------------------------------------------------------

    def link_up(self, link: LinkId, address: Address, *, is_dialled: bool, now: Instant) -> None:
        """A link is ready. Whom we dialled may tell us unasked, once, who else has room."""
        self._links[link] = _OpenLink(address, is_answer_due=is_dialled)
        if self._shuffle_at is None:
            self._shuffle_at = now.after(uniform_below(self._entropy, _JITTER_MS))

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link ended; its node stays known, and others are to take its place."""
        closed = self._links.pop(link, None)
        for known in self._known.values():
            if closed is not None and closed.address in known.addresses:
                known.not_before = now.after(LINK_TURNED_AWAY_MS)
        if not self._links:
            self._shuffle_at = None

    def proven(self, address: Address, features: Sequence[int], now: Instant) -> None:
        """A dial of this address became a link, and the node said what may be told of it."""
        if not is_node_address(address):
            return
        self._forget_address(address)
        self._make_room(is_hearsay=False)
        known = _Known((address,), now.monotonic, tuple(features))
        self._known[known.name] = known

    def called(self, link: LinkId, port: int, features: Sequence[int]) -> None:
        """Note who opened this link: it takes calls at this port of its host, as its Hello says."""
        one = self._links[link]
        listens_at = Address(one.address.host, port, one.address.scope)
        if port >= PORT_MIN and is_node_address(listens_at):
            one.listens_at, one.features = listens_at, tuple(features)

    def disproven(self, address: Address) -> None:
        """Nobody answers at this address."""
        self._forget_address(address)

    def network_changed(self) -> None:
        """Forget who is not on the internet: they were on the former network."""
        for name, known in list(self._known.items()):
            if not all(is_global(address) for address in known.addresses):
                del self._known[name]

    def pick(self, count: int, now: Instant) -> list[Address]:
        """Addresses to dial, of random nodes: never the newest first."""
        ready = [
            known
            for known in self._known.values()
            if (known.not_before is None or known.not_before <= now.monotonic)
            and not any(self._is_linked(address) for address in known.addresses)
        ]
        found = self._sample(ready, count)
        return [self._one_of(known.addresses) for known in found]

    # --- What is asked and answered -----------------------------------------------------------

    def received(self, link: LinkId, frame: PexFrame, now: Instant) -> bool:
        """A frame of a peer; whether it told of nodes that were not known."""
        one = self._links.get(link)
        if one is None:
            return False
        match frame:
            case PexRequest(count):
                self._answer(link, one, count, now)
                return False
            case Pex(records):
                return self._learn(one, records, now)

    def deadline(self) -> Monotonic | None:
        """Return when `deadline_passed` wants to be called."""
        return self._shuffle_at

    def deadline_passed(self, now: Instant) -> bool:
        """Ask a random peer, once a minute; whether that was due."""
        if self._shuffle_at is None or now.monotonic < self._shuffle_at:
            return False
        jitter_ms = uniform_below(self._entropy, 2 * _JITTER_MS)
        self._shuffle_at = now.after(PEX_INTERVAL_MS - _JITTER_MS + jitter_ms)
        askable = [
            link
            for link, one in self._links.items()
            if one.asked_at is None or now.monotonic - one.asked_at >= PEX_INTERVAL_MS * 1000
        ]
        if askable:
            link = askable[uniform_below(self._entropy, len(askable))]
            self._links[link].asked_at = now.monotonic
            self._links[link].is_answer_due = True
            self._frames.append((link, PexRequest(PEX_RECORDS_MAX)))
        return True

    def farewell(self, asker: Address, now: Instant) -> Pex:
        """Return what is told to a caller for whom there is no room."""
        return self._told(asker, PEX_RECORDS_MAX, now)

    def take_frames(self) -> list[tuple[LinkId, PexFrame]]:
        """Frames to send, in order."""
        taken, self._frames = self._frames, []
        return taken

    # --- Helpers ------------------------------------------------------------------------------

    def _answer(self, link: LinkId, one: _OpenLink, count: int, now: Instant) -> None:
        """Tell of nodes reached within a day; who asks too often is not answered."""
        # Their minute and ours differ by what the frame was on its way.
        pause_us = (PEX_INTERVAL_MS - _JITTER_MS) * 1000
        if one.answered_at is not None and now.monotonic - one.answered_at < pause_us:
            return
        one.answered_at = now.monotonic
        self._frames.append((link, self._told(one.address, count, now)))

    def _told(self, asker: Address, count: int, now: Instant) -> Pex:
        """Nodes reached within a day, and those that have called and are still there."""
        callers = {
            one.listens_at: _Known((one.listens_at,), now.monotonic, one.features)
            for one in self._links.values()
            if one.listens_at is not None
        }
        reached = [
            known
            for known in self._known.values()
            if known.proven_at is not None
            and now.monotonic - known.proven_at < PEX_FRESH_MS * 1000
            and not any(address in callers for address in known.addresses)
        ]
        tellable = [known for known in (*reached, *callers.values()) if _may_be_told(known, asker)]
        return Pex([_record(known.addresses) for known in self._sample(tellable, count)])

    def _learn(self, one: _OpenLink, records: Iterable[Sequence[PexAddress]], now: Instant) -> bool:
        read = [_addresses(record, one.address) for record in records]
        if not one.is_answer_due:
            return False
        one.is_answer_due = False
        if one.hour_began is None or now.monotonic - one.hour_began >= _HOUR_US:
            one.hour_began, one.taken_count = now.monotonic, 0
        is_news = False
        for addresses in read:
            if one.taken_count >= PEX_RECORDS_PER_HOUR_MAX:
                break
            one.taken_count += 1
            is_news |= self._add_hearsay(addresses)
        return is_news

    def _add_hearsay(self, addresses: Sequence[Address]) -> bool:
        fresh = tuple(address for address in addresses if not self._has(address))
        if not fresh or not all(self._has_room_in_region(address) for address in fresh):
            return False
        if not self._make_room(is_hearsay=True):
            return False
        known = _Known(fresh)
        self._known[known.name] = known
        return True

    def _has(self, address: Address) -> bool:
        is_known = any(address in known.addresses for known in self._known.values())
        return is_known or self._is_linked(address)

    def _is_linked(self, address: Address) -> bool:
        return any(address in (one.address, one.listens_at) for one in self._links.values())

    def _has_room_in_region(self, address: Address) -> bool:
        region = region_of(address)
        if region is None:
            return True
        inside = sum(
            any(region_of(each) == region for each in known.addresses)
            for known in self._known.values()
        )
        return inside < PASSIVE_PER_PREFIX_MAX

    def _make_room(self, *, is_hearsay: bool) -> bool:
        """Hearsay makes room by chance; what is proven yields to what is proven later."""
        if len(self._known) < PASSIVE_ADDRESSES_MAX:
            return True
        hearsay = [known for known in self._known.values() if known.proven_at is None]
        if hearsay:
            del self._known[hearsay[uniform_below(self._entropy, len(hearsay))].name]
            return True
        if is_hearsay:
            return False
        # Proving moves to the end, so the first is the one that was proven the longest ago.
        del self._known[next(iter(self._known))]
        return True

    def _forget_address(self, address: Address) -> None:
        for name, known in list(self._known.items()):
            if address in known.addresses:
                del self._known[name]
                rest = tuple(each for each in known.addresses if each != address)
                if rest:
                    self._known[str(rest[0])] = _Known(rest, known.proven_at, known.features)

    def _sample(self, from_: list[_Known], count: int) -> list[_Known]:
        rest = list(from_)
        found: list[_Known] = []
        while rest and len(found) < count:
            found.append(rest.pop(uniform_below(self._entropy, len(rest))))
        return found

    def _one_of(self, addresses: tuple[Address, ...]) -> Address:
        return addresses[uniform_below(self._entropy, len(addresses))]


def _may_be_told(known: _Known, asker: Address) -> bool:
    """Say whether a node may be named to who asks from this address."""
    if any(address.host == asker.host for address in known.addresses):
        return False
    is_near = all(is_one_segment(address, asker) for address in known.addresses)
    is_far = all(is_global(address) for address in known.addresses)
    return (is_near and FEATURE_TOLD_NEAR in known.features) or (
        is_far and FEATURE_TOLD_FAR in known.features
    )


def _record(addresses: Iterable[Address]) -> list[PexAddress]:
    record: list[PexAddress] = []
    for address in addresses:
        host = packed(address)
        assert host is not None, "only IP addresses are proven"
        kind = PEX_KIND_V4 if len(host) == _LENGTHS[PEX_KIND_V4] else PEX_KIND_V6
        record.append(PexAddress(kind, host, address.port))
    return record


def _addresses(record: Iterable[PexAddress], teller: Address) -> list[Address]:
    """The addresses of a record that this teller may tell; PeerError if one is none.

    What is not on the internet is believed only of the teller's own segment, or a peer could
    make us knock at any door of our other networks. A kind that we do not know is passed over.
    """
    found: list[Address] = []
    for told in record:
        if told.kind not in _LENGTHS:
            continue
        if len(told.host) != _LENGTHS[told.kind]:
            raise PeerError("malformed address")
        parsed = ip_address(told.host)
        scope = teller.scope if parsed.version == 6 and parsed.is_link_local else 0
        address = Address(str(parsed), told.port, scope)
        is_reachable = is_global(address) or is_one_segment(address, teller)
        if is_node_address(address) and is_reachable and told.port >= PORT_MIN:
            found.append(address)
    return found
