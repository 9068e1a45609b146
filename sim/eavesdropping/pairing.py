"""The pairing of posting keys by the timing of replies, and of nodes by all features.

How often one posts within each span after the other is held against what two who know nothing of
each other would do. Where it is not sure who posted, events have weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mesh.wire.envelope import SECONDS_PER_DAY
from sim.eavesdropping.fitting import Floats, Model, fit_binary
from sim.eavesdropping.naming import Watched, keys_of

LAGS_S: Final = np.array([0, 3, 10, 20, 40, 70, 120, 200, 350, 600, 1_000, 1_800, 3_600])
RIDGE_OF_PAIRS: Final = 10.0
"""There are many features and few pairs."""

Places = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of one world: of what, their features, and which of them are true."""

    of: Places
    features: Floats
    truth: NDArray[np.bool_]


def lag_counts(times_s: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """For each span of lags, who × who: what was counted, and what chance alone would count.

    `weights` is events × who. Chance: everybody posts when somebody posts, in their own share.
    """
    lag = times_s[:, None] - times_s[None, :]
    counted, expected = [], []
    whole = weights.sum(axis=0)
    for low, high in pairwise(LAGS_S):
        within = ((lag > low) & (lag <= high)).astype(float)
        counts = weights.T @ within.T @ weights
        counted.append(counts)
        per_author = weights.T @ within.sum(axis=0)
        share = whole / max(whole.sum(), 1e-9)
        expected.append(per_author[:, None] * share[None, :])
    return np.array(counted), np.array(expected)


def reply_features(times_s: Floats, weights: Floats) -> Floats:
    """Features of how one's posts follow the other's: a symmetric matrix of who and who."""
    counted, expected = lag_counts(times_s, weights)
    both, chance = counted + counted.transpose(0, 2, 1), expected + expected.transpose(0, 2, 1)
    surprise = (both - chance) / np.sqrt(chance + 0.5)
    ratio = np.log((both + 0.5) / (chance + 0.5))
    # Who posted just before each post, and how often that was the other of the two.
    following = np.zeros_like(counted[0])
    if len(times_s) > 1:
        following = weights[:-1].T @ weights[1:]
    share = weights.sum(axis=0) / max(weights.sum(), 1e-9)
    by_chance = weights[:-1].sum(axis=0)[:, None] * share[None, :]
    next_to = (following + following.T - by_chance - by_chance.T) / np.sqrt(
        by_chance + by_chance.T + 0.5
    )
    # The whole shape of a conversation at once: most replies come within minutes.
    early = surprise[1:8].sum(axis=0)
    parts = [*surprise, *ratio, next_to, early, np.minimum(both, 20).sum(axis=0)]
    return np.stack(parts, axis=-1)


def key_pairs(world: Watched) -> Pairs:
    """Pairs of posting keys of one day, by when they post and nothing else.

    True are two that answered each other: each signed something that the other's owner read.
    """
    keys = keys_of(world.seen)
    names = list(keys)
    day_of = {key: world.seen.sightings[keys[key][0]].created // SECONDS_PER_DAY for key in names}
    wrote: dict[tuple[int, int], set[str]] = {}
    owner: dict[str, int] = {}
    for key in names:
        for place in keys[key]:
            post = world.truth_of(world.seen.sightings[place])
            if post is not None:
                owner[key] = post.author
                if post.reader is not None and post.reader != post.author:
                    wrote.setdefault((post.author, post.reader), set()).add(key)
    known = [key for key in names if key in owner]
    place_of = {key: place for place, key in enumerate(known)}
    events = [
        (sighting.at / 1e6, place_of[sighting.key])
        for sighting in world.seen.sightings
        if sighting.key in place_of
    ]
    features = reply_features(*_weighted(events, len(known)))
    of, rows, truth = [], [], []
    for one, other in combinations(range(len(known)), 2):
        first, second = known[one], known[other]
        if day_of[first] == day_of[second] and owner[first] != owner[second]:
            of.append((one, other))
            rows.append(features[one, other])
            a, b = owner[first], owner[second]
            truth.append(first in wrote.get((a, b), set()) and second in wrote.get((b, a), set()))
    return _pairs(of, rows, truth, features.shape[-1])


def node_pairs(world: Watched) -> Pairs:
    """Pairs of nodes by all together: who seems to write, to read, and to answer whom."""
    seen = world.seen
    count = len(seen.candidates)
    assert world.readers is not None
    assert world.key_authors is not None
    authors, readers = np.exp(world.key_authors), np.exp(world.readers)
    told = np.array([bool(sighting.done.first) for sighting in seen.sightings], dtype=float)
    readers = readers * told[:, None]
    letters = authors.T @ readers
    letters = letters + letters.T
    share = authors.sum(axis=0)[:, None] * readers.sum(axis=0)[None, :]
    share = share / max(float(readers.sum()), 1e-9)
    share = share + share.T
    times_s = np.array([sighting.at / 1e6 for sighting in seen.sightings])
    replies = reply_features(times_s, authors)
    parts = [
        np.log(letters + 0.1),
        np.log((letters + 0.5) / (share + 0.5)),
        (letters - share) / np.sqrt(share + 0.5),
        np.log(share + 0.1),
    ]
    features = np.concatenate([np.stack(parts, axis=-1), replies], axis=-1)
    chatted = {(min(a, b), max(a, b)) for _, a, b in world.world.truth.messages}
    of = list(combinations(range(count), 2))
    truth = [(seen.candidates[one], seen.candidates[other]) in chatted for one, other in of]
    rows = [features[one, other] for one, other in of]
    return _pairs(of, rows, truth, features.shape[-1])


def learn_pairs(worlds: Sequence[Pairs]) -> Model:
    """Fit what tells true pairs from others."""
    return fit_binary(
        np.concatenate([world.features for world in worlds]),
        np.concatenate([world.truth for world in worlds]),
        RIDGE_OF_PAIRS,
    )


def _weighted(events: Sequence[tuple[float, int]], count: int) -> tuple[Floats, Floats]:
    weights = np.zeros((len(events), count))
    for place, (_, who) in enumerate(events):
        weights[place, who] = 1
    return np.array([at for at, _ in events]), weights


def _pairs(of: Places, rows: Sequence[Floats], truth: Sequence[bool], features_count: int) -> Pairs:
    features = np.array(rows) if rows else np.zeros((0, features_count))
    return Pairs(of, features, np.array(truth, dtype=bool))
