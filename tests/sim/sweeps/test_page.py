"""The page of a sweep says what came of it, and asks no network for anything."""

import re
from pathlib import Path

import pytest

from mesh.errors import UserError
from sim.sweeps.figures import figures_of
from sim.sweeps.page import page_of, worst_of, write_page
from tests.sim.sweeps.records import record


def test_the_worst_are_what_broke_then_what_died_then_who_waited_longest() -> None:
    records = [
        record(1, wait_ms=5),
        record(2, wait_ms=90_000),
        record(3, verdict="dead"),
        record(4, verdict="fail"),
    ]
    assert [one.seed for one in worst_of(records)] == [4, 3, 2, 1]


def test_a_page_has_verdicts_figures_marks_and_the_line_that_repeats_the_worst() -> None:
    line = "python -m sim run small --set name='<a>'"
    records = [
        record(1),
        record(2, verdict="fail", command=line),
        record(3, verdict="dead", settings={"wire.loss": 0.1}),
    ]
    page = page_of(records, figures_of(records))
    assert "3 runs: 1 held, 1 broke an invariant, 1 died." in page
    assert "<td>small: wire.loss = 0.1</td><td>0 of 1</td>" in page
    assert "seed 2: broke an invariant S2: shown again" in page
    assert "python -m sim run small --set name=&#x27;&lt;a&gt;&#x27;" in page
    assert "took &lt;too&gt; long" in page
    assert "<td>evicted</td>" in page
    assert "<td>never</td>" in page
    assert "latency p99, ms" in page
    assert not re.search(r"<script|https?://|\bsrc=|<link", page)


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "sweep.html"
    write_page(path, [record(1)], [])
    assert path.read_text(encoding="utf-8").endswith("</html>\n")
    assert [one.name for one in tmp_path.iterdir()] == ["sweep.html"]
    with pytest.raises(UserError, match="Cannot write"):
        write_page(tmp_path / "none" / "sweep.html", [record(1)], [])
