"""A search that aims: what no run has reached yet decides which seeds of a swarm run next.

A seed names its draw, so the search chooses among seeds, and each run is repeated by its seed alone
as ever. What it looks for are situations, and pairs of them in one world: a fault that only hurts
beside another one shows in a pair. From the runs so far it estimates how often a world reaches a
situation that has certain troubles drawn (families, the mode of a cut, kinds of hostile nodes),
and takes the seeds that promise most of what is unreached. Every second run of a batch is the next
seed in turn, so that what this estimate does not see is searched as by chance.

Seeds are chosen for a whole batch, from the records of those before it: what is run depends neither
on how many run at once nor on interruptions.
"""

import heapq
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from sim.schema.coverage_goals import SITUATIONS
from sim.schema.scenario import Scenario, as_drawn
from sim.sweeps.points import Point
from sim.sweeps.records import Record

BATCH_RUNS: Final = 10

LOOKED_AHEAD: Final = 300
"""So many seeds are looked at for one that promises much: what is rare is drawn by few."""

DAMPING: Final = 0.3
"""How much of the weight of what each trouble says is believed."""

Pair = tuple[str, str]

PAIRS: Final[Sequence[Pair]] = tuple(itertools.combinations(SITUATIONS, 2))


def reached_in(record: Record) -> list[str]:
    """Return the situations that a run has reached, in their order."""
    counts = {} if record.report is None else record.report.sometimes
    return [name for name in SITUATIONS if counts.get(name)]


def pairs_of(records: Iterable[Record]) -> dict[Pair, int]:
    """Return in how many runs both of each pair of situations were reached."""
    counts = dict.fromkeys(PAIRS, 0)
    for record in records:
        for pair in itertools.combinations(reached_in(record), 2):
            counts[pair] += 1
    return counts


def never_together(records: Sequence[Record]) -> list[Pair]:
    """Return the pairs of which each was reached, and never both in one run."""
    reached = {name for record in records for name in reached_in(record)}
    return [
        pair for pair, count in pairs_of(records).items() if not count and reached.issuperset(pair)
    ]


def troubles_of(scenario: Scenario, seed: int) -> list[str]:
    """Return what a seed's world has drawn, each once and in order."""
    drawn = as_drawn(scenario, seed)
    found: dict[str, None] = {}
    for fault in drawn.faults:
        kind = str(fault.__struct_config__.tag)
        way = getattr(fault, "mode", None) or getattr(fault, "ways", None)
        found[kind if way is None else f"{kind}, {way}"] = None
    found.update(dict.fromkeys(f"hostile, {one.kind}" for one in drawn.hostile))
    return list(found)


def sweep_aimed(
    points: Sequence[Point],
    runs_max: int,
    sweep_some: Callable[[Sequence[Point], Sequence[Record]], list[Record]],
) -> list[Record]:
    """Run so many of these points, those first that promise what no run has reached.

    `sweep_some` is given points and what was run before; where it returns fewer, the sweep ends.
    """
    waiting = list(points)
    ran: list[Record] = []
    troubles: list[Sequence[str]] = []
    while waiting and len(ran) < runs_max:
        count = min(BATCH_RUNS, runs_max - len(ran))
        # Of the first nothing is known.
        batch = _chosen(waiting, count, Promise(ran, troubles)) if ran else waiting[:count]
        records = sweep_some(batch, ran)
        ran += records
        if len(records) < len(batch):
            break
        troubles += [troubles_of(point.scenario, point.options.seed) for point in batch]
        taken = {id(point) for point in batch}
        waiting = [point for point in waiting if id(point) not in taken]
    return ran


