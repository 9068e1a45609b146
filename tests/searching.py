"""How much of what is drawn at random a test tries: little in CI, much in a search.

What a test kills or cuts at a moment of its own drawing is never all tried. CI tries enough to
see that it still works; `HYPOTHESIS_PROFILE=search python3 dev.py test FILE` looks for more.
"""

from hypothesis import settings


def seeds(count: int, *, in_search: int) -> range:
    """So many seeds, and the others that only a search tries."""
    return range(in_search if settings.get_current_profile_name() == "search" else count)
