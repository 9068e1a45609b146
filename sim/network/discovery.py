"""Virtual discovery: announcements on the networks, as multicast DNS brings them.

A node that announces itself asks at the same time who is there. It repeats its announcement
every half minute; whoever has not heard it, because it was lost or cut off, hears a later one. A
name that was not heard for long lapses. A name that its owner replaced ends with a goodbye,
except after a change of network.

An announcement names the addresses that its owner had when it was said: one that comes late may
name those of a lease that is over.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Final

from mesh.effects import Announce
from mesh.ids import Address
from mesh.inputs import PeerGone, PeerSeen
from sim.kernel.entropy import Draws
from sim.kernel.loop import Loop
from sim.network.virtual_network import Endpoint, VirtualNetwork

REPEAT_US: Final = 30_000_000
LAPSE_US: Final = 120_000_000
"""The lifetime of a host's record in multicast DNS."""

EARLY_REPEATS_US: Final = (1_000_000, 3_000_000)
"""Multicast DNS announces more than once, since a packet may be lost."""


@dataclass(frozen=True, slots=True)
class AnnouncementRules:
    """The delay of an announcement, and how often one is lost, comes twice, or comes late."""

    delay_max_us: int
    loss: float
    copied: float = 0
    late: float = 0
    late_us: tuple[int, int] = (1_000_000, 60_000_000)


