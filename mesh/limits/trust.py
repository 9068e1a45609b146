"""Bounds of vouches, and of what is known of others' posting keys."""

from mesh.limits.posting_keys import POSTING_DAYS_TOLD

VOUCH_DAYS_TOLD = 7
"""Over links keys are named for so many days, today's first: with the full lists of all
of them a frame is as long as one with the largest envelope."""

VOUCHES_DELAY_MS = (5_000, 60_000)
"""So long after a link began the first lists go over it, or a frame without any: drawn by chance,
since what was learned over one link must not show on another one at the same moment."""

VOUCHES_INTERVAL_MS = (1_200_000, 2_400_000)
"""Between two of them over one link, drawn. Lists are for the days to come, and nothing depends on
the hour; with lists for each contact they go over every link, 33 kB an hour each."""

VOUCHES_BYTES_MIN = 16_384
"""Bytes of each: seven days of 291 keys, those of 64 contacts and some of theirs. Only who has more
to tell of sends longer ones, and shows it by that; a length of 64 KiB for all would cost everybody
131 kB an hour for each link."""

VOUCHES_PER_HOUR_MAX = 12
"""Tellings of one contact that are read in an hour: an honest one sends three over a link, and one
more for each that begins. Each is up to 64 KiB and a write to the vault."""

CONTACT_KEYS_PER_DAY_MAX = 8
"""Posting keys of one contact and day that count as theirs: twice what they have. Whoever claims
the keys of others for their own gains no more than this."""

VOUCHED_PER_CONTACT_DAY_MAX = 255
"""Keys of their own contacts that one contact may name for a day: those of 63, and what one byte
counts."""

FAR_PER_CONTACT_DAY_MAX = 800
"""Keys of contacts of their contacts that one contact may name for a day: those of 200, and what
leaves a telling of seven days within the length of the largest envelope."""

VOUCHED_HASHES_PER_DAY_MAX = 16_384
"""Keys of contacts of contacts that are known for a day: the full lists of 64 contacts. Beyond it
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
