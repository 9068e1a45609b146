"""Bounds of the process: its start, its logs, and what the doctor warns of."""

from mesh.limits.storage import DATABASE_WAL_BYTES_KEPT

LOG_FILE_BYTES_MAX = 5 * 1024 * 1024
"""One file of logs; then the next one begins."""

LOG_FILES_MAX = 5
"""Files of logs kept: a node that warns without end fills 25 MiB, and no more."""

DAEMON_START_TIMEOUT_MS = 60_000
"""A start takes two seconds; on a slow machine the passphrase alone may take ten."""

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

FIREWALL_PROGRAM_MS = 5_000
"""How long a program that lists a firewall's rules may take; with a thousand rules it takes one
second."""

FIREWALL_JUMPS_MAX = 16
"""Chains of a firewall that call one another, as deep as the kernel allows."""

DISK_FREE_BYTES_MIN = 2 * DATABASE_WAL_BYTES_KEPT + LOG_FILES_MAX * LOG_FILE_BYTES_MAX
"""What a running node may come to need at any moment: the logs of two databases, and its own."""
