"""Spreading machines joined by links that end, lose and delay; bodies are nothing but their ids."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from mesh.crypto.hashing import blake2b_256
from mesh.errors import PeerError
from mesh.ids import EnvelopeId, Instant, LinkId, Monotonic, UnixSeconds
from mesh.limits.replication import IDS_PER_FRAME_MAX, LIVE_SECONDS_MAX
from mesh.replication.replicator import Replicator
from mesh.replication.seen_sets import Element
from mesh.wire.frames import (
    FLAG_BACKLOG,
    Frame,
    IHave,
    IWant,
    NoHave,
    decode_frame,
    encode_frame,
    join_entries,
    split_entries,
    split_ids,
)
from tests.entropy import SeededEntropy

NOW = UnixSeconds(1_800_000_000)
LINK = LinkId(1)
BODIES_PER_TURN = 64
_Kind = TypeVar("_Kind", bound=Frame)


def at(ms: int) -> Instant:
    """So long after the beginning."""
    return Instant(Monotonic(ms * 1000), NOW * 1_000_000 + ms * 1000)


def id_of(number: int) -> EnvelopeId:
    return EnvelopeId(blake2b_256(number.to_bytes(8, "big")))


def element(*, age: int = 600, size: int = 0, of_class: int = 0) -> Element:
    return Element(UnixSeconds(NOW - age), size, of_class)


def make(numbers: Iterable[int] = (), *, seed: int = 1, links: Iterable[int] = ()) -> Replicator:
    """A machine that knows some ids, each created a second before the one of the lower number."""
    replicator = Replicator(SeededEntropy(seed))
    replicator.load([(id_of(number), element(age=600 + number)) for number in numbers])
    for link in links:
        replicator.link_up(LinkId(link), at(0), is_dialled_by_us=False)
    return replicator


def frames_of(
    replicator: Replicator, kind: type[_Kind], now: Instant, link: int | None = None
) -> list[_Kind]:
    """Return what it sends now, of one kind; all else is thrown away."""
    return [
        frame
        for receiver, frame in replicator.take_frames(now)
        if isinstance(frame, kind) and link in (None, receiver)
    ]


def wants_of(replicator: Replicator, link: int, ms: int = 0) -> list[EnvelopeId]:
    return [
        id_ for frame in frames_of(replicator, IWant, at(ms), link) for id_ in split_ids(frame.ids)
    ]


def announce(replicator: Replicator, link: int, numbers: range, ms: int = 0) -> None:
    for start in range(numbers.start, numbers.stop, IDS_PER_FRAME_MAX):
        page = range(start, min(start + IDS_PER_FRAME_MAX, numbers.stop))
        entries = join_entries([(id_of(number), 0) for number in page])
        replicator.received(LinkId(link), IHave(entries, FLAG_BACKLOG), at(ms))


def announced(replicator: Replicator, link: int) -> list[EnvelopeId]:
    frame = replicator.outgoing.take_announcement(LinkId(link))
    return [] if frame is None else [id_ for id_, _ in split_entries(frame.entries)]


def bring(replicator: Replicator, link: int, number: int, ms: int) -> None:
    """A link pushes new mail."""
    replicator.body_came(LinkId(link), id_of(number), at(ms))
    replicator.accepted(id_of(number), element(age=0), LinkId(link), at(ms), is_new=True)


def require_nothing_overlooked(replicator: Replicator) -> None:
    """The machines look only at links that have something: no other one may have anything."""
    eager_links, outgoing, want_list = (
        replicator._eager_links,
        replicator.outgoing,
        replicator.want_list,
    )
    assert all(link in eager_links._links for link in eager_links._eager)
    assert outgoing.links_with_more() == [one for one in outgoing._links if outgoing.has_more(one)]
    owing = [link for link, one in want_list._links.items() if one.requests.deadline is not None]
    assert sorted(want_list._owing) == sorted(owing)
    compared = replicator._anti_entropy
    assert all(link in compared._busy for link, one in compared._links.items() if one.is_busy)


@dataclass(slots=True)
class Node:
    """A machine, its clock error, and the ids whose bodies it has."""

    replicator: Replicator
    clock_error_s: int = 0
    bodies_count: int = 0
    elements: dict[EnvelopeId, Element] = field(default_factory=dict)


class Meshed:
    """Some machines under one clock. A link's id is its other end's number."""

    def __init__(self, *known: Iterable[int]) -> None:
        self.now_ms = 0
        self.nodes: list[Node] = []
        self.frames_count = 0
        self.bytes_count = 0
        # Whether a frame is lost, by sender and receiver. Links do not lose frames: they end.
        self.is_lost: Callable[[int, int, Frame], bool] = lambda sender, receiver, frame: False
        self.on_frame: Callable[[int, int, Frame], None] = lambda sender, receiver, frame: None
        # What becomes of the bytes of a frame on their way; a fault is then borne, as a node does.
        self.falsify: Callable[[int, int, bytes], bytes] | None = None
        self.faults_count = 0
        self.links: dict[tuple[int, int], None] = {}
        self.all: dict[EnvelopeId, Element] = {}
        for number, numbers in enumerate(known):
            numbers = list(numbers)
            node = Node(make(numbers, seed=100 + number))
            node.elements = {one: element(age=600 + n) for n in numbers for one in [id_of(n)]}
            self.all.update(node.elements)
            self.nodes.append(node)

    @property
    def now(self) -> Instant:
        return at(self.now_ms)

    def now_of(self, number: int) -> Instant:
        """With mesh time as one node has it."""
        mesh = NOW + self.now_ms // 1000 + self.nodes[number].clock_error_s
        return replace(self.now, mesh=UnixSeconds(mesh))

    def join(self, left: int, right: int) -> None:
        """The left one dials."""
        self.links[left, right] = None
        for near, far in ((left, right), (right, left)):
            replicator = self.nodes[near].replicator
            replicator.link_up(LinkId(far), self.now, is_dialled_by_us=near == left)

    def cut(self, left: int, right: int) -> None:
        self.links.pop((left, right), None)
        self.links.pop((right, left), None)
        for near, far in ((left, right), (right, left)):
            self.nodes[near].replicator.link_down(LinkId(far), self.now)

    def restart(self, number: int) -> None:
        """A node ends and starts again with what it has stored; its links are dialled anew."""
        node = self.nodes[number]
        joined = [pair for pair in self.links if number in pair]
        for left, right in joined:
            self.cut(left, right)
        node.replicator = make(seed=1_000 + number + self.now_ms)
        node.replicator.load(node.elements.items())
        for left, right in joined:
            self.join(left, right)

    def publish(self, number: int, made: int, *, age: int = 0, size: int = 0) -> None:
        """Something new is made at a node."""
        one = Element(UnixSeconds(self.now_of(number).mesh - age), size, 0)
        self.all[id_of(made)] = self.nodes[number].elements[id_of(made)] = one
        replicator = self.nodes[number].replicator
        is_new = age <= LIVE_SECONDS_MAX
        replicator.accepted(id_of(made), one, None, self.now, is_new=is_new)

    def settle(self) -> None:
        """Exchange until nobody has anything to say; no time passes."""
        for _ in range(20_000):
            busy = [self.turn(number) for number in range(len(self.nodes))]
            if not any(busy):
                return
        raise AssertionError("the machines never come to rest")

    def pass_time(self, seconds: float) -> None:
        """Settle, and call each machine at its deadlines."""
        end = self.now_ms + int(seconds * 1000)
        self.settle()
        while True:
            deadlines = [node.replicator.deadline() for node in self.nodes]
            soonest = min((one for one in deadlines if one is not None), default=None)
            if soonest is None or soonest > end * 1000:
                break
            self.now_ms = max(self.now_ms, -(-soonest // 1000))
            for number, node in enumerate(self.nodes):
                deadline = node.replicator.deadline()
                if deadline is not None and deadline <= self.now.monotonic:
                    node.replicator.deadline_passed(self.now_of(number))
            self.settle()
            deadlines = [node.replicator.deadline() for node in self.nodes]
            for one in deadlines:
                assert one is None or one > self.now.monotonic, "a deadline that spins"
        self.now_ms = end

    def are_equal(self) -> bool:
        """Say whether all know the same."""
        first = self.nodes[0].replicator.sets.ids()
        return all(node.replicator.sets.ids() == first for node in self.nodes)

    def turn(self, number: int) -> bool:
        """One node says what it has to say; whether there was anything."""
        replicator = self.nodes[number].replicator
        require_nothing_overlooked(replicator)
        frames = replicator.take_frames(self.now_of(number))
        require_nothing_overlooked(replicator)
        for link in [LinkId(other) for other in self._peers(number)]:
            announcement = replicator.outgoing.take_announcement(link)
            if announcement is not None:
                frames.append((link, announcement))
        is_busy = bool(frames)
        for link, frame in frames:
            self._carry(number, int(link), frame)
        for other in self._peers(number):
            for id_ in replicator.outgoing.take_bodies(LinkId(other), BODIES_PER_TURN):
                is_busy = True
                self._carry_body(number, other, id_)
        return is_busy

    # --- Below ------------------------------------------------------------------------------

    def _peers(self, number: int) -> list[int]:
        return [
            right if left == number else left
            for left, right in self.links
            if number in (left, right)
        ]

    def _carry(self, sender: int, receiver: int, frame: Frame) -> None:
        if not self._is_joined(sender, receiver):
            return
        data = encode_frame(frame)
        self.frames_count += 1
        self.bytes_count += len(data)
        self.on_frame(sender, receiver, frame)
        if self.is_lost(sender, receiver, frame):
            return
        if self.falsify is not None:
            data = self.falsify(sender, receiver, data)
        replicator = self.nodes[receiver].replicator
        try:
            decoded = decode_frame(data)
            if decoded is not None:
                replicator.received(LinkId(sender), decoded, self.now_of(receiver))
        except PeerError:
            self.cut(sender, receiver)
            if self.falsify is None:
                raise
            self.faults_count += 1

    def _carry_body(self, sender: int, receiver: int, id_: EnvelopeId) -> None:
        if not self._is_joined(sender, receiver):
            return
        one = self.nodes[sender].elements.get(id_)
        if one is None:
            self._carry(sender, receiver, NoHave(entries=join_entries([(id_, 1)])))
            return
        node = self.nodes[receiver]
        self.bytes_count += one.size_bytes
        node.bodies_count += 1
        node.replicator.body_came(LinkId(sender), id_, self.now)
        if id_ in node.replicator.sets:
            return
        node.elements[id_] = one
        is_new = self.now_of(receiver).mesh - one.created <= LIVE_SECONDS_MAX
        node.replicator.accepted(id_, one, LinkId(sender), self.now, is_new=is_new)

    def _is_joined(self, left: int, right: int) -> bool:
        return (left, right) in self.links or (right, left) in self.links
