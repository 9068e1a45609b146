"""The page of a sweep: verdicts by setting and seed, figures, marks, and the worst runs.

One HTML file without a script: it works from disk and asks no network for anything.
"""

import contextlib
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Final

from mesh.errors import UserError
from sim.schema.coverage_goals import COVERAGE_GOALS
from sim.sweeps.figures import SettingFigures, by_setting
from sim.sweeps.plots import delivery_plots, latency_plot
from sim.sweeps.records import Record, sometimes_of

WORST_COUNT: Final = 20
"""Runs that are listed with the line that repeats them."""

SEEDS_SHOWN_MAX: Final = 2_000
"""Of one setting: more squares are no picture. The others are counted."""

_SIGNS: Final = {"pass": "·", "fail": "✗", "dead": "†"}
_WORDS: Final = {"pass": "held", "fail": "broke an invariant", "dead": "died"}

_STYLE: Final = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
th, td { padding: .15rem .6rem; text-align: left; vertical-align: top; }
th, td { border-bottom: 1px solid #8884; }
code { overflow-wrap: anywhere; }
.seeds span { display: inline-block; width: 1.3em; text-align: center; }
figure { margin: 1rem 0; } figure > svg { width: 100%; max-width: 45rem; }
.keys { list-style: none; padding: 0; margin: .25rem 0; }
.fail { background: #d33; color: #fff; } .dead { background: #222; color: #fff; }
"""


def write_page(path: Path, records: Sequence[Record], figures: Sequence[SettingFigures]) -> None:
    """Write the page, whole or not at all; UserError if it cannot be written."""
    draft = path.with_name(f"{path.name}.part")
    try:
        draft.write_text(page_of(records, figures), encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise UserError("bad-file", f"Cannot write {path}: {error.strerror}.") from None


def page_of(records: Sequence[Record], figures: Sequence[SettingFigures]) -> str:
    """Return the page of these runs."""
    counts = {word: sum(one.verdict == word for one in records) for word in _SIGNS}
    scenarios = ", ".join(dict.fromkeys(record.scenario for record in records)) or "no run"
    commits = ", ".join(dict.fromkeys(record.commit for record in records))
    sections = [
        f"<h1>{escape(scenarios)}</h1>",
        f"<p>{len(records)} runs: {counts['pass']} held, {counts['fail']} broke an invariant, "
        f"{counts['dead']} died. Commit {escape(commits) or 'unknown'}.</p>",
        "<h2>Verdicts</h2>",
        _verdicts(records),
        "<h2>Figures</h2>",
        latency_plot(records),
        *(plot for _, plot in delivery_plots(records)),
        _figures(figures),
        "<h2>Worst runs</h2>",
        _worst(records),
        "<h2>Marks</h2>",
        _marks(records),
    ]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(scenarios)}: a sweep</title><style>{_STYLE}</style>\n"
        + "\n".join(sections)
        + "</html>\n"
    )


def _verdicts(records: Sequence[Record]) -> str:
    rows = []
    for setting, runs in by_setting(records).items():
        held = sum(one.verdict == "pass" for one in runs)
        squares = "".join(map(_square, runs[:SEEDS_SHOWN_MAX]))
        more = f" and {len(runs) - SEEDS_SHOWN_MAX} more" if len(runs) > SEEDS_SHOWN_MAX else ""
        rows.append([escape(setting), f"{held} of {len(runs)}", f"{squares}{more}"])
    return _table(["setting", "held", "by seed"], rows, css="seeds")


def _square(record: Record) -> str:
    title = escape(f"seed {record.seed}: {_WORDS[record.verdict]} {_why(record)}".strip())
    return f'<span class="{record.verdict}" title="{title}">{_SIGNS[record.verdict]}</span>'


def _figures(figures: Sequence[SettingFigures]) -> str:
    rows = [
        [
            escape(one.setting),
            escape(figure.metric),
            str(figure.runs),
            _number(figure.mean),
            _number(figure.median),
            f"{_number(figure.low)} to {_number(figure.high)}",
        ]
        for one in figures
        for figure in one.figures
    ]
    return _table(["setting", "metric", "runs", "mean", "median", "95 % of the mean"], rows)


def worst_of(records: Sequence[Record]) -> list[Record]:
    """Return the worst runs: what broke or died first, then who waited longest for a message."""
    return sorted(records, key=_badness, reverse=True)[:WORST_COUNT]


def _badness(record: Record) -> tuple[bool, bool, float]:
    return record.verdict == "fail", record.verdict == "dead", _longest_ms(record)


def _longest_ms(record: Record) -> float:
    latency = {} if record.report is None else record.report.latency
    return max((one.max_ms for one in latency.values()), default=0.0)


def _worst(records: Sequence[Record]) -> str:
    rows = [
        [
            str(one.seed),
            _WORDS[one.verdict],
            escape(_why(one)),
            f"{_longest_ms(one) / 1_000:,.1f} s",
            f"<code>{escape(one.command)}</code>",
        ]
        for one in worst_of(records)
    ]
    return _table(["seed", "verdict", "why", "longest wait", "again"], rows)


def _why(record: Record) -> str:
    broken = "; ".join(f"{one.id}: {one.detail}" for one in record.broken)
    return record.why_dead or broken


def _marks(records: Sequence[Record]) -> str:
    runs = sometimes_of(records)
    reached = sum(1 for count in runs.values() if count)
    rows = [
        [escape(mark), escape(COVERAGE_GOALS[mark]), str(count or "never")]
        for mark, count in sorted(runs.items(), key=lambda item: item[1])
    ]
    return f"<p>{reached} of {len(runs)} reached; in so many runs:</p>" + _table(
        ["mark", "situation", "runs"], rows
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], css: str = "") -> str:
    head = "".join(f"<th>{one}</th>" for one in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<table class="{css}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"
