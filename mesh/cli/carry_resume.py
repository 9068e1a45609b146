"""Goes on with an export that was interrupted: what FILE.part has is not written again.

The node needs to know nothing of it. A part is believed only as far as it can be checked: it is of
the same mesh and a few hours old, and what it leaves out is proven. What the part holds becomes a
summary, and what an export leaves out for a summary is just what is there already; its blocks are
numbered anew and put behind those of the part, up to which it was whole.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mesh.client import Client
from mesh.errors import PeerError, UserError
from mesh.limits.carry import CARRY_GOES_ON_SECONDS, SUMMARY_BYTES_MAX
from mesh.node.plain_files import opened_plainly, pieces_of
from mesh.wire.carry_file import (
    FILE_BYTES_MIN,
    HEADER_BYTES,
    NONCE_BYTES,
    RECORD_HEAD_BYTES,
    Block,
    BlockKind,
    CarryWriter,
    FileHeader,
    FileKind,
    Record,
    RecordKind,
    decode_file_header,
    split_records,
)
from mesh.wire.carry_reader import CarryReader
from mesh.wire.carry_summary import Summary
from mesh.wire.envelope import SIZE_BYTES, STUB_BYTES, decode_envelope, decode_stub
from mesh.wire.retirement import Retirement, is_token_of, split_tokens


@dataclass(slots=True)
class Unfinished:
    """A part whose whole blocks `writer` has written; what they hold is in `summary`."""

    header: FileHeader
    writer: CarryWriter
    nonce: bytes
    summary: Summary

    def take(self, block: Block) -> bytes:
        """Put a block behind the others; PeerError if it holds what no export writes."""
        records = split_records(block.payload)
        for record in records:
            for element in _elements_of(record):
                self.summary.add(element)
        envelopes_count = sum(record.kind == RecordKind.ENVELOPE for record in records)
        return self.writer.block(
            BlockKind.RECORDS,
            block.payload,
            envelopes_count=envelopes_count,
            stubs_count=len(records) - envelopes_count,
        )

    def rest(self, client: Client, bytes_max: int | None) -> Iterator[bytes]:
        """Ask for what the part lacks, and yield the bytes that make it whole."""
        if bytes_max is not None:
            bytes_max = max(FILE_BYTES_MIN, bytes_max - self.writer.bytes_count + HEADER_BYTES)
        reader = CarryReader(self.header.mesh_id, FileKind.MAIL)
        for piece in client.export_carried(bytes_max=bytes_max, summary=self._summary_bytes()):
            try:
                yield from map(self.take, reader.feed(piece))
            except PeerError as error:
                words = f"Cannot go on with the former part: {error.reason}. Remove it first."
                raise UserError("bad-carry-file", words) from None
        if reader.is_complete:
            yield self.writer.finish()

    def _summary_bytes(self) -> bytes:
        header = FileHeader(
            FileKind.SUMMARY, self.header.mesh_id, self.header.made, 0, 0, self.nonce
        )
        writer = CarryWriter(header)
        blocks = [
            writer.begin(),
            *(writer.block(BlockKind.BUCKETS, payload) for payload in self.summary.blocks()),
        ]
        return b"".join([*blocks, writer.finish()])


def header_now(client: Client) -> FileHeader:
    """Return what an export begins with now: the mesh of the node, and its time."""
    data = b"".join(client.export_carried(bytes_max=FILE_BYTES_MIN))
    header = decode_file_header(data[:HEADER_BYTES])
    assert header is not None, "our own node has written it"
    return header


def find_unfinished(
    part: Path, bytes_max: int | None, now: Callable[[], FileHeader]
) -> Unfinished | None:
    """Return what an interrupted export left; None if there is nothing to go on with.

    `now`: what an export begins with now; it is asked for where there is a part.
    """
    if not part.exists() or part.is_symlink():
        return None
    with opened_plainly(part) as (file, length):
        begun = file.read(HEADER_BYTES)
        try:
            header = decode_file_header(begun)
            if header is None or header.kind is not FileKind.MAIL or not _is_of(header, now()):
                return None
            found = _begun(header, length)
            reader = CarryReader(header.mesh_id, FileKind.MAIL)
            reader.feed(begun)
            for piece in pieces_of(file, length - HEADER_BYTES):
                for block in reader.feed(piece):
                    found.take(block)
                if reader.damaged_count:
                    return None
        except PeerError:
            return None
    is_too_long = bytes_max is not None and found.writer.bytes_count + FILE_BYTES_MIN > bytes_max
    is_empty = found.writer.bytes_count == HEADER_BYTES
    is_too_large = sum(map(len, found.summary.blocks())) > SUMMARY_BYTES_MAX // 2
    return None if is_empty or is_too_long or is_too_large else found


def _is_of(header: FileHeader, now: FileHeader) -> bool:
    """Say whether a part is of this mesh, and made not long ago."""
    return header.mesh_id == now.mesh_id and 0 <= now.made - header.made <= CARRY_GOES_ON_SECONDS


def _begun(header: FileHeader, length: int) -> Unfinished:
    nonce = os.urandom(NONCE_BYTES)
    # The smallest envelopes give the greatest number; stubs are few.
    summary = Summary.for_count(nonce, length // (RECORD_HEAD_BYTES + SIZE_BYTES[0]))
    found = Unfinished(header, CarryWriter(header), nonce, summary)
    found.writer.begin()
    return found


def _elements_of(record: Record) -> list[bytes]:
    """Return what the summary of a node that had imported the record would say of it."""
    if record.kind == RecordKind.ENVELOPE:
        return [decode_envelope(record.content).id]
    if record.kind != RecordKind.RETIRED_STUB:
        raise PeerError("unknown kind of record")
    stub = decode_stub(record.content[:STUB_BYTES])
    tokens = split_tokens(record.content[STUB_BYTES:])
    # Whoever had the stick could say so of mail that is under way, and it would be left out.
    if not tokens or not all(is_token_of(stub.header, token) for token in tokens):
        raise PeerError("nothing shows that an envelope is over")
    return [stub.id, *(Retirement(stub.id, token).element for token in tokens)]
