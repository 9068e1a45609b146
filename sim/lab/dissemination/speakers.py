"""The nodes that spread: ours, two rivals, and those who lie.

`MeshSpeaker` is the machine of the node itself, joined to the network as the engine joins it. The
rivals are written after their specifications, as far as a fixed graph shows them: flooding, and
gossipsub v1.0 (Vyzovitis and others, "GossipSub", arXiv 2007.02754; libp2p specs, gossipsub v1.0).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mesh.crypto.hashing import blake2b_256
from mesh.ids import EnvelopeId, Instant, LinkId, Monotonic, UnixSeconds
from mesh.limits.replication import EAGER_LINKS_MIN, LIVE_SECONDS_MAX
from mesh.replication.replicator import Replicator
from mesh.replication.seen_sets import Element
from mesh.wire.envelope import SIZE_BYTES
from mesh.wire.frames import (
    Frame,
    Graft,
    IHave,
    IWant,
    NoHave,
    encode_frame,
    join_entries,
    split_entries,
    split_ids,
)
from sim.kernel.entropy import Chance, SeededEntropy
from sim.lab.dissemination.network import Said

BEGUN_S: Final = 1_800_000_000
BODIES_PER_TURN: Final = 64
ID_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class SaidFrame:
    """A frame of ours."""

    frame: Frame
    size: int
    post: int | None = None


@dataclass(frozen=True, slots=True)
class SaidBody:
    """A whole body."""

    post: int
    size: int


@dataclass(frozen=True, slots=True)
class SaidIds:
    """Ids of gossipsub: announced, or wanted."""

    ids: tuple[int, ...]
    is_wanted: bool
    post: int | None = None

    @property
    def size(self) -> int:
        """As hashes of 32 bytes."""
        return ID_BYTES * len(self.ids)


class Ids:
    """Posts as the ids and elements of envelopes, shared by all speakers of a world."""

    def __init__(self) -> None:
        self._posts: dict[EnvelopeId, int] = {}
        self._elements: dict[EnvelopeId, Element] = {}

    def make(self, post: int, size: int, created: UnixSeconds) -> EnvelopeId:
        """The id of a new post."""
        id_ = EnvelopeId(blake2b_256(post.to_bytes(8, "big")))
        self._posts[id_] = post
        self._elements[id_] = Element(created, SIZE_BYTES.index(size), 0)
        return id_

    def id_of(self, post: int) -> EnvelopeId:
        """The id of a post that was made."""
        return EnvelopeId(blake2b_256(post.to_bytes(8, "big")))

    def post_of(self, id_: EnvelopeId) -> int:
        """The post of an id."""
        return self._posts[id_]

    def element(self, id_: EnvelopeId) -> Element:
        """Return what an envelope's header says."""
        return self._elements[id_]

    def __contains__(self, id_: EnvelopeId) -> bool:
        return id_ in self._posts


class MeshSpeaker:
    """Our machine of spreading."""

    def __init__(
        self, ids: Ids, seed: int, number: int, *, eager_links_min: int = EAGER_LINKS_MIN
    ) -> None:
        self._ids = ids
        self._replicator = Replicator(
            SeededEntropy(seed, "speaker", number), eager_links_min=eager_links_min
        )
        self._links: dict[int, None] = {}

    def link_up(self, peer: int, now: int, *, is_dialled_by_us: bool, round_trip_us: int) -> None:
        """A link stands."""
        self._links[peer] = None
        self._replicator.link_up(
            LinkId(peer),
            _at(now),
            is_dialled_by_us=is_dialled_by_us,
            round_trip_ms=round_trip_us // 1_000,
        )

    def link_down(self, peer: int, now: int) -> None:
        """A link ended."""
        self._links.pop(peer, None)
        self._replicator.link_down(LinkId(peer), _at(now))

    def publish(self, post: int, size: int, now: int) -> None:
        """Something new is made here."""
        id_ = self._ids.make(post, size, _at(now).mesh)
        self._replicator.accepted(id_, self._ids.element(id_), None, _at(now), is_new=True)

    def heard(self, peer: int, said: Said, now: int) -> None:
        """A neighbour said something."""
        spreading, link = self._replicator, LinkId(peer)
        if isinstance(said, SaidFrame):
            spreading.received(link, said.frame, _at(now))
            return
        assert isinstance(said, SaidBody)
        id_ = self._ids.id_of(said.post)
        spreading.body_came(link, id_, _at(now))
        if id_ not in spreading.sets:
            element = self._ids.element(id_)
            is_new = _at(now).mesh - element.created <= LIVE_SECONDS_MAX
            spreading.accepted(id_, element, link, _at(now), is_new=is_new)

    def take(self, now: int) -> list[tuple[int, Said]]:
        """All frames and bodies that are ready."""
        spreading = self._replicator
        said: list[tuple[int, Said]] = [
            (int(link), _framed(frame)) for link, frame in spreading.take_frames(_at(now))
        ]
        for peer in self._links:
            link = LinkId(peer)
            while spreading.outgoing.has_more(link):
                announcement = spreading.outgoing.take_announcement(link)
                if announcement is not None:
                    said.append((peer, _framed(announcement)))
                for id_ in spreading.outgoing.take_bodies(link, BODIES_PER_TURN):
                    post = self._ids.post_of(id_)
                    said.append((peer, SaidBody(post, spreading.sets.element(id_).size_bytes)))
        return said

    def deadline(self) -> int | None:
        """Return when it wants to be called."""
        return self._replicator.deadline()

    def deadline_passed(self, now: int) -> None:
        """It is time."""
        self._replicator.deadline_passed(_at(now))


