"""People who meet again and again, and when their laptops are open.

Each pair of acquaintances and each laptop draws from a stream of its own, so that one more shifts
no other.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from sim.kernel.entropy import Chance
from sim.schema.topology_tables import Meetings
from sim.topology.contacts import US, Contact
from sim.topology.graphs import Edge

BEFORE_US: Final = 120_000_000
"""A laptop is opened at most so long before somebody comes, and shut so long after they left."""


def met_again(edges: Sequence[Edge], topology: Meetings, seed: int) -> tuple[Contact, ...]:
    """The meetings of all acquaintances, in order."""
    end = round(topology.until_s * US)
    meetings: list[Contact] = []
    for one, other in edges:
        chance = Chance(seed, "meetings", one, other)
        # The first comes anywhere in a gap: nobody knows when they met last.
        at = chance.below(_between(chance, topology.every_s))
        while at < end:
            lasts = _between(chance, topology.for_s)
            meetings.append(Contact(at, min(at + lasts, end), one, other))
            at += lasts + _between(chance, topology.every_s)
    return tuple(sorted(meetings))


def opened(
    node: int, meetings: Sequence[Contact], topology: Meetings, seed: int
) -> Iterator[tuple[int, int, int | None]]:
    """Yield when a laptop is opened and shut, and when its node is killed between, if it is."""
    chance = Chance(seed, "laptop", node)
    end = round(topology.until_s * US)
    spans: list[tuple[int, int]] = []
    at = 0
    while at < end:
        lasts = _between(chance, topology.alone_for_s)
        spans.append((at, at + lasts))
        at += lasts + _between(chance, topology.alone_every_s)
    for meeting in meetings:
        if node in (meeting.one, meeting.other):
            before, after = chance.below(BEFORE_US), chance.below(BEFORE_US)
            spans.append((max(0, meeting.start - before), meeting.end + after))
    for begins, ends in _merged(spans):
        is_killed, when = chance.is_true(topology.killed_share), chance.fraction()
        killed_at = begins + round(when * (ends - begins))
        yield begins, ends, killed_at if is_killed else None


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for begins, ends in sorted(spans):
        if merged and begins <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(ends, merged[-1][1]))
        else:
            merged.append((begins, ends))
    return merged


def _between(chance: Chance, seconds: tuple[float, float]) -> int:
    return chance.between(*(round(each * US) for each in seconds))