_Leases = tuple[tuple[int, Address], ...]
"""Networks, and the address of one node on each of them."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """The last announcement that was heard of one node: its name and addresses, and when."""

    instance: str
    leases: _Leases
    when: int


@dataclass(slots=True)
class _Named:
    """The announcement of one node, and whom it has heard, by owner.

    `stale` has former names of nodes at addresses that they have no more, and when each was heard:
    nobody takes them back.
    """

    effect: Announce | None = None
    heard: dict[int, _Heard] = field(default_factory=dict)
    stale: dict[str, int] = field(default_factory=dict)


class Discovery:
    """Carries announcements between the nodes of each network."""

    def __init__(
        self, *, loop: Loop, network: VirtualNetwork, rules: AnnouncementRules, draws: Draws
    ) -> None:
        self._loop = loop
        self._network = network
        self._rules = rules
        self._draws = draws
        self._nodes: dict[int, _Named] = {}

    def announce(self, host: Endpoint, effect: Announce) -> None:
        """A node announces itself under a new name, and asks who is there."""
        named = self._nodes.setdefault(host.index, _Named())
        former, named.effect = named.effect, effect
        if former is not None and not effect.is_new_network:
            for other in self._network.reach.others(host.index):
                self._goodbye(other, host.index, former.instance)
        if former is None or effect.is_new_network:
            # On another network nobody is known, whoever stood on the former one.
            named.heard.clear()
            named.stale.clear()
            for other in self._network.reach.others(host.index):
                self._tell(other, host.index)
        for delay in (0, *EARLY_REPEATS_US):
            self._repeat_after(delay, host, effect)
        first = EARLY_REPEATS_US[-1] + self._draws.below(REPEAT_US, host.index, self._loop.now)
        self._loop.after(first, partial(self._keep_up, host, host.incarnation, effect))

    def renewed(self, node: int) -> None:
        """A node has other addresses under the same name, and says so."""
        named = self._nodes.get(node)
        if named is not None and named.effect is not None:
            for delay in (0, *EARLY_REPEATS_US):
                self._repeat_after(delay, self._network.host(node), named.effect)

    def forget(self, host: Endpoint) -> None:
        """A node crashed: it announces nothing and has heard nothing."""
        self._nodes.pop(host.index, None)

    def met(self, one: int, other: int) -> None:
        """Two came within reach of each other, and hear that they did."""
        self._tell(one, other)
        self._tell(other, one)

    def gathered(self) -> None:
        """Everybody came within reach of everybody."""
        for owner in self._nodes:
            for other in self._network.reach.others(owner):
                self._tell(owner, other)

    def _tell(self, owner: int, listener: int) -> None:
        """Tell one who asks what a node announces."""
        named = self._nodes.get(owner)
        if named is not None and named.effect is not None:
            self._carry(owner, listener, named.effect)

    def _repeat_after(self, delay: int, host: Endpoint, effect: Announce) -> None:
        self._loop.after(delay, partial(self._say, host, host.incarnation, effect))

    def _say(self, host: Endpoint, incarnation: int, effect: Announce) -> None:
        """Say it once to all who have not heard it, if it still holds."""
        if self._holds(host, incarnation, effect):
            for other in self._network.reach.others(host.index):
                self._carry(host.index, other, effect)

    def _holds(self, host: Endpoint, incarnation: int, effect: Announce) -> bool:
        named = self._nodes.get(host.index)
        return named is not None and named.effect is effect and host.incarnation == incarnation

    def _keep_up(self, host: Endpoint, incarnation: int, effect: Announce) -> None:
        if self._holds(host, incarnation, effect):
            self._say(host, incarnation, effect)
            self._lapse(host)
            jitter = self._draws.below(REPEAT_US // 5, host.index, self._loop.now)
            self._loop.after(
                REPEAT_US - REPEAT_US // 10 + jitter,
                partial(self._keep_up, host, incarnation, effect),
            )

    def _carry(self, owner: int, listener: int, effect: Announce) -> None:
        """One announcement to one listener; whoever knows the name only notes that it lives."""
        counters, rules, draws = self._network.counters, self._rules, self._draws
        packet = (owner, listener, self._loop.now)
        counters.announcements += 1
        if draws.fraction(*packet) < rules.loss or not self._network.reach.passes(owner, listener):
            counters.announcements_lost += 1
            return
        host, leases = self._network.host(listener), self._leases(owner)
        heard = partial(self._hear, owner, leases, host, host.incarnation, effect)
        if rules.copied and draws.fraction(*packet, 1) < rules.copied:
            counters.announcements_copied += 1
            self._loop.after(draws.between(*rules.late_us, *packet, 2), heard)
        is_late = bool(rules.late) and draws.fraction(*packet, 3) < rules.late
        hearing = self._nodes.get(listener)
        if hearing is not None and owner in hearing.heard and not is_late:
            known = hearing.heard[owner]
            if (known.instance, known.leases) == (effect.instance, leases):
                hearing.heard[owner] = _Heard(effect.instance, leases, self._loop.now)
                return
        if is_late:
            # Later ones overtake it.
            counters.announcements_late += 1
            self._loop.after(draws.between(*rules.late_us, *packet, 4), heard)
        else:
            self._loop.after(draws.below(rules.delay_max_us + 1, *packet, 5), heard)

    def _leases(self, owner: int) -> _Leases:
        networks = self._network.reach.networks_of(owner)
        return tuple((each, self._network.addresses.of(owner, each)) for each in networks)

    def _hear(
        self, owner: int, leases: _Leases, host: Endpoint, incarnation: int, effect: Announce
    ) -> None:
        hearing = self._nodes.get(host.index)
        if hearing is None or host.incarnation != incarnation:
            return
        networks_of = self._network.reach.networks_of
        addresses = tuple(
            address
            for network, address in leases
            if network in networks_of(owner) and network in networks_of(host.index)
        )
        known = hearing.heard.get(owner)
        # One of them may have been carried away in the meantime.
        if not addresses:
            return
        if known is None or (known.instance, known.leases) != (effect.instance, leases):
            hearing.heard[owner] = _Heard(effect.instance, leases, self._loop.now)
            hearing.stale.pop(effect.instance, None)
            # At the same addresses engines drop a former name themselves.
            if known and known.instance != effect.instance and known.leases != leases:
                hearing.stale[known.instance] = known.when
            host.put(PeerSeen(effect.instance, addresses, effect.mesh_hint))

    def _goodbye(self, listener: int, owner: int, instance: str) -> None:
        hearing = self._nodes.get(listener)
        known = None if hearing is None else hearing.heard.get(owner)
        if (
            known is not None
            and known.instance == instance
            and self._network.reach.passes(owner, listener)
        ):
            assert hearing is not None
            del hearing.heard[owner]
            self._network.host(listener).put(PeerGone(instance))

    def _lapse(self, host: Endpoint) -> None:
        """Forget whom this node has not heard for long."""
        named = self._nodes[host.index]
        limit = self._loop.now - LAPSE_US
        for owner, known in list(named.heard.items()):
            if known.when < limit:
                del named.heard[owner]
                host.put(PeerGone(known.instance))
        for instance, when in list(named.stale.items()):
            if when < limit:
                del named.stale[instance]
                host.put(PeerGone(instance))
