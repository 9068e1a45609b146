"""Bounds of what clocks may differ by, and how often time is told."""

TIMES_PER_LINK_MAX = 4
"""How often each side of a link may say anew what time it is. A clock is corrected once or twice in
the life of a link; beyond it two groups, or a liar, could have nodes change their time for ever."""

TIME_INTERVAL_MS = 10_000
"""Between two of these: while links are opened a correction is often followed by another one."""

CLOCKS_AGREE_SECONDS = 600
"""Clocks of peers that differ by no more are left as they are (docs/protocol/posting.md)."""

CLOCK_JUMP_SECONDS = 600
"""Mesh time that moved so much against the time that passed: refusals may have been wrong."""

CLOCK_AHEAD_MS_MAX = 300_000
"""A clock further ahead than this does not move ours."""
