"""The process itself as a page asks it: QR codes, estimates, the doctor, and the end."""

import dataclasses
import json
from pathlib import Path

import segno
import trio

from mesh.node.folders import profile_folders
from mesh.node.profile import Profile
from tests.api.conftest import Serving
from tests.api.door import Door
from tests.node.profiles import CHEAP


async def test_a_qr_code_comes_as_rows_of_modules(door: Door) -> None:
    await door.sign_in()
    text = "MESH:QR/" + "A2B3" * 40
    told = json.loads((await door.ask("POST", "/v1/qr", json={"text": text})).body)
    code = segno.make_qr(text, error="l", boost_error=False)
    assert len(told["rows"]) == code.symbol_size(border=0)[0]
    assert told["rows"] == ["".join(map(str, row)) for row in code.matrix]
    for bad in ("", "x" * 2_954, "\u4e16" * 2_000):
        assert (await door.ask("POST", "/v1/qr", json={"text": bad})).kind == "too-large"


async def test_a_passphrase_is_estimated_by_another_process(door: Door) -> None:
    await door.sign_in()
    asked = {"passphrase": "Anna2026", "known": ["Anna"]}
    weak = json.loads((await door.ask("POST", "/v1/passphrase/estimate", json=asked)).body)
    asked = {"passphrase": "quarry lantern omit dwelling", "known": []}
    strong = json.loads((await door.ask("POST", "/v1/passphrase/estimate", json=asked)).body)
    assert (weak["is_weak"], strong["is_weak"]) == (True, False)
    assert weak["guesses_log10"] < 12 <= strong["guesses_log10"]
    assert weak["seconds"] < strong["seconds"]


async def test_the_start_at_login_is_made_and_removed(serving: Serving, door: Door) -> None:
    await door.sign_in()
    file = serving.application.desk._login_start.file
    for is_installed in (True, True, False, False):
        asked = {"is_installed": is_installed}
        changed = await door.ask("PATCH", "/v1/service", json=asked)
        assert json.loads(changed.body) == {"is_installed": is_installed, "how": "systemd"}
        assert (await door.ask("GET", "/v1/service")).body == changed.body
        assert file.exists() is is_installed


async def test_the_profiles_of_this_computer_are_told_without_their_people(
    serving: Serving, door: Door, tmp_path: Path
) -> None:
    await door.sign_in()
    start = serving.application.desk._login_start
    environment = {**start.environment, "MESH_HOME": str(tmp_path)}
    serving.application.desk._login_start = dataclasses.replace(start, environment=environment)
    (tmp_path / "no profile").mkdir()
    with Profile.held(profile_folders("work", environment), cost=CHEAP) as work:
        work.create("")
        resting = profile_folders("resting", environment)
        with Profile.held(resting, cost=CHEAP) as other:
            other.create("")
        answer = await door.ask("GET", "/v1/profiles")
        assert json.loads(answer.body)["profiles"] == [
            {"name": "resting", "is_this": False, "is_running": False},
            {"name": "work", "is_this": False, "is_running": True},
        ]
    answer = await door.ask("GET", "/v1/profiles")
    assert [each["is_running"] for each in json.loads(answer.body)["profiles"]] == [False, False]


async def test_the_doctor_is_asked_by_one_at_a_time(serving: Serving, door: Door) -> None:
    await door.sign_in()
    told = json.loads((await door.ask("GET", "/v1/doctor")).body)
    assert told["findings"] == [
        {
            "check": "clock",
            "level": "ok",
            "found": "It goes.",
            "meaning": "",
            "fix": "",
            "situation": "",
        }
    ]
    said = "somebody_here=true&address=192.0.2.7:41730"
    told = json.loads((await door.ask("GET", f"/v1/doctor?{said}")).body)
    assert told["findings"][0]["meaning"] == "Somebody is at 192.0.2.7:41730."
    async with serving.application.desk._examining:
        assert (await door.ask("GET", "/v1/doctor")).kind == "busy"


async def test_a_profile_is_wiped_by_its_name_alone(serving: Serving, door: Door) -> None:
    await door.sign_in()
    wrong = await door.ask("POST", "/v1/wipe", json={"profile": "work"})
    assert (wrong.status, wrong.kind) == (409, "other-profile")
    assert "clear-site-data" not in wrong.headers
    wiped = [serving.node.is_wiped]
    gone = await door.ask("POST", "/v1/wipe", json={"profile": "default"})
    assert (gone.status, gone.headers["clear-site-data"]) == (200, '"cache", "storage"')
    wiped.append(serving.node.is_wiped)
    assert wiped == [False, True]
    with trio.fail_after(60):
        await serving.stopped.wait()


async def test_a_wipe_that_leaves_a_copy_is_told_as_done_and_clears_the_page(
    serving: Serving, door: Door
) -> None:
    await door.sign_in()
    serving.node.stays = ["weekly.backup"]
    gone = await door.ask("POST", "/v1/wipe", json={"profile": "default"})
    assert (gone.status, gone.kind) == (500, "copy-stays")
    assert gone.headers["clear-site-data"] == '"cache", "storage"'
    told = json.loads(gone.body)
    assert told["fields"] == {"files": "weekly.backup"}
    assert "The profile default is gone." in told["detail"]
    with trio.fail_after(60):
        await serving.stopped.wait()
