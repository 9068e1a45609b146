"""Bounds of one batch of the engine."""

ARRIVALS_PER_BATCH = 512
"""Stored envelopes looked at in one batch after an unlock, so that links go on meanwhile."""

POSTED_PER_BATCH = 512
"""Envelopes made here that enter the store in one batch."""
