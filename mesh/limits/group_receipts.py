"""Bounds of receipts in groups: when members tell what they hold, and how much, in seconds."""

from typing import Final

from mesh.limits.group_keys import DAY_SECONDS

RECEIPT_PAUSE: Final = 600
"""So long at most, and half of it at least, a receipt waits for others, in a group of up to eight.
It grows with the group, so that one of any size posts about as many: some 640 in ten hours."""

RECEIPT_MEMBERS_PER_PAUSE: Final = 8
"""Beyond so many members the pause is longer, in proportion: among 1,000 it is some 20 hours."""

RECEIPT_MEMBERS_MAX: Final = 32
"""Up to so many members tell by themselves what they hold, where a group leaves that open: each
tells it in 1 KiB, by a stamped key of the day, which all the others carry."""

RECEIPT_RANGES_MAX: Final = 16
"""Ranges of numbers told of one run, the newest: what was lost for ever blocks nothing."""

RECEIPTS_MAX: Final = 32
"""Runs told in one control: 25 bytes each where nothing is missing. By itself it takes 1 KiB, which
30 of them fit, or 5 with all ranges; beside what is larger there is room for more."""

OWED_RUNS_MAX: Final = 32
"""Runs of one author that are owed at once: somebody begins one when a backup is put back. Who
begins them to be told of is told of no more."""

RECEIPT_AGAIN_AFTER: Final = DAY_SECONDS
"""Who was not heard for so long is told again what is held of him: receipts live for a day."""

RECEIPT_ITEMS_TOLD_MAX: Final = 256
"""Items that are told as changed by one receipt, the newest: nobody looks at more at once."""
