"""The streams of files over a real unix socket, with a real engine behind them."""

from collections.abc import AsyncIterator

import httpx2
import msgspec
import pytest
import trio

from mesh.api.problems import Problem
from mesh.commands.carry import ImportedAnswer
from mesh.ids import MeshId, UnixSeconds
from mesh.limits.api import API_WRITE_TIMEOUT_MS
from mesh.limits.carry import SUMMARY_BYTES_MAX
from mesh.wire.carry_file import (
    END_BYTES,
    HEADER_BYTES,
    BlockKind,
    CarryWriter,
    FileHeader,
    FileKind,
    Record,
    RecordKind,
    join_records,
    split_records,
)
from mesh.wire.carry_reader import CarryReader
from mesh.wire.envelope import Envelope
from tests.api.conftest import Serving
from tests.api.small_carrier import NOW_S, SMALL_MESH
from tests.storage.envelopes import make_envelope

SOME = [make_envelope(number, created=NOW_S - 10 * number) for number in range(300)]


def file_of(
    envelopes: list[Envelope],
    kind: FileKind = FileKind.MAIL,
    *,
    per_block: int = 50,
    mesh_id: MeshId = SMALL_MESH.mesh_id,
    made: int = NOW_S,
) -> bytes:
    """A carry file, written by hand."""
    header = FileHeader(kind, mesh_id, UnixSeconds(made), 0, 0)
    writer = CarryWriter(header)
    pieces = [writer.begin()]
    for start in range(0, len(envelopes), per_block):
        page = envelopes[start : start + per_block]
        records = [Record(RecordKind.ENVELOPE, one.data) for one in page]
        pieces.append(writer.block(BlockKind.RECORDS, join_records(records)))
    return b"".join([*pieces, writer.finish()])


def held(data: bytes, kind: FileKind = FileKind.MAIL) -> list[bytes]:
    """The records of a file that is whole."""
    reader = CarryReader(SMALL_MESH.mesh_id, kind)
    blocks = reader.feed(data)
    reader.finish()
    assert reader.is_complete
    return [record.content for block in blocks for record in split_records(block.payload)]


def problem_of(response: httpx2.Response) -> str:
    return msgspec.json.decode(response.content, type=Problem).kind


async def bring(http: httpx2.AsyncClient, data: bytes) -> ImportedAnswer:
    response = await http.post("/v1/carry/import", content=data)
    assert response.status_code == 200, response.text
    return msgspec.json.decode(response.content, type=ImportedAnswer)


async def test_what_was_imported_is_exported_the_newest_first(serving: Serving) -> None:
    async with serving.http() as http:
        answer = await bring(http, file_of(SOME[::-1]))
        assert (answer.envelopes_count, answer.is_complete, answer.refused) == (300, True, {})
        assert (await bring(http, file_of(SOME))).known_count == 300
        response = await http.post("/v1/carry/export")
        assert response.headers["content-type"] == "application/octet-stream"
        assert held(response.content) == [one.data for one in SOME]
        bounded = await http.post("/v1/carry/export", params={"bytes_max": 100_000})
        assert len(bounded.content) <= 100_000
        few = held(bounded.content)
        assert 90 <= len(few) < 100
        assert few == [one.data for one in SOME[: len(few)]]


async def test_a_summary_goes_into_an_export_as_its_body(serving: Serving) -> None:
    async with serving.http() as http:
        await bring(http, file_of(SOME[:200]))
        summary = (await http.get("/v1/carry/summary")).content
        assert len(summary) < 200 * 4 + 200
        await bring(http, file_of(SOME[200:]))
        response = await http.post("/v1/carry/export", content=summary)
        assert held(response.content) == [one.data for one in SOME[200:]]
        again = (await http.get("/v1/carry/summary")).content
        other = (await http.get("/v1/carry/summary")).content
        assert len(again) == len(other)
        assert again[HEADER_BYTES:] != other[HEADER_BYTES:], "no two are alike"


async def test_a_locked_node_carries_all_the_same(serving: Serving) -> None:
    serving.node.is_locked = True
    async with serving.http() as http:
        assert (await bring(http, file_of(SOME[:3]))).envelopes_count == 3
        assert len(held((await http.post("/v1/carry/export")).content)) == 3


async def test_a_file_in_small_pieces_is_a_file(serving: Serving) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        data = file_of(SOME[:20])
        for start in range(0, len(data), 97):
            yield data[start : start + 97]

    async with serving.http() as http:
        response = await http.post("/v1/carry/import", content=pieces())
        assert msgspec.json.decode(response.content, type=ImportedAnswer).envelopes_count == 20


