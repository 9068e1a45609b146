"""Bounds of what an envelope must be to enter, and of what judging it may cost."""

CREATED_AHEAD_SECONDS_MAX = 86_400
"""Mesh time differs between nodes; an envelope may be created a day ahead."""

STAMP_BITS_MAX = 12
"""A stamp of more counts as one of so many: it admits 4,096 envelopes, and no key needs more."""

STAMP_CHECKS_PER_SECOND = 20
"""A check costs 10 ms: at most a fifth of a core goes to false stamps."""

STAMP_VERDICTS_REMEMBERED = 65_536
"""Stamps that were checked, good or bad, so that each costs us once."""

SIGNATURES_REMEMBERED = 4_096
"""Envelopes that did not enter though their signature holds, so that it is checked once for each
that a link brings again and again: 0.5 MiB, and as many as are not asked for again."""

DEFERRED_PER_LINK_MAX = 64
"""Envelopes of one link that wait for the check of their stamp."""
