"""Judges what strangers can tell: learns from one half of the captures, and judges the other."""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from mesh.errors import UserError
from sim.eavesdropping.captures import World, worlds_of
from sim.eavesdropping.capturing import PostTruth
from sim.eavesdropping.fitting import Estimate, Floats, accuracy, pooled_auc
from sim.eavesdropping.listening import heard, listened_pairs, vocabulary
from sim.eavesdropping.naming import learn, name, watched
from sim.eavesdropping.pairing import Pairs, key_pairs, learn_pairs, node_pairs

NAMED: Final = {
    "author": "author of one post",
    "author-of-key": "author of all posts of a key and day",
    "reader": "reader of one post",
    "reader-of-key": "main reader of a key and day",
}

WORLDS_MIN: Final = 4
"""Fewer cannot be halved and say anything of chance."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure. Of accuracy `guess` is one among all candidates; of an AUC one half."""

    what: str
    kind: str
    """`top-1` or `AUC`."""

    observer: str
    value: float
    low: float
    high: float
    """The 95 % interval, by drawing whole worlds again and again."""

    guess: float
    count: int
    """Events or pairs that were judged."""

    true: int | None = None
    """Of an AUC: the pairs among them that are true."""

    worlds: int


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """All figures of one folder of captures."""

    folder: str
    ground: str
    mode: str
    nodes: int
    learned_from: list[int]
    """Seeds."""

    judged: list[int]
    figures: list[Figure]


def judge(
    folder: Path, *, is_shuffled: bool = False, progress: Callable[[str], None] = lambda _: None
) -> Verdict:
    """Judge the captures of a folder: the lower half of its seeds teaches, the upper is judged.

    `is_shuffled` puts chance in the place of the truth: what comes out then is guessing, or the
    method is wrong. UserError if there are too few worlds.
    """
    worlds = worlds_of(folder)
    if len(worlds) < WORLDS_MIN:
        raise UserError("too-few", f"{folder} has {len(worlds)} worlds; {WORLDS_MIN} are needed.")
    half = len(worlds) // 2
    header, _ = worlds[0].listener()
    figures: list[Figure] = []
    figures += _of_relay(worlds[:half], worlds[half:], is_shuffled, progress)
    progress("the listener")
    figures.append(_of_listener(worlds[:half], worlds[half:], is_shuffled, header.mode))
    return Verdict(
        folder=str(folder),
        ground=header.ground,
        mode=header.mode,
        nodes=header.nodes,
        learned_from=[world.truth.seed for world in worlds[:half]],
        judged=[world.truth.seed for world in worlds[half:]],
        figures=figures,
    )


def shuffled(world: World) -> World:
    """The same captures with authors and readers that are drawn: nothing can tell them.

    A key still has one author.
    """
    truth, draw = world.truth, Random(world.truth.seed)
    people = [node for node in range(truth.nodes) if node != truth.relay]
    _, lines = world.relay()
    key_of = {each.id: each.key for line in lines for each in line.detail.envelopes}
    owners: dict[str, int] = {}
    posts: dict[str, PostTruth] = {}
    for id_, post in truth.posts.items():
        author = owners.setdefault(key_of.get(id_, id_), draw.choice(people))
        others = [person for person in people if person != author]
        reader = None if post.reader is None else draw.choice(others)
        posts[id_] = msgspec.structs.replace(post, author=author, reader=reader)
    return World(world.folder, world.name, msgspec.structs.replace(truth, posts=posts))


def _shuffled_pairs(pairs: Pairs, seed: int) -> Pairs:
    """As many true ones, drawn among all of the world."""
    return Pairs(pairs.of, pairs.features, np.random.default_rng(seed).permutation(pairs.truth))


def _of_relay(
    learning: Sequence[World],
    judged: Sequence[World],
    is_shuffled: bool,
    progress: Callable[[str], None],
) -> list[Figure]:
    progress("the captures of the relay")
    taught, asked = ([watched(world) for world in worlds] for worlds in (learning, judged))
    progress("pairs of keys")
    # Before the truth is shuffled: pairs have a shuffling of their own.
    by_key = [[key_pairs(each) for each in worlds] for worlds in (taught, asked)]
    if is_shuffled:
        for each in (*taught, *asked):
            each.world = shuffled(each.world)
    progress("authors and readers")
    namers = learn(taught)
    hits = [name(namers, world) for world in asked]
    guess = 1 / len(asked[0].seen.candidates)
    figures = [
        _figure(what, "top-1", "relay", accuracy([each[kind] for each in hits]), guess)
        for kind, what in NAMED.items()
    ]
    progress("pairs of nodes")
    by_node = [[node_pairs(each) for each in worlds] for worlds in (taught, asked)]
    for what, (known, unknown) in (
        ("pairs of posting keys, by reply timing", by_key),
        ("pairs of nodes, by all features", by_node),
    ):
        # Where nobody writes, all that is posted are hellos, and no pair of nodes is true.
        if any(pairs.truth.any() for pairs in unknown):
            figures.append(_judged_pairs(what, "relay", known, unknown, is_shuffled))
    return figures


def _of_listener(
    learning: Sequence[World], judged: Sequence[World], is_shuffled: bool, mode: str
) -> Figure:
    taught, asked = ([heard(world) for world in worlds] for worlds in (learning, judged))
    words = vocabulary(taught)
    by_posts = mode == "chats"
    what = "pairs who write, while they write" if by_posts else "contacts, while nobody writes"
    known, unknown = (
        [listened_pairs(world, words, by_posts=by_posts) for world in worlds]
        for worlds in (taught, asked)
    )
    return _judged_pairs(what, "listener", known, unknown, is_shuffled)


def _judged_pairs(
    what: str,
    observer: str,
    taught: Sequence[Pairs],
    asked: Sequence[Pairs],
    is_shuffled: bool,
) -> Figure:
    if is_shuffled:
        taught = [_shuffled_pairs(pairs, seed) for seed, pairs in enumerate(taught)]
        asked = [_shuffled_pairs(pairs, seed) for seed, pairs in enumerate(asked, len(taught))]
    model = learn_pairs(taught)
    scores: list[Floats] = [model.scores(world.features) for world in asked]
    truths: list[NDArray[np.bool_]] = [world.truth for world in asked]
    true = int(sum(truth.sum() for truth in truths))
    return _figure(what, "AUC", observer, pooled_auc(scores, truths), 0.5, true)


def _figure(
    what: str,
    kind: str,
    observer: str,
    estimate: Estimate,
    guess: float,
    true: int | None = None,
) -> Figure:
    return Figure(
        what=what,
        kind=kind,
        observer=observer,
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        guess=guess,
        count=estimate.count,
        true=true,
        worlds=estimate.worlds,
    )
