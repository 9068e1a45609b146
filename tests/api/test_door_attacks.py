"""Attacks on the door for browsers: by other pages, other names, other programs and users.

Each was seen to succeed where its rule was taken out.
"""

import logging

import httpx2
import pytest
import trio
from httpx2.websockets import WebSocketUpgradeError

from mesh.commands.contacts import AddContact
from mesh.limits.api import (
    API_BODY_BYTES_MAX,
    API_GRACE_MS,
    API_HEAD_BYTES_MAX,
)
from mesh.limits.door import WRONG_TOKENS_BURST, WRONG_TOKENS_WAITING_MAX
from tests.api.conftest import Serving
from tests.api.door import Door

PAGE = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.mark.parametrize(
    "hosts",
    [
        ["evil.test"],
        ["evil.test:{port}"],
        ["127.0.0.1"],
        ["127.0.0.1:1"],
        ["127.0.0.1.evil.test:{port}"],
        ["127.0.0.2:{port}"],
        ["mesh"],
        ["127.0.0.1:{port}", "evil.test:{port}"],
        ["127.0.0.1:{port}, evil.test"],
        [""],
    ],
)
@pytest.mark.parametrize("path", ["/", "/v1/status"])
async def test_another_name_of_this_machine_is_not_ours(
    door: Door, hosts: list[str], path: str
) -> None:
    await door.sign_in()
    lines = [f"Host: {host.format(port=door.port)}" for host in hosts]
    lines += [f"Authorization: Bearer {door.token}", "Connection: close"]
    answered = await door.exchange(f"GET {path} HTTP/1.1", lines)
    # The parser refuses what names two; the guard all others.
    assert answered.status == 400 or (answered.status, answered.kind) == (421, "misdirected")


@pytest.mark.parametrize("host", ["localhost:{port}", "[::1]:{port}", "LOCALHOST:{port}"])
async def test_all_names_of_loopback_are_ours(door: Door, host: str) -> None:
    await door.sign_in()
    answered = await door.ask("GET", "/v1/status", {"Host": host.format(port=door.port)})
    assert answered.status == 200


@pytest.mark.parametrize(
    "origin",
    ["http://evil.test", "null", "http://127.0.0.1:1", "https://{host}", "http://localhost:{port}"],
)
async def test_a_page_of_another_origin_is_refused(door: Door, origin: str) -> None:
    await door.sign_in()
    headers = {"Origin": origin.format(host=door.host, port=door.port)}
    for path in ("/v1/status", "/"):
        assert (await door.ask("GET", path, headers)).kind == "forbidden"
    preflight = await door.ask("OPTIONS", "/v1/messages", headers)
    assert preflight.kind == "forbidden"
    assert not any(name.startswith("access-control") for name in preflight.headers)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "something-new"])
async def test_what_a_browser_marks_as_from_elsewhere_is_refused(door: Door, site: str) -> None:
    await door.sign_in()
    for path in ("/v1/status", "/index.html"):
        assert (await door.ask("GET", path, {"Sec-Fetch-Site": site})).kind == "forbidden"
    # A link that opens the page is no request of another page, and a frame is no link.
    visit = {"Sec-Fetch-Site": site, **PAGE}
    assert (await door.ask("GET", "/", visit)).status == 200
    assert (await door.ask("GET", "/v1/status", visit)).kind == "forbidden"
    framed = {**visit, "Sec-Fetch-Dest": "iframe"}
    assert (await door.ask("GET", "/", framed)).kind == "forbidden"


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer wrong", "Basic {token}", "Bearer {token}x", "{token}"]
)
async def test_without_the_right_token_nothing_is_told(door: Door, value: str) -> None:
    token = await door.sign_in()
    headers = {"Authorization": value.format(token=token)}
    for path in ("/v1/status", "/v1/events", "/v1/openapi.json", "/metrics", "/v1/no-such"):
        answered = await door.ask("GET", path, headers)
        assert (answered.status, answered.kind) == (401, "signed-out")


async def test_two_tokens_are_none(door: Door) -> None:
    token = await door.sign_in()
    lines = [f"Host: {door.host}", "Connection: close", *[f"Authorization: Bearer {token}"] * 2]
    assert (await door.exchange("GET /v1/status HTTP/1.1", lines)).kind == "signed-out"


@pytest.mark.parametrize(
    "path", ["/%76%31/status", "//v1/status", "/v1%2Fstatus", "/./v1/status", "/v1/../v1/status"]
)
async def test_no_spelling_of_a_path_goes_round_the_token(door: Door, path: str) -> None:
    answered = await door.ask("GET", path)
    assert answered.kind in ("signed-out", "no-route")
    absolute = await door.ask("GET", f"http://{door.host}/v1/status")
    assert absolute.kind in ("signed-out", "no-route")


async def is_accepted(door: Door, protocols: list[str], headers: dict[str, str]) -> bool:
    """Say whether a WebSocket is opened."""
    async with httpx2.AsyncClient(base_url=f"http://{door.host}") as http:
        try:
            async with http.websocket("/v1/events", subprotocols=protocols, headers=headers):
                return True
        except WebSocketUpgradeError:
            return False


async def test_a_websocket_needs_the_token_and_our_origin(door: Door) -> None:
    token = await door.sign_in()
    ours = {"Origin": f"http://{door.host}"}
    right = ["mesh.v1", f"bearer.{token}"]
    assert await is_accepted(door, right, ours)
    assert not await is_accepted(door, ["mesh.v1"], ours)
    assert not await is_accepted(door, ["mesh.v1", "bearer.wrong"], ours)
    assert not await is_accepted(door, right, {"Origin": "http://evil.test"})
    assert not await is_accepted(door, right, {"Origin": "null"})
    assert not await is_accepted(door, right, {**ours, "Sec-Fetch-Site": "same-site"})
    assert not await is_accepted(door, right, {"Host": f"evil.test:{door.port}"})


