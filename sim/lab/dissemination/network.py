"""Speakers at the ends of links, under virtual time.

A speaker is one node as far as spreading goes. What it says at one instant goes out together, takes
the latency of the link and the time of its bytes on the wire, and is heard in order. Who crashes
says and hears nothing from then on; the others learn of it when they notice that the link ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from sim.kernel.entropy import Chance
from sim.kernel.loop import Loop
from sim.lab.dissemination.graphs import Edges


class Said(Protocol):
    """One thing that is said: `size` in bytes; `post` is set where it is a whole body."""

    @property
    def size(self) -> int: ...
    @property
    def post(self) -> int | None: ...


class Speaker(Protocol):
    """One node. Links are the numbers of the nodes at their other ends."""

    def link_up(
        self, peer: int, now: int, *, is_dialled_by_us: bool, round_trip_us: int
    ) -> None: ...
    def link_down(self, peer: int, now: int) -> None: ...
    def publish(self, post: int, size: int, now: int) -> None: ...
    def heard(self, peer: int, said: Said, now: int) -> None: ...
    def take(self, now: int) -> list[tuple[int, Said]]: ...
    def deadline(self) -> int | None: ...
    def deadline_passed(self, now: int) -> None: ...


@dataclass(slots=True)
class Spread:
    """The course of one post: when each node had it first, and how many bodies came to it."""

    size: int
    made_at: int
    first_at: dict[int, int] = field(default_factory=dict)
    hops: dict[int, int] = field(default_factory=dict)
    bodies_at: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Link:
    latency_us: int
    busy_until: dict[int, int] = field(default_factory=dict)


class SpeakingNetwork:
    """All speakers of one world."""

    def __init__(
        self,
        speakers: Sequence[Speaker],
        edges: Edges,
        *,
        latency_us: tuple[int, int],
        bytes_per_second: int,
        chance: Chance,
    ) -> None:
        self.loop = Loop(tick_us=100)
        self.speakers = speakers
        self.posts: list[Spread] = []
        self.control_bytes = 0
        self.frames_count = 0
        self._bytes_per_second = bytes_per_second
        self._links: dict[tuple[int, int], _Link] = {}
        self._neighbours: dict[int, dict[int, None]] = {}
        self._dead: dict[int, None] = {}
        self._waking: dict[int, int] = {}
        for one, other in edges:
            self.join(one, other, chance.between(*latency_us))

    @property
    def living(self) -> list[int]:
        """Nodes that have not crashed."""
        return [node for node in range(len(self.speakers)) if node not in self._dead]

    def neighbours(self, node: int) -> list[int]:
        """The other ends of a node's links."""
        return list(self._neighbours.get(node, ()))

    def latency_us(self, one: int, other: int) -> int:
        """Return how long a link takes, one way."""
        return self._links[min(one, other), max(one, other)].latency_us

    def join(self, one: int, other: int, latency_us: int) -> None:
        """A link stands; the first one dialled."""
        self._links[min(one, other), max(one, other)] = _Link(latency_us)
        now = self.loop.now
        for near, far in ((one, other), (other, one)):
            self._neighbours.setdefault(near, {})[far] = None
            self.speakers[near].link_up(
                far, now, is_dialled_by_us=near == one, round_trip_us=2 * latency_us
            )
            self._tend(near)

    def part(self, one: int, other: int) -> None:
        """A link ends, and both sides know."""
        if self._links.pop((min(one, other), max(one, other)), None) is None:
            return
        for near, far in ((one, other), (other, one)):
            self._neighbours[near].pop(far, None)
            if near not in self._dead:
                self.speakers[near].link_down(far, self.loop.now)
                self._tend(near)

    def crash(self, nodes: Sequence[int], *, notice_us: int) -> None:
        """These are gone at once; their neighbours learn of it after so long."""
        self._dead |= dict.fromkeys(nodes)
        for node in nodes:
            for other in self.neighbours(node):
                self.loop.after(notice_us, partial(self.part, node, other))

    def publish(self, node: int, size: int) -> int:
        """Something new is made at a node; returns its number."""
        number = len(self.posts)
        self.posts.append(Spread(size, self.loop.now, {node: self.loop.now}, {node: 0}))
        self.speakers[node].publish(number, size, self.loop.now)
        self._tend(node)
        return number

    def run_until(self, end: int) -> None:
        """Let virtual time pass."""
        self.loop.run_until(end)

    def _tend(self, node: int) -> None:
        """Send what a node has to say, and plan its next deadline."""
        now = self.loop.now
        if node in self._dead:
            return
        speaker = self.speakers[node]
        for peer, said in speaker.take(now):
            self._carry(node, peer, said)
        deadline = speaker.deadline()
        if deadline is not None:
            when = max(deadline, now + 1)
            planned = self._waking.get(node)
            if planned is None or when < planned or planned <= now:
                self._waking[node] = when
                self.loop.at(when, partial(self._wake, node, when))

    def _wake(self, node: int, when: int) -> None:
        if self._waking.get(node) != when or node in self._dead:
            return
        del self._waking[node]
        self.speakers[node].deadline_passed(self.loop.now)
        self._tend(node)

    def _carry(self, sender: int, receiver: int, said: Said) -> None:
        link = self._links.get((min(sender, receiver), max(sender, receiver)))
        if link is None:
            return
        self.frames_count += 1
        if said.post is None:
            self.control_bytes += said.size
        now = self.loop.now
        busy_until = max(link.busy_until.get(sender, 0), now)
        busy_until += said.size * 1_000_000 // self._bytes_per_second
        link.busy_until[sender] = busy_until
        arrive = partial(self._arrive, sender, receiver, said, link)
        self.loop.at(busy_until + link.latency_us, arrive)

    def _arrive(self, sender: int, receiver: int, said: Said, link: _Link) -> None:
        is_standing = self._links.get((min(sender, receiver), max(sender, receiver))) is link
        if receiver in self._dead or not is_standing:
            return
        if said.post is not None:
            self._note_body(sender, receiver, said.post)
        self.speakers[receiver].heard(sender, said, self.loop.now)
        self._tend(receiver)

    def _note_body(self, sender: int, receiver: int, number: int) -> None:
        spread = self.posts[number]
        spread.bodies_at[receiver] = spread.bodies_at.get(receiver, 0) + 1
        if receiver not in spread.first_at:
            spread.first_at[receiver] = self.loop.now
            spread.hops[receiver] = spread.hops.get(sender, 0) + 1
