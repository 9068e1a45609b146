"""Virtual networks: who stands on which, which streams run, and what cuts them.

A node reaches another if both stand on the network of the dialled address, the other listens,
and no cut lies between them. A cut acts in two ways, drawn for each stream: a *reset*, which both
ends see, or a *stall*, in which nothing passes and nobody is told. TCP holds what was written
into a stall and sends it again after the heal, if both ends still hold the stream then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

from mesh.effects import Dial
from mesh.ids import Address
from mesh.inputs import Connected, DialFailed
from mesh.limits import DIAL_TIMEOUT_MS
from sim.entropy import Chance
from sim.loop import Loop
from sim.stream import End, StreamHost, StreamRules, connect

PORT: Final = 41_730
FIRST_CALLING_PORT: Final = 49_152
RESET_NOTICE_US: Final = 50_000
"""How long a reset takes to be noticed at most."""


class Host(StreamHost, Protocol):
    """What the network knows of a node.

    `incarnation` counts restarts: what was meant for an earlier life does not reach a later one.
    """

    incarnation: int

    def hold(self, end: End) -> None: ...


@dataclass(slots=True)
class NetworkCounters:
    """What crossed all networks."""

    dials: int = 0
    streams: int = 0
    bytes_sent: int = 0
    chunks_sent: int = 0
    retransmissions: int = 0
    announcements: int = 0
    announcements_lost: int = 0
    resets: int = 0
    stalls: int = 0


@dataclass(slots=True)
class _Streams:
    """All streams of which an end is held, by number, the dialler's end first."""

    next_number: int = 0
    live: dict[int, tuple[End, End]] = field(default_factory=dict)


class VirtualNetwork:
    """The networks of one world. `networks[i]` lists the networks on which node i stands."""

    def __init__(
        self,
        *,
        loop: Loop,
        rules: StreamRules,
        networks: Sequence[Sequence[int]],
        chance: Chance,
        faults: Chance,
    ) -> None:
        self._loop = loop
        self._rules = rules
        self._networks = [tuple(each) for each in networks]
        self._chance = chance
        self._faults = faults
        self._streams = _Streams()
        self._sides: Mapping[int, int] = {}
        self._hosts: dict[int, Host] = {}
        self._calling_ports: dict[int, int] = {}
        self._places: dict[str, tuple[int, int]] = {
            address_of(node, network).host: (node, network)
            for node, each in enumerate(self._networks)
            for network in each
        }
        self.counters = NetworkCounters()
        self.members: dict[int, list[int]] = {}
        for node, each in enumerate(self._networks):
            for network in each:
                self.members.setdefault(network, []).append(node)

    def add(self, host: Host) -> None:
        """Plug a node in; it listens while it is up."""
        self._hosts[host.index] = host

    def networks_of(self, node: int) -> tuple[int, ...]:
        """The networks on which a node stands."""
        return self._networks[node]

    def host(self, node: int) -> Host:
        """A node that was plugged in."""
        return self._hosts[node]

    def is_cut(self, one: int, other: int) -> bool:
        """Whether a cut lies between two nodes."""
        return self._sides.get(one) != self._sides.get(other)

    def dial(self, host: Host, effect: Dial) -> None:
        """Open a stream: it stands after one round trip, or fails as a TCP dial fails."""
        self.counters.dials += 1
        place = self._places.get(effect.address.host)
        if place is None or place[1] not in self._networks[host.index]:
            self._loop.after(0, partial(self._fail, host, host.incarnation, effect, "no route"))
        else:
            latency = self._rules.latency_us(self._chance)
            self._loop.after(
                2 * latency, partial(self._answer, host, host.incarnation, effect, place, latency)
            )

    def partition(self, sides: Mapping[int, int], *, reset_share: float) -> None:
        """Cut every path between nodes of different sides; the share of streams is reset."""
        self._sides = sides
        for number, (near, far) in list(self._streams.live.items()):
            if not self.is_cut(near.host.index, far.host.index):
                continue
            if self._faults.is_true(reset_share):
                self.counters.resets += 1
                for end in (near, far):
                    self._loop.after(self._faults.below(RESET_NOTICE_US), end.break_off)
                del self._streams.live[number]
            else:
                self.counters.stalls += 1
            near.stall()
            far.stall()

    def heal(self) -> None:
        """Remove the cut; what TCP holds is sent again."""
        self._sides = {}
        for near, far in list(self._streams.live.values()):
            near.resume()
            far.resume()

    def links(self) -> list[tuple[int, int]]:
        """The pairs of nodes between which a stream stands that both hold and nothing stalls."""
        return [
            (near.host.index, far.host.index)
            for near, far in self._streams.live.values()
            if near.is_held and far.is_held and not near.is_stalled
        ]

    def _answer(
        self,
        host: Host,
        incarnation: int,
        effect: Dial,
        place: tuple[int, int],
        latency: int,
    ) -> None:
        target, network = place
        if self.is_cut(host.index, target):
            timeout = DIAL_TIMEOUT_MS * 1_000
            self._loop.after(timeout, partial(self._fail, host, incarnation, effect, "timed out"))
        elif not self._hosts[target].is_up or effect.address.port != PORT:
            self._fail(host, incarnation, effect, "refused")
        elif host.is_up and host.incarnation == incarnation:
            calling = Address(address_of(host.index, network).host, self._next_port(host.index))
            self._connect(host, effect, self._hosts[target], calling, latency)

    def _fail(self, host: Host, incarnation: int, effect: Dial, reason: str) -> None:
        if host.is_up and host.incarnation == incarnation:
            host.put(DialFailed(effect.dial, reason))

    def _connect(
        self, host: Host, effect: Dial, target: Host, calling: Address, latency: int
    ) -> None:
        """Both ends exist from here on; the listener hears of it half a round trip later."""
        self.counters.streams += 1
        number = self._streams.next_number
        self._streams.next_number += 1
        near, far = connect(
            loop=self._loop,
            rules=self._rules,
            chance=self._chance,
            counters=self.counters,
            latency_us=latency,
            hosts=(host, target),
            ended=partial(self._streams.live.pop, number, None),
        )
        self._streams.live[number] = (near, far)
        host.hold(near)
        target.hold(far)
        near.arrive_at(self._loop.now, Connected(near.link, effect.dial, effect.address))
        far.arrive_at(self._loop.now + latency, Connected(far.link, None, calling))

    def _next_port(self, node: int) -> int:
        port = self._calling_ports.get(node, FIRST_CALLING_PORT)
        self._calling_ports[node] = port + 1 if port < 65_535 else FIRST_CALLING_PORT
        return port


def address_of(node: int, network: int) -> Address:
    """Where a node listens on a network: each network is one /64 of private IPv6 addresses."""
    return Address(f"fd00:1:1:{network + 1:x}::{node + 1:x}", PORT)
