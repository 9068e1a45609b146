"""The bytes that a group costs, within a tenth of what the design says."""

import pytest

from tests.bench.groups import DESIGN, SIZES, counted

SHARE_MAX = 1.1


@pytest.mark.parametrize("place", range(len(SIZES)), ids=map(str, SIZES))
def test_no_operation_costs_more_than_was_to_be_reached(place: int) -> None:
    found = counted(SIZES[place])
    assert found.keys() == DESIGN.keys()
    over = {what: found[what] / DESIGN[what][place] for what in found}
    assert {what: share for what, share in over.items() if share > SHARE_MAX} == {}
