"""The bytes that a group costs, within a tenth of what the design says."""

from typing import Final

import pytest

from tests.bench.groups import DESIGN, SIZES, counted

MISSED: Final = {"join by link, a head": 2.1}
"""Missed, as docs/benchmarks.md says: the welcome of who comes by a link needs 1,421 bytes, where
1,334 fit, and so takes the next class.
"""


@pytest.mark.parametrize("place", range(len(SIZES)), ids=map(str, SIZES))
def test_no_operation_costs_more_than_was_to_be_reached(place: int) -> None:
    found = counted(SIZES[place])
    assert found.keys() == DESIGN.keys()
    over = {what: found[what] / DESIGN[what][place] for what in found}
    bounds = {what: MISSED.get(what, 1.1) for what in over}
    assert {what: share for what, share in over.items() if share > bounds[what]} == {}
