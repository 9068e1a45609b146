"""A listener on a LAN tells who knows whom, from lengths and times of records alone.

Of each pair of nodes: what records of which length went between them, soon after their link came up
and later, against what went between each of the two and all others; records that have no equal on
other links at that time; how often both said something of one length to everybody at once; who
dialled. And, while people write, whose records of a body's length came before anybody else's, and
how such posts of one node follow those of the other.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from sim.eavesdropping.captures import ListenerLine, World
from sim.eavesdropping.fitting import Floats
from sim.eavesdropping.pairing import Pairs, reply_features

EARLY_US: Final = 120_000_000
"""So long after a link came up what goes over it is counted apart."""

ALIKE_US: Final = 3_000_000
VOCABULARY: Final = 120
BODY_BYTES: Final = 1_024
ORIGIN_US: Final = 1_500_000
"""Who sends a body and has got none for so long has written it."""

BURST_BYTES: Final = 200
BURST_US: Final = 200_000
BOTH_US: Final = 10_000_000
SIZES: Final = 12

Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Heard:
    """One world as a listener has it: counts by ordered pair of nodes, and who began what."""

    world: World
    nodes: list[int]
    lengths: dict[Key, Counter[tuple[bool, int]]]
    lonely: dict[Key, Counter[tuple[bool, int]]]
    dialled: Counter[Key]
    bursts: dict[int, list[float]]
    posts: list[tuple[float, int]]
    """(seconds, node) of each body that nobody had sent before."""


@dataclass(frozen=True, slots=True)
class _Record:
    at: int
    sender: int
    receiver: int
    size: int
    is_early: bool


def heard(world: World) -> Heard:
    """Read the capture of a listener."""
    header, lines = world.listener()
    records, dialled = _records(lines)
    lengths: dict[Key, Counter[tuple[bool, int]]] = defaultdict(Counter)
    lonely: dict[Key, Counter[tuple[bool, int]]] = defaultdict(Counter)
    for record in records:
        lengths[record.sender, record.receiver][record.is_early, record.size] += 1
    for record in _without_equal(records):
        lonely[record.sender, record.receiver][record.is_early, record.size.bit_length()] += 1
    return Heard(
        world=world,
        nodes=[node for node in range(header.nodes) if node != header.relay],
        lengths=lengths,
        lonely=lonely,
        dialled=dialled,
        bursts=_bursts(records),
        posts=_posts(records, header.relay),
    )


def vocabulary(worlds: Sequence[Heard]) -> list[tuple[bool, int]]:
    """The commonest lengths of records, early and late: what is counted by itself."""
    counts: Counter[tuple[bool, int]] = Counter()
    for world in worlds:
        for each in world.lengths.values():
            # In how many pairs, not how often: pings would be all there is.
            counts.update(dict.fromkeys(each, 1))
    common = sorted(counts, key=lambda length: (-counts[length], length))
    return common[:VOCABULARY]


def listened_pairs(world: Heard, words: Sequence[tuple[bool, int]], *, by_posts: bool) -> Pairs:
    """Pairs of nodes; true are contacts, or `by_posts` those who wrote to each other."""
    of = list(combinations(range(len(world.nodes)), 2))
    matrices = [_against_others(_counted(world, words)), _against_others(_coarse(world))]
    if by_posts:
        weights = np.zeros((len(world.posts), len(world.nodes)))
        for place, (_, node) in enumerate(world.posts):
            weights[place, world.nodes.index(node)] = 1
        times = np.array([at for at, _ in world.posts])
        matrices.append(reply_features(times, weights))
    features = np.concatenate(matrices, axis=-1)
    truth = world.world.truth
    known = {(min(one, other), max(one, other)) for one, other in truth.contacts}
    if by_posts:
        known = {(min(one, other), max(one, other)) for _, one, other in truth.messages}
    rows = np.array([features[pair] for pair in of]).reshape(len(of), features.shape[-1])
    truths = [(world.nodes[one], world.nodes[other]) in known for one, other in of]
    return Pairs(of, rows, np.array(truths, dtype=bool))


def _records(lines: Sequence[ListenerLine]) -> tuple[list[_Record], Counter[Key]]:
    ends: dict[int, Key] = {}
    opened: dict[int, int] = {}
    dialled: Counter[Key] = Counter()
    records = []
    for line in lines:
        match line.word:
            case "open":
                ends[line.stream] = (line.one, line.other)
                opened[line.stream] = line.at
                dialled[line.one, line.other] += 1
            case "record":
                near, far = ends[line.stream]
                sender, receiver = (far, near) if line.one else (near, far)
                is_early = line.at - opened[line.stream] < EARLY_US
                records.append(_Record(line.at, sender, receiver, line.other, is_early))
            case _:
                # Handshakes have one length, and the end of a stream tells of itself.
                pass
    return records, dialled


def _without_equal(records: Sequence[_Record]) -> list[_Record]:
    """Those of which the sender sent none of that length to anybody else about that time."""
    sent: dict[Key, list[_Record]] = defaultdict(list)
    for record in records:
        sent[record.sender, record.size].append(record)
    alone = []
    for same in sent.values():
        for place, record in enumerate(same):
            if not _has_equal(same, place, -1) and not _has_equal(same, place, 1):
                alone.append(record)
    return alone


def _has_equal(same: Sequence[_Record], place: int, step: int) -> bool:
    record, other = same[place], place + step
    while 0 <= other < len(same) and abs(same[other].at - record.at) <= ALIKE_US:
        if same[other].receiver != record.receiver:
            return True
        other += step
    return False


def _bursts(records: Sequence[_Record]) -> dict[int, list[float]]:
    """Return when each node said something long to several at once, though no body."""
    bursts: dict[int, list[float]] = defaultdict(list)
    latest: dict[Key, tuple[int, set[int]]] = {}
    for record in records:
        if not BURST_BYTES <= record.size < BODY_BYTES or record.is_early:
            continue
        at, receivers = latest.get((record.sender, record.size), (-BOTH_US, set()))
        if record.at - at > BURST_US:
            at, receivers = record.at, set()
        receivers.add(record.receiver)
        latest[record.sender, record.size] = at, receivers
        if len(receivers) == 3:
            bursts[record.sender].append(at / 1e6)
    return bursts


def _posts(records: Sequence[_Record], relay: int) -> list[tuple[float, int]]:
    """Bodies of which the sender had got none: new ones."""
    got: dict[int, int] = {}
    began: dict[int, int] = {}
    posts = []
    for record in records:
        if record.size < BODY_BYTES:
            continue
        is_new = record.at - got.get(record.sender, -ORIGIN_US) >= ORIGIN_US
        is_first = record.at - began.get(record.sender, -ORIGIN_US) >= ORIGIN_US
        if is_new and is_first and record.sender != relay:
            began[record.sender] = record.at
            posts.append((record.at / 1e6, record.sender))
        got[record.receiver] = record.at
    return posts


def _counted(world: Heard, words: Sequence[tuple[bool, int]]) -> Floats:
    """Count the records of each common length between two, both ways together."""
    place_of = {word: place for place, word in enumerate(words)}
    matrix = np.zeros((len(world.nodes), len(world.nodes), len(words)))
    for one, other in combinations(range(len(world.nodes)), 2):
        for key in ((one, other), (other, one)):
            counts = world.lengths.get((world.nodes[key[0]], world.nodes[key[1]]), Counter())
            for word, count in counts.items():
                if word in place_of:
                    matrix[one, other, place_of[word]] += count
        matrix[other, one] = matrix[one, other]
    return np.log1p(matrix)


def _coarse(world: Heard) -> Floats:
    """Count by rough length, all records and those without an equal; and add the rest."""
    size = len(world.nodes)
    matrix = np.zeros((size, size, 4 * SIZES + 3))
    for one, other in combinations(range(size), 2):
        row = matrix[one, other]
        for key in ((one, other), (other, one)):
            nodes = (world.nodes[key[0]], world.nodes[key[1]])
            for (is_early, length), count in world.lengths.get(nodes, Counter()).items():
                row[is_early * SIZES + min(length.bit_length(), SIZES) - 1] += count
            for (is_early, bits), count in world.lonely.get(nodes, Counter()).items():
                row[(2 + is_early) * SIZES + min(bits, SIZES) - 1] += count
            row[4 * SIZES] += world.dialled[nodes]
        row[:] = np.log1p(row)
        met = _met(world.bursts.get(world.nodes[one], []), world.bursts.get(world.nodes[other], []))
        row[4 * SIZES + 1] = met
        row[4 * SIZES + 2] = float(met > 0)
        matrix[other, one] = row
    return matrix


def _met(one: Sequence[float], other: Sequence[float]) -> float:
    """Count how often both had a burst at about the same time."""
    return float(sum(any(abs(a - b) <= BOTH_US / 1e6 for b in other) for a in one))


def _against_others(matrix: Floats) -> Floats:
    """Each pair as it is, and less what is usual of its two nodes."""
    size = len(matrix)
    usual = matrix.sum(axis=1) / max(size - 1, 1)
    less = matrix - (usual[:, None] + usual[None, :]) / 2
    return np.concatenate([matrix, less], axis=-1)
