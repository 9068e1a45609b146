"""Bounds of dialling, of links, and of what peers may tell of others."""

LINKS_DIALLED_TARGET = 3
"""Of many nodes in sight so many are dialled; as many dial us."""

LINKS_FULL_MESH_MAX = 8
"""With at most so many others in sight a node links to all of them."""

LINKS_ACTIVE_MAX = 8
"""Links that no person asked for, with few in sight. Who comes later takes the place
of one of them."""

LINKS_HOSTILE_SHARE = 3
"""One in so many of those in sight may call everybody and hold on, and there is still room for
who calls once: so many links more than the least may stand. Without that the hostile ones of a
network fill all places before the last of the honest ones has started."""

LINKS_ROOM_MAX = 24
"""However many announce themselves; each link is a queue and a session of comparing."""

LINKS_ACTIVE_MIN = 6
"""With fewer than this, further nodes are dialled: of those in sight, and those told of."""

LINKS_FILL_PAUSE_MS = 1_000
"""How long a node with fewer waits for others to call before it dials one more, or up to twice
that: where all wake at once, links arise in a second."""

LINKS_KEPT_DIALLED = 2
"""Links that never yield: the two that this node itself dialled the longest ago."""

LINKS_KEPT_CALLED = 2
"""And the two that called the longest ago: each link was dialled by one side only, and is as safe
as the less safe of its ends."""

LINK_TURNED_AWAY_MS = 60_000
"""Who gave up a link to us has enough: the pause before dialling it again, or up to twice that."""

SWAP_SOON_MS = 5_000
"""The next swap after one that showed two parts of the mesh to be apart, or up to twice that."""

BACKLOG_SHOWS_PARTITION = 16
"""Envelopes fetched from one link alone; a few are only mail that was faster on another way."""

LINK_SWAP_INTERVAL_MS = 600_000
"""Between swaps of one link for another: two groups of ten find each other within a minute, and a
swap costs one more list of ids than each link asks for in this time anyway."""

LINKS_PER_NETWORK_MIN = 2
"""A node on several networks keeps at least so many links on each: it may be the only bridge."""

LINK_SETTLED_MS = 10_000
"""A link that ends sooner counts as a failed dial, or two nodes could dial in a circle."""

REMEMBERED_FAILURES_MAX = 3
"""Dials of an address of an earlier run before it is forgotten."""

DIALS_CONCURRENT_MAX = 4
"""Dials under way at once."""

DIALS_BLIND_MAX = 2
"""Those of them to addresses where nobody says that he is there now: on another network each hangs
until its time is up, and the peers who do announce themselves shall not wait for that."""

CANDIDATES_MAX = 1_024
"""Peers seen and remembered; the oldest unseen one goes first."""

ADDRESSES_PER_PEER_MAX = 8
"""Addresses of one announced peer that are tried."""

HOST_PORTS_FAILED_MAX = 8
"""Ports of one host that are tried in vain; then no further one is, but for those that a person
named. A laptop that restarts takes the same port, or one of a few."""

HOST_PORTS_FAILED_MS = 3_600_000
"""How long a port that was tried in vain counts."""

OWN_ADDRESSES_MAX = 16
"""Addresses that turned out to be our own; some are its peers' too."""

DIAL_BACKOFF_FIRST_MS = 2_000
"""The pause after the first failed dial; doubled, with jitter of half, per failure."""

DIAL_BACKOFF_MAX_MS = 300_000
"""The longest pause between dials of one address."""

DIAL_TIMEOUT_MS = 4_000
"""A TCP connection on a local network opens in milliseconds; after two packets that were lost it
is tried a third time within three seconds. Who sleeps but was announced holds a dial for all of
it, and a laptop that wakes for seconds among sleeping ones has no time for that."""

REMEMBERED_ADDRESSES_MAX = 16
"""Addresses that worked, kept for each network; twice the links of a node."""

REMEMBERED_HEARSAY_MAX = 8
"""Of these, who called and what invites named: one neighbour with many addresses, or four invites,
would push out all that were dialled and found."""

NETWORKS_REMEMBERED_MAX = 32
"""Networks whose addresses are kept: home, work, friends, and those of a year's journeys."""

REMEMBERED_AGAIN_MS = 300_000
"""Between two times at which a node without any link dials the remembered addresses of its network
anew: as long as the longest pause after dials that failed."""

DIAL_JITTER_MS = 300
"""First dials are spread, so that most pairs do not dial each other at once."""

CONFIGURED_PEERS_MAX = 256
"""Addresses typed by a person."""

PEX_RECORDS_MAX = 8
"""Nodes in one answer of a peer exchange."""

PEX_ADDRESSES_PER_RECORD_MAX = 4
"""Addresses of one node in it."""

PEX_INTERVAL_MS = 60_000
"""Between two requests of a node, and between two that one link is answered."""

PEX_RECORDS_PER_HOUR_MAX = 16
"""Records taken from one link in an hour: who invents addresses fills no cache with them."""

PEX_FRESH_MS = 86_400_000
"""An address is passed on for so long after it led to a link."""

PASSIVE_ADDRESSES_MAX = 128
"""Nodes known besides those that are linked or announced, from which lost links are replaced.

When 19 of 20 nodes fail at once, nobody in a full cache lives in 1 of 700 cases (64: 1 of 27)."""

PASSIVE_PER_PREFIX_MAX = 8
"""Of those in one IPv4 /16 or IPv6 /32 of the internet, where addresses are cheap."""

PORT_MIN = 1_024
"""Below it other services live; neither an announcement nor a peer has us knock at their doors."""

WHO_ENTRIES_MAX = 5_056
"""Proofs in one frame, 40 kB: one for each contact that may be, filled to a multiple of 64."""

WHO_INTERVAL_MS = (360_000, 600_000)
"""Between two lists of proofs over one link, drawn by chance, whether anything changed or not: a
list that went when a contact was added would name the two."""

UNPROVED_LISTS_MAX = 2
"""Lists without a newer proof after which somebody is no contact on a link, once both sides have
gone past the key of the last one. An honest node's next list has one; the one that crossed the move
of the keys has not. Who sends none is forgotten with one more list of ours."""

WHO_SECOND_MS = (10_000, 30_000)
"""Between the first list over a link and the second: a node that starts has its links before its
vault is open, so its first list says nobody."""

WHO_FRAMES_PER_HOUR_MAX = 12
"""Lists of one link that are read; each costs us a look at every entry."""
