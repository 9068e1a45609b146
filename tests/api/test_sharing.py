"""The door that gives Mesh away is opened and closed over the API, and closes by itself."""

import json
import socket

import pytest
import trio

from mesh.bundles import share_door
from mesh.limits.bundles import SHARE_SECONDS_DEFAULT
from tests.api.conftest import Serving
from tests.api.door import Door
from tests.bundles.making import small_release


@pytest.fixture(autouse=True)
def port_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the system choose the port: tests beside these open the well-known one as well."""
    monkeypatch.setattr(share_door, "SHARE_PORT", 0)


def is_listening(address: str) -> bool:
    """Say whether somebody takes connections there."""
    host, _, port = address.removeprefix("http://").rstrip("/").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=60).close()
    except OSError:
        return False
    return True


async def test_the_door_is_opened_told_and_closed(serving: Serving, door: Door) -> None:
    await door.sign_in()
    folder = serving.path.parent.parent
    nothing = await door.ask("POST", "/v1/share", json={})
    assert (nothing.status, json.loads(nothing.body)["type"].rpartition(":")[2]) == (
        404,
        "not-found",
    )
    _, wheel = small_release(folder)
    opened = json.loads((await door.ask("POST", "/v1/share", json={})).body)
    assert opened["is_open"]
    assert wheel.name in [each["file"] for each in opened["files"]]
    address = opened["addresses"][0]
    assert await trio.to_thread.run_sync(is_listening, address)
    again = json.loads((await door.ask("POST", "/v1/share", json={"seconds": 60})).body)
    assert again["addresses"] == opened["addresses"]
    assert again["until"] <= opened["until"] - SHARE_SECONDS_DEFAULT + 61
    closed = json.loads((await door.ask("DELETE", "/v1/share")).body)
    assert not closed["is_open"]
    assert not await trio.to_thread.run_sync(is_listening, address)
    assert json.loads((await door.ask("GET", "/v1/share")).body) == closed


async def test_the_door_closes_when_its_time_is_over(serving: Serving, door: Door) -> None:
    await door.sign_in()
    small_release(serving.path.parent.parent)
    opened = json.loads((await door.ask("POST", "/v1/share", json={"seconds": 1})).body)
    sharing = serving.application.desk.sharing
    assert sharing._open is not None
    with trio.fail_after(30):
        await sharing._open.closed.wait()
    assert not await trio.to_thread.run_sync(is_listening, opened["addresses"][0])


async def test_a_door_that_fails_is_told_and_the_node_goes_on(serving: Serving, door: Door) -> None:
    await door.sign_in()
    small_release(serving.path.parent.parent)
    await door.ask("POST", "/v1/share", json={})
    sharing = serving.application.desk.sharing
    assert sharing._open is not None
    closed, (first, *_) = sharing._open.closed, sharing._open.listeners
    first.socket.close()
    with trio.fail_after(30):
        await closed.wait()
    told = json.loads((await door.ask("GET", "/v1/share")).body)
    assert (told["is_open"], told["has_failed"]) == (False, True)
    again = json.loads((await door.ask("POST", "/v1/share", json={})).body)
    assert (again["is_open"], again["has_failed"]) == (True, False)


async def test_the_door_is_shut_without_waiting(serving: Serving, door: Door) -> None:
    await door.sign_in()
    small_release(serving.path.parent.parent)
    opened = json.loads((await door.ask("POST", "/v1/share", json={})).body)
    sharing = serving.application.desk.sharing
    assert sharing._open is not None
    closed = sharing._open.closed
    sharing.shut()
    with trio.fail_after(30):
        await closed.wait()
    assert not await trio.to_thread.run_sync(is_listening, opened["addresses"][0])
