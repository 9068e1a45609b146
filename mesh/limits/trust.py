"""Bounds of vouches, and of what is known of others' posting keys."""

from mesh.limits.posting_keys import POSTING_DAYS_TOLD

VOUCH_DAYS_TOLD = 7
"""Over links keys are named for so many days, today's first: with the full lists of all
of them a frame is as long as one with the largest envelope."""

VOUCHES_DELAY_MS = (5_000, 60_000)
"""So long after a link proved to be a contact's, or after lists changed, they are told, drawn by
chance: what was learned over one link must not show on another one at the same moment."""

VOUCHES_INTERVAL_MS = 3_600_000
"""Between two tellings to one contact. Lists change when any contact's do; they are for the days to
come, and nothing depends on the hour."""

VOUCHES_SETTLED_MS = 60_000
"""Where a link ends sooner after a telling, the contact is told again over the next one."""

VOUCHES_REPEATED_MS = 86_400_000
"""Over a new link a contact is told all of it again after so long, whatever they were told before:
they may have lost it with a disk."""

VOUCHES_PER_HOUR_MAX = 12
"""Tellings of one contact that are read in an hour: an honest one sends one, and a few where links
end and begin. Each is up to 64 KiB and a write to the vault."""

CONTACT_KEYS_PER_DAY_MAX = 8
"""Posting keys of one contact and day that count as theirs. Each stands for 512 messages; whoever
claims the keys of others for their own gains no more than this."""

VOUCHED_PER_CONTACT_DAY_MAX = 64
"""Keys of their own contacts that one contact may name for a day."""

FAR_PER_CONTACT_DAY_MAX = 1_000
"""Keys of contacts of their contacts that one contact may name for a day."""

VOUCHED_HASHES_PER_DAY_MAX = 16_384
"""Keys of contacts of contacts that are known for a day: the full lists of 256 contacts. Beyond it
all lists are cut to one share. Eight bytes each in what was told and in the joined list."""

FAR_HASHES_PER_DAY_MAX = 32_768
"""The same one step further: half a megabyte a day, eight megabytes in all."""

TRUST_DAYS_KEPT = 32
"""How long the key of a contact is known after its day: until its last envelope has expired."""

VOUCHES_DAYS_KEPT = 8
"""How long a vouch is known after its day: the default lifetime of an envelope and a day. Mail that
lives longer is a stranger's afterwards; knowing it would cost four times the memory."""

TRUST_DAYS_MAX = TRUST_DAYS_KEPT + POSTING_DAYS_TOLD + 2
"""Days of which something is known, with one on either side for clocks that differ."""
