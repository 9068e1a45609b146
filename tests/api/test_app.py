"""The routes over a real unix socket: what is answered, and how everything else is refused."""

from collections.abc import AsyncIterator

import httpx2
import msgspec
import pytest
import trio

from mesh.api.problems import TYPE_PREFIX, Problem
from mesh.commands.contacts import AddContact
from mesh.commands.messages import MessageAnswer
from mesh.commands.nearby import NearbyPersonAnswer
from mesh.limits.api import API_BODY_BYTES_MAX, API_CHUNK_BYTES
from tests.api.conftest import Serving
from tests.api.small_vault import PASSPHRASE


def kind(response: httpx2.Response) -> str:
    """Return the kind of a problem, after looking at its form."""
    assert response.headers["content-type"] == "application/problem+json"
    problem = msgspec.json.decode(response.content, type=Problem)
    assert problem.status == response.status_code
    assert problem.detail.endswith((".", "mesh contacts", "mesh unlock"))
    assert problem.type == TYPE_PREFIX + problem.kind
    return problem.kind


async def test_a_message_is_sent_and_read_again(serving: Serving) -> None:
    async with serving.http() as http:
        added = await http.post("/v1/contacts", json={"link": "mesh:Ben", "label": "Ben"})
        assert added.status_code == 200
        sent = await http.post("/v1/messages", json={"contact": "Ben", "text": "Grüße 🌿"})
        message = msgspec.json.decode(sent.content, type=MessageAnswer)
        assert message.text == "Grüße 🌿"
        page = await http.get("/v1/messages", params={"contact": "Ben", "mark_read": "true"})
        assert page.json()["messages"] == [sent.json()]


async def test_every_answer_forbids_keeping_and_framing(serving: Serving) -> None:
    async with serving.http() as http:
        for path in ("/v1/status", "/v1/nowhere", "/v1/openapi.json"):
            headers = (await http.get(path)).headers
            assert headers["cache-control"] == "no-store"
            assert headers["x-content-type-options"] == "nosniff"
            assert "default-src 'none'" in headers["content-security-policy"]
            assert "server" not in headers


async def test_a_key_in_the_header_makes_a_repeated_send_one_message(serving: Serving) -> None:
    serving.node.answer(AddContact("mesh:Ben"))
    async with serving.http() as http:
        body = {"contact": "Ben", "text": "once"}
        headers = {"Idempotency-Key": "k1"}
        first = await http.post("/v1/messages", json=body, headers=headers)
        again = await http.post("/v1/messages", json=body, headers=headers)
        assert first.json() == again.json()
        assert len(serving.node.messages) == 1
        other = await http.post("/v1/messages", json={**body, "text": "2"}, headers=headers)
        assert (other.status_code, kind(other)) == (422, "key-reused")


async def test_a_contact_with_a_slash_in_its_label_is_renamed(serving: Serving) -> None:
    serving.node.answer(AddContact("mesh:Ben", "a/b c"))
    async with serving.http() as http:
        renamed = await http.patch("/v1/contacts/a%2Fb%20c", json={"label": "Ben"})
        assert renamed.json()["label"] == "Ben"


async def test_a_label_that_ends_like_a_route_is_no_route(serving: Serving) -> None:
    serving.node.answer(AddContact("mesh:Ben", "Ben/block"))
    serving.node.answer(AddContact("mesh:Other", "Ben"))
    async with serving.http() as http:
        details = await http.get("/v1/contacts/Ben%2Fblock")
        assert details.json()["contact"]["label"] == "Ben/block"
        blocked = await http.post("/v1/contacts/Ben%2Fblock/block")
        assert (blocked.json()["label"], blocked.json()["is_blocked"]) == ("Ben/block", True)
        other = await http.get("/v1/contacts/Ben")
        assert other.json()["contact"]["is_blocked"] is False


async def test_a_path_that_is_no_utf_8_is_refused(serving: Serving) -> None:
    async with serving.http() as http:
        response = await http.get("/v1/contacts/%ff")
        assert (response.status_code, kind(response)) == (400, "bad-request")


