"""One node of Maelstrom: what comes in, what goes out, and when it wants to be called.

Each value that is broadcast becomes an envelope without a body, and `mesh.replication.replicator`
carries it, with the floor of eager links as a parameter. What it says over a link within the
*window* goes out as one message of the type `mesh`: bodies after `bodies_us`, everything else after
`rest_us`, unless bodies go there sooner. The links are a tree with the first node at its root:
Maelstrom cuts nodes off and lets them come back, and kills none of them in this workload, so
whoever was cut off catches up by reconciling when its link is back.

A network that loses messages has no links, so they are made here: messages over a link are numbered
within an *epoch*, and who misses one begins the next epoch, which is a new link to the machine on
both sides. Every link says something within `BEAT_US`, so that the last messages are missed too.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import msgspec

from mesh.errors import PeerError
from mesh.ids import EnvelopeId, Instant, LinkId, Monotonic, UnixSeconds
from mesh.limits.replication import LIVE_SECONDS_MAX
from mesh.replication.replicator import Replicator
from mesh.replication.seen_sets import Element
from mesh.wire.frames import decode_frame, encode_frame
from sim.kernel.entropy import SeededEntropy

CEILING: Final = 1_000
"""The root of a tree has as many eager links as it has branches."""

BEAT_US: Final = 2_000_000
BODIES_PER_TURN: Final = 64
MALFORMED: Final = 12
NOT_SUPPORTED: Final = 10

Value: TypeAlias = int | str


@dataclass(frozen=True, slots=True)
class Windows:
    """The wait for company of what is said, and how many nodes hang on one of the tree."""

    bodies_us: int = 0
    rest_us: int = 500_000
    fan_out: int = 24
    floor: int = 1


class Body(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The body of a message; a type has only some of the fields."""

    type: str
    msg_id: int | None = None
    in_reply_to: int | None = None
    node_id: str | None = None
    node_ids: list[str] | None = None
    message: Value | None = None
    messages: list[Value] | None = None
    frames: list[str] | None = None
    values: list[tuple[Value, int]] | None = None
    epoch: int = 0
    number: int = 0
    code: int | None = None
    text: str | None = None


class Message(msgspec.Struct):
    """A line."""

    src: str
    dest: str
    body: Body


@dataclass(slots=True)
class _Line:
    """One link: what waits to go over it, and how many messages went and came in its epoch."""

    due_at: int
    epoch: int = 0
    sent_count: int = 0
    heard_count: int = 0
    frames: list[str] = field(default_factory=list)
    values: list[tuple[Value, int]] = field(default_factory=list)

    def wait(self, until: int) -> None:
        """Go out by then at the latest."""
        self.due_at = min(self.due_at, until)