class Promise:
    """The worth of a world before it runs, by the troubles that it has drawn.

    The chance of a situation is by Bayes' rule, as if troubles had nothing to do with each other:
    that ranks well and is far too sure, so what each trouble says is damped.
    """

    def __init__(self, records: Sequence[Record], troubles: Sequence[Sequence[str]]) -> None:
        self._runs_count = len(records)
        self._had: dict[str, int] = {}
        self._totals = dict.fromkeys(SITUATIONS, 0)
        self._hits: dict[str, dict[str, int]] = {}
        for record, drawn in zip(records, troubles, strict=True):
            reached = reached_in(record)
            for name in reached:
                self._totals[name] += 1
            for trouble in drawn:
                self._had[trouble] = self._had.get(trouble, 0) + 1
                hits = self._hits.setdefault(trouble, dict.fromkeys(SITUATIONS, 0))
                for name in reached:
                    hits[name] += 1
        self._weights = {name: self._weigh(name) for name in SITUATIONS}
        # How much of each is still wanted; what was reached is wanted no more. A situation that
        # never came is wanted alone: perhaps it cannot come here, and it has many pairs.
        self._singles = {name: 1.0 for name, count in self._totals.items() if not count}
        self._pairs = dict.fromkeys(never_together(records), 1.0)

    def chances(self, drawn: Sequence[str]) -> Mapping[str, float]:
        """Return how likely a world with these troubles seems to reach each situation."""
        found = {}
        for name, (odds, adds) in self._weights.items():
            odds += sum(adds.get(trouble, 0.0) for trouble in drawn)
            found[name] = 1 / (1 + math.exp(-odds))
        return found

    def of(self, chances: Mapping[str, float]) -> float:
        """Return how much of what is wanted such a world promises."""
        return sum(left * chances[name] for name, left in self._singles.items()) + sum(
            left * chances[one] * chances[other] for (one, other), left in self._pairs.items()
        )

    def take(self, chances: Mapping[str, float]) -> None:
        """Such a world will run: of what it promises less is wanted from the next."""
        for name in self._singles:
            self._singles[name] *= 1 - chances[name]
        for one, other in self._pairs:
            self._pairs[one, other] *= 1 - chances[one] * chances[other]

    def _weigh(self, name: str) -> tuple[float, dict[str, float]]:
        """Return the odds of a situation in a world without any trouble that was ever drawn, and
        what each trouble adds, as logarithms.
        """
        with_it = self._totals[name]
        without = self._runs_count - with_it
        odds = math.log((with_it + 0.5) / (without + 0.5))
        adds: dict[str, float] = {}
        for trouble, had in self._had.items():
            # By Laplace's rule.
            hits = self._hits[trouble][name]
            among, beside = (hits + 1) / (with_it + 2), (had - hits + 1) / (without + 2)
            absent = DAMPING * math.log((1 - among) / (1 - beside))
            odds += absent
            adds[trouble] = DAMPING * math.log(among / beside) - absent
        return odds, adds


def _chosen(waiting: Sequence[Point], count: int, promise: Promise) -> list[Point]:
    """Return the next seed in turn and the most promising one, by turns."""
    ahead = waiting[: LOOKED_AHEAD + count]
    chances = [promise.chances(troubles_of(one.scenario, one.options.seed)) for one in ahead]
    # What a world promises only becomes less, so an old figure of it is a bound.
    heap = [(-promise.of(each), place) for place, each in enumerate(chances)]
    heapq.heapify(heap)
    in_turn = iter(range(len(ahead)))
    chosen: dict[int, None] = {}
    while len(chosen) < min(count, len(ahead)):
        if len(chosen) % 2:
            place = _best(heap, chances, promise, chosen)
        else:
            place = next(place for place in in_turn if place not in chosen)
        promise.take(chances[place])
        chosen[place] = None
    return [ahead[place] for place in chosen]


def _best(
    heap: list[tuple[float, int]],
    chances: Sequence[Mapping[str, float]],
    promise: Promise,
    chosen: Mapping[int, None],
) -> int:
    """Take the most promising one that was not chosen; of equals the first."""
    while True:
        _, place = heapq.heappop(heap)
        if place in chosen:
            continue
        entry = -promise.of(chances[place]), place
        if not heap or entry <= heap[0]:
            return place
        heapq.heappush(heap, entry)