async def test_trust_is_told_and_changed(serving: Serving) -> None:
    serving.node.answer(AddContact("mesh:Ben", "Ben"))
    async with serving.http() as http:
        path = "/v1/contacts/Ben"
        assert (await http.post(f"{path}/verify")).json()["trust"] == "verified"
        taken_back = await http.post(f"{path}/verify", json={"is_verified": False})
        assert taken_back.json()["trust"] == "known"
        receipts = await http.post(f"{path}/read-receipts", json={"is_on": True})
        assert receipts.json()["sends_read_receipts"] is True
        assert (await http.post(f"{path}/compare")).json()["state"] == "asked by us"
        assert (await http.get(path)).json()["comparison"]["state"] == "asked by us"
        verdict = await http.post(f"{path}/compare/verdict", json={"is_equal": True})
        assert verdict.json()["state"] == "matched"
        assert (await http.delete(path)).json() == {}
        gone = await http.get(path)
        assert (gone.status_code, kind(gone)) == (404, "not-found")


async def test_an_invite_is_inspected_before_it_is_used(serving: Serving) -> None:
    async with serving.http() as http:
        told = await http.post("/v1/invites/inspect", json={"link": "mesh:Ben"})
        assert told.json()["sentence"] == "This adds Ben as a contact."
        assert serving.node.contacts == {}


async def test_people_nearby_are_asked_for_and_compared(serving: Serving) -> None:
    person = NearbyPersonAnswer(id=4, name="Cleo", state="asked by them")
    serving.node.people.nearby[4] = person
    async with serving.http() as http:
        on = await http.post("/v1/nearby", json={"is_on": True})
        assert on.json() == (await http.get("/v1/nearby")).json()
        assert len((await http.post("/v1/nearby/4/compare")).json()["emoji"]) == 7
        verdict = await http.post("/v1/nearby/4/verdict", json={"is_equal": False})
        assert verdict.json()["state"] == "failed"
        nobody = await http.post("/v1/nearby/5/compare")
        assert (nobody.status_code, kind(nobody)) == (404, "not-found")


async def test_peers_are_added_and_removed(serving: Serving) -> None:
    async with serving.http() as http:
        address = "[fe80::1]:4040"
        assert (await http.post("/v1/peers", json={"address": address})).status_code == 200
        peers = (await http.get("/v1/peers")).json()["peers"]
        assert [peer["address"] for peer in peers] == [address]
        gone = await http.delete("/v1/peers", params={"address": address})
        assert gone.status_code == 200
        again = await http.delete("/v1/peers", params={"address": address})
        assert (again.status_code, kind(again)) == (404, "not-found")


async def test_a_locked_vault_says_so_until_it_is_unlocked(serving: Serving) -> None:
    serving.node.is_locked = True
    async with serving.http() as http:
        refused = await http.get("/v1/contacts")
        assert (refused.status_code, kind(refused)) == (423, "locked")
        wrong = await http.post("/v1/unlock", json={"passphrase": "guess"})
        assert (wrong.status_code, kind(wrong)) == (403, "wrong-passphrase")
        right = await http.post("/v1/unlock", json={"passphrase": PASSPHRASE.decode()})
        assert right.status_code == 200
        assert (await http.get("/v1/contacts")).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"contact": "\xc3"}',
        b'{"contact": "Ben"}',
        b'{"contact": 7.5, "text": "x"}',
        b'{"contact": "Ben", "text": "x", "txet": "y"}',
        b'{"contact": "Ben", "text": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
    ],
    ids=lambda body: body[:24].decode("latin-1"),
)
async def test_a_bad_body_is_refused_in_words(serving: Serving, body: bytes) -> None:
    async with serving.http() as http:
        headers = {"content-type": "application/json"}
        response = await http.post("/v1/messages", content=body, headers=headers)
        assert (response.status_code, kind(response)) == (400, "bad-request")


@pytest.mark.parametrize(
    "query",
    [
        "after=x",
        "after=-1",
        "after=9223372036854775808",
        "after=1&after=2",
        "mark_read=maybe",
        "nothing=1",
        "contact=%ff",
        "=",
        "after",
    ],
)
async def test_a_bad_query_is_refused_in_words(serving: Serving, query: str) -> None:
    async with serving.http() as http:
        response = await http.get(f"/v1/messages?{query}")
        assert (response.status_code, kind(response)) == (400, "bad-request")


async def test_a_body_that_is_no_json_is_refused_by_its_type(serving: Serving) -> None:
    async with serving.http() as http:
        for media_type in ("text/plain", "application/x-www-form-urlencoded", ""):
            headers = {"content-type": media_type}
            response = await http.post("/v1/peers", content=b"{}", headers=headers)
            assert (response.status_code, kind(response)) == (415, "not-json")
        headers = {"content-type": "application/json; charset=utf-8"}
        body = b'{"address": "10.0.0.1:4040"}'
        assert (await http.post("/v1/peers", content=body, headers=headers)).is_success


