"""Each rule of entries of groups, taken away: a story or a random group notices it."""

import pytest

from tests.group.faults import planted
from tests.messenger.entry_faults import FAULTS, Noticed


@pytest.mark.parametrize("noticed", FAULTS, ids=lambda noticed: noticed.rule)
def test_a_rule_that_is_not_kept_is_noticed(noticed: Noticed) -> None:
    with (
        planted(noticed.fault),
        pytest.raises((AssertionError, LookupError, ValueError, OverflowError)),
    ):
        noticed.by()
    # And by nothing else.
    noticed.by()
