"""The naming of authors and readers: a score of each candidate, for one envelope and for a key.

Features of a candidate say when and how it mentioned the envelope (or its retirement) compared
with all other links of the relay, and how well the times at all links fit a spread that began
there on the known ground. A conditional regression weighs them. A second one does the same over
all envelopes of one posting key together: with their mean, and with the sum of what the first one
thinks, as Bayes would.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mesh.wire.envelope import SECONDS_PER_DAY
from sim.eavesdropping.captures import World
from sim.eavesdropping.capturing import PostTruth
from sim.eavesdropping.fitting import RIDGE, Floats, Model, fit_choice, log_softmax
from sim.eavesdropping.sightings import FAR, OTHER, Mentions, Seen, Sighting, seen_by_relay

LATE_MS: Final = np.array([0.01, 1, 2, 4, 6, 9, 13, 20, 40, 100, 500, 2_000, 6_000, 20_000])
HELD_MS: Final = np.array([-2, 0, 1, 2, 3, 4, 6, 8, 12, 20, 50, 220, 1_000])
HABIT_MS: Final = np.array([-1_000, -100, -20, -10, -7, -5, -4, -3, -2, -1, 0, 1, 2, 4, 8, 20])
HOPS_MS: Final = (2.0, 4.0, 6.0, 9.0)
OFF_MS_MAX: Final = 30.0
RANKS: Final = 8
STEPS: Final = 5
SUMS: Final = 4
RIDGE_OF_WORDS: Final = 30.0
"""There are a hundred features, and most say the same in other words."""

EVIDENCE_MAX: Final = 30.0
"""No evidence of one key counts for more than this, in nats: what the regression does not know of
is in all of them alike."""


@dataclass(slots=True)
class Watched:
    """One world: what the relay saw, what is true, and in the end what it thinks."""

    world: World
    seen: Seen
    authors: Floats | None = None
    """Log-probabilities: envelopes × candidates."""

    readers: Floats | None = None
    key_authors: Floats | None = None
    """Of the author of each envelope's key, from all envelopes of the key."""

    _author_matrices: list[Floats] | None = None
    _reader_matrices: list[Floats] | None = None

    @property
    def author_matrices(self) -> list[Floats]:
        """Of each envelope that was seen, its candidates × features."""
        if self._author_matrices is None:
            self._author_matrices = [
                mention_features(self.seen, sighting.post, self.seen.usual_ms)
                for sighting in self.seen.sightings
            ]
        return self._author_matrices

    @property
    def reader_matrices(self) -> list[Floats]:
        """The same of who read it; its author is the one whom the whole key tells."""
        assert self.key_authors is not None
        if self._reader_matrices is None:
            self._reader_matrices = [
                reader_features(self.seen, sighting, authors, posted)
                for sighting, authors, posted in zip(
                    self.seen.sightings, self.key_authors, self.author_matrices, strict=True
                )
            ]
        return self._reader_matrices

    def truth_of(self, sighting: Sighting) -> PostTruth | None:
        """The truth of an envelope; None of what the relay itself wrote."""
        post = self.world.truth.posts.get(sighting.id)
        return None if post is None or post.author == self.seen.header.relay else post


def watched(world: World) -> Watched:
    """Read the capture of a relay."""
    header, lines = world.relay()
    return Watched(world, seen_by_relay(header, lines))


def mention_features(seen: Seen, mentions: Mentions, usual_ms: Mapping[int, float]) -> Floats:
    """Candidates × features of who mentioned it when, and of when each link usually does."""
    rows = []
    earlier = {
        node: late - usual_ms.get(mentions.first[node][2], 0.0)
        for node, late in mentions.lateness_ms().items()
    }
    by_habit = {node: rank for rank, node in enumerate(sorted(earlier, key=earlier.__getitem__))}
    order = sorted(mentions.first, key=lambda node: (mentions.first[node][0], node))
    begins = mentions.first[order[0]][0] if order else 0.0
    rank_of = {node: rank for rank, node in enumerate(order)}
    second = mentions.first[order[1]][0] if len(order) > 1 else begins + 2e6
    margin = float(np.log1p(max(0.0, second - begins) / 1000))
    times = np.array([np.log1p((mentions.first[node][0] - begins) / 1000) for node in order])
    for node in seen.candidates:
        distance = seen.distances[node]
        row = np.zeros(FEATURES)
        if node in rank_of:
            at, kind, _ = mentions.first[node]
            rank = rank_of[node]
            row[np.searchsorted(LATE_MS, (at - begins) / 1000)] = 1
            row[LATE + min(rank, RANKS - 1)] = 1
            row[LATE + RANKS + kind] = 1
            told = mentions.told.get(node)
            base = LATE + RANKS + OTHER + 1
            row[base] = margin if rank == 0 else 0.0
            row[base + 1] = float(told is not None and told < at)
            row[base + 2] = float(kind == OTHER and rank == 0)
            late = earlier[node]
            row[HABIT + np.searchsorted(HABIT_MS, late)] = 1
            row[HABIT + HABITS + min(by_habit[node], RANKS - 1)] = 1
            row[HABIT + HABITS + RANKS] = float(np.clip(late, -10, 10))
        base = LATE + RANKS + OTHER + 4
        row[base] = float(node in mentions.asked)
        row[base + 1] = float(node not in rank_of)
        base += 2
        for place in range(2):
            if place < len(order):
                steps = min(int(distance[order[place]]), STEPS - 1)
                row[base + place * STEPS + steps] = 1
        base += 2 * STEPS
        row[base + min(int(distance[seen.header.relay]), STEPS - 1)] = 1
        base += STEPS
        if len(order) > 2:
            far = np.minimum(distance[order], FAR)
            if far.std() > 0 and times.std() > 0:
                row[base] = float(np.corrcoef(far, times)[0, 1])
            row[base + 1] = float(far.mean())
        row[FIT:] = _fit_of(distance, mentions, begins)
        rows.append(row)
    return np.array(rows)


