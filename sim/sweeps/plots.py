"""Plots of a sweep as SVG: how latencies are spread, and how much arrives by what was varied.

A page of a sweep has no script and asks no network for anything, and a plot in it is some lines of
text. Lines differ by colour (the palette of Okabe and Ito, which the colour-blind tell apart) and
by dashes; the names of lines, and of both axes, are text.
"""

import math
import statistics
from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

from sim.run.latency_buckets import BOUNDS_US
from sim.schema.settings import text_of
from sim.sweeps.figures import by_setting, interval, settings_text
from sim.sweeps.records import Record

LINES_MAX: Final = 8
"""Lines of one plot: more cannot be told apart. The others stand in the figures."""

_WIDTH, _HEIGHT = 720, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 12, 44
_COLOURS: Final = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#f0e442",
    "#888888",
)
_DASHES: Final = ("", "6 3", "2 3", "8 3 2 3")
_UNITS_MS: Final = (
    *((1, "1 ms"), (10, "10 ms"), (100, "100 ms"), (1_000, "1 s"), (10_000, "10 s")),
    *((60_000, "1 min"), (600_000, "10 min"), (3_600_000, "1 h"), (36_000_000, "10 h")),
    *((86_400_000, "1 d"), (864_000_000, "10 d"), (8_640_000_000, "100 d")),
)


class Place(NamedTuple):
    """One point of a line, each way from 0 to 1, with the bounds of what is known of it."""

    across: float
    up: float
    low: float
    high: float


class Line(NamedTuple):
    """A line of a plot. `is_stepped`: between two points it stays where it was."""

    name: str
    places: Sequence[Place]
    is_stepped: bool = False


def latency_plot(records: Sequence[Record]) -> str:
    """Return the plot of how many of the messages written had arrived after how long.

    One line a setting, over all its runs; empty where no run says so.
    """
    lines: list[tuple[str, dict[int, int], int]] = []
    for setting, runs in by_setting(records).items():
        reports = [one.report for one in runs if one.report is not None]
        counts: dict[int, int] = {}
        for report in reports:
            for bucket, count in report.latency_counts.items():
                counts[bucket] = counts.get(bucket, 0) + count
        if counts:
            written = sum(report.messages_written for report in reports)
            # Some arrive that no workload counts as written.
            lines.append((setting, counts, max(written, sum(counts.values()))))
    if not lines:
        return ""
    least = min(min(counts) for _, counts, _ in lines)
    most = max(max(counts) for _, counts, _ in lines)
    from_, to = math.log(BOUNDS_US[max(0, least - 1)]), math.log(BOUNDS_US[most])

    def across(milliseconds: float) -> float:
        return (math.log(milliseconds * 1_000) - from_) / max(to - from_, 1e-9)

    drawn = []
    for setting, counts, written in lines[:LINES_MAX]:
        places, arrived = [], 0
        for bucket, count in sorted(counts.items()):
            arrived += count
            share = arrived / written
            places.append(Place(across(BOUNDS_US[bucket] / 1_000), share, share, share))
        drawn.append(Line(setting, places, is_stepped=True))
    ticks = [(across(at), name) for at, name in _UNITS_MS if -0.001 <= across(at) <= 1.001]
    return _plot(
        drawn,
        ticks,
        across="time from writing until it is shown",
        up="share of the messages written",
        more_count=len(lines) - len(drawn),
    )


def delivery_plots(records: Sequence[Record]) -> list[tuple[str, str]]:
    """Return for each setting that was varied its path, and the plot of what arrived by it.

    One line for each combination of all else that was varied; a dot is the mean of its runs, with
    95 % of it. A path whose values are no numbers has no plot.
    """
    plots = []
    for path in dict.fromkeys(path for record in records for path in record.settings):
        values = {record.settings.get(path): None for record in records}
        numbers = [value for value in values if _is_number(value)]
        if len(numbers) > 1 and len(numbers) == len(values):
            plots.append((path, _delivery_plot(records, path)))
    return plots


