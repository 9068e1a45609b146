"""The types that several kinds share, and how their bounds are held."""

from typing import Annotated

import msgspec

from mesh.content.entry import ID_BYTES

KEY_BYTES = 32

Key = Annotated[bytes, msgspec.Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]
"""A person's Ed25519 identity key."""

MaybeId = Annotated[bytes, msgspec.Meta(max_length=ID_BYTES)]
"""The id of an entry, or nothing; `require_id` holds it to that."""

Moment = Annotated[int, msgspec.Meta(ge=0, lt=1 << 40)]
"""Seconds since 1970 (UTC); 0: never. Below the year 36,812."""

U32 = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]


class InvalidContentError(Exception):
    """A content breaks the bounds of its kind: its entry is invalid, for ever."""


def require_bytes(text: str, most: int, *, least: int = 0) -> None:
    """Raise InvalidContentError unless a text has so many bytes."""
    length = len(text.encode())
    if length > most:
        raise InvalidContentError(f"a text has more than {most} bytes")
    if length < least:
        raise InvalidContentError("a text is empty")


def require_id(value: bytes) -> None:
    """Raise InvalidContentError unless this is an id or empty."""
    if len(value) not in (0, ID_BYTES):
        raise InvalidContentError("no id")


def require_all_different(values: list[bytes]) -> None:
    """Raise InvalidContentError if one stands there twice."""
    if len(dict.fromkeys(values)) != len(values):
        raise InvalidContentError("one stands there twice")
