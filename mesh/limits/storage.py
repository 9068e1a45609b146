"""Bounds of the two databases."""

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

STATEMENTS_CACHED = 256
"""Compiled statements of one connection: more than the code has."""

EXPIRED_ROWS_PER_BATCH = 4_000
"""Envelopes that expire in one transaction: a seventh of a second; the rest go a minute later."""
