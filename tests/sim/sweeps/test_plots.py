"""The plots of a sweep show what its runs say, as lines of text."""

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sim.run.latency_buckets import BOUNDS_US, counts_of
from sim.sweeps.figures import figures_of
from sim.sweeps.page import page_of
from sim.sweeps.plots import LINES_MAX, delivery_plots, latency_plot
from tests.sim.sweeps.records import record

PLACES = re.compile(r"(?:V|[ML][\d.]+ )([\d.]+)")


def heights(plot: str) -> list[list[float]]:
    """The height of each line at each of its places, from 0 to 1."""
    drawn = re.findall(r'<path fill="none" stroke="#[^>]*? d="([^"]+)"', plot)
    bottom, height = 256.0, 244.0
    return [[round((bottom - float(y)) / height, 2) for y in PLACES.findall(d)] for d in drawn]


def test_bounds_grow_by_a_fifth_up_to_half_a_year() -> None:
    assert BOUNDS_US[0] == 1_000
    assert all(1.18 < after / before < 1.2 for before, after in pairwise(BOUNDS_US))
    assert BOUNDS_US[-1] > 150 * 86_400 * 1_000_000


@given(st.lists(st.integers(0, 10**14), max_size=30))
def test_each_latency_is_in_the_first_bucket_that_holds_it(latencies: list[int]) -> None:
    counts = counts_of(latencies)
    assert sum(counts.values()) == len(latencies)
    for bucket in counts:
        least = BOUNDS_US[bucket - 1] if bucket else -1
        most = BOUNDS_US[bucket] if bucket < len(BOUNDS_US) - 1 else 10**14
        assert counts[bucket] == sum(least < latency <= most for latency in latencies)


def test_latencies_of_all_runs_of_a_setting_are_one_line_that_ends_at_what_arrived() -> None:
    # Each run has four messages written.
    plot = latency_plot(
        [
            record(1, latency_counts={4: 1, 20: 1}),
            record(2, latency_counts={4: 2}),
            record(1, settings={"wire.loss": 0.5}, latency_counts={40: 1}),
        ]
    )
    assert heights(plot) == [[0.38, 0.5], [0.25]]
    assert "small: wire.loss = 0.5" in plot
    assert ">1 s</text>" in plot


def test_what_arrived_is_drawn_by_each_number_that_was_varied() -> None:
    runs = [
        record(seed, settings={"wire.loss": loss, "wire.fifo": is_fifo}, delivery_ratio=ratio)
        for seed, loss, is_fifo, ratio in [
            (1, 0, True, 1),
            (2, 0, True, 0.9),
            (1, 0.2, True, 0.5),
            (1, 0, False, 0.8),
            (1, 0.2, False, 0.4),
        ]
    ]
    [(path, plot)] = delivery_plots(runs)
    assert path == "wire.loss"
    assert heights(plot) == [[0.95, 0.5], [0.8, 0.4]]
    assert plot.count("<circle") == 4
    assert ">0.2</text>" in plot


def test_nothing_is_drawn_of_runs_that_say_nothing() -> None:
    assert latency_plot([record(1), record(2, verdict="dead")]) == ""
    assert delivery_plots([record(1), record(2)]) == []


def test_more_lines_than_can_be_told_apart_stand_in_the_figures() -> None:
    runs = [record(1, settings={"a": n}, latency_counts={n: 1}) for n in range(LINES_MAX + 2)]
    plot = latency_plot(runs)
    assert len(heights(plot)) == LINES_MAX
    assert "and 2 more" in plot


def test_names_are_text_in_a_plot() -> None:
    runs = [record(1, settings={"name": "<b>"}, latency_counts={1: 1})]
    page = page_of(runs, figures_of(runs))
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
