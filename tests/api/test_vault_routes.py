"""Locking, unlocking and changing the passphrase over the API."""

import httpx2
import msgspec

from mesh.api.problems import Problem
from mesh.commands.status import StatusAnswer
from tests.api.conftest import Serving
from tests.api.small_vault import PASSPHRASE


def told(response: httpx2.Response) -> tuple[int, str]:
    """The status and the kind of a problem."""
    return response.status_code, msgspec.json.decode(response.content, type=Problem).kind


async def test_a_vault_is_locked_and_unlocked(serving: Serving) -> None:
    async with serving.http() as http:
        for _ in range(2):
            locked = await http.post("/v1/lock")
            assert (locked.status_code, locked.json()) == (200, {})
        assert told(await http.get("/v1/contacts")) == (423, "locked")
        status = await http.get("/v1/status")
        assert msgspec.json.decode(status.content, type=StatusAnswer).locked_since > 0
        wrong = await http.post("/v1/unlock", json={"passphrase": "guess"})
        assert told(wrong) == (403, "wrong-passphrase")
        await http.post("/v1/unlock", json={"passphrase": PASSPHRASE.decode()})
        assert (await http.get("/v1/contacts")).status_code == 200


async def test_a_passphrase_is_changed_by_who_knows_it(serving: Serving) -> None:
    async with serving.http() as http:
        body = {"passphrase": "guess", "new_passphrase": "battery"}
        wrong = await http.post("/v1/passphrase", json=body)
        assert told(wrong) == (403, "wrong-passphrase")
        body["passphrase"] = PASSPHRASE.decode()
        assert (await http.post("/v1/passphrase", json=body)).status_code == 200
        assert serving.node.passphrase == b"battery"
        missing = await http.post("/v1/passphrase", json={"passphrase": "battery"})
        assert told(missing) == (400, "bad-request")
        removed = {"passphrase": "battery", "new_passphrase": ""}
        assert (await http.post("/v1/passphrase", json=removed)).status_code == 200
        assert told(await http.post("/v1/lock")) == (403, "no-passphrase")
