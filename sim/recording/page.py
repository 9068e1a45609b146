"""One HTML file that shows a run: it works from disk and asks no network for anything."""

from importlib.resources import files
from typing import Final

import msgspec

from sim.recording.observing import Observed
from sim.report import Report
from sim.watching.marks import MARKS

_FOLDER: Final = files("sim.recording") / "page_files"
LATENCIES_MAX: Final = 400
"""Points of a distribution: as many as a screen can show."""

ROWS_SHOWN: Final = 400


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What the page is given."""

    report: Report
    observed: Observed
    baseline_us: dict[str, list[int]]
    marks: dict[str, str]
    """What each mark means."""


def page_of(report: Report, observed: Observed, baseline: Observed | None = None) -> str:
    """The page of a run; with `baseline` that other run's latencies are drawn beside."""
    shown = Shown(
        report=report,
        observed=msgspec.structs.replace(
            observed,
            latencies_us=_thinned(observed.latencies_us),
            last_rows=observed.last_rows[-ROWS_SHOWN:],
        ),
        marks=dict(MARKS),
        baseline_us={} if baseline is None else _thinned(baseline.latencies_us),
    )
    # In a script no text may look like the end of it.
    data = msgspec.json.encode(shown).decode().replace("<", "\\u003c")
    page = _read("report.html")
    for mark, text in (
        ("/*STYLE*/", _read("report.css")),
        ("/*SCRIPT*/", _read("report.js")),
        ("/*DATA*/", data),
    ):
        page = page.replace(mark, text, 1)
    return page


def _thinned(times: dict[str, list[int]]) -> dict[str, list[int]]:
    """At most so many of sorted values, evenly, the last one always."""
    found: dict[str, list[int]] = {}
    for phase, ordered in times.items():
        count = len(ordered)
        if count <= LATENCIES_MAX:
            found[phase] = ordered
        else:
            step = (count - 1) / (LATENCIES_MAX - 1)
            found[phase] = [ordered[round(place * step)] for place in range(LATENCIES_MAX)]
    return found


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
