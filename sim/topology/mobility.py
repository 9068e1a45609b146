"""Nodes that move: who walks where, and when two are within reach of each other.

A walk is a list of legs, each a straight line at one speed (or a rest). Because both of two nodes
walk straight between two moments, the times at which they come within a range and leave it are
the roots of one quadratic equation: no time step decides what is seen.

Walks come from the random waypoint model, or from a file of ns-2's `setdest`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final, NamedTuple

from mesh.errors import UserError
from sim.kernel.entropy import Chance
from sim.topology.contacts import US, Contact, merge

LEGS_MAX: Final = 100_000
"""Of one node: weeks of walking and resting."""


class Leg(NamedTuple):
    """From one place to another in a straight line, in seconds and metres."""

    start: float
    end: float
    x: float
    y: float
    to_x: float
    to_y: float

    def at(self, when: float) -> tuple[float, float]:
        """Return where the walker is."""
        share = (when - self.start) / (self.end - self.start) if self.end > self.start else 0
        return self.x + (self.to_x - self.x) * share, self.y + (self.to_y - self.y) * share


Walk = Sequence[Leg]
"""Without gaps, in order."""


@dataclass(frozen=True, slots=True)
class WaypointRules:
    """The random waypoint model: walk to a drawn place at a drawn speed, rest, again."""

    width_m: float
    height_m: float
    speed_m_per_s: tuple[float, float]
    pause_s: tuple[float, float]
    warmup_s: float
    """They have walked so long when the world begins: the model begins far from its mean."""


def random_waypoints(chance: Chance, rules: WaypointRules, duration_s: float) -> list[Leg]:
    """The walk of one node."""
    legs: list[Leg] = []
    now = -rules.warmup_s
    x, y = chance.fraction() * rules.width_m, chance.fraction() * rules.height_m
    while now < duration_s:
        if len(legs) > LEGS_MAX:
            raise UserError("too-long", f"A walk has more than {LEGS_MAX} legs: shorten moves_s.")
        to_x, to_y = chance.fraction() * rules.width_m, chance.fraction() * rules.height_m
        speed = _between(chance, rules.speed_m_per_s)
        arrival = now + _distance(x, y, to_x, to_y) / speed
        rest_end = arrival + _between(chance, rules.pause_s)
        legs += [
            Leg(now, arrival, x, y, to_x, to_y),
            Leg(arrival, rest_end, to_x, to_y, to_x, to_y),
        ]
        now, x, y = rest_end, to_x, to_y
    return [leg for leg in legs if leg.end > 0 and leg.end > leg.start]


_PLACE: Final = re.compile(r"\$node_\((\d+)\)\s+set\s+([XYZ])_\s+(\S+)")
_MOVE: Final = re.compile(
    r'\$ns_\s+at\s+(\S+)\s+"\$node_\((\d+)\)\s+setdest\s+(\S+)\s+(\S+)\s+(\S+)\s*"'
)


def parse_setdest(text: str, duration_s: float) -> list[list[Leg]]:
    """The walks of a file that ns-2's `setdest` or a program like it wrote."""
    places: dict[int, dict[str, float]] = {}
    moves: dict[int, list[tuple[float, float, float, float]]] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        # Distances that its "god" knows follow from the places.
        if not line or line.startswith(("#", "$god_")):
            continue
        if found := _PLACE.fullmatch(line):
            axis = places.setdefault(int(found[1]), {})
            axis[found[2]] = _number(number, found[3])
        elif found := _MOVE.fullmatch(line):
            when, x, y, speed = (_number(number, found[group]) for group in (1, 3, 4, 5))
            moves.setdefault(int(found[2]), []).append((when, x, y, speed))
        else:
            raise _unreadable(number, "neither a place nor a setdest")
    unplaced = [node for node in sorted(moves) if node not in places]
    if unplaced:
        raise UserError("bad-walks", f"Node {unplaced[0]} of the walks is sent and stands nowhere.")
    return [
        _walk(place.get("X", 0), place.get("Y", 0), sorted(moves.get(node, [])), duration_s)
        for node, place in sorted(places.items())
    ]


