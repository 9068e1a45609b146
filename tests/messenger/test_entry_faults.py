"""Each rule of entries of groups, taken away: a story or a random group notices it."""

from collections.abc import Callable
from functools import partial
from typing import Final

import pytest

from tests.group.faults import planted
from tests.messenger.entry_faults import FAULTS, Noticed

_PASSED: Final[set[tuple[object, str]]] = set()
"""Stories that passed in this process with every rule kept. One may notice several rules."""


def _pass(story: Callable[[], object]) -> None:
    """Tell a story with every rule kept, unless it was told already."""
    told = (story.func, repr(story.args)) if isinstance(story, partial) else (story, "")
    if told not in _PASSED:
        story()
        _PASSED.add(told)


@pytest.mark.parametrize("noticed", FAULTS, ids=lambda noticed: noticed.rule)
def test_a_rule_that_is_not_kept_is_noticed(noticed: Noticed) -> None:
    with (
        planted(noticed.fault),
        pytest.raises((AssertionError, LookupError, ValueError, OverflowError)),
    ):
        noticed.by()
    # And by nothing else.
    _pass(noticed.by)
