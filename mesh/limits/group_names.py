"""Bounds of the names that members of groups tell."""

from typing import Final

NAME_TOLD_AFTER_MS: Final = (60_000, 600_000)
"""A name is told in a group so long after it was chosen, drawn evenly for each group: whoever sees
all posts finds no moment at which several keys of a day post at once, by which they would be one
person's. Who chooses another one meanwhile waits anew, so who mistypes tells the right one alone.
What he writes in a group takes the name along at once: who reads it shall know who says it.
"""

NAME_ENTRY_BYTES_MAX: Final = 1_024
"""A name with the longest lists of parents, operations and names before it takes 700 bytes. What
stands behind the known places of an entry is passed over, so without a bound of its own one name
could be as long as all that a newcomer gets, or as an answer.
"""

NAMES_GIVEN_MAX: Final = 16
"""So many names, those told last that he was not given today, are given to who asks for what is not
for all members, behind which they may stand: 16 KiB at most, and who lacks more asks again.
"""

NAMES_OF_NEWCOMER_MAX: Final = 1_000
"""As many names are looked at for a newcomer, and for who asks: one of each member of the largest
group.
"""
