"""The door for browsers: signing in, sessions, the page's files, and the stream of events."""

import base64
import hashlib
import json
import re
import stat
from pathlib import Path

import httpx2
import msgspec
import pytest
import trio

from mesh.api.access import Access
from mesh.api.loopback import LoopbackListener
from mesh.commands.contacts import AddContact
from mesh.errors import UserError
from mesh.limits.door import SESSION_IDLE_SECONDS, SESSIONS_MAX
from mesh.web.static_files import StaticFiles
from tests.api.conftest import Serving
from tests.api.door import HOUR, Door, HandClock

SECOND = 1_000_000


async def test_a_page_signs_in_by_a_code_and_asks_with_its_token(door: Door) -> None:
    assert (await door.ask("GET", "/v1/status")).kind == "signed-out"
    await door.sign_in()
    answered = await door.ask("GET", "/v1/status", {"Origin": f"http://{door.host}"})
    assert (answered.status, json.loads(answered.body)["name"]) == (200, "Anna")
    assert "set-cookie" not in answered.headers
    assert not any(name.startswith("access-control") for name in answered.headers)


async def test_a_code_works_once(door: Door) -> None:
    code = door.access.new_code(as_file=False).code
    first = await door.ask("POST", "/v1/session", json={"code": code})
    second = await door.ask("POST", "/v1/session", json={"code": code})
    assert (first.status, second.status, second.kind) == (200, 403, "bad-code")


@pytest.mark.parametrize("seconds, status", [(59, 200), (60, 403)])
async def test_a_code_is_void_after_a_minute(door: Door, seconds: int, status: int) -> None:
    code = door.access.new_code(as_file=False).code
    door.clock.pass_by(seconds * SECOND)
    assert (await door.ask("POST", "/v1/session", json={"code": code})).status == status


async def test_a_session_ends_half_a_day_after_its_last_use(door: Door) -> None:
    await door.sign_in()
    for _ in range(3):
        door.clock.pass_by(11 * HOUR)
        assert (await door.ask("GET", "/v1/status")).status == 200
    door.clock.pass_by(SESSION_IDLE_SECONDS * SECOND)
    assert (await door.ask("GET", "/v1/status")).kind == "signed-out"


async def test_no_session_lives_longer_than_a_month(door: Door) -> None:
    await door.sign_in()
    for _ in range(65):
        door.clock.pass_by(11 * HOUR)
        assert (await door.ask("GET", "/v1/status")).status == 200
    door.clock.pass_by(11 * HOUR)
    assert (await door.ask("GET", "/v1/status")).kind == "signed-out"


async def test_signing_out_ends_the_session_and_lets_the_browser_forget(door: Door) -> None:
    await door.sign_in()
    ended = await door.ask("DELETE", "/v1/session")
    assert (ended.status, ended.headers["clear-site-data"]) == (200, '"cache", "storage"')
    assert (await door.ask("GET", "/v1/status")).kind == "signed-out"


async def test_a_session_outlives_a_restart_at_the_same_port_only(tmp_path: Path) -> None:
    clock = HandClock()
    first = Access(tmp_path / "door.json", clock)
    await first.listens_at(40_001)
    token = (await first.sign_in(first.new_code(as_file=False).code)).token
    again = Access(tmp_path / "door.json", clock)
    assert again.record.port == 40_001
    await again.listens_at(40_001)
    assert await again.find(token) is not None
    # Whoever took the port meanwhile may have been told the token by a page that was open.
    elsewhere = Access(tmp_path / "door.json", clock)
    await elsewhere.listens_at(40_002)
    assert await elsewhere.find(token) is None
    assert await Access(tmp_path / "door.json", clock).find(token) is None


async def test_the_file_of_sessions_is_private_and_holds_no_token(tmp_path: Path) -> None:
    access = Access(tmp_path / "door.json", HandClock())
    await access.listens_at(40_001)
    code = access.new_code(as_file=False).code
    token = (await access.sign_in(code)).token
    assert stat.S_IMODE(access.path.stat().st_mode) == 0o600
    assert not any(secret in access.path.read_text() for secret in (code, token))


async def test_a_damaged_file_of_sessions_costs_the_sessions_only(tmp_path: Path) -> None:
    path = tmp_path / "door.json"
    path.write_text('{"port": "many"')
    path.chmod(0o600)
    access = Access(path, HandClock())
    await access.listens_at(40_001)
    token = (await access.sign_in(access.new_code(as_file=False).code)).token
    assert await Access(path, HandClock()).find(token) is not None


async def test_the_session_that_was_not_used_for_longest_makes_room(tmp_path: Path) -> None:
    access = Access(tmp_path / "door.json", clock := HandClock())
    await access.listens_at(40_001)
    tokens = []
    for _ in range(SESSIONS_MAX + 1):
        clock.pass_by(SECOND)
        tokens.append((await access.sign_in(access.new_code(as_file=False).code)).token)
    assert await access.find(tokens[0]) is None
    assert await access.find(tokens[1]) is not None


async def test_a_file_leads_a_browser_to_the_page_and_goes_when_the_code_is_used(
    door: Door,
) -> None:
    made = door.access.new_code(as_file=True)
    file = trio.Path(made.file)
    assert stat.S_IMODE((await file.stat()).st_mode) == 0o600
    assert f"url={made.address}" in await file.read_text()
    assert made.address == f"http://{door.host}/#code={made.code}"
    await door.access.sign_in(made.code)
    assert not await file.exists()
    left = trio.Path(door.access.new_code(as_file=True).file)
    door.access.close()
    assert not await left.exists()


