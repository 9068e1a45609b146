"""Tokens of programs: their scopes, their end, and what Prometheus is told."""

import json

import msgspec
import pytest
import trio

from mesh.api.access import Access
from mesh.api.routes import ROUTES
from mesh.api.tokens import MakeToken, TokenScope
from mesh.commands.contacts import AddContact
from mesh.errors import UserError
from mesh.limits.door import TOKENS_MAX
from tests.api.conftest import Serving
from tests.api.door import HOUR, Door

SCOPES: tuple[TokenScope, ...] = ("metrics", "read", "send", "admin")

ALLOWED = {
    "open": {"POST /v1/session", "POST /v1/session/proof"},
    "read": {
        "GET /v1/identity",
        "GET /v1/contacts",
        "GET /v1/contacts/{contact}",
        "GET /v1/introductions",
        "GET /v1/nearby",
        "POST /v1/invites/inspect",
        "POST /v1/qr",
        "GET /v1/service",
        "GET /v1/conversations",
        "GET /v1/conversations/{conversation}",
        "GET /v1/conversations/{conversation}/items",
        "GET /v1/conversations/{conversation}/pins",
        "GET /v1/conversations/{conversation}/board",
        "GET /v1/conversations/{conversation}/files",
        "GET /v1/items",
        "GET /v1/items/{item}",
        "GET /v1/items/{item}/people",
        "GET /v1/items/{item}/versions",
        "GET /v1/groups",
        "GET /v1/groups/{group}",
        "GET /v1/groups/{group}/knocks",
        "GET /v1/groups/{group}/letters",
        "GET /v1/groups/{group}/log",
        "GET /v1/groups/{group}/members",
        "GET /v1/room",
        "GET /v1/scheduled",
        "GET /v1/search",
        "GET /v1/messages",
        "GET /v1/messages/{message}",
        "GET /v1/status",
        "GET /v1/peers",
    },
    "send": {
        "PATCH /v1/conversations/{conversation}",
        "POST /v1/conversations/{conversation}/scheduled",
        "PATCH /v1/scheduled/{scheduled}",
        "DELETE /v1/scheduled/{scheduled}",
        "POST /v1/conversations/{conversation}/items",
        "POST /v1/conversations/{conversation}/timer",
        "POST /v1/conversations/{conversation}/read",
        "POST /v1/items/{item}/edit",
        "POST /v1/items/{item}/retract",
        "POST /v1/items/{item}/react",
        "POST /v1/items/{item}/hide",
        "POST /v1/items/{item}/pin",
        "POST /v1/items/{item}/vote",
        "POST /v1/items/{item}/close",
        "POST /v1/items/{item}/answer",
        "POST /v1/items/{item}/remind",
        "POST /v1/items/{item}/change",
        "POST /v1/files/{file}/fetch",
        "POST /v1/files/{file}/pause",
        "POST /v1/files/{file}/cancel",
        "POST /v1/messages",
        "POST /v1/messages/batch",
        "POST /v1/messages/{message}/withdraw",
    },
}
"""Whatever is not here needs `admin`; who adds a route decides here whether a bot may ask it."""


def test_each_route_has_the_scope_that_was_decided_for_it() -> None:
    found: dict[str, set[str]] = {}
    for route in ROUTES:
        found.setdefault(route.scope, set()).add(f"{route.method} {route.path}")
    found.pop("admin")
    assert found == ALLOWED


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_token_may_do_what_its_scope_says(
    serving: Serving, door: Door, scope: TokenScope
) -> None:
    serving.node.answer(AddContact("mesh:Ben"))
    door.token = (await door.access.make_token(MakeToken("bot", scope))).token
    send = {"contact": "Ben", "text": "hello"}
    asked = {
        "metrics": await door.ask("GET", "/metrics"),
        "read": await door.ask("GET", "/v1/messages?contact=Ben"),
        "send": await door.ask("POST", "/v1/messages", json=send),
        "admin": await door.ask("GET", "/v1/tokens"),
    }
    for needed, answered in asked.items():
        if SCOPES.index(needed) <= SCOPES.index(scope):
            assert answered.status == 200
        else:
            assert (answered.status, answered.kind) == (403, "not-allowed")
            assert json.loads(answered.body)["fields"] == {"scope": needed}
    assert len(serving.node.messages) == (1 if scope in ("send", "admin") else 0)


@pytest.mark.parametrize(
    "path", ["/v1/events", "/v1/openapi.json", "/v1/carry/summary", "/v1/conversations/Ben/export"]
)
async def test_streams_ask_for_a_scope_too(door: Door, path: str) -> None:
    door.token = (await door.access.make_token(MakeToken("prometheus", "metrics"))).token
    assert (await door.ask("GET", path)).kind == "not-allowed"


async def test_a_backup_is_for_admins(door: Door) -> None:
    door.token = (await door.access.make_token(MakeToken("bot", "send"))).token
    answered = await door.ask("POST", "/v1/backup", json={"passphrase": "x", "is_new": True})
    assert answered.kind == "not-allowed"


