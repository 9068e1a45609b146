"""Numbers and text of a report."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.run.report import _row, _time, percentile


@given(st.lists(st.integers(0, 10**9), min_size=1), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(
    values: list[int], share: float
) -> None:
    ordered = sorted(values)
    found = percentile(ordered, share)
    assert sum(value <= found for value in ordered) >= share * len(ordered) - 1e-6
    below = [value for value in ordered if value < found]
    assert len(below) < share * len(ordered)


@pytest.mark.parametrize("share,expected", [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100)])
def test_percentiles_of_a_hundred(share: float, expected: int) -> None:
    assert percentile(list(range(1, 101)), share) == expected


def test_latencies_of_hours_stand_apart_in_their_columns() -> None:
    row = _row("", "together", "109", *[_time(34_137_700.4)] * 4)
    assert row.split() == ["together", "109", *["34,137.7", "s"] * 4]
