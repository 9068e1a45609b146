"""The sightings of a relay: who mentioned each envelope when, who asked, who told it is done.

An instant at a peer is when its frame came, less half of the least round trip of that link, which
the relay knows from its pings.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

import numpy as np

from mesh.wire.retirement import RETIREMENT_SIZE_CLASS
from sim.eavesdropping.captures import RelayLine
from sim.eavesdropping.capturing import Header
from sim.eavesdropping.fitting import Floats

ASKS: Final = frozenset({"IWant", "Graft"})
TELLS: Final = ("Push", "IHave")
OTHER: Final = len(TELLS)
"""A kind of frame that is neither, such as one that tells nobody else yet."""

FAR: Final = 9


@dataclass(slots=True)
class Mentions:
    """The first mention of something by each node: (microseconds, kind of frame, link)."""

    first: dict[int, tuple[float, int, int]] = field(default_factory=dict)
    asked: dict[int, float] = field(default_factory=dict)
    told: dict[int, float] = field(default_factory=dict)
    """When the relay itself told this node first."""

    def note(self, node: int, at: float, kind: int, link: int) -> None:
        """A node mentions it."""
        if node not in self.first:
            self.first[node] = (at, kind, link)

    def lateness_ms(self) -> dict[int, float]:
        """Return by node how much later than the median of all it mentioned it."""
        middle = median(at for at, _, _ in self.first.values()) if self.first else 0.0
        return {node: (at - middle) / 1000 for node, (at, _, _) in self.first.items()}


@dataclass(slots=True)
class Sighting:
    """One envelope, as the relay saw it."""

    id: str
    key: str
    created: int
    bytes: int
    post: Mentions
    done: Mentions
    held_ms: dict[int, float]
    """From the relay's push until the node said that it holds it, less the round trip."""

    @property
    def at(self) -> float:
        """Return when it was mentioned first."""
        return min(at for at, _, _ in self.post.first.values())


@dataclass(slots=True)
class Seen:
    """All that one relay saw."""

    header: Header
    candidates: list[int]
    distances: Floats
    sightings: list[Sighting]
    usual_ms: dict[int, float]
    """By link, the median of how late envelopes are mentioned there. The two directions of a link
    differ, which no ping tells; but who is earlier than at other times is near the author."""

    usual_done_ms: dict[int, float]
    """The same of retirements."""


@dataclass(slots=True)
class _Reading:
    posts: dict[str, Mentions] = field(default_factory=dict)
    elements: dict[str, Mentions] = field(default_factory=dict)
    element_of: dict[str, str] = field(default_factory=dict)
    words: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    pushed: dict[tuple[str, int], float] = field(default_factory=dict)
    held: dict[str, dict[int, float]] = field(default_factory=dict)


def seen_by_relay(header: Header, lines: Sequence[RelayLine]) -> Seen:
    """Read what one relay saw."""
    node_of = {line.stream: int(line.what) for line in lines if line.word == "open"}
    one_way = _one_way_us(lines)
    reading = _Reading()
    for line in lines:
        if line.word in ("in", "out"):
            late = one_way.get(line.stream, 0.0)
            _read_frame(reading, line, node_of[line.stream], late)
    candidates = [node for node in range(header.nodes) if node != header.relay]
    sightings = []
    for name, (key, created, size) in reading.words.items():
        post = reading.posts[name]
        if post.first:
            done = reading.elements.get(reading.element_of.get(name, ""), Mentions())
            held = reading.held.get(name, {})
            sightings.append(Sighting(name, key, created, size, post, done, held))
    sightings.sort(key=lambda sighting: (sighting.at, sighting.id))
    usual = _usual_ms(sighting.post for sighting in sightings)
    usual_done = _usual_ms(sighting.done for sighting in sightings)
    return Seen(header, candidates, distances(header), sightings, usual, usual_done)


def _usual_ms(all_mentions: Iterable[Mentions]) -> dict[int, float]:
    by_link: dict[int, list[float]] = {}
    for mentions in all_mentions:
        for node, late in mentions.lateness_ms().items():
            by_link.setdefault(mentions.first[node][2], []).append(late)
    return {link: median(late) for link, late in by_link.items()}


def distances(header: Header) -> Floats:
    """Steps between all nodes on the ground (Floyd and Warshall), and to the relay.

    No path leads through the relay: of what it passes on itself it is told nothing.
    """
    steps = np.full((header.nodes, header.nodes), float(FAR))
    np.fill_diagonal(steps, 0)
    for one, other in header.reach:
        steps[one, other] = steps[other, one] = 1
    for middle in range(header.nodes):
        if middle == header.relay:
            continue
        steps = np.minimum(steps, steps[:, middle : middle + 1] + steps[middle : middle + 1])
    return steps


def _one_way_us(lines: Iterable[RelayLine]) -> dict[int, float]:
    """Half of the least round trip of each link."""
    waiting: dict[int, deque[int]] = {}
    least: dict[int, float] = {}
    for line in lines:
        if line.word == "out" and line.what == "Ping":
            waiting.setdefault(line.stream, deque()).append(line.at)
        elif line.word == "in" and line.what == "Pong" and waiting.get(line.stream):
            trip = line.at - waiting[line.stream].popleft()
            least[line.stream] = min(trip / 2, least.get(line.stream, trip / 2))
    return least


def _read_frame(reading: _Reading, line: RelayLine, node: int, late: float) -> None:
    detail, is_out = line.detail, line.word == "out"
    kind = TELLS.index(line.what) if line.what in TELLS else OTHER
    for envelope in detail.envelopes:
        reading.words[envelope.id] = (envelope.key, envelope.created, envelope.bytes)
        mentions = reading.posts.setdefault(envelope.id, Mentions())
        if is_out:
            mentions.told.setdefault(node, line.at)
            reading.pushed.setdefault((envelope.id, node), line.at + late)
        else:
            mentions.note(node, line.at - late, kind, line.stream)
    for name, class_ in detail.entries:
        table = reading.elements if class_ == RETIREMENT_SIZE_CLASS else reading.posts
        if line.what == "IHave":
            _note(table.setdefault(name, Mentions()), line, node, late, kind)
    for envelope_id, element in detail.retired:
        reading.element_of[envelope_id] = element
        _note(reading.elements.setdefault(element, Mentions()), line, node, late, OTHER)
    if line.what in ASKS and not is_out:
        for name in detail.ids:
            for table in (reading.posts, reading.elements):
                if name in table:
                    table[name].asked.setdefault(node, line.at - late)
    if line.what == "Held" and not is_out:
        for name in detail.held:
            pushed = reading.pushed.get((name, node))
            if pushed is not None:
                delay_ms = (line.at - late - pushed) / 1000
                reading.held.setdefault(name, {}).setdefault(node, delay_ms)


def _note(mentions: Mentions, line: RelayLine, node: int, late: float, kind: int) -> None:
    if line.word == "out":
        mentions.told.setdefault(node, line.at)
    else:
        mentions.note(node, line.at - late, kind, line.stream)
