"""Many messages in one request: each stands alone, in order, and once."""

import httpx2
import pytest

from mesh.api.problems import TYPE_PREFIX
from mesh.commands.contacts import AddContact
from mesh.limits.api import API_BATCH_MESSAGES_MAX
from tests.api.conftest import Serving

PATH = "/v1/messages/batch"


async def post(serving: Serving, messages: object) -> httpx2.Response:
    async with serving.http() as http:
        return await http.post(PATH, json={"messages": messages})


async def test_each_message_of_a_batch_is_answered_by_itself(serving: Serving) -> None:
    serving.node.answer(AddContact("mesh:Ben", "Ben"))
    batch = [
        {"contact": "Ben", "text": "one"},
        {"contact": "Nobody", "text": "two"},
        {"contact": "Ben", "text": "three"},
    ]
    told = await post(serving, batch)
    assert told.status_code == 200
    first, second, third = told.json()["results"]
    assert (first["message"]["text"], third["message"]["text"]) == ("one", "three")
    assert first["message"]["number"] < third["message"]["number"]
    assert second == {
        "problem": {
            "type": TYPE_PREFIX + "not-found",
            "title": "Not found",
            "status": 404,
            "detail": "There is no such contact. See: mesh contacts",
        }
    }
    assert [message.text for message in serving.node.messages] == ["one", "three"]


async def test_a_batch_with_keys_may_be_repeated(serving: Serving) -> None:
    serving.node.answer(AddContact("mesh:Ben", "Ben"))
    batch = [
        {"contact": "Ben", "text": text, "idempotency_key": f"k-{text}"} for text in ("1", "2")
    ]
    first = (await post(serving, batch)).json()
    again = (await post(serving, [*batch, {"contact": "Ben", "text": "3"}])).json()
    assert again["results"][:2] == first["results"]
    assert [message.text for message in serving.node.messages] == ["1", "2", "3"]
    reused = [{"contact": "Ben", "text": "other", "idempotency_key": "k-1"}]
    told = (await post(serving, reused)).json()
    assert told["results"][0]["problem"]["type"] == TYPE_PREFIX + "key-reused"


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"contact": "Ben", "text": "x"}] * (API_BATCH_MESSAGES_MAX + 1),
        [{"contact": "Ben"}],
        [{"contact": "Ben", "text": "x", "txet": "y"}],
        [{"contact": "Ben", "text": 7}],
        "Ben",
        None,
    ],
    ids=["none", "too many", "no text", "a wrong key", "a number", "a word", "null"],
)
async def test_a_bad_batch_is_refused_whole(serving: Serving, messages: object) -> None:
    serving.node.answer(AddContact("mesh:Ben", "Ben"))
    told = await post(serving, messages)
    assert told.status_code == 400
    assert told.json()["type"] == TYPE_PREFIX + "bad-request"
    assert serving.node.messages == []


async def test_a_locked_vault_refuses_each(serving: Serving) -> None:
    serving.node.is_locked = True
    told = (await post(serving, [{"contact": "Ben", "text": "x"}])).json()
    assert told["results"][0]["problem"]["type"] == TYPE_PREFIX + "locked"
