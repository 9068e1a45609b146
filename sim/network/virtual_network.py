"""Virtual networks: who stands on which, which streams run, and what cuts them.

A node reaches another if both stand on the network of the dialled address, are within reach of
each other where it is radio, the other listens, and no cut lies between them. A cut acts in two
ways, drawn for each stream: a *reset*, which both ends see, or a *stall*, in which nothing passes
and nobody is told. TCP holds what was written into a stall and sends it again after the heal, if
both ends still hold the stream then. Going out of reach is a stall; a cut may block one direction
only, and then a dial, which needs both, times out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from mesh.effects import Dial
from mesh.ids import Address
from mesh.inputs import Connected, DialFailed, NetworkChanged
from mesh.limits.peering import DIAL_TIMEOUT_MS
from sim.invariants.invariants import S18, BrokenInvariant
from sim.kernel.entropy import Draws
from sim.kernel.loop import Loop
from sim.network.addresses import PORT, AddressBook
from sim.network.cuts import Cut, Sides, Silence
from sim.network.reach import Reach
from sim.network.stream import StreamEndpoint, Uplink, Way, connect
from sim.network.stream_table import JoinedEnds, StreamTable
from sim.network.wires import Spell, StreamRules, Wire, wire_key

RESET_NOTICE_US: Final = 50_000
"""How long a reset takes to be noticed at most."""


class Endpoint(StreamEndpoint, Protocol):
    """The node as the network knows it.

    `incarnation` counts restarts: what was meant for an earlier life does not reach a later one.
    """

    incarnation: int


@dataclass(slots=True)
class NetworkCounters:
    """The traffic over all networks."""

    dials: int = 0
    streams: int = 0
    bytes_sent: int = 0
    chunks_sent: int = 0
    chunks_delivered: int = 0
    chunks_dropped: int = 0
    retransmissions: int = 0
    announcements: int = 0
    announcements_lost: int = 0
    announcements_copied: int = 0
    announcements_late: int = 0
    resets: int = 0
    stalls: int = 0
    overflows: int = 0
    chunks_corrupted: int = 0
    streams_truncated: int = 0
    leases_renewed: int = 0
    addresses_reused: int = 0


class VirtualNetwork:
    """The networks of one world. `networks` lists for each node those on which it stands.

    `near[i]` lists whom node i reaches by radio; who is not in it reaches all on its networks.
    """

    def __init__(
        self,
        *,
        loop: Loop,
        rules: StreamRules,
        networks: Mapping[int, Sequence[int]],
        seed: int,
        near: Mapping[int, Mapping[int, None]] | None = None,
    ) -> None:
        self._loop = loop
        self._rules = rules
        self.reach = Reach(networks, near)
        self._seed = seed
        self._resets = Draws(seed, "resets")
        self._wires: dict[tuple[int, int], Wire] = {}
        self._uplinks: dict[int, Uplink] = {}
        self._air: dict[int, Uplink] = {}
        self.spells_of: Callable[[int, int], Sequence[Spell]] = _no_spells
        """The spells of a wire from one node to another, asked once when it is made."""

        self.changed: Callable[[Sequence[int] | None], None] = _nobody_looks
        """Told after who reaches whom has changed: of which nodes, or None for all."""

        self.streams = StreamTable()
        self._hosts: dict[int, Endpoint] = {}
        self.counters = NetworkCounters()
        self.dials_lately: dict[tuple[int, str, int], int] = {}
        # (who, whom, how often either had started): how many.
        """Who dialled which host, and how often, since somebody looked and emptied it."""

        self.addresses = AddressBook({node: tuple(each) for node, each in networks.items()})

    def add(self, host: Endpoint) -> None:
        """Plug a node in; it listens while it is up."""
        self._hosts[host.index] = host

    def host(self, node: int) -> Endpoint:
        """A node that was plugged in."""
        return self._hosts[node]

    def dial(self, host: Endpoint, effect: Dial) -> None:
        """Open a stream: it stands after one round trip, or fails as a TCP dial fails."""
        self.counters.dials += 1
        place = self.addresses.place(effect.address.host)
        lives = host.incarnation + (0 if place is None else self._hosts[place[0]].incarnation)
        way = (host.index, effect.address.host, lives)
        self.dials_lately[way] = self.dials_lately.get(way, 0) + 1
        if place is None or place[1] not in self.reach.networks_of(host.index):
            self._loop.after(0, partial(self._fail, host, host.incarnation, effect, "no route"))
        else:
            there = self._wire(host.index, place[0]).latency_us()
            back = self._wire(place[0], host.index).latency_us()
            answer = partial(self._answer, host, host.incarnation, effect, place, (there, back))
            self._loop.after(there + back, answer)

    # --- What changes -------------------------------------------------------------------------

    def cut(self, cut: Cut, *, reset_share: float = 0) -> int:
        """Put a cut between nodes, resetting so many of the streams that it blocks both ways."""
        number = self.reach.put(cut)
        for stream_number, stream in self.streams.of(_touched(cut)):
            one, other = (end.host.index for end in stream.ends)
            is_blocked = [cut.blocks(one, other), cut.blocks(other, one)]
            is_reset = self._resets.fraction(one, other, self._loop.now) < reset_share
            if all(is_blocked) and is_reset:
                self._reset(stream_number, stream)
            elif any(is_blocked):
                self.counters.stalls += 1
            self._look_at(stream)
        self.changed(_touched(cut))
        return number

    def heal(self, number: int | None = None) -> None:
        """Remove one cut, or all; what TCP holds is sent again."""
        touched: Sequence[int] | None = None
        if number is None:
            self.reach.take_all()
        else:
            cut = self.reach.take(number)
            touched = [] if cut is None else _touched(cut)
        for _, stream in self.streams.of(touched):
            self._look_at(stream)
        self.changed(touched)

    def partition(self, sides: Mapping[int, int], *, reset_share: float) -> None:
        """Cut every path between nodes of different sides."""
        self.cut(Sides(sides), reset_share=reset_share)

    def meet(self, one: int, other: int) -> None:
        """Two come within reach of each other."""
        self.reach.meet(one, other)
        self._look_between(one, other)

    def part(self, one: int, other: int) -> None:
        """Two go out of reach of each other: nobody is told."""
        self.reach.part(one, other)
        self._look_between(one, other)

    def gather(self) -> None:
        """From now on everybody reaches all on their networks."""
        self.reach.gather()
        for _, stream in self.streams.of(None):
            self._look_at(stream)
        self.changed(None)

    def move(self, node: int, networks: Sequence[int]) -> None:
        """A node is carried to other networks: its old addresses and streams are no more there.

        It notices itself; whoever had a stream to it is not told.
        """
        left = self.reach.move(node, networks)
        for network in left:
            self.addresses.leave(node, network)
        for network in networks:
            self.addresses.join(node, network)
        for _, stream in self.streams.of([node]):
            if stream.network in left:
                for end in stream.ends:
                    end.abandon()
                    if end.host.index == node:
                        end.break_off()
        self._hosts[node].put(NetworkChanged())
        self.changed([node])

    def renew(self, reuses: Mapping[int, bool]) -> None:
        """Nodes are given other addresses on all their networks; `AddressBook.renew` says which.

        Their streams lead nowhere any more, and nobody is told. Where another machine that is on
        has the address now, it answers what is still sent to it by a reset.
        """
        self.counters.leases_renewed += len(reuses)
        for network, members in self.reach.members.items():
            here = {node: reuses[node] for node in members if node in reuses}
            self.counters.addresses_reused += self.addresses.renew(here, network)
        for _, stream in self.streams.of(None):
            for end, host in zip(stream.ends, reversed(stream.hosts), strict=True):
                place = self.addresses.place(host)
                has_moved = place is None or place[0] != end.peer.host.index
                if has_moved and end.peer.host.index in reuses:
                    end.abandon()
                    end.peer.abandon()
                if has_moved and place is not None and self._hosts[place[0]].is_up:
                    end.refuse()
        self.changed(list(reuses))

    def clog(self, sender: int, receiver: int) -> None:
        """From now on nothing of one node reaches another."""
        self.reach.clog(sender, receiver)
        self._look_between(sender, receiver)

    def unclog(self, sender: int, receiver: int) -> None:
        """One clog less; what TCP holds is sent again after the last."""
        self.reach.unclog(sender, receiver)
        self._look_between(sender, receiver)

    def forget_streams(self, one: int, other: int) -> int:
        """Something between two nodes forgets their streams, as a router does that restarts.

        Both ends go on holding them and nothing passes any more. Returns how many there were.
        """
        forgotten = self._between(one, other)
        for stream in forgotten:
            for end in stream.ends:
                end.abandon()
        return len(forgotten)

    def require_conservation(self) -> None:
        """S18: every chunk that was sent arrived, was dropped, or is on its way."""
        streams = self.streams.live.values()
        flying = sum(end.chunks_on_their_way for stream in streams for end in stream.ends)
        counters = self.counters
        accounted = counters.chunks_delivered + counters.chunks_dropped + flying
        if counters.chunks_sent != accounted:
            detail = (
                f"{counters.chunks_sent} chunks were sent; {counters.chunks_delivered} arrived, "
                f"{counters.chunks_dropped} were dropped, {flying} are on their way"
            )
            raise BrokenInvariant(S18, detail)

    # --- Inside -------------------------------------------------------------------------------

    def _between(self, one: int, other: int) -> list[JoinedEnds]:
        return [
            stream
            for _, stream in self.streams.of([one])
            if other in (stream.near.host.index, stream.far.host.index)
        ]

    def _look_between(self, one: int, other: int) -> None:
        for stream in self._between(one, other):
            self._look_at(stream)
        self.changed([one])

    def _look_at(self, stream: JoinedEnds) -> None:
        """Stall or resume both directions as they are now."""
        for end in stream.ends:
            if self.reach.passes(end.host.index, end.peer.host.index):
                end.resume()
            else:
                end.stall()

    def _reset(self, number: int, stream: JoinedEnds) -> None:
        self.counters.resets += 1
        for end in stream.ends:
            after = self._resets.below(RESET_NOTICE_US, number, end.host.index, self._loop.now)
            end.abandon()
            self._loop.after(after, end.break_off)

    def _answer(
        self,
        host: Endpoint,
        incarnation: int,
        effect: Dial,
        place: tuple[int, int],
        latencies: tuple[int, int],
    ) -> None:
        target, network = place
        networks_of = self.reach.networks_of
        is_there = network in networks_of(target) and network in networks_of(host.index)
        if not (
            is_there
            and self.addresses.place(effect.address.host) == place
            and self.reach.passes(host.index, target)
            and self.reach.passes(target, host.index)
        ):
            timeout = DIAL_TIMEOUT_MS * 1_000
            self._loop.after(timeout, partial(self._fail, host, incarnation, effect, "timed out"))
        elif not self._hosts[target].is_up or effect.address.port != PORT:
            self._fail(host, incarnation, effect, "refused")
        elif host.is_up and host.incarnation == incarnation:
            calling = self.addresses.calling(host.index, network)
            self._connect(host, effect, self._hosts[target], calling, network, latencies)

    def _fail(self, host: Endpoint, incarnation: int, effect: Dial, reason: str) -> None:
        if host.is_up and host.incarnation == incarnation:
            host.put(DialFailed(effect.dial, reason))

    def _connect(
        self,
        host: Endpoint,
        effect: Dial,
        target: Endpoint,
        calling: Address,
        network: int,
        latencies: tuple[int, int],
    ) -> None:
        """Both ends exist from here on; the listener hears of it half a round trip later."""
        self.counters.streams += 1
        number = self.streams.next_number
        self.streams.next_number += 1
        there, back = latencies
        near, far = connect(
            loop=self._loop,
            rules=self._rules,
            counters=self.counters,
            ways=(
                self._way(host, target, there, network),
                self._way(target, host, back, network),
            ),
            ended=partial(self.streams.end, number),
        )
        hosts = calling.host, effect.address.host
        self.streams.add(number, JoinedEnds(near, far, network, hosts))
        host.streams.hold(near)
        target.streams.hold(far)
        near.arrive_at(self._loop.now, Connected(near.link, effect.dial, effect.address))
        far.arrive_at(self._loop.now + there, Connected(far.link, None, calling))

    def _way(self, sender: Endpoint, receiver: Endpoint, latency_us: int, network: int) -> Way:
        uplink = Uplink()
        if self._rules.is_uplink_shared:
            uplink = self._uplinks.setdefault(sender.index, uplink)
        elif self._rules.is_air_shared:
            uplink = self._air.setdefault(network, uplink)
        return Way(sender, self._wire(sender.index, receiver.index), uplink, latency_us)

    def _wire(self, sender: int, receiver: int) -> Wire:
        wire = self._wires.get((sender, receiver))
        if wire is None:
            key = wire_key(self._seed, sender, receiver)
            wire = self._wires[sender, receiver] = Wire(self._rules, key)
            wire.spells = tuple(self.spells_of(sender, receiver))
        return wire


def _touched(cut: Cut) -> Sequence[int] | None:
    """Return whose streams a cut may concern; None: everybody's."""
    return [cut.node] if isinstance(cut, Silence) else None


def _nobody_looks(nodes: Sequence[int] | None) -> None:
    """Nobody wants to know."""


def _no_spells(sender: int, receiver: int) -> Sequence[Spell]:
    """No wire has any spell."""
    return ()
