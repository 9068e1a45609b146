"""Bounds of the process that draws pictures (`docs/protocol/files.md`, section "Pictures")."""

PICTURE_BYTES_MAX = 24 << 20
"""The largest picture that is taken to be sent: what cameras of today make. It is drawn smaller."""

PICTURE_PIXELS_MAX = 40_000_000
"""What a picture may declare. At 4 bytes each, and once more converted, it fits the memory."""

PICTURE_MEMORY_BYTES_MAX = 512 << 20
"""Address space of the process, of which the interpreter and the decoders take about 100 MiB."""

PICTURE_CPU_SECONDS_MAX = 5
"""Of the processor: 40 million pixels take two."""

PICTURE_WALL_MS = 20_000
"""Until the process is ended, whatever it does: it may have to wait for a busy processor."""

PICTURE_PROCESSES_MAX = 2
"""Such processes at a time; others wait for their turn."""

PICTURE_SHOWN_BYTES_MAX = 8 << 20
"""What a picture that is drawn to be shown may have: 1,600 x 1,600 pixels of noise have less."""

PREVIEW_SIDE_MAX = 320
"""Pixels of a side of a preview."""

PICTURES_REFUSED_MAX = 1_024
"""Files that are remembered as no pictures, so that asking again costs no process."""
