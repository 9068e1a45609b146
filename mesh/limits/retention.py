"""Bounds of what is kept, for whom, and what goes first."""

from mesh.limits.link import LINKS_MAX

EVICTION_ROWS_PER_STEP = 256
"""Bodies chosen and looked at together when room is made."""

EXPIRY_INTERVAL_MS = 60_000
"""How often a node looks for envelopes that have outlived their lifetime."""

STORED_BYTES_DEFAULT = 1024 * 1024 * 1024
"""Bytes a node carries unless its config says otherwise."""

STORED_BYTES_MIN = 16 * 1024 * 1024
"""The least that a config may say: a tenth of it is for own mail, a hundred long messages."""

STORED_BYTES_MAX = 2**53 - 1
"""The most that a config may say: no disk is larger, and every reader of JSON has it exactly."""

STORE_FREE_DISK_PERCENT = 10
"""Of the disk that is free, or taken by the store, at most so much is the store's: a full disk
harms its owner more than mail that others carry too."""

OWN_SHARE_PERCENT = 10
"""Of the store, for what was written here; beyond it writing more is refused."""

OWN_SHARE_PERCENT_MIN = 1
"""The least that a config may say: with less of a small store a long message has no room."""

OWN_SHARE_PERCENT_MAX = 50
"""The most that a config may say: half of the store is others' at least."""

CONTACTS_SHARE_PERCENT = 25
"""Of that room, what contacts lose to nobody further away."""

FRIENDS_SHARE_PERCENT = 35
"""The same for authors for whom contacts vouch, and for those one further."""

STRANGERS_SHARE_PERCENT = 20
"""The same for all others, so that a mesh of strangers still carries mail."""

APART_BYTES_MAX = 32 * 1024 * 1024
"""Sealed mail for us, in memory, that a stranger's rules kept out of the store: hours of it on a
flooded node. While the vault is locked it may be junk under a tag that somebody saw."""

STORE_CROWDED_PERCENT = 70
"""With more of the room in use, a key may keep less, the further away its author is. Until then all
keys may keep as much, whoever wrote."""

BODY_BYTES_PER_ENVELOPE = 16 * 1024
"""Bodies kept for each envelope that a stamp admits, 1 MiB for one of 6 bits and 8 MiB for one of
9; where room is scarce half of it for each step further away than a contact."""

BODY_BYTES_PER_ENVELOPE_CROWDED = 2 * 1024
"""The same for a stranger's stamp where room is scarce."""

ADMITTED_UNKNOWN = 512
"""In a mesh without stamps a key may have as many bodies as one with a stamp of 9 bits. So may a
stamp that a start found in the store and that nothing brought since: there are no more of its
bodies than were admitted once."""

WEIGHT_AGE_SECONDS = 4 * 86_400
"""Younger bodies weigh by their size alone when one has to go; older ones by their age too."""

PEERS_TOLD_APART_MAX = 2 * LINKS_MAX
"""Peers by whom strangers' mail is told apart; who brought least is forgotten first."""

EVICTED_PER_BATCH = 4_096
"""Bodies dropped in one transaction for want of room, or twice as many as came, if that is more."""

KNOWN_IDS_MAX = 2_000_000
"""Envelopes and retirements that a node knows, with or without bodies: 0.32 kB of memory each, so
0.6 GB. A million stored envelopes fit, and a million of which the stub is left."""

KNOWN_IDS_MIN = 16_384
"""However small a store is, it knows so many."""

STUBS_SHARE_PERCENT = 30
"""Of the store, for stubs: more would leave too little for bodies."""

FORGOTTEN_PER_BATCH = 16_384
"""Ids that are forgotten in one transaction for want of room: more than one batch can bring."""

TOLERATED_AHEAD_SECONDS = 600
"""Where ids are too many, what is created further ahead than honest clocks differ has to wait."""

NEAR_ANNOUNCED_MAX = 4_096
"""Envelopes of the near, too old to be compared, of which a new link is told."""

CARRIED_DAYS_MAX = 30
"""No envelope lives longer."""
