"""The amount of random input that a test tries: little in CI, much in a search.

What a test kills or cuts at a moment of its own drawing is never all tried. CI tries enough to
see that it still works; `HYPOTHESIS_PROFILE=search python3 dev.py test FILE` looks for more.
"""

import pytest
from hypothesis import settings

IS_SEARCH = settings.get_current_profile_name() == "search"

only_in_search = pytest.mark.skipif(
    not IS_SEARCH, reason="It looks for more than CI does: HYPOTHESIS_PROFILE=search runs it."
)


def examples(count: int, *, steps: int | None = None) -> settings:
    """So many examples of so many steps each, and in a search as many as that takes."""
    if IS_SEARCH:
        return settings()
    return settings(max_examples=count, stateful_step_count=steps or settings().stateful_step_count)


def seeds(count: int, *, in_search: int) -> range:
    """So many seeds, and the others that only a search tries."""
    return range(in_search if IS_SEARCH else count)
