"""Bounds of finding other nodes, and of noticing networks and sleep."""

INTERFACES_POLL_MS = 5_000
"""How often interfaces are compared where the system does not tell of a change."""

INTERFACES_RECHECK_MS = 60_000
"""The same where it does tell: a message of it may get lost, and each look costs a millisecond."""

INTERFACES_SETTLE_MS = 300
"""A change comes as several messages of the system; they are taken as one."""

INTERFACES_SCOPES_MAX = 8
"""Interfaces on which a link-local address without a scope is tried."""

WAKE_LOOK_MS = 2_000
"""How often the node looks at its clocks, to notice that it slept: links are asked and dialled anew
within 5 s of the end of a sleep, and an idle laptop is woken up for it every other second."""

WAKE_LOOK_SPARING_MS = 10_000
"""The same while the battery is low: of all that wakes an idle laptop this is the most frequent."""

WAKE_GAP_MS = 10_000
"""A longer pause between two looks was sleep. In a shorter one streams do not die, and a machine
that is only busy must not suspect its links. Where looks are rarer, it is so much longer."""

FORMER_NAME_MS = 60_000
"""A former instance name is still answered for so long, for those who are about to dial it."""

DISCOVERY_RETRY_FIRST_MS = 1_000
"""The pause after discovery could not start; doubled each time."""

DISCOVERY_RETRY_MAX_MS = 60_000
"""The longest pause before discovery is started again."""

DISCOVERY_CLOSE_MS = 3_000
"""How long the goodbyes may take when the node stops."""

BEACON_BURST_MS = (0, 1_000, 3_000)
"""When a node that has just come says so: packets of a waking radio are easily lost."""

BEACON_INTERVAL_MS = 30_000
"""Between beacons afterwards; twenty bytes each."""

BEACON_JITTER_MS = 5_000
"""Each interval is so much longer or shorter by chance, so that nodes do not fall into step."""

BEACON_KEPT_MS = 90_000
"""Three beacons in a row were lost, or nobody is there any more."""

BEACON_REPLY_PAUSE_MS = 10_000
"""A name that asks who is here is answered once in so long."""

BEACON_REPLIES_MAX = 64
"""Names answered in that time: whoever invents names gets no more packets out of us than this."""

BEACON_ADDRESSES_MAX = 4
"""Sources of one name's beacons that are kept: IPv4 and IPv6 of two networks."""

RESOLVE_TIMEOUT_MS = 3_000
"""How long an announced instance may take to tell its address."""

RESOLVES_CONCURRENT_MAX = 16
"""Announced instances that are asked for their address at once."""
