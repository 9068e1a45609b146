"""The nodes in sight, from whatever source: mDNS and the beacon tell of the same nodes.

The engine hears of a node when it was not known, or at an address that was not, and when nobody
tells of it any more; so what two sources repeat by turns wakes nobody. A name is kept together
with the hint of its mesh: who lies about the hint of another's name only adds a foreign node.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from mesh.ids import Address
from mesh.inputs import PeerGone, PeerSeen
from mesh.limits.discovery import BEACON_ADDRESSES_MAX, BEACON_KEPT_MS
from mesh.limits.peering import ADDRESSES_PER_PEER_MAX, CANDIDATES_MAX
from mesh.wire.beacon import Beacon

Tell = Callable[[PeerSeen | PeerGone], None]


@dataclass(slots=True)
class _Candidate:
    """One name with one hint: where mDNS says it is, and where its beacons came from, and when."""

    announced: tuple[Address, ...] = ()
    heard: dict[Address, float] = field(default_factory=dict)
    told: tuple[Address, ...] = ()

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Half of the places are kept for each source, so that neither crowds the other out."""
        first = self.announced[: ADDRESSES_PER_PEER_MAX - len(self.heard)]
        return tuple(dict.fromkeys((*first, *self.heard)))[:ADDRESSES_PER_PEER_MAX]


class Candidates:
    """All nodes in sight of one set of interfaces."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._known: dict[tuple[str, str | None], _Candidate] = {}

    def clear(self) -> None:
        """These interfaces are no more; the engine is told of that by another input."""
        self._known.clear()

    def announced(self, seen: PeerSeen) -> None:
        """Multicast DNS tells of a name."""
        candidate = self._candidate(seen.instance, seen.mesh_hint)
        candidate.announced = seen.addresses
        self._tell_news(seen.instance, seen.mesh_hint, candidate)

    def ended(self, instance: str) -> None:
        """A name has ended, says mDNS; if a beacon of it comes all the same, it is news."""
        ended = [key for key in self._known if key[0] == instance]
        for key in ended:
            del self._known[key]
        if ended:
            self._tell(PeerGone(instance))

    def heard(self, beacon: Beacon, address: Address, now_s: float) -> None:
        """A beacon came from an address; port 0 takes back what came from there."""
        if not beacon.port:
            self._took_leave(beacon, address)
            return
        candidate = self._candidate(beacon.instance, beacon.mesh_hint)
        candidate.heard.pop(address, None)
        candidate.heard[address] = now_s
        if len(candidate.heard) > BEACON_ADDRESSES_MAX:
            del candidate.heard[next(iter(candidate.heard))]
        self._tell_news(beacon.instance, beacon.mesh_hint, candidate)

    def expire(self, now_s: float) -> None:
        """Forget beacons that were not repeated."""
        for key, candidate in list(self._known.items()):
            for address, at in list(candidate.heard.items()):
                if now_s - at >= BEACON_KEPT_MS / 1_000:
                    del candidate.heard[address]
            self._forget_if_silent(key, candidate)

    def _took_leave(self, beacon: Beacon, address: Address) -> None:
        """Forget a name's addresses on the host that says goodbye, and on no other."""
        key = (beacon.instance, beacon.mesh_hint)
        candidate = self._known.get(key)
        if candidate is not None:
            place = (address.host, address.scope)
            for each in list(candidate.heard):
                if (each.host, each.scope) == place:
                    del candidate.heard[each]
            self._forget_if_silent(key, candidate)

    def _forget_if_silent(self, key: tuple[str, str | None], candidate: _Candidate) -> None:
        if candidate.heard or candidate.announced:
            return
        del self._known[key]
        # Under another hint the name may live on.
        if not any(instance == key[0] for instance, _ in self._known):
            self._tell(PeerGone(key[0]))

    def _candidate(self, instance: str, mesh_hint: str | None) -> _Candidate:
        key = (instance, mesh_hint)
        if key not in self._known and len(self._known) >= CANDIDATES_MAX:
            del self._known[next(iter(self._known))]
        return self._known.setdefault(key, _Candidate())

    def _tell_news(self, instance: str, mesh_hint: str | None, candidate: _Candidate) -> None:
        addresses = candidate.addresses
        if any(address not in candidate.told for address in addresses):
            candidate.told = addresses
            self._tell(PeerSeen(instance, addresses, mesh_hint))