async def test_damage_costs_what_is_damaged_and_is_told(serving: Serving) -> None:
    data = bytearray(file_of(SOME))
    data[len(data) // 2] ^= 1
    async with serving.http() as http:
        answer = await bring(http, bytes(data))
        assert answer.envelopes_count == 250
        assert (answer.damaged_count, answer.is_complete) == (1, False)
        answer = await bring(http, file_of(SOME)[: -END_BYTES - 1])
        assert (answer.known_count, answer.envelopes_count) == (200 + 0, 50)
        assert not answer.is_complete


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", bytes(100_000), b"\x8aMESH\r\n\x1a", file_of([], FileKind.SUMMARY)],
    ids=["nothing", "a word", "zeros", "a beginning", "a summary"],
)
async def test_what_is_no_carry_file_is_refused_in_a_sentence(
    serving: Serving, data: bytes
) -> None:
    async with serving.http() as http:
        response = await http.post("/v1/carry/import", content=data)
        assert (response.status_code, problem_of(response)) == (400, "bad-carry-file")
        assert (await bring(http, file_of(SOME[:1]))).envelopes_count == 1


@pytest.mark.parametrize(
    "data", [b"hello", file_of(SOME[:3]), bytes(1_000)], ids=["a word", "mail", "zeros"]
)
async def test_what_is_no_summary_is_refused_in_a_sentence(serving: Serving, data: bytes) -> None:
    async with serving.http() as http:
        response = await http.post("/v1/carry/export", content=data)
        assert (response.status_code, problem_of(response)) == (400, "bad-carry-file")


async def test_a_summary_is_bounded(serving: Serving) -> None:
    async with serving.http() as http:
        begun = file_of([], FileKind.SUMMARY)[:HEADER_BYTES]
        response = await http.post("/v1/carry/export", content=begun + bytes(SUMMARY_BYTES_MAX))
        assert problem_of(response) == "too-large"


@pytest.mark.parametrize("query", ["bytes_max=0", "bytes_max=x", "bytes_max=122", "before=3"])
async def test_what_is_asked_wrongly_is_said(serving: Serving, query: str) -> None:
    async with serving.http() as http:
        response = await http.post(f"/v1/carry/export?{query}")
        assert problem_of(response) == "bad-request"
        response = await http.get("/v1/carry/export")
        assert (response.status_code, problem_of(response)) == (405, "method-not-allowed")


async def test_one_file_of_a_kind_at_a_time(serving: Serving) -> None:
    data = file_of(SOME)
    async with serving.http() as http, await trio.open_unix_socket(serving.path) as slow:
        head = b"POST /v1/carry/import HTTP/1.1\r\nHost: mesh\r\nContent-Length: %d\r\n\r\n"
        await slow.send_all(head % len(data) + data[:60_000])
        while not (await http.post("/v1/carry/export")).content.count(b"\x8aMB\x01") > 1:
            pass
        response = await http.post("/v1/carry/import", content=data)
        assert (response.status_code, problem_of(response)) == (429, "too-many")
        await slow.send_all(data[60_000:])
        assert (await slow.receive_some()).startswith(b"HTTP/1.1 200")
        assert (await bring(http, data)).known_count == 300


async def test_a_client_that_goes_away_leaves_what_it_brought(serving: Serving) -> None:
    data = file_of(SOME)
    async with serving.http() as http:
        async with await trio.open_unix_socket(serving.path) as rude:
            head = b"POST /v1/carry/import HTTP/1.1\r\nHost: mesh\r\nContent-Length: %d\r\n\r\n"
            await rude.send_all(head % len(data) + data[: len(data) // 2])
            while len(held((await http.post("/v1/carry/export")).content)) < 100:
                pass
        while True:
            response = await http.post("/v1/carry/import", content=data)
            if response.status_code == 200:
                break
            assert problem_of(response) == "too-many"
        answer = msgspec.json.decode(response.content, type=ImportedAnswer)
        assert answer.known_count >= 100
        assert answer.known_count + answer.envelopes_count == 300


async def test_what_goes_on_behind_the_end_is_not_waited_for(serving: Serving) -> None:
    data = file_of(SOME[:5])
    async with await trio.open_unix_socket(serving.path) as endless:
        head = b"POST /v1/carry/import HTTP/1.1\r\nHost: mesh\r\nContent-Length: 9999999999\r\n\r\n"
        await endless.send_all(head + data + bytes(1_000))
        assert (await endless.receive_some()).startswith(b"HTTP/1.1 200")


async def test_a_slow_stick_may_hold_up_an_export_but_never_the_stop(
    serving: Serving, autojump_clock: trio.testing.MockClock
) -> None:
    async with serving.http() as http:
        many = [make_envelope(number, size_class=3, created=NOW_S) for number in range(60)]
        await bring(http, file_of(many, per_block=2))
    async with await trio.open_unix_socket(serving.path) as slow:
        await slow.send_all(b"POST /v1/carry/export HTTP/1.1\r\nHost: mesh\r\n\r\n")
        got = await slow.receive_some(1_000)
        await trio.sleep(3 * API_WRITE_TIMEOUT_MS / 1_000)
        while len(got) < 2_000_000:
            piece = await slow.receive_some(1_000_000)
            assert piece, "cut off"
            got += piece
        serving.stopping.set()
        await serving.stopped.wait()
