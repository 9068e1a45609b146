"""Bounds of files that two contacts' nodes give each other over a link of theirs
(`docs/protocol/direct-files.md`).
"""

FILE_ASK_BLOCKS_MAX = 8
"""Blocks of one ask: half a megabyte, which comes in one read of the disk."""

FILE_PATH_BYTES_MAX = 512
"""A tree over 2 GiB in blocks of 65,000 bytes has 16 levels."""

FILE_WINDOW_BLOCKS = 128
"""Blocks that were asked for and are not safe on the disk yet: 8 MiB in the memory of who asks, and
a tenth of a second of a fast disk."""

FILE_ASKS_WAITING_MAX = 32
"""Asks of one link that wait for their turn: twice what fills the window. More is a fault."""

FILE_READ_AHEAD_BLOCKS = 24
"""Blocks of one link in the memory of who gives: read, and not handed to the link yet."""

FILES_READ_AHEAD_BLOCKS = 96
"""Of all links: 6 MiB."""

FILES_WINDOW_BLOCKS = 256
"""As `FILE_WINDOW_BLOCKS`, for all files that come at a time: 16 MiB."""

FILE_SENDING_MS = 40
"""For so long at most mail that comes meanwhile waits for blocks that left before it."""

FILE_SENDING_BYTES = (400 * 1024, 768 * 1024)
"""Bytes of a link that are not written yet, beyond which no block leaves: what the link took within
`FILE_SENDING_MS` lately. At least the first, which takes 33 ms at 100 Mbit/s; at most the second:
what is made of so much fits the memory that is kept when it is freed (`FREED_BYTES_MAX`)."""

FILES_OFFERED_MAX = 256
"""The newest files that a contact may ask for: so many hashes when a link is recognised."""

FILE_BEGUN_BYTES_MAX = 25 * 1024 * 1024
"""A file up to this size is fetched by itself; a larger one when a person asks for it."""

FILE_NOTE_MS = 1_000
"""So often at most it is written down, and told, how far a file has come; what a crash takes is
asked for again."""

FILE_SILENCE_MS = 30_000
"""After so long without a block nothing is waited for any more: the other side has paused, or its
link has other things to do."""

FILE_ASK_AGAIN_MS = (2_000, 60_000)
"""Who was refused asks again after the first, then after twice as long each time, up to the second:
a contact may recognise us later than we them, and may go on with what they paused."""

FILE_FALSE_BLOCKS_MAX = 3
"""After so many false blocks of one file it is paused until a person wants it all the same."""

BLOBS_OPEN_MAX = 16
"""Sealed files that are held open at a time."""
