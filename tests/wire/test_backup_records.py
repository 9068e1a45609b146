"""The records in a backup."""

import pytest

from mesh.errors import PeerError
from mesh.limits.backup import BACKUP_RECORD_BYTES_MAX
from mesh.wire.backup_records import (
    EndRecord,
    FileRecord,
    Manifest,
    PeersRecord,
    RowsRecord,
    decode_records,
    encode_record,
)

RECORDS = (
    Manifest(1, 1_700_000_000, "default", is_relay=False, schema=5, rows_max=3),
    FileRecord("config.toml", b"relay = false\n"),
    PeersRecord(["[::1]:41730"]),
    RowsRecord("drafts", ["conversation", "text"], [[1, "\u00e4"], [-(2**63), None], [2.5, b"\0"]]),
    EndRecord(3),
)


@pytest.mark.parametrize("piece_bytes", [1, 3, 1_000])
def test_records_come_back_whatever_pieces_they_come_in(piece_bytes: int) -> None:
    data = b"".join(encode_record(record) for record in RECORDS)
    pieces = [data[at : at + piece_bytes] for at in range(0, len(data), piece_bytes)]
    assert tuple(decode_records(pieces)) == RECORDS


@pytest.mark.parametrize(
    "data",
    [
        encode_record(EndRecord(1))[:-1],
        (BACKUP_RECORD_BYTES_MAX + 1).to_bytes(4, "big"),
        b"\0\0\0\x01\xc0",
        b"\0\0\0\x09\x92\xa7another",
        b"\0\0\0\x05\xa4ends",
    ],
)
def test_what_is_no_record_is_refused(data: bytes) -> None:
    with pytest.raises(PeerError):
        list(decode_records([data]))


def test_no_record_shows_what_it_holds() -> None:
    shown = repr([record for record in RECORDS if isinstance(record, FileRecord | RowsRecord)])
    assert "relay" not in shown
    assert "\u00e4" not in shown
