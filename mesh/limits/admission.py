"""Bounds of what an envelope must be to enter, and of what judging it may cost."""

CREATED_AHEAD_SECONDS_MAX = 86_400
"""Mesh time differs between nodes; an envelope may be created a day ahead."""

STAMP_CHECKS_PER_SECOND = 20
"""A check costs 10 ms: at most a fifth of a core goes to false stamps."""

STAMP_VERDICTS_REMEMBERED = 65_536
"""Keys whose stamp was checked, good or bad, so that each costs us once."""

DEFERRED_PER_LINK_MAX = 64
"""Envelopes of one link that wait for the check of their stamp."""
