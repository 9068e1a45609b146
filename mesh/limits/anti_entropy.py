"""Bounds of comparing sets of ids."""

RECONCILE_FRAME_BYTES_MAX = 60_000
"""One message of a reconciliation; with the frame around it below the largest frame."""

RECONCILE_MESSAGES_PER_SECOND = 20
"""Messages of one link that are answered: each may cost some milliseconds."""

RECONCILE_SERVED_PER_SECOND_MAX = 80
"""The same of all links together: four at their full rate. Others are told to wait."""

RECONCILE_RANGES_PER_SECOND_MAX = 25_000
"""Ranges computed for all links together, those of our own sessions among them: 8 us each, so a
fifth of a core. A message of the largest size makes us compute 3,000 and more."""

RECONCILE_IDS_PER_RANGE = 6
"""Ids that are hashed for an audit, or listed, at the cost of a range."""

RECONCILE_COMPARED_PER_RANGE = 64
"""Ids of ours that are compared with a list at the cost of a range: 0.12 us each. An empty list may
stand for all that we have."""

RECONCILE_ROUNDS_MAX = 64
"""Messages of one session; a million ids of which a thousand differ need 10. Who needs more begins
anew later."""

RECONCILE_TIMEOUT_MS = 20_000
"""A session whose answer has not come is given up."""

RECONCILE_AFTER_LOSS_MS = 5_000
"""The pause before a link is compared with again when a session was cut, or something of it was
lost: a peer that withholds must not make us compare without end."""

RECONCILE_BUSY_SECONDS_MAX = 60
"""The longest pause that a busy peer may ask for."""

ROOT_INTERVAL_MS = 60_000
"""Between roots told to a random peer, give or take half, while things change."""

ROOT_INTERVAL_MAX_MS = 900_000
"""The same where nothing differs for long."""

ROOT_PAUSE_MS = 10_000
"""A root of a link that told one so lately is passed over; honest ones are half a minute apart."""

AUDIT_IDS_MAX = 16_384
"""Ids in one audit: each is hashed, 20 ms in all; and the sums of all its parts of eight fit one
message, should it fail."""
