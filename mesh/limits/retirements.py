"""Bounds of telling that an envelope has been opened."""

RETIRE_DELAY_MS = (60_000, 600_000)
"""Between opening a message and telling the mesh so, drawn for each by itself: an instant receipt
would tell who is awake, and a batch of them what belongs to one person."""

RELAY_DELAY_MS_MAX = 60_000
"""How long each node holds a retirement back at most, so that who had it first does not show."""

RETIREMENTS_GATHERED_MS = 5_000
"""How often what was opened here or held back for long enough is told, all of it together: one by
one, that was half of all frames in a busy mesh, and a transaction each; nobody is in a hurry."""

RETIREMENTS_PENDING_MAX = 20_000
"""Retirements held back; more are dropped, and found by comparing."""

RETIREMENTS_PER_BATCH = 512
"""Retirements that enter the store in one batch."""

ORPHANED_RETIREMENTS_MAX = 4_096
"""Retirements remembered that came before the envelopes which they retire."""
