"""Bounds of the process: its start, its logs, and what the doctor warns of."""

LOG_FILE_BYTES_MAX = 5 * 1024 * 1024
"""One file of logs; then the next one begins."""

LOG_FILES_MAX = 5
"""Files of logs kept: a node that warns without end fills 25 MiB, and no more."""

DAEMON_START_TIMEOUT_MS = 60_000
"""A start takes two seconds; on a slow machine the passphrase alone may take ten."""

MULTICAST_TEST_MS = 1_000
"""How long `mesh doctor` waits for its own packets; they come back in less than a millisecond."""

DISK_FREE_BYTES_WARN = 256 * 1024 * 1024
"""Below it `mesh doctor` warns: a quarter of what a node carries by default."""