def contacts_of(walks: Sequence[Walk], range_m: float, duration_s: float) -> tuple[Contact, ...]:
    """Return when which two are within a range of each other."""
    found: list[Contact] = []
    for other in range(len(walks)):
        for one in range(other):
            for start, end in _near(walks[one], walks[other], range_m):
                first, last = max(0, round(start * US)), round(min(end, duration_s) * US)
                if last > first:
                    found.append(Contact(first, last, one, other))
    return merge(found)


def place_at(walk: Walk, when: float) -> tuple[float, float]:
    """Return where a walker is; before the first leg and after the last it rests."""
    for leg in walk:
        if when <= leg.end:
            return leg.at(max(when, leg.start))
    return walk[-1].to_x, walk[-1].to_y


def _near(one: Walk, other: Walk, range_m: float) -> Iterator[tuple[float, float]]:
    """Both lists of legs are walked at once; each step is a time in which both go straight."""
    mine, theirs = 0, 0
    while mine < len(one) and theirs < len(other):
        first, second = one[mine], other[theirs]
        start, end = max(first.start, second.start), min(first.end, second.end)
        if end > start:
            yield from _within(first, second, start, end, range_m)
        mine += first.end <= end
        theirs += second.end <= end


def _within(
    first: Leg, second: Leg, start: float, end: float, range_m: float
) -> Iterator[tuple[float, float]]:
    """The part of a time in which |p + v t| is at most the range."""
    (x, y), (their_x, their_y) = first.at(start), second.at(start)
    (x_end, y_end), (their_x_end, their_y_end) = first.at(end), second.at(end)
    p_x, p_y = their_x - x, their_y - y
    length = end - start
    v_x, v_y = (their_x_end - x_end - p_x) / length, (their_y_end - y_end - p_y) / length
    a, b = v_x * v_x + v_y * v_y, p_x * v_x + p_y * v_y
    c = p_x * p_x + p_y * p_y - range_m * range_m
    if a < 1e-12:
        if c <= 0:
            yield start, end
        return
    under_root = b * b - a * c
    if under_root <= 0:
        return
    root = sqrt(under_root)
    enters, leaves = max(0, (-b - root) / a), min(length, (-b + root) / a)
    if leaves > enters:
        yield start + enters, start + leaves


def _walk(
    x: float, y: float, moves: Sequence[tuple[float, float, float, float]], duration_s: float
) -> list[Leg]:
    legs: list[Leg] = []
    now = 0.0
    for number, (when, to_x, to_y, speed) in enumerate(moves):
        if when > now:
            legs.append(Leg(now, when, x, y, x, y))
        start = max(now, when)
        next_at = moves[number + 1][0] if number + 1 < len(moves) else duration_s
        if speed <= 0 or next_at <= start:
            now = start
            continue
        arrival = start + _distance(x, y, to_x, to_y) / speed
        leg = Leg(start, arrival, x, y, to_x, to_y)
        # Another order may come before the walker has arrived.
        now = min(arrival, next_at)
        x, y = leg.at(now)
        if now > start:
            legs.append(Leg(start, now, leg.x, leg.y, x, y))
    if now < duration_s:
        legs.append(Leg(now, duration_s, x, y, x, y))
    return legs


def _distance(x: float, y: float, to_x: float, to_y: float) -> float:
    return sqrt((to_x - x) * (to_x - x) + (to_y - y) * (to_y - y))


def _between(chance: Chance, bounds: tuple[float, float]) -> float:
    return bounds[0] + chance.fraction() * (bounds[1] - bounds[0])


def _number(line: int, word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = float("nan")
    if not -1e9 < number < 1e9:
        raise _unreadable(line, f"{word[:40]!r} is no number")
    return number


def _unreadable(line: int, why: str) -> UserError:
    return UserError("bad-walks", f"Line {line} of the walks cannot be read: {why}.")
