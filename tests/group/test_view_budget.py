"""The views that one author's entries may ask for."""

from mesh.group.view_budget import ViewBudget
from mesh.limits.groups import VIEWS_PER_AUTHOR_PER_DAY_MAX
from tests.group.scenarios import key_of


def test_an_author_has_so_many_views_a_day_and_takes_none_from_others() -> None:
    budget = ViewBudget()
    taken = [budget.take(key_of("A"), 5) for _ in range(VIEWS_PER_AUTHOR_PER_DAY_MAX + 3)]
    assert taken == [True] * VIEWS_PER_AUTHOR_PER_DAY_MAX + [False] * 3
    assert budget.take(key_of("B"), 5)
    assert budget.take(key_of("A"), 6)
