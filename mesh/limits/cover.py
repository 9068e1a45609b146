"""Bounds of dummies that hide when a person writes."""

COVER_INTERVALS_MS = {"off": 0, "low": 600_000, "high": 60_000}
"""Mean time between two dummies, by setting: 144 a day, for which the first stamps of the four keys
suffice, or 1,440, for which each key needs two larger ones: 13 s of a core a day."""

COVER_LATE_MS = 60_000
"""Where a dummy is due longer ago, the node slept: it is passed over, or each waking would show."""

COVER_SIZES_MAX = 256
"""So many own posts are counted by size before their counts are halved: what was long ago fades."""

COVER_SIZES_FIRST = (14, 2, 0, 0)
"""Counts to begin with: short messages fill 1 KiB, and one in eight brings keys in 4 KiB."""

COVER_AWAY_ONE_IN = 4
"""Of the dummies one in four is retired as if its reader had been away first."""

COVER_AWAY_MS = 3 * 3_600_000
"""For so long in the mean, drawn exponentially."""

COVER_AWAY_MS_MAX = 12 * 3_600_000
"""No token of ours is held back for longer, whatever was drawn or a clock says."""