def _delivery_plot(records: Sequence[Record], path: str) -> str:
    found: dict[str, dict[float, list[float]]] = {}
    for record in records:
        if record.report is not None:
            rest = {name: value for name, value in record.settings.items() if name != path}
            name = settings_text(record.scenario, rest, record.bug)
            value = float(record.settings[path])
            found.setdefault(name, {}).setdefault(value, []).append(record.report.delivery_ratio)
    values = sorted({value for by_value in found.values() for value in by_value})
    span = (values[-1] - values[0]) or 1.0
    lines = []
    for name, by_value in list(found.items())[:LINES_MAX]:
        places = []
        for value, ratios in sorted(by_value.items()):
            low, high = interval(ratios, path)
            place = (value - values[0]) / span
            places.append(Place(place, statistics.fmean(ratios), low, high))
        lines.append(Line(name, places))
    return _plot(
        lines,
        [((value - values[0]) / span, text_of(value)) for value in values],
        across=path,
        up="share that arrived, of what could",
        more_count=len(found) - len(lines),
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plot(
    lines: Sequence[Line],
    ticks: Sequence[tuple[float, str]],
    *,
    across: str,
    up: str,
    more_count: int,
) -> str:
    parts = [
        f'<g fill="none" stroke="currentColor" stroke-opacity=".25">{_grid(ticks := [*ticks])}</g>'
    ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts.append(_text(_LEFT - 6, _y(share) + 4, f"{share:.0%}", "end"))
    for place, name in ticks:
        parts.append(_text(_x(place), _HEIGHT - _BOTTOM + 16, name, "middle"))
    parts.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 8, across, "middle"))
    keys = []
    for index, line in enumerate(lines):
        colour, dashes = _COLOURS[index], _DASHES[index % len(_DASHES)]
        stroke = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"'
        parts.append(f"<g><title>{escape(line.name)}</title>{_drawn(line, stroke, colour)}</g>")
        sample = f'<svg width="36" height="10"><path d="M0 5H36" {stroke}/></svg>'
        keys.append(f"<li>{sample} {escape(line.name)}</li>")
    if more_count:
        keys.append(f"<li>and {more_count} more, which stand in the figures</li>")
    label = escape(f"{up}, by {across}", quote=True)
    return (
        f"<figure><figcaption>{escape(up)}, by {escape(across)}</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">'
        f'{"".join(parts)}</svg><ul class="keys">{"".join(keys)}</ul></figure>'
    )


def _drawn(line: Line, stroke: str, colour: str) -> str:
    steps = []
    for number, place in enumerate(line.places):
        x, y = _x(place.across), _y(place.up)
        # How it was between two is known only where it is a count that grows.
        steps.append(f"M{x} {y}" if not number else f"H{x}V{y}" if line.is_stepped else f"L{x} {y}")
    drawn = [f'<path fill="none" {stroke} d="{"".join(steps)}"/>']
    if not line.is_stepped:
        for place in line.places:
            x = _x(place.across)
            drawn.append(f'<circle cx="{x}" cy="{_y(place.up)}" r="3.5" fill="{colour}"/>')
            drawn.append(f'<path stroke="{colour}" d="M{x} {_y(place.low)}V{_y(place.high)}"/>')
    return "".join(drawn)


def _grid(ticks: Sequence[tuple[float, str]]) -> str:
    flat = "".join(f"M{_LEFT} {_y(share)}H{_WIDTH - _RIGHT}" for share in (0, 0.25, 0.5, 0.75, 1))
    upright = "".join(f"M{_x(place)} {_TOP}V{_HEIGHT - _BOTTOM}" for place, _ in ticks)
    return f'<path d="{flat}{upright}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    style = f'text-anchor="{anchor}" font-size="12" fill="currentColor"'
    return f'<text x="{x:g}" y="{y:g}" {style}>{escape(text)}</text>'


def _x(share: float) -> float:
    return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)


def _y(share: float) -> float:
    return round(_HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM), 1)