async def test_unknown_paths_and_methods_are_told_apart(serving: Serving) -> None:
    async with serving.http() as http:
        nowhere = await http.get("/v1/statuses")
        assert (nowhere.status_code, kind(nowhere)) == (404, "no-route")
        assert kind(await http.get("/v1/status/")) == "no-route"
        wrong = await http.delete("/v1/messages")
        assert (wrong.status_code, kind(wrong)) == (405, "method-not-allowed")
        assert sorted(wrong.headers["allow"].split(", ")) == ["GET", "POST"]
        assert kind(await http.post("/v1/openapi.json")) == "method-not-allowed"
        assert kind(await http.post("/v1/events")) == "method-not-allowed"


async def test_a_huge_body_is_refused_before_and_while_it_comes(serving: Serving) -> None:
    headers = {"content-type": "application/json"}

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3 * API_BODY_BYTES_MAX // API_CHUNK_BYTES):
            yield b" " * API_CHUNK_BYTES

    async with serving.http() as http:
        body = b" " * (API_BODY_BYTES_MAX + 1)
        told = await http.post("/v1/messages", content=body, headers=headers)
        assert (told.status_code, kind(told)) == (413, "too-large")
        counted = await http.post("/v1/messages", content=pieces(), headers=headers)
        assert (counted.status_code, kind(counted)) == (413, "too-large")
        assert (await http.get("/v1/status")).status_code == 200


@pytest.mark.parametrize("name", ["Origin", "Referer", "Sec-Fetch-Site"])
async def test_a_request_from_a_web_page_is_refused(serving: Serving, name: str) -> None:
    async with serving.http() as http:
        response = await http.get("/v1/status", headers={name: "http://mesh"})
        assert (response.status_code, kind(response)) == (403, "forbidden")
        response = await http.get("/v1/events", headers={name: "null"})
        assert (response.status_code, kind(response)) == (403, "forbidden")


@pytest.mark.parametrize(
    "hosts, status",
    [
        ([b"mesh"], b"200"),
        ([b"LOCALHOST:80"], b"200"),
        ([b"evil.test"], b"421"),
        ([b"mesh.evil.test"], b"421"),
        ([b""], b"421"),
    ],
)
async def test_only_our_own_host_names_are_answered(
    serving: Serving, hosts: list[bytes], status: bytes
) -> None:
    async with await trio.open_unix_socket(serving.path) as stream:
        lines = b"".join(b"Host: %s\r\n" % host for host in hosts)
        await stream.send_all(b"GET /v1/status HTTP/1.1\r\n" + lines + b"\r\n")
        assert (await stream.receive_some()).split()[1] == status


async def test_a_client_that_sends_no_body_is_told_and_cut(
    serving: Serving, autojump_clock: trio.testing.MockClock
) -> None:
    async with await trio.open_unix_socket(serving.path) as stream:
        head = b"POST /v1/stop HTTP/1.1\r\nHost: mesh\r\nContent-Length: 5\r\n\r\n"
        await stream.send_all(head)
        answer = b"".join([piece async for piece in stream])
        assert answer.split()[1] == b"408"
    assert not serving.stopping.is_set()


async def test_the_same_holds_of_who_would_go_on_in_http_2(serving: Serving) -> None:
    async with await trio.open_unix_socket(serving.path) as stream:
        await stream.send_all(
            b"GET /v1/status HTTP/1.1\r\nHost: evil.test\r\nConnection: Upgrade, HTTP2-Settings\r\n"
            b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n"
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
        )
        answer = b""
        while b"problem:misdirected" not in answer:
            piece = await stream.receive_some()
            assert piece, answer
            answer += piece


async def test_bytes_that_are_no_http_end_only_their_connection(serving: Serving) -> None:
    for noise in (
        b"\x00" * 64,
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nxx",
    ):
        async with await trio.open_unix_socket(serving.path) as stream:
            await stream.send_all(noise)
            await stream.send_eof()
            async for _ in stream:
                pass
    async with serving.http() as http:
        assert (await http.get("/v1/status")).status_code == 200


async def test_stop_is_answered_before_the_daemon_stops(serving: Serving) -> None:
    async with serving.http() as http:
        assert (await http.post("/v1/stop")).status_code == 200
    await serving.stopped.wait()
    assert not serving.path.exists()
