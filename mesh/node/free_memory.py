"""Overwriting the small pieces of memory that Python has freed, where keys and texts were.

Python does not overwrite what it frees, and a `str` or `bytes` cannot be overwritten while it
lives. But its allocator gives freed pieces out again before it takes new memory: who asks for many
pieces of every size, and has zeros written to them, gets those too. Larger pieces are the C
library's, which does the same for the thread that asks. What was read from a socket is a small
piece of the C library's: it was large before it was known how much came, and Python asks for small
ones elsewhere, so it is asked for by hand. It is no promise: more may be free than is asked for.
"""

import ctypes
from typing import Final

# The sizes of pieces in CPython's allocator of small objects.
_STEP_BYTES: Final = 16
_PIECE_BYTES_MAX: Final = 512
# What an empty `bytes` takes: the rest of its piece is zeros.
_HEAD_BYTES: Final = 33
_BYTES_PER_SIZE: Final = 1024 * 1024
# The C library maps larger pieces by themselves, and gives them back to the system.
_BUFFER_BYTES_MAX: Final = 64 * 1024
# The C library keeps the last few freed pieces of each size up to this for the thread alone.
_CACHED_BYTES_MAX: Final = 1_040
_CACHED_COUNT: Final = 32


def overwrite_free_memory() -> None:
    """Overwrite what is free; takes some 20 ms and 30 MiB for that long."""
    for size in range(3 * _STEP_BYTES, _PIECE_BYTES_MAX + 1, _STEP_BYTES):
        pieces = [bytes(size - _HEAD_BYTES) for _ in range(_BYTES_PER_SIZE // size)]
        del pieces


def overwrite_free_buffers() -> None:
    """Overwrite larger pieces that this thread has freed; takes a few milliseconds and 8 MiB.

    The largest are asked for first, and all are held: what one leaves of a gap is for the next.
    """
    size, held = _BUFFER_BYTES_MAX, []
    while size > _PIECE_BYTES_MAX:
        held.append([bytes(size - _HEAD_BYTES) for _ in range(_BYTES_PER_SIZE // size)])
        size //= 2
    _overwrite_cached_pieces()


def _overwrite_cached_pieces() -> None:
    """Overwrite the small pieces that the C library keeps for this thread."""
    try:
        library = ctypes.CDLL(None)
        ask, give_back = library.malloc, library.free
    except (OSError, TypeError, AttributeError):
        # No C library is found by itself (Windows); its small pieces stay as they are.
        return
    ask.restype, ask.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    give_back.argtypes = [ctypes.c_void_p]
    for size in range(_STEP_BYTES, _CACHED_BYTES_MAX + 1, _STEP_BYTES):
        pieces = [piece for _ in range(_CACHED_COUNT) if (piece := ask(size))]
        for piece in pieces:
            ctypes.memset(piece, 0, size)
        for piece in pieces:
            give_back(piece)
