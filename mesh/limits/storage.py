"""Bounds of the two databases, and of the disk that they need."""

from mesh.limits.daemon import LOG_FILE_BYTES_MAX, LOG_FILES_MAX

DATABASE_CACHE_BYTES = 16 * 1024 * 1024
"""Decrypted pages kept in memory: the busy ends of a store's indexes."""

DATABASE_WAL_BYTES_KEPT = 16 * 1024 * 1024
"""A write-ahead log that grew beyond it (a large batch) is cut back at the next checkpoint."""

VAULT_CHECKPOINT_MS = 60_000
"""How long what was erased may stand in the vault's log; emptying it costs some commits' time."""

VAULT_REBUILT_BYTES_MAX = 64 * 1024 * 1024
"""A vault up to this size is rebuilt when it is closed, for 20 ms a MiB and as much free disk."""

DATABASE_BUSY_TIMEOUT_MS = 2_000
"""One node opens a profile; a passing reader (a backup, an antivirus) is waited for so long."""

STATEMENTS_CACHED = 1_024
"""Compiled statements of one connection, 4 KiB each: more than the code has, with those that make a
new vault. Where there are more, the driver throws away the newest, and each is compiled again and
again: that has cost half of what a message costs."""

ROWS_KEPT_MAX = 64
"""Rows of one table that a piece of work keeps in memory: contacts whose mail one batch brings."""

NAMED_GROUPS_KEPT_MAX = 16
"""Groups whose names a piece of work keeps in memory: those of a list that fits a screen; each of a
thousand members who all told one takes half a megabyte."""

EXPIRED_ROWS_PER_BATCH = 4_000
"""Envelopes that expire in one transaction: a seventh of a second; the rest go a minute later."""

DISK_SCARCE_BYTES = 2 * DATABASE_WAL_BYTES_KEPT + LOG_FILES_MAX * LOG_FILE_BYTES_MAX
"""With less free, mail of others is not kept: so much a running node may come to need at any
moment for its own, the logs of two databases and those that it writes in words."""

DISK_FULL_BYTES = 8 * 1024 * 1024
"""With less free nothing is written: what opens both databases again, ends a transaction that is
under way, and rebuilds a small vault as it is locked has room in it."""

DISK_ROOM_AGAIN_PERCENT = 150
"""Of these thresholds must be free before one counts as left behind: the logs come and go."""

DISK_RETRY_MS = 10_000
"""After a write that failed, so long nothing is tried though the disk shows room; it doubles."""

DISK_RETRY_MS_MAX = 3_600_000
"""Where it never works, as under a quota that nobody sees, it is tried once an hour: each trial
that fails ends all links."""

SPARED_IDS_MAX = 20_000
"""Envelopes whose bodies were not taken on a scarce disk, remembered until there is room."""
