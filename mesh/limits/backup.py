"""Bounds of backups: what a file may demand of whoever opens it, and when copies are made."""

BACKUP_MEMORY_BYTES_MAX = 1024 * 1024 * 1024
"""Argon2id's memory that a file may ask for: four times today's, and what a laptop survives."""

BACKUP_WORK_BYTES_MAX = 4 * 1024 * 1024 * 1024
"""Memory times passes that a file may ask for: five times today's work, some seconds. A file of
somebody else must not keep a machine busy for minutes before it can be refused."""

BACKUP_CHUNK_BYTES = 64 * 1024
"""What is sealed at once: large enough that the seals cost nothing, small enough for any memory."""

BACKUP_RECORD_BYTES_MAX = 4 * 1024 * 1024
"""One record of a backup: rows are gathered up to a chunk, and the longest is far below this."""

BACKUP_ROWS_PER_PIECE = 64
"""Rows that are read from the vault at once: four megabytes, if all hold the longest text."""

BACKUP_FILE_BYTES_MAX = 1024 * 1024
"""A settings file within a backup; a person's has some kilobytes."""

COPY_WAKE_MS = 60_000
"""Between looks at the clock; a timer would stand still during sleep. Each look wakes an idle
laptop, and a copy that is made a minute later is as good."""

COPY_LOOK_SECONDS = 3600
"""Between looks whether the automatic copy is to be made anew: counting a million messages takes
a third of a second."""

COPY_AGE_SECONDS_MAX = 7 * 24 * 3600
"""An automatic copy is made anew when it is older."""

COPY_DELETED_SECONDS_MAX = 12 * 3600
"""After a deletion a copy that is older than this is made anew: so within a day the deleted is in
none, and who deletes all day long has no copy made at each of it."""

COPY_RETRY_SECONDS = 3600
"""After a copy that could not be made, mostly for want of room."""

CONTACTS_RENEWED_PER_CHORE = 50
"""Contacts with whom sessions begin anew in one transaction after a backup was put back: some
milliseconds each."""

NOTE_REPEATED_SECONDS = 5 * 24 * 3600
"""Between notes of a machine that took an identity up: less than an envelope lives, so that a
former machine finds one whenever it is started. It costs the mesh one kilobyte."""

FORMER_TOLD_SECONDS = 7 * 24 * 3600
"""How long the status tells that a former machine was started."""

FORMER_VAULT_SECONDS = 24 * 3600
"""How long the vault of before an update is kept: time to find that the update does not do, and no
longer than the automatic copy holds what was deleted."""