LATE: Final = len(LATE_MS) + 1
HABIT: Final = LATE + RANKS + OTHER + 4 + 2 + 3 * STEPS + 2
HABITS: Final = len(HABIT_MS) + 1
FIT: Final = HABIT + HABITS + RANKS + 1
FEATURES: Final = FIT + len(HOPS_MS)


def _fit_of(distance: Floats, mentions: Mentions, begins: float) -> Floats:
    """Milliseconds, in the mean, that the times at all links are off a spread which began at these
    distances, for each of `HOPS_MS`.

    Whom the relay told before they mentioned it were not earlier than that.
    """
    nodes = sorted(mentions.first.keys() | mentions.told.keys())
    if not mentions.first:
        return np.zeros(len(HOPS_MS))
    least = min(float(distance[node]) for node in mentions.first)
    off = np.zeros(len(HOPS_MS))
    for node in nodes:
        expected = np.array(HOPS_MS) * (min(float(distance[node]), FAR) - least)
        if node in mentions.first:
            error = np.abs((mentions.first[node][0] - begins) / 1000 - expected)
        else:
            error = np.maximum(0.0, (mentions.told[node] - begins) / 1000 - expected)
        off += np.minimum(error, OFF_MS_MAX)
    whole: Floats = off / len(nodes)
    return whole


def reader_features(seen: Seen, sighting: Sighting, authors: Floats, posted: Floats) -> Floats:
    """Candidates × features of who may have read an envelope.

    `authors` are the log-probabilities of who wrote it: few write to themselves. `posted` are the
    features of who mentioned it when.
    """
    rows = []
    for place, node in enumerate(seen.candidates):
        row = np.zeros(len(HELD_MS) + 4)
        held = sighting.held_ms.get(node)
        row[len(HELD_MS) + 1 if held is None else np.searchsorted(HELD_MS, held)] = 1
        row[-2] = np.exp(authors[place])
        row[-1] = max(authors[place], -8.0)
        rows.append(row)
    return np.hstack(
        [mention_features(seen, sighting.done, seen.usual_done_ms), np.array(rows), posted]
    )


