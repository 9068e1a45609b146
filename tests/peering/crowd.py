"""Many dialing machines in sight of each other, without engines: which links arise among them."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from mesh.crypto.entropy import uniform_below
from mesh.ids import Address, DialId, Instant, LinkId, LinkKey, Monotonic
from mesh.inputs import OwnAddress
from mesh.peering.dialer import Dialer
from tests.entropy import SeededEntropy

DIAL_MS = 5


@dataclass
class Member:
    """One machine, and at the other end of each of its links who is there, under which id."""

    number: int
    dialer: Dialer
    address: Address
    links: dict[LinkId, tuple[int, LinkId]] = field(default_factory=dict)
    is_up: bool = True

    @property
    def instance(self) -> str:
        """By which name it is announced."""
        return f"{self.number:016x}"

    @property
    def key(self) -> LinkKey:
        """By which link key others know it."""
        return LinkKey(self.number.to_bytes(32))


class Crowd:
    """Members on one network. All that befalls them falls into one queue, in virtual time."""

    def __init__(self, *, seed: int) -> None:
        self.now_ms = 0
        self.members: dict[int, Member] = {}
        self.links_count = 0
        self._seed = seed
        self._entropy = SeededEntropy(seed)
        self._ids = count(1)
        self._arriving: list[tuple[int, int, int, DialId, Address]] = []

    def join(self, others: list[int]) -> int:
        """A newcomer and these others hear each other's announcements."""
        number = len(self.members) + 1
        dialer = Dialer(SeededEntropy(self._seed * 10_000 + number))
        address = Address(f"10.0.{number // 250}.{number % 250 + 1}", 41730)
        member = Member(number, dialer, address)
        self.members[number] = member
        dialer.rename(member.instance, self._now)
        dialer.networks_seen([OwnAddress("eth0", 2, address.host, 16)])
        self.introduce([number], others)
        return number

    def introduce(self, left: list[int], right: list[int]) -> None:
        """These hear of each other."""
        for one in left:
            for other in right:
                near, far = self.members[one], self.members[other]
                near.dialer.peer_seen(far.instance, [far.address], self._now)
                far.dialer.peer_seen(near.instance, [near.address], self._now)

    def crash(self, number: int) -> None:
        """A member is gone, and those at the other ends of its links know it."""
        member = self.members[number]
        member.is_up = False
        for link in list(member.links):
            self._end(member, link, is_turned_away=False)
        for other in self.members.values():
            other.dialer.targets.peer_gone(member.instance)

    def make_greedy(self, number: int) -> None:
        """From now on a member is hostile."""
        self.members[number].dialer = Greedy(SeededEntropy(number))

    def call_all(self, caller: int, others: list[int]) -> None:
        """A member calls all of these to whom it has no link."""
        member = self.members[caller]
        for number in others:
            if all(other != number for other, _ in member.links.values()):
                dial = DialId(1_000_000 + next(self._ids))
                self._dialled(member, dial, self.members[number].address)

    def pass_time(self, ms: int) -> None:
        """Let all that is due happen in its order."""
        end_ms = self.now_ms + ms
        while True:
            due = [
                (deadline // 1_000 + 1, member.number)
                for member in self.members.values()
                if member.is_up and (deadline := member.dialer.deadline()) is not None
            ]
            next_ms, number = min(due, default=(end_ms + 1, 0))
            if self._arriving and self._arriving[0][0] <= next_ms:
                next_ms = self._arriving[0][0]
                if next_ms > end_ms:
                    break
                self.now_ms = max(self.now_ms, next_ms)
                _, _, caller, dial, address = heapq.heappop(self._arriving)
                self._dialled(self.members[caller], dial, address)
            elif next_ms <= end_ms:
                self.now_ms = max(self.now_ms, next_ms)
                for wanted in self.members[number].dialer.deadline_passed(self._now):
                    arrives_ms = self.now_ms + DIAL_MS + uniform_below(self._entropy, DIAL_MS)
                    call = (arrives_ms, next(self._ids), number, wanted.dial, wanted.address)
                    heapq.heappush(self._arriving, call)
            else:
                break
        self.now_ms = end_ms

    def degrees(self) -> list[int]:
        """Return how many links each member has."""
        return [len(member.links) for member in self.members.values() if member.is_up]

    def distances(self, first: int, *, without: Sequence[int] = ()) -> dict[int, int]:
        """Return how many links everybody is away from one of them, by ways that avoid some."""
        found = {first: 0}
        turn = [first]
        for number in turn:
            for other, _ in self.members[number].links.values():
                if other not in found and other not in without:
                    found[other] = found[number] + 1
                    turn.append(other)
        return found

    @property
    def _now(self) -> Instant:
        return Instant(Monotonic(self.now_ms * 1_000), 0)

    def _dialled(self, caller: Member, dial: DialId, address: Address) -> None:
        """Do what two nodes make of a finished handshake."""
        called = next(one for one in self.members.values() if one.address == address)
        if not called.is_up or not caller.is_up:
            caller.dialer.dial_failed(dial, self._now)
            return
        if any(other == called.number for other, _ in caller.links.values()):
            caller.dialer.duplicate_found(dial, called.key)
            return
        here, there = LinkId(next(self._ids)), LinkId(next(self._ids))
        if not caller.dialer.is_welcome(called.address, dial):
            caller.dialer.dial_failed(dial, self._now)
            return
        is_welcome = called.dialer.is_welcome(caller.address, None)
        self._up(caller, here, dial, called)
        if not is_welcome:
            caller.dialer.links.turned_away(here)
            caller.dialer.link_down(here, self._now)
            return
        self.links_count += 1
        self._up(called, there, None, caller)
        caller.links[here] = (called.number, there)
        called.links[there] = (caller.number, here)
        for member in (called, caller):
            surplus = member.dialer.find_surplus()
            if surplus is not None:
                self._end(member, surplus, is_turned_away=True)

    def _up(self, member: Member, link: LinkId, dial: DialId | None, other: Member) -> None:
        member.dialer.link_up(
            link,
            dial,
            remote_key=other.key,
            instance=other.instance,
            address=other.address,
            now=self._now,
        )

    def _end(self, member: Member, link: LinkId, *, is_turned_away: bool) -> None:
        other_number, other_link = member.links.pop(link)
        other = self.members[other_number]
        del other.links[other_link]
        if is_turned_away:
            other.dialer.links.turned_away(other_link)
        member.dialer.link_down(link, self._now)
        other.dialer.link_down(other_link, self._now)


class Greedy(Dialer):
    """A hostile member: it lets everybody in, gives up no link, and calls as it is told."""

    def is_welcome(self, address: Address, dial: DialId | None) -> bool:
        """Everybody."""
        return True

    def find_surplus(self) -> LinkId | None:
        """None."""
        return None

    def deadline(self) -> Monotonic | None:
        """Never by itself."""
        return None
