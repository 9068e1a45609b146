"""The nodes that still reach each other after most of a mesh has failed at one moment.

The set-up of HyParView (Leitao, Pereira, Rodrigues: "HyParView", DSN 2007): many nodes on the
internet, of which a share fails at once; how many of the survivors does a message reach then, and
after a time of repair? Here each node is the two machines that a real one has for it, which choose
whom to dial (`mesh.peering.dialer`) and remember others (`mesh.peering.exchange`), joined as the
engine joins them, without links of bytes.

A survivor notices at once that its links to the failed have ended, as in that paper, where the
machines live on and refuse. With `is_silent` an address of the failed does not even refuse, and a
dial of it hangs until its time is up.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Final

from mesh.ids import Address, DialId, Instant, LinkId, LinkKey, Monotonic, earliest
from mesh.limits.peering import DIAL_TIMEOUT_MS, PEX_RECORDS_MAX
from mesh.peering.dialer import Dialer
from mesh.peering.exchange import PeerExchange
from mesh.wire.frames import FEATURE_TOLD_FAR, Pex, PexRequest
from sim.kernel.entropy import Chance, SeededEntropy
from sim.kernel.loop import Loop

FEATURES: Final = (FEATURE_TOLD_FAR,)
PORT: Final = 41_730
CALLING_PORT: Final = 50_000

INTRODUCED_BY: Final = 2
"""Of so many nodes a newcomer knows the addresses, as from an invite."""

JOINING_US: Final = 20_000
"""Between two newcomers."""

LATENCY_US: Final = (5_000, 25_000)
TICK_US: Final = 1_000
US: Final = 1_000_000


@dataclass(slots=True)
class Member:
    """One node: its machines, and who is at the other end of each link, under which number."""

    number: int
    address: Address
    dialing: Dialer
    exchange: PeerExchange
    links: dict[LinkId, tuple[int, LinkId]] = field(default_factory=dict)
    is_up: bool = True
    waking_at: int | None = None

    @property
    def key(self) -> LinkKey:
        """By which link key others know it."""
        return LinkKey(self.number.to_bytes(32, "big"))


class Internet:
    """Members that reach each other by their addresses alone; nobody announces itself."""

    def __init__(self, *, nodes: int, seed: int, is_silent: bool = False) -> None:
        self.loop = Loop(tick_us=TICK_US)
        self.members: list[Member] = []
        self._joined_at = nodes * JOINING_US
        self._seed = seed
        self._is_silent = is_silent
        self._chance = Chance(seed, "survivors")
        self._numbers: dict[Address, int] = {}
        self._links_count = 0
        for number in range(nodes):
            self.loop.at(number * JOINING_US, partial(self._join, number))

    def run(self, seconds: float) -> None:
        """Let time pass; it counts from the moment at which the last one has joined."""
        self.loop.run_until(max(self.loop.now, self._joined_at) + round(seconds * US))

    def fail(self, share: float) -> None:
        """So many fail at this moment and for ever."""
        alive = list(self.members)
        self._chance.shuffle(alive)
        failed = alive[: round(share * len(alive))]
        for member in failed:
            member.is_up = False
        for member in failed:
            for link in list(member.links):
                self._end(member, link)

    def reached(self) -> float:
        """Return which share of the survivors a message of one of them reaches, in the mean of
        all.
        """
        alive = [member for member in self.members if member.is_up]
        found: dict[int, None] = {}
        squares = 0
        for first in alive:
            if first.number in found:
                continue
            before = len(found)
            found[first.number] = None
            waiting = [first]
            while waiting:
                for number, _ in waiting.pop().links.values():
                    if number not in found:
                        found[number] = None
                        waiting.append(self.members[number])
            squares += (len(found) - before) ** 2
        return squares / len(alive) ** 2

    @property
    def links_mean(self) -> float:
        """Return how many links those have who live."""
        counts = [len(member.links) for member in self.members if member.is_up]
        return sum(counts) / len(counts)

    # --- Faults of one member -----------------------------------------------------------------

    def _join(self, number: int) -> None:
        member = Member(
            number=number,
            address=self._draw_address(),
            dialing=Dialer(SeededEntropy(self._seed, "dialing", number)),
            exchange=PeerExchange(SeededEntropy(self._seed, "exchange", number)),
        )
        self._numbers[member.address] = number
        member.dialing.rename(_instance(member), self._now)
        known = [
            self.members[self._chance.below(number)].address
            for _ in range(min(INTRODUCED_BY, number))
        ]
        self.members.append(member)
        member.dialing.targets.offer(dict.fromkeys(known), self._now)
        self._plan(member)

    def _draw_address(self) -> Address:
        """A host of its own, in one of nineteen thousand regions."""
        while True:
            high, rest = self._chance.between(20, 95), self._chance.below(1 << 24)
            host = f"{high}.{rest >> 16}.{rest >> 8 & 255}.{rest & 255}"
            address = Address(host, PORT)
            if address not in self._numbers:
                return address

    def _plan(self, member: Member) -> None:
        """Wake it when a machine of it wants that."""
        deadline = earliest((member.dialing.deadline(), member.exchange.deadline()))
        if deadline is None:
            return
        when = max(deadline, self.loop.now)
        if member.waking_at is None or when < member.waking_at:
            member.waking_at = when
            self.loop.at(when, partial(self._wake, member, when))

    def _wake(self, member: Member, when: int) -> None:
        if member.waking_at != when:
            return
        member.waking_at = None
        if not member.is_up:
            return
        for dial in member.dialing.deadline_passed(self._now):
            self.loop.after(
                2 * self._latency_us(), partial(self._dialled, member, dial.dial, dial.address)
            )
        unreachable = member.dialing.targets.take_unreachable()
        for address in unreachable:
            member.exchange.disproven(address)
        if member.exchange.deadline_passed(self._now) or unreachable:
            self._fill_up(member)
        self._send(member)
        self._plan(member)

    def _fill_up(self, member: Member) -> None:
        """Do what the engine does when a link has ended, or others were told of."""
        if member.dialing.is_short:
            known = member.exchange.pick(PEX_RECORDS_MAX, self._now)
            member.dialing.targets.offer(known, self._now)

    def _send(self, member: Member) -> None:
        for link, frame in member.exchange.take_frames():
            if link in member.links:
                number, there = member.links[link]
                self.loop.after(
                    self._latency_us(), partial(self._came, self.members[number], there, frame)
                )

    def _came(self, member: Member, link: LinkId, frame: PexRequest | Pex) -> None:
        if member.is_up and member.exchange.received(link, frame, self._now):
            self._fill_up(member)
        self._send(member)
        self._plan(member)

    # --- Links --------------------------------------------------------------------------------

    def _dialled(self, caller: Member, dial: DialId, address: Address) -> None:
        """Do what two nodes make of a finished handshake."""
        if not caller.is_up:
            return
        called = self.members[self._numbers[address]]
        if called.is_up:
            self._meet(caller, dial, called)
        elif self._is_silent:
            self.loop.after(DIAL_TIMEOUT_MS * 1_000, partial(self._failed, caller, dial))
        else:
            self._failed(caller, dial)

    def _failed(self, caller: Member, dial: DialId) -> None:
        if caller.is_up:
            caller.dialing.dial_failed(dial, self._now)
            self._plan(caller)

    def _meet(self, caller: Member, dial: DialId, called: Member) -> None:
        if caller is called:
            caller.dialing.self_found(dial, self._now)
        elif any(number == called.number for number, _ in caller.links.values()):
            caller.dialing.duplicate_found(dial, called.key)
        elif not caller.dialing.is_welcome(called.address, dial):
            caller.dialing.dial_failed(dial, self._now)
        else:
            self._link(caller, dial, called)
        self._plan(caller)
        self._plan(called)

    def _link(self, caller: Member, dial: DialId, called: Member) -> None:
        here, there = self._next_link(), self._next_link()
        calls_from = Address(caller.address.host, CALLING_PORT)
        is_welcome = called.dialing.is_welcome(calls_from, None)
        self._up(caller, here, dial, called, called.address)
        caller.exchange.proven(called.address, FEATURES, self._now)
        if not is_welcome:
            # It says who else may have room, then ends the link.
            farewell = called.exchange.farewell(calls_from, self._now)
            is_news = caller.exchange.received(here, farewell, self._now)
            caller.dialing.links.turned_away(here)
            self._down(caller, here)
            if is_news:
                self._fill_up(caller)
            return
        self._up(called, there, None, caller, calls_from)
        called.exchange.called(there, PORT, FEATURES)
        caller.links[here] = (called.number, there)
        called.links[there] = (caller.number, here)
        for member in (called, caller):
            surplus = member.dialing.find_surplus()
            if surplus is not None:
                number, link = member.links[surplus]
                self.members[number].dialing.links.turned_away(link)
                self._end(member, surplus)

    def _up(
        self, member: Member, link: LinkId, dial: DialId | None, other: Member, address: Address
    ) -> None:
        now = self._now
        member.dialing.link_up(
            link, dial, remote_key=other.key, instance=_instance(other), address=address, now=now
        )
        member.exchange.link_up(link, address, is_dialled=dial is not None, now=now)

    def _end(self, member: Member, link: LinkId) -> None:
        number, other_link = member.links.pop(link)
        other = self.members[number]
        del other.links[other_link]
        self._down(member, link)
        self._down(other, other_link)

    def _down(self, member: Member, link: LinkId) -> None:
        if member.is_up:
            member.dialing.link_down(link, self._now)
            member.exchange.link_down(link, self._now)
            self._fill_up(member)
            self._plan(member)

    def _next_link(self) -> LinkId:
        self._links_count += 1
        return LinkId(self._links_count)

    def _latency_us(self) -> int:
        return self._chance.between(*LATENCY_US)

    @property
    def _now(self) -> Instant:
        return Instant(Monotonic(self.loop.now), self.loop.now)


def _instance(member: Member) -> str:
    return f"{member.number:016x}"
