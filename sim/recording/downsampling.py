"""The choice of what is drawn of a run where all of it would be too much for one page.

Four lists grow with the nodes and with time: what was looked at each second, the envelopes that
were followed, links, and computers that went on and off. The largest is thinned, one step after the
other, until all of them have room: looks, envelopes and pairs of nodes with links to every second
one, and computers by telling how they were at ever fewer moments. A page says what was left out;
`observed.json` keeps everything.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

import msgspec

from sim.recording.observing import Followed, LinkEvent, NodeEvent, Observed, Sample

T = TypeVar("T")


@dataclass(slots=True)
class _Part(Generic[T]):
    """One of the lists. Each step leaves less of it, and after enough of them nothing is left."""

    values: Sequence[T]
    step: Callable[[Sequence[T], int], Sequence[T]]
    steps_count: int = 0
    bytes_count: int = 0

    def __post_init__(self) -> None:
        self._measure()

    def downsample(self) -> None:
        """Leave away more."""
        self.steps_count += 1
        self.values = self.step(self.values, self.steps_count)
        self._measure()

    def _measure(self) -> None:
        self.bytes_count = len(msgspec.json.encode(self.values))


_AnyPart: TypeAlias = _Part[Sample] | _Part[Followed] | _Part[LinkEvent] | _Part[NodeEvent]


def thinned(observed: Observed, bytes_max: int) -> tuple[Observed, list[str]]:
    """Return what of it fits into so many bytes of JSON, and in words what was left out."""
    looks = _Part(observed.samples, _with_every_second_look)
    envelopes = _Part(observed.envelopes, _with_every_second)
    links = _Part(observed.links, _with_every_second_pair)
    power = _Part(observed.power, _at_fewer_moments)
    parts: list[_AnyPart] = [looks, envelopes, links, power]
    while sum(sizes := [part.bytes_count for part in parts]) > bytes_max:
        largest = parts[sizes.index(max(sizes))]
        if not largest.values:
            break
        largest.downsample()
    notes = []
    if looks.steps_count:
        notes.append(f"{len(looks.values)} of {len(observed.samples)} looks at all nodes")
    if envelopes.steps_count:
        notes.append(f"{len(envelopes.values)} of {len(observed.envelopes)} followed envelopes")
    if links.steps_count:
        shown, all_ = len(_pairs(links.values)), len(_pairs(observed.links))
        notes.append(f"the links of {shown:,} of {all_:,} pairs of nodes")
    if power.steps_count and power.values:
        notes.append(
            f"how computers were on or off every {_moment_us(power.steps_count) // 10**6} s"
        )
    elif power.steps_count:
        notes.append("not which computers were on")
    fitting = msgspec.structs.replace(
        observed,
        samples=list(looks.values),
        envelopes=list(envelopes.values),
        links=list(links.values),
        power=list(power.values),
    )
    return fitting, notes


def _with_every_second(values: Sequence[Followed], _: int) -> Sequence[Followed]:
    return values[::2] if len(values) > 1 else []


def _with_every_second_look(values: Sequence[Sample], _: int) -> Sequence[Sample]:
    """The last one stays: it has the sums of the whole run."""
    return values[::-2][::-1] if len(values) > 1 else []


def _with_every_second_pair(values: Sequence[LinkEvent], _: int) -> Sequence[LinkEvent]:
    pairs = _pairs(values)
    kept = dict.fromkeys(pairs[::2]) if len(pairs) > 1 else {}
    return [event for event in values if (event.one, event.other) in kept]


def _pairs(values: Sequence[LinkEvent]) -> list[tuple[int, int]]:
    return list(dict.fromkeys((event.one, event.other) for event in values))


def _at_fewer_moments(values: Sequence[NodeEvent], step: int) -> Sequence[NodeEvent]:
    """Return what had changed at each of some moments since the one before; nothing if one has
    all.
    """
    moment_us = _moment_us(step)
    if moment_us > 2 * values[-1].at_us:
        return []
    found: list[NodeEvent] = []
    is_up: dict[int, bool] = {}
    changed: dict[int, NodeEvent] = {}
    until = moment_us
    for event in values:
        if event.at_us >= until:
            found += _told(changed, is_up)
            until = (event.at_us // moment_us + 1) * moment_us
        changed[event.node] = event
    return found + _told(changed, is_up)


def _told(changed: dict[int, NodeEvent], is_up: dict[int, bool]) -> list[NodeEvent]:
    """Those of the last changes that are any; both tables are brought up to date."""
    news = [one for one in changed.values() if is_up.get(one.node, False) != one.is_up]
    is_up.update({one.node: one.is_up for one in news})
    changed.clear()
    return sorted(news, key=lambda one: one.at_us)


def _moment_us(step: int) -> int:
    return 1_000_000 << step
