"""Bounds of the process: its start, its logs, and what the doctor warns of."""

LOG_FILE_BYTES_MAX = 5 * 1024 * 1024
"""One file of logs; then the next one begins."""

LOG_FILES_MAX = 5
"""Files of logs kept: a node that warns without end fills 25 MiB, and no more."""

BUG_REPORT_LOG_BYTES = 64 * 1024
"""The end of the log in a report: some hundred lines, which a person can read through."""

FREED_BYTES_MAX = 4 * 1024 * 1024
"""Free memory at the end of a heap that the process keeps: what a batch of half a megabyte takes
and frees, several times over."""

MAPPED_BYTES_MIN = 1024 * 1024
"""From this size on a piece of memory is the system's own, and goes back as soon as it is freed."""

DAEMON_START_TIMEOUT_MS = 600_000
"""A start takes two seconds; on a slow machine the passphrase alone may take ten, a store of a
million envelopes a minute and a half, and a large vault that an update changes some minutes. What
is killed then would begin anew each time."""

NOTICE_PAUSE_MS = 10_000
"""Between two notifications of the desktop: a conversation of many lines is one of them, and what
stands on a screen for some seconds was seen."""

NOTICE_PROGRAM_MS = 10_000
"""How long the program that shows one may take: PowerShell starts in two seconds."""

MULTICAST_TEST_MS = 1_000
"""How long `mesh doctor` waits for its own packets; they come back in less than a millisecond."""

REACH_TEST_MS = 4_000
"""How long `mesh doctor` tries TCP to who is in sight: as long as a node does."""

REACH_GONE_MS = 2_000
"""An address to which the system knows no way after so long has nobody: it asks three times, once a
second. A firewall that refuses answers at once."""

REACH_DOUBT_MS = 9_000
"""After so long without an answer the system asks anew who has an address that was in use before,
and says three seconds later that nobody has."""

REACH_TRIALS_MAX = 16
"""Addresses that are tried so, at once: those that a node keeps over a restart, or as many."""

ALONE_LOOK_MS = 15_000
"""How long a node is without links before it looks why: who is near is linked within seconds."""

ALONE_LOOK_MS_MAX = 900_000
"""Between two such looks, where nothing changes; each takes seconds, and a packet or two."""

LINKED_LOOK_MS = 60_000
"""Between two questions whether links stand still."""

PORTAL_TEST_MS = 2_000
"""How long `mesh doctor` waits for an answer in the place of a host that cannot be: who gives one
is on this network, and answers within milliseconds."""

PORTAL_ANSWER_BYTES_MAX = 4_096
"""Of such an answer only the head counts, which has less than a thousand bytes."""

FIREWALL_PROGRAM_MS = 5_000
"""How long a program that lists a firewall's rules may take; with a thousand rules it takes one
second."""

FIREWALL_JUMPS_MAX = 16
"""Chains of a firewall that call one another, as deep as the kernel allows."""
