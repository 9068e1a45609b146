"""An entry: whatever a person does in a conversation, and what its id binds.

Implements `docs/protocol/entries.md`, section "Entries". The id is a hash over the conversation,
the author and every byte, so nobody can send another's words as his own or move them elsewhere.
"""

from enum import IntEnum
from typing import Annotated, Final, NewType

import msgspec

from mesh.crypto.hashing import blake2b
from mesh.errors import PeerError
from mesh.ids import MeshId, VerifyKey
from mesh.limits.content import (
    CLOCK_BITS,
    ENTRY_OPS_MAX,
    ENTRY_PARENTS_MAX,
    OVER_MAX,
    TIMER_SECONDS_MAX,
)

EntryId = NewType("EntryId", bytes)
"""32 bytes. Messages of payload version 1 have the hash of their payload instead."""

OperationId = NewType("OperationId", bytes)
"""A membership operation of a group, 32 bytes."""

Scope = NewType("Scope", bytes)
"""Names a conversation to all who are in it, 32 bytes; never shown outside the encryption."""

ID_BYTES: Final = 32
CHANGE_BIT: Final = 0x40

_SIGNED: Final = b"mesh.entry.1"

_U32 = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
Id = Annotated[bytes, msgspec.Meta(min_length=ID_BYTES, max_length=ID_BYTES)]


class Kind(IntEnum):
    """The kinds that this version knows. An object has a place in the stream, and so has a timer or
    a name; other changes have none.
    """

    TEXT = 0
    POLL = 1
    CHECK_IN = 2
    TASK = 3
    NOTICE = 4
    EDIT = 64
    RETRACT = 65
    HIDE = 66
    REACT = 67
    PIN = 68
    TIMER = 69
    VOTE = 70
    CLOSE = 71
    ANSWER = 72
    CHANGE = 73
    NAME = 74


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """The array of an entry. Places behind the known ones are passed over; the id covers them.

    Target, over and timer stand outside the content, so that software which does not know a kind
    still waits, replaces and erases rightly.
    """

    kind: Annotated[int, msgspec.Meta(ge=0, lt=1 << 16)]
    clock: Annotated[int, msgspec.Meta(ge=0, lt=1 << CLOCK_BITS)]
    """A hybrid logical clock: milliseconds above 16 bits of a counter."""

    run: _U32
    """Drawn by chance for one author and conversation, and anew when a backup is put back."""

    number: _U32
    """Counts the author's entries of this run here."""

    parents: Annotated[list[Id], msgspec.Meta(max_length=ENTRY_PARENTS_MAX)]
    ops: Annotated[list[Id], msgspec.Meta(max_length=ENTRY_OPS_MAX)]
    target: Annotated[bytes, msgspec.Meta(max_length=ID_BYTES)]
    """Of a change: the object that it is about. Empty otherwise, and for a timer or a name."""

    over: Annotated[list[Id], msgspec.Meta(max_length=OVER_MAX)]
    """Values that this one replaces. Ids of what is not here have no effect."""

    timer: Annotated[int, msgspec.Meta(ge=0, le=TIMER_SECONDS_MAX)]
    """Seconds after which an object disappears; 0: never."""

    content: msgspec.Raw
    """The array of the kind, read by `mesh.content.kinds`."""

    def encode(self) -> bytes:
        """Return the bytes that are hashed, signed and sent."""
        return _encoder.encode(self)


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Entry] = msgspec.msgpack.Decoder(Entry)


def decode_entry(data: bytes) -> Entry:
    """Return the entry in `data`; PeerError on anything else. Its content is not looked at."""
    try:
        entry = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PeerError("malformed entry") from error
    if len(entry.target) not in (0, ID_BYTES):
        raise PeerError("malformed target of an entry")
    return entry


def is_change(kind: int) -> bool:
    """Say whether a kind, also one of a newer version, has no place of its own in the stream."""
    return bool(kind & CHANGE_BIT)


def has_place(kind: int) -> bool:
    """Say whether a kind stands in the stream: objects do, and the timer and names, of which all
    shall see who changed them and when.
    """
    return not is_change(kind) or kind in (Kind.TIMER, Kind.NAME)


def direct_scope(one: VerifyKey, other: VerifyKey) -> Scope:
    """Name the conversation of two, the same for both."""
    low, high = sorted((one, other))
    return Scope(blake2b(b"", low + high, b"mesh/conv/direct", ID_BYTES))


def square_scope(mesh: MeshId) -> Scope:
    """Name the square of a mesh."""
    return Scope(blake2b(b"", mesh, b"mesh/conv/square", ID_BYTES))


def entry_id(scope: Scope, author: VerifyKey, data: bytes) -> EntryId:
    """Return the id of the entry with these bytes."""
    return EntryId(blake2b(b"", scope + author + data, b"mesh/entry/id", ID_BYTES))


def signed_bytes(entry: EntryId) -> bytes:
    """Return what an author signs, except in direct conversations, which stay deniable."""
    return _SIGNED + entry
