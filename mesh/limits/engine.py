"""Bounds of one batch of the engine."""

ARRIVALS_PER_BATCH = 512
"""Stored envelopes looked at in one batch after an unlock, so that links go on meanwhile."""

POSTED_PER_BATCH = 512
"""Envelopes made here that enter the store in one batch."""

BACKLOG_WAIT_MS_MAX = 5_000
"""How long mail of ours that came as backlog waits at most for the rest of it, to be in order: a
link that owes much, or withholds, must not keep it from its reader for longer."""

BACKLOG_QUIET_MS = 500
"""A backlog is over when nothing was owed for so long: a neighbour that fetches it itself, or the
next round of a comparison, leaves gaps of a few round trips."""

HELD_BACK_MAX = 8_192
"""Envelopes of ours that wait, as ids: a megabyte or two. What is beyond is opened at once."""

HELD_KEPT_MAX = 1_024
"""What peers said that they hold of our mail, kept while the disk is full; older words are lost."""
