"""The description of a file, which stands in the text that brings it."""

from enum import IntEnum
from typing import Annotated, Final

import msgspec

from mesh.content.fields import U32, require_bytes
from mesh.limits.content import (
    FILE_BYTES_MAX,
    FILE_HINT_BYTES_MAX,
    FILE_NAME_BYTES_MAX,
    FILE_PREVIEW_BYTES_MAX,
    FILE_TYPE_BYTES_MAX,
)

_GRID: Final = 3
"""Columns and rows of a hint."""

_Key = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]


class Look(IntEnum):
    """The way in which a file is shown. A number that is not here is shown as a file."""

    FILE = 0
    PICTURE = 1
    VOICE = 2
    VIDEO = 3


def colours_of(hint: bytes) -> list[str]:
    """Return the colours of a picture's hint, row by row; none if it is not three rows of three.

    The first byte has columns and rows, 4 bits each; three bytes of red, green and blue follow for
    each mean colour.
    """
    if len(hint) != 1 + 3 * _GRID**2 or hint[0] != _GRID << 4 | _GRID:
        return []
    return [f"#{hint[start : start + 3].hex()}" for start in range(1, len(hint), 3)]


class File(msgspec.Struct, frozen=True, array_like=True):
    """All that a reader needs to fetch a file, to check it, and to show it before it is here."""

    root: _Key
    key: _Key
    """Drawn anew for each entry, also for a file that is forwarded."""

    posting: Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
    size: Annotated[int, msgspec.Meta(ge=0, le=FILE_BYTES_MAX)]
    media_type: str
    name: str
    look: Annotated[int, msgspec.Meta(ge=0, lt=1 << 8)]
    width: U32
    height: U32
    duration_ms: U32
    hint: Annotated[bytes, msgspec.Meta(max_length=FILE_HINT_BYTES_MAX)]
    preview: Annotated[bytes, msgspec.Meta(max_length=FILE_PREVIEW_BYTES_MAX)]

    def check(self) -> None:
        """Raise InvalidContentError where a bound is broken that no type holds."""
        require_bytes(self.media_type, FILE_TYPE_BYTES_MAX)
        require_bytes(self.name, FILE_NAME_BYTES_MAX)
