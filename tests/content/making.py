"""Entries and values for tests."""

import msgspec

from mesh.content.entry import Entry, EntryId, Kind
from mesh.content.register import Value
from mesh.ids import VerifyKey

ADA, BEN, CY = (VerifyKey(bytes([number]) * 32) for number in (1, 2, 3))
SOME_ID = bytes([9]) * 32


def entry(
    kind: int, content: list[object], *, target: bytes = b"", clock: int = 1, timer: int = 0
) -> Entry:
    """An entry without parents."""
    return Entry(
        kind=kind,
        clock=clock,
        run=1,
        number=0,
        parents=[],
        ops=[],
        target=target,
        over=[],
        timer=timer,
        content=msgspec.Raw(msgspec.msgpack.encode(content)),
    )


def about(kind: Kind, content: list[object], *, clock: int = 1) -> Entry:
    """A change about some object."""
    return entry(kind, content, target=SOME_ID, clock=clock)


def value_of(
    number: int, author: VerifyKey, clock: int, value: object, over: tuple[EntryId, ...] = ()
) -> Value[object]:
    """A value of a register; its number makes its id."""
    return Value(EntryId(number.to_bytes(32)), author, clock, over, value)
