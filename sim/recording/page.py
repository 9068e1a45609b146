"""One HTML file that shows a run: it works from disk and asks no network for anything."""

from importlib.resources import files
from typing import Final

import msgspec

from sim.recording.downsampling import thinned
from sim.recording.observing import Observed
from sim.run.report import Report
from sim.schema.coverage_goals import COVERAGE_GOALS

_FOLDER: Final = files("sim.recording") / "page_files"
LATENCIES_MAX: Final = 400
"""Points of a distribution: as many as a screen can show."""

ROWS_SHOWN: Final = 400

PAGE_BYTES_MAX: Final = 5_000_000
"""What can be sent by mail, and opens at once, of a world of any size."""

NOTES_BYTES_MAX: Final = 1_000
"""For saying what was left out."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """The data of the page."""

    report: Report
    observed: Observed
    baseline_us: dict[str, list[int]]
    marks: dict[str, str]
    """What each goal means."""

    thinned: list[str]
    """What is not drawn in full, each in words."""


def page_of(report: Report, observed: Observed, baseline: Observed | None = None) -> str:
    """The page of a run; with `baseline` that other run's latencies are drawn beside."""
    shown = Shown(
        report=report,
        observed=msgspec.structs.replace(
            observed,
            latencies_us=_few(observed.latencies_us),
            last_rows=observed.last_rows[-ROWS_SHOWN:],
        ),
        marks=dict(COVERAGE_GOALS),
        baseline_us={} if baseline is None else _few(baseline.latencies_us),
        thinned=[],
    )
    page = _read("report.html")
    for mark, text in (
        ("/*STYLE*/", _read("report.css")),
        ("/*SCRIPT*/", _read("figures.js") + _read("report.js")),
    ):
        page = page.replace(mark, text, 1)
    return page.replace("/*DATA*/", _fitting(shown, PAGE_BYTES_MAX - len(page.encode())), 1)


def _fitting(shown: Shown, bytes_max: int) -> str:
    """As much of it as there is room for."""
    bare = msgspec.structs.replace(shown.observed, samples=[], envelopes=[], links=[], power=[])
    room = bytes_max - len(_text_of(msgspec.structs.replace(shown, observed=bare)).encode())
    observed, notes = thinned(shown.observed, room - NOTES_BYTES_MAX)
    return _text_of(msgspec.structs.replace(shown, observed=observed, thinned=notes))


def _text_of(shown: Shown) -> str:
    # In a script no text may look like the end of it.
    return msgspec.json.encode(shown).decode().replace("<", "\\u003c")


def _few(times: dict[str, list[int]]) -> dict[str, list[int]]:
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
