"""Carry files between engines at one table: written by one, handed over, read by another."""

from mesh.commands.carry import (
    AskCarried,
    CarriedAnswer,
    CarriedBlock,
    CarriedIds,
    ExportCarried,
    ImportCarried,
    ImportedAnswer,
    ListCarried,
)
from mesh.ids import EnvelopeId
from mesh.wire.carry_file import BlockKind, CarryWriter, FileHeader, FileKind
from mesh.wire.carry_reader import CarryReader
from mesh.wire.carry_summary import Summary
from tests.engine.joined import Joined


def exported(
    table: Joined,
    name: str,
    *,
    summary: Summary | None = None,
    bytes_max: int = 1 << 40,
    only: frozenset[EnvelopeId] | None = None,
) -> bytes:
    """The file that a node writes."""
    writer = CarryWriter(_header(table, name, FileKind.MAIL))
    pieces = [writer.begin()]
    before, is_last = b"", False
    while not is_last:
        block = table.carry(
            name, ExportCarried(before, writer.room_bytes(bytes_max), summary, only)
        )
        assert isinstance(block, CarriedBlock)
        before, is_last = block.before, block.is_last
        if block.payload:
            pieces.append(
                writer.block(
                    BlockKind.RECORDS,
                    block.payload,
                    envelopes_count=block.envelopes_count,
                    stubs_count=block.stubs_count,
                )
            )
    return b"".join([*pieces, writer.finish()])


def imported(table: Joined, name: str, data: bytes) -> ImportedAnswer:
    """Return what becomes of a file at a node, all blocks together."""
    reader = CarryReader(table.parameters.mesh_id, FileKind.MAIL)
    envelopes = retirements = known = 0
    refused: dict[str, int] = {}
    for block in reader.feed(data):
        answer = table.carry(name, ImportCarried(block.payload))
        assert isinstance(answer, ImportedAnswer)
        envelopes += answer.envelopes_count
        retirements += answer.retirements_count
        known += answer.known_count
        for reason, count in answer.refused.items():
            refused[reason] = refused.get(reason, 0) + count
    reader.finish()
    return ImportedAnswer(
        envelopes_count=envelopes,
        retirements_count=retirements,
        known_count=known,
        refused=refused,
        is_complete=reader.is_complete,
    )


def summed_up(table: Joined, name: str, nonce: bytes = b"n" * 16) -> Summary:
    """The summary of a node, after its way through a file."""
    ids: list[bytes] = []
    before, is_last = b"", False
    while not is_last:
        page = table.carry(name, ListCarried(before))
        assert isinstance(page, CarriedIds)
        ids += page.ids
        before, is_last = page.before, page.is_last
    summary, read = Summary.for_count(nonce, len(ids)), Summary(nonce, None)
    for id_ in ids:
        summary.add(id_)
    for payload in summary.blocks():
        read.take_block(payload)
    return read


def _header(table: Joined, name: str, kind: FileKind) -> FileHeader:
    answer = table.carry(name, AskCarried())
    assert isinstance(answer, CarriedAnswer)
    assert answer.mesh_id == table.parameters.mesh_id
    return FileHeader(
        kind, answer.mesh_id, answer.mesh_time, answer.elements_count, answer.stored_bytes
    )