class Flooding:
    """Every body once to every link but the one that brought it."""

    def __init__(self) -> None:
        self._links: dict[int, None] = {}
        self._seen: dict[int, None] = {}
        self._said: list[tuple[int, Said]] = []

    def link_up(self, peer: int, now: int, *, is_dialled_by_us: bool, round_trip_us: int) -> None:
        """A link stands."""
        self._links[peer] = None

    def link_down(self, peer: int, now: int) -> None:
        """A link ended."""
        self._links.pop(peer, None)

    def publish(self, post: int, size: int, now: int) -> None:
        """Something new is made here."""
        self._seen[post] = None
        self._said += [(peer, SaidBody(post, size)) for peer in self._links]

    def heard(self, peer: int, said: Said, now: int) -> None:
        """A neighbour said something."""
        assert isinstance(said, SaidBody)
        if said.post not in self._seen:
            self._seen[said.post] = None
            self._said += [(other, said) for other in self._links if other != peer]

    def take(self, now: int) -> list[tuple[int, Said]]:
        """All bodies that are ready."""
        said, self._said = self._said, []
        return said

    def deadline(self) -> int | None:
        """Never."""
        return None

    def deadline_passed(self, now: int) -> None:
        """Nothing to do."""


@dataclass(frozen=True, slots=True)
class GossipsubRules:
    """The parameters of gossipsub v1.0, with their defaults."""

    degree: int = 6
    degree_high: int = 12
    degree_low: int = 4
    lazy: int = 6
    heartbeat_us: int = 1_000_000
    history: int = 5
    gossip: int = 3