def test_without_a_door_there_is_no_code(tmp_path: Path) -> None:
    access = Access(tmp_path / "door.json", HandClock())
    with pytest.raises(UserError, match="no door"):
        access.new_code(as_file=False)


def the_only_script_in(page: bytes) -> str:
    [script] = re.findall(rb"<script>(.*?)</script>", page, re.DOTALL)
    return base64.b64encode(hashlib.sha256(script).digest()).decode()


async def test_the_page_is_served_to_everybody_with_its_rules(door: Door) -> None:
    page = await door.ask("GET", "/", {"If-None-Match": '"another"'})
    assert page.status == 200
    assert page.body.startswith(b"<!doctype html>")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    for rule in (
        "default-src 'none'",
        f"script-src 'self' 'sha256-{the_only_script_in(page.body)}'",
        "connect-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ):
        assert rule in policy.split("; ")
    for name, value in {
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(self), microphone=(self), geolocation=()",
        "cache-control": "no-cache",
    }.items():
        assert page.headers[name] == value
    same = await door.ask("GET", "/", {"If-None-Match": page.headers["etag"]})
    assert (same.status, same.body) == (304, b"")
    head = await door.ask("HEAD", "/index.html")
    assert (head.status, head.body) == (200, b"")
    assert (await door.ask("POST", "/")).status == 405


async def test_answers_of_the_api_are_kept_and_framed_by_nobody(door: Door) -> None:
    for answered in (await door.ask("GET", "/v1/status"), await door.ask("GET", "/nothing.js")):
        assert answered.headers["cache-control"] == "no-store"
        assert answered.headers["x-frame-options"] == "DENY"
        assert answered.headers["cross-origin-resource-policy"] == "same-origin"


def test_files_are_found_by_their_names_only(tmp_path: Path) -> None:
    (tmp_path / "secret.js").write_text("no")
    folder = tmp_path / "static"
    (folder / "app").mkdir(parents=True)
    (folder / "app" / "main.js").write_text("one")
    (folder / ".hidden.js").write_text("no")
    (folder / "notes.md").write_text("no")
    files = StaticFiles(folder)
    found = files.find("/app/main.js")
    assert found is not None
    assert (found.content, found.media_type) == (b"one", "text/javascript; charset=utf-8")
    for name in ("/../secret.js", "//secret.js", "/app/../../secret.js", "/.hidden.js", "/app"):
        assert files.find(name) is None
    for name in ("/notes.md", "/app/", "/app//main.js", "/app\\main.js", "/app/main.js\0"):
        assert files.find(name) is None
    (folder / "app" / "main.js").write_text("two, later")
    changed = files.find("/app/main.js")
    assert changed is not None
    assert changed.content == b"two, later"
    assert changed.tag != found.tag


async def test_events_come_over_a_websocket_with_the_token_among_its_protocols(
    serving: Serving, door: Door
) -> None:
    token = await door.sign_in()
    async with httpx2.AsyncClient(base_url=f"http://{door.host}") as http:
        protocols = ["mesh.v1", f"bearer.{token}"]
        headers = {"Origin": f"http://{door.host}"}
        async with http.websocket("/v1/events", subprotocols=protocols, headers=headers) as stream:
            assert stream.subprotocol == "mesh.v1"
            hello = json.loads(await stream.receive_text())
            serving.node.answer(AddContact("mesh:Ben"))
            first = json.loads(await stream.receive_text())
        assert (hello["type"], first["event"]["type"]) == ("hello", "contact-added")
        serving.node.receive("Ben", "while the page was away")
        cursor = f"?after={first['seq']}&epoch={hello['epoch']}"
        async with http.websocket("/v1/events" + cursor, subprotocols=protocols) as stream:
            await stream.receive_text()
            missed = json.loads(await stream.receive_text())
        assert missed["event"]["message"]["text"] == "while the page was away"


async def test_a_stream_ends_when_its_session_does(door: Door) -> None:
    await door.sign_in()
    async with await door.events() as stream:
        await door.ask("DELETE", "/v1/session")
        with trio.fail_after(60):
            assert [piece async for piece in stream] == []


async def test_an_open_stream_keeps_a_session(door: Door) -> None:
    await door.sign_in()
    async with await door.events():
        door.clock.pass_by(13 * HOUR)
        assert (await door.ask("GET", "/v1/status")).status == 200


def test_the_port_is_kept_and_another_one_taken_where_it_is_not_free() -> None:
    first = LoopbackListener.bind(0)
    second = LoopbackListener.bind(first.port)
    assert second.port != first.port
    for listener in (first, second):
        listener.close()
    again = LoopbackListener.bind(first.port)
    assert again.port == first.port
    again.close()


async def test_the_code_is_asked_for_over_the_unix_socket(serving: Serving, door: Door) -> None:
    async with serving.http() as http:
        made = await http.post("/v1/session/code", json={"as_file": False})
        assert made.status_code == 200
        code = msgspec.json.decode(made.content)["code"]
    assert (await door.ask("POST", "/v1/session", json={"code": code})).status == 200
