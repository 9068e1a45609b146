"""Bounds of messages, the outbox and the history."""

TEXT_BYTES_MAX = 60_000
"""One message's text; fits the largest size class in every form."""

OUTBOX_MESSAGES_MAX = 100_000
"""Messages of ours not known to be delivered; more is refused in words."""

RECEIPTS_PER_CONTROL_MAX = 100
"""Message ids in one read receipt: 3,200 bytes."""

CARRIERS_MAX = 64
"""Peers that are counted as carrying one message: as many as there are links. A peer
that comes back under a new link key each time is not a row each time."""

IDEMPOTENCY_KEY_BYTES_MAX = 128
"""A caller's key that makes a repeated send one message."""

DRAFT_BYTES_MAX = TEXT_BYTES_MAX
"""What was begun to be written; longer than any message it could not be sent."""

MOMENT_MAX = 253_402_300_799
"""The last second of the year 9999, which every calendar can show: muted until then is for good."""

MESSAGES_PER_PAGE_MAX = 1_000
"""Messages in one answer of the local API."""

CLOCK_AHEAD_SECONDS_SHOWN = 600
"""A message that was written so long after it came here is by a clock that is ahead."""

CLOCK_BEHIND_SECONDS_SHOWN = 31 * 86_400
"""No envelope lives longer: a message that was written before is by a clock that is behind."""

CONTROLS_MAX = 8
"""Controls in one payload; a usual one has none or one."""

CONTROL_BYTES_MAX = 4_096
"""One control; the longest are an invite's bytes and a hundred message ids."""

PARENTS_MAX = 4
"""Heads of a conversation that a message names."""

MESSAGES_REORDERED_MAX = 10_000
"""Messages that a late parent may push down in its conversation; each is one row rewritten."""

SEND_KEYS_KEPT_SECONDS = 30 * 86_400
"""How long an idempotency key is remembered; nobody repeats a send after so long."""

CHORES_INTERVAL_MS = 3_600_000
"""Between looks for what expired or is to be posted again; mesh time may have moved meanwhile."""

EXPIRED_PER_CHORE = 1_000
"""Expired messages settled in one transaction."""

SEALED_PER_CHORE = 1_000
"""Waiting messages sealed in one transaction: about half a second."""
