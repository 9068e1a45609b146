"""A bound on how often one author's entries have us solve what counted elsewhere.

Each set of operations that an entry names is solved once; a liar can name another one each time.
"""

from mesh.ids import VerifyKey
from mesh.limits.groups import VIEWS_PER_AUTHOR_PER_DAY_MAX


class ViewBudget:
    """Counts, of one group and day, the views that are new here, by whose entries ask for them."""

    __slots__ = ("_day", "_used")

    def __init__(self) -> None:
        self._day = 0
        self._used: dict[VerifyKey, int] = {}

    def take(self, author: VerifyKey, day: int) -> bool:
        """Use one of today's; False: the entry waits until there is time to spare."""
        if day != self._day:
            self._day, self._used = day, {}
        used = self._used.get(author, 0)
        if used >= VIEWS_PER_AUTHOR_PER_DAY_MAX:
            return False
        self._used[author] = used + 1
        return True