@pytest.mark.parametrize(
    "lines, status",
    [
        (["mesh.v1", "bearer.{token}"], 101),
        (["bearer.{token}", "mesh.v1"], 101),
        (["bearer.{token}", "bearer.of-somebody-else"], 401),
        (["bearer.of-somebody-else", "bearer.{token}"], 401),
    ],
)
async def test_lists_in_several_lines_are_read_whole(
    door: Door, lines: list[str], status: int
) -> None:
    token = await door.sign_in()
    sent = [f"Host: {door.host}", "Connection: Upgrade", "Connection: keep-alive"]
    sent += ["Upgrade: websocket", "Upgrade: h2c", "Sec-WebSocket-Version: 13"]
    sent += ["Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=="]
    sent += [f"Sec-WebSocket-Protocol: {each.format(token=token)}" for each in lines]
    head = "\r\n".join(["GET /v1/events HTTP/1.1", *sent, "", ""])
    async with await trio.open_tcp_stream("127.0.0.1", door.port) as stream:
        await stream.send_all(head.encode())
        told = await stream.receive_some()
    assert told.startswith(f"HTTP/1.1 {status} ".encode())
    assert (b"mesh.v1" in told) == (status == 101)


async def test_wrong_tokens_are_slowed_down_and_right_ones_are_not(
    door: Door, autojump_clock: trio.testing.MockClock
) -> None:
    token = await door.sign_in()
    begun = trio.current_time()
    for _ in range(WRONG_TOKENS_BURST):
        assert await door.access.find("wrong") is None
    assert trio.current_time() == begun
    assert await door.access.find("wrong") is None
    assert trio.current_time() > begun
    waited = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(WRONG_TOKENS_WAITING_MAX):
            nursery.start_soon(door.access.find, "wrong")
        await trio.testing.wait_all_tasks_blocked()
        assert (await door.ask("GET", "/v1/status", {"Authorization": "Bearer x"})).status == 429
        assert await door.access.find(token) is not None
        assert trio.current_time() == waited


async def test_a_wrong_code_is_slowed_down_like_a_token(
    door: Door, autojump_clock: trio.testing.MockClock
) -> None:
    begun = trio.current_time()
    for _ in range(WRONG_TOKENS_BURST + 1):
        assert (await door.ask("POST", "/v1/session", json={"code": "guess"})).kind == "bad-code"
    assert trio.current_time() > begun


@pytest.mark.parametrize("is_signed_in", [False, True])
async def test_a_huge_body_is_refused_before_it_is_read(door: Door, is_signed_in: bool) -> None:
    if is_signed_in:
        await door.sign_in()
    headers = {"Content-Length": str(API_BODY_BYTES_MAX + 1), "Content-Type": "application/json"}
    with trio.fail_after(60):
        answered = await door.ask("POST", "/v1/messages", headers, json={})
    assert answered.kind == ("too-large" if is_signed_in else "signed-out")


async def test_a_code_in_a_huge_body_is_refused(door: Door) -> None:
    answered = await door.ask("POST", "/v1/session", json={"code": "x" * 100_000})
    assert answered.kind == "bad-request"


async def test_huge_headers_are_refused(door: Door) -> None:
    with trio.fail_after(60):
        answered = await door.ask("GET", "/", {"X": "y" * 4 * API_HEAD_BYTES_MAX})
    assert answered.status in (400, 431)


async def test_a_page_that_does_not_read_cannot_hold_up_the_stop(
    serving: Serving, door: Door, autojump_clock: trio.testing.MockClock
) -> None:
    serving.node.answer(AddContact("mesh:Ben"))
    await door.sign_in()
    async with await door.events():
        for _ in range(100):
            serving.node.receive("Ben", "x" * 50_000)
        serving.stopping.set()
        with trio.fail_after(API_GRACE_MS / 1_000 + 1):
            await door.stopped.wait()


async def test_nothing_secret_is_logged(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    code = door.access.new_code(as_file=False).code
    token = await door.sign_in()
    await door.ask("POST", "/v1/session", json={"code": code})
    wrong = {"Authorization": "Bearer of-somebody-else"}
    for _ in range(WRONG_TOKENS_BURST):
        await door.ask("GET", "/v1/status", wrong)
    await door.ask("GET", "/v1/status", {"Origin": "http://evil.test"})
    said = caplog.text
    assert not any(secret in said for secret in (code, token, "of-somebody-else"))


async def test_http_2_is_not_spoken(door: Door) -> None:
    with trio.fail_after(60):
        answered = await door.exchange("PRI * HTTP/2.0", [], b"SM\r\n\r\n\0\0\0\4\0\0\0\0\0")
    assert (answered.status, answered.body) == (505, b"")


@pytest.mark.parametrize(
    "host, is_signed_in, status",
    [("{host}", False, 401), ("{host}", True, 200), ("evil.test", True, 421)],
)
async def test_an_upgrade_to_http_2_is_passed_over(
    door: Door, host: str, is_signed_in: bool, status: int
) -> None:
    if is_signed_in:
        await door.sign_in()
    headers = {"Host": host.format(host=door.host), "Connection": "Upgrade, HTTP2-Settings, close"}
    headers |= {"Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAoAAAAAIAAAAA"}
    assert (await door.ask("GET", "/v1/status", headers)).status == status
