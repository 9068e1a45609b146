"""The kinds of pictures that are drawn, by how a file begins."""

from collections.abc import Mapping
from typing import Final

BEGINNINGS: Final[Mapping[str, tuple[bytes, ...]]] = {
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
}
"""By media type; of WebP more follows four bytes later."""

BEGINNING_BYTES: Final = 12
"""So much of a file says which kind it is."""


def is_picture(data: bytes | bytearray) -> bool:
    """Say whether a file begins as a picture of these kinds; it may be none all the same."""
    return any(data.startswith(each) for each in BEGINNINGS.values()) and (
        not data.startswith(b"RIFF") or data[8:BEGINNING_BYTES] == b"WEBP"
    )
