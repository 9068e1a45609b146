"""Backups over the API: a file as a stream, and how the automatic copy is."""

import io
import json
from collections.abc import AsyncIterator

import httpx2
import msgspec
import pytest

from mesh.api.problems import Problem
from mesh.commands.backup import BackupAnswer, Restored
from mesh.node.restoring import check
from tests.api.conftest import Serving
from tests.api.small_backup import small_backup


def told(response: httpx2.Response) -> tuple[int, str]:
    """The status and the kind of a problem."""
    return response.status_code, msgspec.json.decode(response.content, type=Problem).kind


async def test_a_backup_is_the_body_of_the_answer(serving: Serving) -> None:
    async with serving.http() as http:
        before = msgspec.json.decode((await http.get("/v1/backup")).content, type=BackupAnswer)
        assert not before.has_passphrase
        answer = await http.post("/v1/backup", json={"passphrase": "battery"})
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/octet-stream"
        assert check(io.BytesIO(answer.content), backup_passphrase="battery").name == "Anna"
        state = msgspec.json.decode((await http.get("/v1/backup")).content, type=BackupAnswer)
        assert state.has_passphrase
        wrong = await http.post("/v1/backup", json={"passphrase": "horse"})
        assert told(wrong) == (403, "wrong-passphrase")
        another = await http.post("/v1/backup", json={"passphrase": "horse", "is_new": True})
        assert another.status_code == 200


async def test_the_state_is_told_while_the_vault_is_locked_and_a_backup_is_not(
    serving: Serving,
) -> None:
    async with serving.http() as http:
        await http.post("/v1/lock")
        assert (await http.get("/v1/backup")).status_code == 200
        assert told(await http.post("/v1/backup", json={"passphrase": "x"})) == (423, "locked")


async def test_a_backup_that_is_cut_short_does_not_look_whole(serving: Serving) -> None:
    serving.node.is_cut_short = True
    async with serving.http() as http:
        with pytest.raises(httpx2.RemoteProtocolError):
            await http.post("/v1/backup", json={"passphrase": "battery"})


@pytest.mark.parametrize(
    "body, kind, expected",
    [
        (b"{}", "application/json", (400, "bad-request")),
        (b'{"passphrase": "x", "file": "/etc/passwd"}', "application/json", (400, "bad-request")),
        (b'{"passphrase": 5}', "application/json", (400, "bad-request")),
        (b'{"passphrase": "x"}', "text/plain", (415, "not-json")),
        (json.dumps({"passphrase": "x" * 10**6}).encode(), "application/json", (413, "too-large")),
    ],
)
async def test_what_is_no_question_for_a_backup_is_refused(
    serving: Serving, body: bytes, kind: str, expected: tuple[int, str]
) -> None:
    async with serving.http() as http:
        answer = await http.post("/v1/backup", content=body, headers={"content-type": kind})
        assert told(answer) == expected
        wrong = await http.put("/v1/backup")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, POST")


async def test_a_backup_is_put_back_by_a_line_of_json_and_the_file_behind_it(
    serving: Serving,
) -> None:
    words = b'{"backup_passphrase": "battery", "passphrase": "horse"}'
    file = b"".join(small_backup("Anna", "battery", 300_000))
    async with serving.http() as http:
        answer = await http.post("/v1/restore", content=words + b"\n" + file)
        assert answer.status_code == 200
        restored = msgspec.json.decode(answer.content, type=Restored)
        assert (restored.name, restored.made) == ("Anna", 1_700_000_000)
        assert serving.node.restored == (restored, b"horse")

        # However it is cut into pieces.
        async def pieces() -> AsyncIterator[bytes]:
            for at in range(0, len(words), 7):
                yield words[at : at + 7]
            yield b"\n" + file[:10]
            yield file[10:]

        assert (await http.post("/v1/restore", content=pieces())).status_code == 200


@pytest.mark.parametrize(
    "body, expected",
    [
        (b"", (400, "bad-request")),
        (b"{}\n", (400, "bad-request")),
        (b'{"backup_passphrase": "x", "passphrase": "y"}', (400, "bad-request")),
        (b"x" * 10**6, (400, "bad-request")),
        (b'{"backup_passphrase": "x", "passphrase": "y"}\n', (422, "bad-backup")),
        (b'{"backup_passphrase": "x", "passphrase": "y"}\n' + b"z" * 10**6, (422, "bad-backup")),
    ],
)
async def test_what_is_no_backup_is_refused(
    serving: Serving, body: bytes, expected: tuple[int, str]
) -> None:
    async with serving.http() as http:
        assert told(await http.post("/v1/restore", content=body)) == expected
        assert serving.node.restored is None
        wrong = await http.get("/v1/restore")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")


async def test_who_sends_only_a_part_of_a_file_puts_nothing_back(serving: Serving) -> None:
    words = b'{"backup_passphrase": "battery", "passphrase": "horse"}\n'
    file = b"".join(small_backup("Anna", "battery", 300_000))
    async with serving.http() as http:
        answer = await http.post("/v1/restore", content=words + file[:-20])
        problem = msgspec.json.decode(answer.content, type=Problem)
        assert (problem.kind, problem.fields) == ("bad-backup", {"reason": "damaged"})
        assert serving.node.restored is None