async def test_a_reader_marks_nothing_as_read(serving: Serving, door: Door) -> None:
    serving.node.answer(AddContact("mesh:Ben"))
    door.token = (await door.access.make_token(MakeToken("bot", "read"))).token
    assert (await door.ask("GET", "/v1/messages?mark_read=true")).kind == "not-allowed"
    assert (await door.ask("GET", "/v1/items?mark_read=true")).kind == "not-allowed"


async def test_a_token_does_not_end_by_itself_and_is_revoked_for_good(door: Door) -> None:
    made = await door.access.make_token(MakeToken("bot", "read"))
    door.token = made.token
    door.clock.pass_by(10_000 * HOUR)
    async with await door.events() as stream:
        again = Access(door.access.path, door.clock)
        assert await again.find(made.token) is not None
        await door.access.revoke_token(made.number)
        assert [piece async for piece in stream] == []
    assert (await door.ask("GET", "/v1/status")).kind == "signed-out"
    assert await Access(door.access.path, door.clock).find(made.token) is None


async def test_a_token_is_told_once_and_kept_as_a_hash(door: Door) -> None:
    await door.sign_in()
    body = {"name": "bot", "scope": "send"}
    made = json.loads((await door.ask("POST", "/v1/tokens", json=body)).body)
    assert made["token"] not in await trio.Path(door.access.path).read_text()
    listed = json.loads((await door.ask("GET", "/v1/tokens")).body)
    assert [(each["name"], each["scope"]) for each in listed["tokens"]] == [("bot", "send")]
    assert "token" not in listed["tokens"][0]
    assert [each["is_this"] for each in listed["sessions"]] == [True]
    assert (await door.ask("POST", "/v1/tokens", json=body)).kind == "exists"
    assert (await door.ask("DELETE", f"/v1/tokens/{made['number']}")).status == 200
    assert (await door.ask("DELETE", f"/v1/tokens/{made['number']}")).kind == "not-found"


async def test_there_are_so_many_tokens_and_no_number_comes_twice(door: Door) -> None:
    numbers = [
        (await door.access.make_token(MakeToken(f"bot-{each}"))).number
        for each in range(TOKENS_MAX)
    ]
    with pytest.raises(UserError, match="revoke some"):
        await door.access.make_token(MakeToken("one-more"))
    await door.access.revoke_token(numbers[-1])
    assert (await door.access.make_token(MakeToken("one-more"))).number == numbers[-1] + 1


async def test_all_pages_are_signed_out_at_once(door: Door) -> None:
    first = await door.sign_in()
    await door.sign_in()
    bot = (await door.access.make_token(MakeToken("bot"))).token
    assert (await door.ask("DELETE", "/v1/session?everywhere=true")).status == 200
    assert await door.access.find(first) is None
    assert await door.access.find(bot) is not None


async def test_prometheus_learns_nothing_of_people(serving: Serving, door: Door) -> None:
    door.token = (await door.access.make_token(MakeToken("prometheus", "metrics"))).token
    before = await door.ask("GET", "/metrics")
    assert before.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "mesh_up 1\n" in before.body.decode()
    assert "mesh_stored_bytes_max 1073741824\n" in before.body.decode()
    # Neither contacts nor a lock change what is told.
    serving.node.answer(AddContact("mesh:Ben"))
    serving.node.is_locked = True
    assert (await door.ask("GET", "/metrics")).body == before.body


async def test_a_person_is_told_by_a_header_only(serving: Serving, door: Door) -> None:
    await door.sign_in()
    await door.ask("GET", "/v1/contacts")
    assert serving.node.persons_count == 0
    await door.ask("GET", "/v1/contacts", {"Mesh-Person": "1"})
    assert serving.node.persons_count == 1


async def test_neither_a_bot_nor_who_has_no_token_counts_as_a_person(
    serving: Serving, door: Door
) -> None:
    person = {"Mesh-Person": "1"}
    assert (await door.ask("POST", "/v1/session", person, json={"code": "0" * 32})).status != 200
    for scope in ("read", "send"):
        door.token = (await door.access.make_token(MakeToken(scope, scope))).token
        assert (await door.ask("GET", "/v1/contacts", person)).status == 200
    assert serving.node.persons_count == 0
    # What is no request at all is no sign of life either.
    await door.sign_in()
    assert (await door.ask("GET", "/v1/contacts?no=such", person)).status == 400
    assert serving.node.persons_count == 0


async def test_the_first_run_happens_over_the_door(serving: Serving, door: Door) -> None:
    serving.node.name = ""
    await door.sign_in()
    body = {"name": "Anna\u202e", "passphrase": "correct battery"}
    assert (await door.ask("POST", "/v1/identity", json=body)).kind == "bad-name"
    assert serving.node.passphrase != b"correct battery"
    body["name"] = "Anna"
    made = await door.ask("POST", "/v1/identity", json=body)
    assert msgspec.json.decode(made.body)["name"] == "Anna"
    assert serving.node.passphrase == b"correct battery"