def sums_of_keys(
    seen: Seen, matrices: Sequence[Floats], thought: Floats
) -> list[tuple[list[int], Floats]]:
    """Of each posting key the places of its envelopes, and candidates × features of them together.

    Besides their mean and all evidence, how strongly another key of that day claims the candidate:
    where each has few keys, whose one is known has no other.
    """
    keys = list(keys_of(seen).values())
    days = [seen.sightings[places[0]].created // SECONDS_PER_DAY for places in keys]
    together = [thought[places].sum(axis=0) for places in keys]
    claims = np.exp(np.array([log_softmax(total) for total in together]))
    sums = []
    for key, places in enumerate(keys):
        same = [other for other, day in enumerate(days) if day == days[key] and other != key]
        rival = claims[same].max(axis=0) if same else np.zeros(len(seen.candidates))
        own = thought[places]
        evidence = np.maximum(together[key] - together[key].max(), -EVIDENCE_MAX)
        first = (own == own.max(axis=1, keepdims=True)).mean(axis=0)
        words = np.stack([evidence, own.mean(axis=0), first, rival], axis=1)
        means = np.array([matrices[place] for place in places]).mean(axis=0)
        sums.append((places, np.hstack([words, means])))
    return sums


Events = list[tuple[Floats, int]]
"""(candidates × features, the place of who is true)."""


@dataclass(frozen=True, slots=True)
class Namers:
    """The models that were learned from worlds whose truth is known."""

    author: Model
    author_of_key: Model
    reader: Model
    reader_of_key: Model


def learn(worlds: Sequence[Watched]) -> Namers:
    """Fit all four; the worlds keep what is thought of them."""
    author = _fit(worlds, _author_events)
    for each in worlds:
        each.authors = _think(author, each, each.author_matrices)
    author_of_key = _fit(worlds, _author_key_events, of_keys=True)
    for each in worlds:
        _think_of_keys(author_of_key, each)
    reader = _fit(worlds, _reader_events)
    for each in worlds:
        each.readers = _think(reader, each, each.reader_matrices)
    reader_of_key = _fit(worlds, _reader_key_events, of_keys=True)
    return Namers(author, author_of_key, reader, reader_of_key)


def name(namers: Namers, world: Watched) -> dict[str, NDArray[np.bool_]]:
    """Name all in a world that nobody learned from; return by kind which names are right."""
    world.authors = _think(namers.author, world, world.author_matrices)
    _think_of_keys(namers.author_of_key, world)
    world.readers = _think(namers.reader, world, world.reader_matrices)
    return {
        "author": _hits(namers.author, _author_events(world)),
        "author-of-key": _hits(namers.author_of_key, _author_key_events(world)),
        "reader": _hits(namers.reader, _reader_events(world)),
        "reader-of-key": _hits(namers.reader_of_key, _reader_key_events(world)),
    }


def keys_of(seen: Seen) -> dict[str, list[int]]:
    """The places of the envelopes of each posting key."""
    keys: dict[str, list[int]] = {}
    for place, sighting in enumerate(seen.sightings):
        keys.setdefault(sighting.key, []).append(place)
    return keys


def _author_events(world: Watched) -> Events:
    return [
        (matrix, world.seen.candidates.index(post.author))
        for matrix, sighting in zip(world.author_matrices, world.seen.sightings, strict=True)
        if (post := world.truth_of(sighting)) is not None and not _is_dummy(post)
    ]


def _reader_events(world: Watched) -> Events:
    relay = world.seen.header.relay
    return [
        (matrix, world.seen.candidates.index(post.reader))
        for matrix, sighting in zip(world.reader_matrices, world.seen.sightings, strict=True)
        if (post := world.truth_of(sighting)) is not None
        and post.reader is not None
        and post.reader != relay
        and not _is_dummy(post)
        and sighting.done.first
    ]


def _author_key_events(world: Watched) -> Events:
    assert world.authors is not None
    events = []
    for places, sums in sums_of_keys(world.seen, world.author_matrices, world.authors):
        post = world.truth_of(world.seen.sightings[places[0]])
        if post is not None:
            events.append((sums, world.seen.candidates.index(post.author)))
    return events


def _reader_key_events(world: Watched) -> Events:
    """Return who read most of the envelopes of each key."""
    assert world.readers is not None
    events = []
    for places, sums in sums_of_keys(world.seen, world.reader_matrices, world.readers):
        readers: dict[int, int] = {}
        for place in places:
            post = world.truth_of(world.seen.sightings[place])
            if post is not None and post.reader in world.seen.candidates and not _is_dummy(post):
                readers[post.reader] = readers.get(post.reader, 0) + 1
        if readers:
            most = max(readers, key=lambda node: (readers[node], -node))
            events.append((sums, world.seen.candidates.index(most)))
    return events


def _is_dummy(post: PostTruth) -> bool:
    """Say whether its own author was done with it: a dummy, or withdrawn."""
    return post.reader == post.author


def _fit(
    worlds: Sequence[Watched], events_of: Callable[[Watched], Events], *, of_keys: bool = False
) -> Model:
    events = [event for world in worlds for event in events_of(world)]
    features = np.array([matrix for matrix, _ in events])
    ridge = np.full(features.shape[-1], RIDGE_OF_WORDS)
    if of_keys:
        # There are few keys: what all envelopes say together comes first.
        ridge[:SUMS] = RIDGE
    return fit_choice(features, np.array([truth for _, truth in events], dtype=np.int64), ridge)


def _think(model: Model, world: Watched, matrices: Sequence[Floats]) -> Floats:
    if not matrices:
        return np.zeros((0, len(world.seen.candidates)))
    return log_softmax(model.scores(np.array(matrices)))


def _think_of_keys(model: Model, world: Watched) -> None:
    assert world.authors is not None
    thought = np.zeros_like(world.authors)
    for places, sums in sums_of_keys(world.seen, world.author_matrices, world.authors):
        thought[places] = log_softmax(model.scores(sums))
    world.key_authors = thought


def _hits(model: Model, events: Events) -> NDArray[np.bool_]:
    if not events:
        return np.zeros(0, dtype=bool)
    scores = model.scores(np.array([matrix for matrix, _ in events]))
    best = scores.argmax(axis=1)
    truth = np.array([place for _, place in events])
    hits: NDArray[np.bool_] = best == truth
    return hits
