"""The content of a backup: records, one after the other, each behind its length.

Implements `docs/protocol/backup-file.md`, section "Content". Rows are told with the names of their
columns and the schema that they are of, so that a later release reads them by its migrations.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from mesh.errors import PeerError
from mesh.limits.backup import BACKUP_RECORD_BYTES_MAX

CONTENT_VERSION: Final = 1
_LENGTH_BYTES: Final = 4


class Manifest(msgspec.Struct, frozen=True, array_like=True, tag="manifest"):
    """The first record: what it is. A relay's has no person and no rows."""

    version: int
    made: int
    """Unix seconds, by the clock of the machine."""
    profile: str
    is_relay: bool
    schema: int
    """How many migrations the rows have seen."""
    rows_max: int = 0
    """About how many rows follow, for whoever watches."""


class FileRecord(msgspec.Struct, frozen=True, array_like=True, tag="file"):
    """A small file of the profile, by its name."""

    name: str
    content: bytes

    def __repr__(self) -> str:
        return f"FileRecord({self.name!r})"


class PeersRecord(msgspec.Struct, frozen=True, array_like=True, tag="peers"):
    """The addresses that a person told this node to dial."""

    addresses: list[str]


class RowsRecord(msgspec.Struct, frozen=True, array_like=True, tag="rows"):
    """Rows of a table. Whoever reads them checks that each value is one of SQLite's."""

    table: str
    columns: list[str]
    rows: list[list[object]]

    def __repr__(self) -> str:
        return f"RowsRecord({self.table!r}, {len(self.rows)})"


class EndRecord(msgspec.Struct, frozen=True, array_like=True, tag="end"):
    """The last record: how many rows there were."""

    rows_count: int


Record = Manifest | FileRecord | PeersRecord | RowsRecord | EndRecord

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Record)


def encode_record(record: Record) -> bytes:
    """The bytes of a record, behind their length."""
    data = _encoder.encode(record)
    assert len(data) <= BACKUP_RECORD_BYTES_MAX
    return len(data).to_bytes(_LENGTH_BYTES, "big") + data


def decode_records(pieces: Iterable[bytes]) -> Iterator[Record]:
    """Yield the records in pieces of content; PeerError if they are none."""
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        while (record := _take_record(waiting)) is not None:
            yield record
    if waiting:
        raise PeerError("its content ends within a record")


def _take_record(waiting: bytearray) -> Record | None:
    if len(waiting) < _LENGTH_BYTES:
        return None
    length = int.from_bytes(waiting[:_LENGTH_BYTES], "big")
    if length > BACKUP_RECORD_BYTES_MAX:
        raise PeerError("its content holds a record that is too long")
    if len(waiting) < _LENGTH_BYTES + length:
        return None
    data = bytes(waiting[_LENGTH_BYTES : _LENGTH_BYTES + length])
    del waiting[: _LENGTH_BYTES + length]
    try:
        record: Record = _decoder.decode(data)
    except msgspec.DecodeError:
        raise PeerError("its content holds what this release does not know") from None
    return record