class Gossipsub:
    """A mesh of some links gets bodies; at each heartbeat some of the others are told of ids.

    The mesh is agreed on in advance (`graft`), which spares the first heartbeats.
    """

    def __init__(self, rules: GossipsubRules, sizes: dict[int, int], chance: Chance) -> None:
        self._rules = rules
        self._sizes = sizes
        self._chance = chance
        self._links: dict[int, None] = {}
        self.mesh: dict[int, None] = {}
        self._seen: dict[int, None] = {}
        self._history: list[list[int]] = [[]]
        self._asked: dict[int, None] = {}
        self._said: list[tuple[int, Said]] = []
        self._beat_at = chance.below(rules.heartbeat_us)

    def link_up(self, peer: int, now: int, *, is_dialled_by_us: bool, round_trip_us: int) -> None:
        """A link stands."""
        self._links[peer] = None

    def link_down(self, peer: int, now: int) -> None:
        """A link ended."""
        self._links.pop(peer, None)
        self.mesh.pop(peer, None)

    def publish(self, post: int, size: int, now: int) -> None:
        """Something new is made here."""
        self._sizes[post] = size
        self._take_in(post, None)

    def heard(self, peer: int, said: Said, now: int) -> None:
        """A neighbour said something."""
        if isinstance(said, SaidBody):
            self._take_in(said.post, peer)
        elif isinstance(said, SaidIds) and said.is_wanted:
            self._said += [(peer, SaidBody(each, self._sizes[each])) for each in said.ids]
        elif isinstance(said, SaidIds):
            news = [one for one in said.ids if one not in self._seen and one not in self._asked]
            if news:
                self._asked |= dict.fromkeys(news)
                self._said.append((peer, SaidIds(tuple(news), is_wanted=True)))

    def take(self, now: int) -> list[tuple[int, Said]]:
        """All that is ready."""
        said, self._said = self._said, []
        return said

    def deadline(self) -> int | None:
        """The next heartbeat."""
        return self._beat_at

    def deadline_passed(self, now: int) -> None:
        """A heartbeat: keep the mesh, tell some others what is new, forget what is old."""
        self._beat_at = now + self._rules.heartbeat_us
        self._asked.clear()
        if len(self.mesh) < self._rules.degree_low:
            for peer in self._some([one for one in self._links if one not in self.mesh]):
                if len(self.mesh) < self._rules.degree:
                    self.mesh[peer] = None
        lately = [post for posts in self._history[-self._rules.gossip :] for post in posts]
        if lately:
            others = [peer for peer in self._links if peer not in self.mesh]
            for peer in self._some(others)[: self._rules.lazy]:
                self._said.append((peer, SaidIds(tuple(lately), is_wanted=False)))
        self._history = [*self._history[1 - self._rules.history :], []]

    def _take_in(self, post: int, peer: int | None) -> None:
        if post in self._seen:
            return
        self._seen[post] = None
        self._history[-1].append(post)
        body = SaidBody(post, self._sizes[post])
        self._said += [(other, body) for other in self.mesh if other != peer]

    def _some(self, peers: list[int]) -> list[int]:
        self._chance.shuffle(peers)
        return peers


class Silent:
    """Takes everything and passes on nothing; with `is_lying` it announces what it never gives."""

    def __init__(self, *, is_lying: bool) -> None:
        self._is_lying = is_lying
        self._links: dict[int, None] = {}
        self._claimed: dict[EnvelopeId | int, None] = {}
        self._said: list[tuple[int, Said]] = []

    def link_up(self, peer: int, now: int, *, is_dialled_by_us: bool, round_trip_us: int) -> None:
        """A link stands."""
        self._links[peer] = None

    def link_down(self, peer: int, now: int) -> None:
        """A link ended."""
        self._links.pop(peer, None)

    def publish(self, post: int, size: int, now: int) -> None:
        """It writes nothing."""
        raise AssertionError("who passes nothing on writes nothing")

    def heard(self, peer: int, said: Said, now: int) -> None:
        """Claim to have what is told of, and answer nothing that is asked."""
        if not self._is_lying:
            return
        if isinstance(said, SaidFrame) and isinstance(said.frame, IHave):
            self._claim(peer, said, [id_ for id_, _ in split_entries(said.frame.entries)])
        elif isinstance(said, SaidFrame) and isinstance(said.frame, IWant | Graft):
            # Every second time it says at least that it has not got it.
            ids = list(split_ids(said.frame.ids))
            if ids and ids[0][0] % 2:
                refusal = NoHave(entries=join_entries([(one, 1) for one in ids]))
                self._said.append((peer, _framed(refusal)))
        elif isinstance(said, SaidIds) and not said.is_wanted:
            self._claim(peer, said, list(said.ids))

    def take(self, now: int) -> list[tuple[int, Said]]:
        """All that is ready."""
        said, self._said = self._said, []
        return said

    def deadline(self) -> int | None:
        """Never."""
        return None

    def deadline_passed(self, now: int) -> None:
        """Nothing to do."""

    def _claim(self, peer: int, said: Said, ids: Sequence[EnvelopeId | int]) -> None:
        """Tell all others once that they could have these here."""
        if all(id_ in self._claimed for id_ in ids):
            return
        self._claimed |= dict.fromkeys(ids)
        self._said += [(other, said) for other in self._links if other != peer]


def _framed(frame: Frame) -> SaidFrame:
    return SaidFrame(frame, len(encode_frame(frame)))


def _at(now: int) -> Instant:
    return Instant(Monotonic(now), BEGUN_S * 1_000_000 + now)