class MaelstromNode:
    """A node that waits for its `init`."""

    def __init__(self, windows: Windows) -> None:
        self._windows = windows
        self._name = ""
        self._names: list[str] = []
        self._values: dict[EnvelopeId, tuple[Value, int]] = {}
        self._replicator: Replicator | None = None
        self._lines: dict[int, _Line] = {}
        self._replies: list[Message] = []
        self._elements: dict[EnvelopeId, Element] = {}

    @property
    def values(self) -> list[Value]:
        """All values that are known here, in the order in which they came."""
        return [value for value, _ in self._values.values()]

    def received(self, message: Message, now: int) -> None:
        """A client or another node said something."""
        body = message.body
        if body.type == "init" and body.node_id is not None and body.node_ids is not None:
            self._begin(body.node_id, body.node_ids, now)
            self._reply(message, Body(type="init_ok"))
        elif self._replicator is None:
            self._refuse(message, MALFORMED, "init comes first")
        elif body.type == "topology":
            # Links are our own choice: the suggested ones only say who is there.
            self._reply(message, Body(type="topology_ok"))
        elif body.type == "broadcast" and body.message is not None:
            self._publish(body.message, now)
            self._reply(message, Body(type="broadcast_ok"))
        elif body.type == "read":
            self._reply(message, Body(type="read_ok", messages=self.values))
        elif body.type == "mesh" and message.src in self._names:
            self._heard(self._names.index(message.src), body, now)
        else:
            self._refuse(message, NOT_SUPPORTED, f"{body.type} is not understood")
        self._gather(now)

    def deadline(self) -> int | None:
        """Return when `deadline_passed` wants to be called."""
        own = None if self._replicator is None else self._replicator.deadline()
        due = [line.due_at for line in self._lines.values()]
        return min([*due, *([] if own is None else [own])], default=None)

    def deadline_passed(self, now: int) -> None:
        """It is time."""
        if self._replicator is not None:
            deadline = self._replicator.deadline()
            if deadline is not None and deadline <= now:
                self._replicator.deadline_passed(_at(now))
            self._gather(now)

    def take(self, now: int) -> list[Message]:
        """All lines that go out now."""
        out, self._replies = self._replies, []
        for peer, line in self._lines.items():
            if line.due_at <= now:
                body = Body(type="mesh", epoch=line.epoch, number=line.sent_count)
                body.frames, body.values = line.frames, line.values
                out.append(Message(self._name, self._names[peer], body))
                line.frames, line.values = [], []
                line.sent_count += 1
                line.due_at = now + BEAT_US
        return out

    def _begin(self, name: str, names: Sequence[str], now: int) -> None:
        self._name, self._names = name, list(names)
        own = self._names.index(name)
        self._replicator = Replicator(
            SeededEntropy(0, "maelstrom", name),
            eager_links_min=self._windows.floor,
            eager_links_max=CEILING,
        )
        for peer in links_of(own, len(names), self._windows.fan_out):
            self._lines[peer] = _Line(due_at=now + BEAT_US)
            self._replicator.link_up(LinkId(peer), _at(now), is_dialled_by_us=own > peer)

    def _publish(self, value: Value, now: int) -> None:
        assert self._replicator is not None
        id_ = _id_of(value)
        if id_ not in self._replicator.sets:
            created = _at(now).mesh
            self._values[id_] = (value, created)
            element = Element(created, 0, 0)
            self._replicator.accepted(id_, element, None, _at(now), is_new=True)

    def _heard(self, peer: int, body: Body, now: int) -> None:
        spreading = self._replicator
        line = self._lines.get(peer)
        if spreading is None or line is None or body.epoch < line.epoch:
            return
        if body.epoch > line.epoch:
            self._begin_epoch(peer, body.epoch, now)
        if body.number != line.heard_count:
            # Something was lost: what the link stood for is over.
            self._begin_epoch(peer, line.epoch + 1, now)
            return
        line.heard_count += 1
        link = LinkId(peer)
        for value, created in body.values or ():
            id_ = _id_of(value)
            spreading.body_came(link, id_, _at(now))
            if id_ not in spreading.sets:
                self._values[id_] = (value, created)
                is_new = _at(now).mesh - created <= LIVE_SECONDS_MAX
                element = Element(UnixSeconds(created), 0, 0)
                spreading.accepted(id_, element, link, _at(now), is_new=is_new)
        for text in body.frames or ():
            try:
                frame = decode_frame(base64.b64decode(text))
                if frame is not None:
                    spreading.received(link, frame, _at(now))
            except (PeerError, ValueError):
                # A neighbour that talks nonsense is not listened to; Maelstrom has none.
                return

    def _begin_epoch(self, peer: int, epoch: int, now: int) -> None:
        """The link is a new one, for the machine and for the numbers."""
        assert self._replicator is not None
        self._lines[peer].epoch = epoch
        self._lines[peer].sent_count = self._lines[peer].heard_count = 0
        self._lines[peer].frames, self._lines[peer].values = [], []
        self._lines[peer].due_at = now
        own = self._names.index(self._name)
        self._replicator.link_down(LinkId(peer), _at(now))
        self._replicator.link_up(LinkId(peer), _at(now), is_dialled_by_us=own > peer)

    def _gather(self, now: int) -> None:
        """Gather for its window what the machine has to say."""
        spreading = self._replicator
        if spreading is None:
            return
        frames = spreading.take_frames(_at(now))
        for peer in self._lines:
            link = LinkId(peer)
            while spreading.outgoing.has_more(link):
                announcement = spreading.outgoing.take_announcement(link)
                if announcement is not None:
                    frames.append((link, announcement))
                for id_ in spreading.outgoing.take_bodies(link, BODIES_PER_TURN):
                    self._lines[peer].values.append(self._values[id_])
                    self._lines[peer].wait(now + self._windows.bodies_us)
        for link, frame in frames:
            line = self._lines.get(int(link))
            if line is not None:
                line.frames.append(base64.b64encode(encode_frame(frame)).decode())
                line.wait(now + self._windows.rest_us)

    def _reply(self, message: Message, body: Body) -> None:
        body.in_reply_to = message.body.msg_id
        self._replies.append(Message(self._name, message.src, body))

    def _refuse(self, message: Message, code: int, text: str) -> None:
        if message.body.msg_id is not None:
            self._reply(message, Body(type="error", code=code, text=text))


def links_of(own: int, count: int, fan_out: int) -> list[int]:
    """The nodes to which a node has links: up and down the tree."""
    above = [(own - 1) // fan_out] if own else []
    first = own * fan_out + 1
    return above + list(range(first, min(first + fan_out, count)))


def _id_of(value: Value) -> EnvelopeId:
    data = msgspec.json.encode(value)
    return EnvelopeId(hashlib.blake2b(data, digest_size=32).digest())


def _at(now: int) -> Instant:
    return Instant(Monotonic(now), now)
