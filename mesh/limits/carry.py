"""Bounds of mail that goes by hand."""

CARRY_BLOCK_BYTES_MAX = 132 * 1024
"""Payload of one block of a carry file: two of the largest envelopes. It is what one command moves
and what one damaged byte costs; judging it takes about ten milliseconds."""

CARRY_DAMAGE_BYTES_MAX = 64 * 1024 * 1024
"""Unreadable bytes of a file before it is given up: looking for the next block costs time."""

CARRY_ROWS_PER_CHUNK = 2_048
"""Envelopes looked at in one command of an export: ten milliseconds, then links have their turn."""

CARRY_CHUNKS_PENDING_MAX = 2
"""Blocks of imports that wait for stamps: one, and one of a program that has given up."""

CARRY_SILENCE_MS = 120_000
"""How long a slow stick may hold up a stream: its cache is written out in tens of seconds."""

CARRY_GOES_ON_SECONDS = 6 * 3600
"""Age of an unfinished file with which an export goes on: a stick that was pulled out is put back
within hours, and of an older part nobody knows any more who else had it."""

SUMMARY_BUCKET_BITS_MAX = 20
"""Buckets of a summary: a million, of about 16 entries each."""

SUMMARY_BYTES_MAX = 16 * 1024 * 1024
"""A summary is kept in memory while an export runs; five million entries fit."""
