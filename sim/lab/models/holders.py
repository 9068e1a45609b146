"""A model of who still holds a message in a flood without end, and whether it is read.

Not the engine: stores are taken to be turned over so often that of a message which waits only those
still have the body who keep room for its author: the carriers to whom he is known at depth 3 or
nearer. That they do so, and that a plain queue then holds nothing, is what the engine shows at
small size (`sim.lab.models.flooding`); here is what follows where most are strangers to most.

Users sleep in two shifts; the rest carries. Author and recipient are of different shifts. Who
wakes misses the body of what was written meanwhile and asks each link for it; who gets it passes it
on to those who miss it too; whoever was awake and pushed it out wants it no more. So the recipient
is reached if it is joined, over users of its own shift, to one who holds it. Hostile nodes take
links and give nothing.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sim.kernel.entropy import Chance
from sim.lab.dissemination.graphs import random_regular

DEPTH_MAX: Final = 3
SHIFTS: Final = 2

Links = Mapping[int, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Mesh:
    """A mesh before its seed. `contacts` are those of each user in the mean."""

    nodes: int = 10_000
    hostile: float = 0.3
    contacts: int = 8
    degrees: tuple[int, int] = (6, 8)
    asleep: float = 0.7
    letters: int = 500
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Reached:
    """The number of messages that somebody held, and how many of them came to who woke."""

    letters: int
    held: int
    reached: int
    at_once: int
    """Those of which a link of the recipient itself leads to who holds it."""

    holders_mean: float
    """How many hold one message."""


def reaches(links: Links, *, holders: Collection[int], asking: Collection[int], to: int) -> bool:
    """Say whether somebody who asks is joined to one who holds, over others who ask."""
    seen = {to: None}
    queue = [to]
    for node in queue:
        for other in links[node]:
            if other in holders:
                return True
            if other in asking and other not in seen:
                seen[other] = None
                queue.append(other)
    return False


def measure(mesh: Mesh) -> Reached:
    """Draw a mesh, friendships and messages, and count."""
    chance = Chance(mesh.seed, "holders")
    links = _joined(mesh.nodes, random_regular(mesh.nodes, mesh.degrees, chance))
    order = list(range(mesh.nodes))
    chance.shuffle(order)
    honest = order[round(mesh.hostile * mesh.nodes) :]
    friends = _joined(
        len(honest), random_regular(len(honest), (mesh.contacts, mesh.contacts), chance)
    )
    asleep_count = round(mesh.asleep * len(honest))
    # Users stand in a drawn order, so the first of them are as good as any.
    shift_of = {honest[place]: place % SHIFTS for place in range(asleep_count)}
    shifts = [
        dict.fromkeys(node for node, one in shift_of.items() if one == shift)
        for shift in range(SHIFTS)
    ]
    held = reached = at_once = holders_count = 0
    for author, recipient in _letters(mesh.letters, friends, asleep_count, chance):
        near = _near(friends, author)
        holders = dict.fromkeys(honest[one] for one in near if honest[one] not in shift_of)
        to = honest[recipient]
        held += bool(holders)
        holders_count += len(holders)
        reached += reaches(links, holders=holders, asking=shifts[shift_of[to]], to=to)
        at_once += any(other in holders for other in links[to])
    return Reached(mesh.letters, held, reached, at_once, holders_count / mesh.letters)


def _letters(
    count: int, friends: Links, asleep_count: int, chance: Chance
) -> Iterator[tuple[int, int]]:
    """Authors and recipients who are contacts and of different shifts."""
    pairs = [
        (one, other)
        for one in range(asleep_count)
        for other in friends[one]
        if other < asleep_count and (one - other) % SHIFTS
    ]
    for _ in range(count if pairs else 0):
        yield chance.pick(pairs)


def _near(friends: Links, user: int) -> dict[int, None]:
    """Everybody to whom somebody is known: contacts, theirs, and those one further."""
    seen = {user: None}
    ring = [user]
    for _ in range(DEPTH_MAX):
        ring = [other for one in ring for other in friends[one] if other not in seen]
        ring = list(dict.fromkeys(ring))
        seen |= dict.fromkeys(ring)
    return seen


def _joined(count: int, edges: Sequence[tuple[int, int]]) -> Links:
    links: dict[int, list[int]] = {node: [] for node in range(count)}
    for one, other in edges:
        links[one].append(other)
        links[other].append(one)
    return links
