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

STORE_FREE_DISK_PERCENT = 10
"""Of the disk that is free, or taken by the store, at most so much is the store's: a full disk
harms its owner more than mail that others carry too."""

OWN_SHARE_PERCENT = 10
"""Of the store, for what was written here; beyond it writing more is refused."""

CONTACTS_SHARE_PERCENT = 25
"""Of that room, what contacts lose to nobody further away."""

FRIENDS_SHARE_PERCENT = 35
"""The same for authors for whom contacts vouch, and for those one further."""

STRANGERS_SHARE_PERCENT = 20
"""The same for all others, so that a mesh of strangers still carries mail."""

PINNED_SHARE_PERCENT = 50
"""Of that room, for what bears a tag that is expected here and was not opened yet. While the vault
is locked nobody can tell mail from junk under a tag that somebody saw."""

STORE_CROWDED_PERCENT = 70
"""With more of the room in use, a stranger's key may keep less."""

KEY_BODIES_BYTES_MAX = 8 * 1024 * 1024
"""Bodies kept of one posting key and day; half of it for each step further away."""

KEY_BODIES_CROWDED_BYTES_MAX = 1024 * 1024
"""The same for a stranger's key where room is scarce."""

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
