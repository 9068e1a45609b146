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

STEADY_MS = 3_600_000
"""Nothing lapses before a calendar went on for so long without a jump: time for neighbours to be
met, and for a person to see that the date is wrong."""

STEADY_RESTARTED_MS = 300_000
"""The same after a start of a node that was steady: neighbours that are there have been heard."""

STEADY_RESTART_GAP_SECONDS_MAX = 8 * 86_400
"""Beyond so long a time off the hour of steadiness begins anew. Who is on once a week goes on; a
calendar that is wrong by more after a start finds nothing that lapses at once."""

AWAY_SECONDS_MAX = 90 * 86_400
"""A calendar that is later than the last steady reading by no more is believed: a summer away is
possible. Beyond it a broken clock is likelier, and what it would erase is lost."""

EXPIRY_CLOCK_KEPT_MS = 3_600_000
"""How often 24 bytes are written so that expiry time goes on over restarts."""

EXPIRY_CLOCK_KEPT_UNSTEADY_MS = 300_000
"""The same before the clock is steady: of a node that is on for ten minutes a day they count."""

CLOCK_CHANGES_INTERVAL_MS = 600_000
"""Between two rounds of chores because mesh time has moved, and as long between two because expiry
time has: each may seal all that is on its way again, and liars could move it every few seconds."""
