"""Overwriting the small pieces of memory that Python has freed, where keys and texts were.

Python does not overwrite what it frees, and a `str` or `bytes` cannot be overwritten while it
lives. But its allocator gives freed pieces out again before it takes new memory: who asks for many
pieces of every size, and has zeros written to them, gets those too. It is no promise: more may be
free than is asked for, and pieces of more than 512 bytes are the C library's.
"""

from typing import Final

# The sizes of pieces in CPython's allocator of small objects.
_STEP_BYTES: Final = 16
_PIECE_BYTES_MAX: Final = 512
# What an empty `bytes` takes: the rest of its piece is zeros.
_HEAD_BYTES: Final = 33
_BYTES_PER_SIZE: Final = 1024 * 1024


def overwrite_free_memory() -> None:
    """Overwrite what is free; takes some 20 ms and 30 MiB for that long."""
    for size in range(3 * _STEP_BYTES, _PIECE_BYTES_MAX + 1, _STEP_BYTES):
        pieces = [bytes(size - _HEAD_BYTES) for _ in range(_BYTES_PER_SIZE // size)]
        del pieces
