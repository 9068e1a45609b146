"""Bounds of the names that members of groups tell."""

from typing import Final

NAME_TOLD_AFTER_MS: Final = (60_000, 600_000)
"""A name is told in a group so long after it was chosen, drawn evenly for each group: whoever sees
all posts finds no moment at which several keys of a day post at once, by which they would be one
person's. None is told sooner than a minute, so who mistypes tells the right one alone, and no group
hears more than one a minute; nobody waits longer for it than for a key that did not come.
"""

NAMES_GIVEN_MAX: Final = 16
"""So many names, those told last, are given to who asks for what is not for all members, behind
which they may stand: 5 KiB, and who lacks more asks again.
"""

NAMES_OF_NEWCOMER_MAX: Final = 1_000
"""As many names stand in what a newcomer gets: one of each member of the largest group."""
