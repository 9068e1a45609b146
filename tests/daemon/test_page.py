"""The page of a real daemon: opened by `mesh open`, and kept over its end and next start."""

import http.client
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mesh.api.doors import door_of
from mesh.api.endpoint import Endpoint, find_endpoint
from mesh.api.own_requests import Lock, MakeIdentity, Unlock
from mesh.api.page_requests import AskDoctor, FindingsAnswer, Wipe
from mesh.api.sign_in import MakeSignInCode, SignInCodeAnswer
from mesh.cli.main import run
from mesh.client import Client
from mesh.commands.answer import Done
from mesh.commands.identity import AskIdentity, IdentityAnswer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.errors import UserError
from tests.daemon.processes import Household, stop

BROWSER = """\
#!{python}
# What a browser does with the file: it reads it, goes where it leads, and the page signs in.
import http.client, json, os, re, sys, urllib.parse, urllib.request
file = urllib.request.url2pathname(urllib.parse.urlparse(sys.argv[1]).path)
address = re.search("url=([^\\"]+)", open(file).read()).group(1)
port, code = re.fullmatch("http://127.0.0.1:([0-9]+)/#code=(.+)", address).groups()
door = http.client.HTTPConnection("127.0.0.1", int(port))
json_type = {{"Content-Type": "application/json"}}
door.request("POST", "/v1/session", json.dumps(dict(code=code)), json_type)
told = json.loads(door.getresponse().read())
with open({out!r}, "w") as out:
    gone, line = not os.path.exists(file), open("/proc/self/cmdline").read()
    json.dump(dict(line=line, code=code, gone=gone, token=told["token"]), out)
"""


def endpoint_of(household: Household) -> Endpoint:
    """Return where the daemon of `anna` listens."""
    endpoint = find_endpoint(household.folders("anna").endpoint_file)
    assert endpoint is not None
    return endpoint


def status_by(port: int, token: str) -> int:
    """Ask for the status by a token, and return that of HTTP."""
    door = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    door.request("GET", "/v1/status", headers={"Authorization": f"Bearer {token}"})
    response = door.getresponse()
    response.read()
    door.close()
    return response.status


@pytest.mark.skipif(sys.platform != "linux", reason="it reads a command line in /proc")
def test_a_browser_is_led_to_the_page_and_no_command_line_holds_the_code(
    household: Household, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    household.make("anna", "")
    household.start("anna")
    out = tmp_path / "out.json"
    browser = tmp_path / "browser"
    browser.write_text(BROWSER.format(python=sys.executable, out=str(out)))
    browser.chmod(0o700)
    monkeypatch.setenv("BROWSER", str(browser))
    assert run(["open", "--profile", "anna"]) == 0
    told = json.loads(out.read_text())
    assert told["code"] not in told["line"]
    assert told["gone"], "the file lies about after its code was used"
    port = endpoint_of(household).port
    assert status_by(port, told["token"]) == 200
    log = household.log("anna")
    assert told["code"] not in log
    assert told["token"] not in log


def test_a_page_that_was_open_goes_on_after_the_daemon_was_killed(household: Household) -> None:
    household.make("anna", "")
    process = household.start("anna")
    made = household.client("anna").ask(MakeSignInCode(as_file=True), SignInCodeAnswer)
    assert stat.S_IMODE(Path(made.file).stat().st_mode) == 0o600
    port = endpoint_of(household).port
    door = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    body = json.dumps({"code": made.code})
    door.request("POST", "/v1/session", body, {"Content-Type": "application/json"})
    token = json.loads(door.getresponse().read())["token"]
    door.close()
    left = household.client("anna").ask(MakeSignInCode(as_file=True), SignInCodeAnswer)
    assert stop(process, signal.SIGKILL) == -signal.SIGKILL
    process = household.start("anna")
    assert endpoint_of(household).port == port
    assert status_by(port, token) == 200
    assert not Path(left.file).exists(), "the file of a code of the former run is still there"
    assert stop(process) == 0
    assert not list(household.folders("anna").state.glob("open-*"))


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="it becomes another user of the machine"
)
def test_another_user_of_the_machine_cannot_read_the_file_or_the_tokens(
    household: Household,
) -> None:
    household.make("anna", "")
    household.start("anna")
    made = household.client("anna").ask(MakeSignInCode(as_file=True), SignInCodeAnswer)
    folders = household.folders("anna")
    # Even where somebody opened the folders to all: the files have rights of their own.
    for folder in (folders.state, *folders.state.parents):
        if folder.stat().st_uid == 0 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    for file in (made.file, folders.door_file):
        read = ["setpriv", "--reuid=65534", "--clear-groups", "cat", str(file)]
        done = subprocess.run(read, capture_output=True, check=False)
        assert b"Permission denied" in done.stderr
        assert done.stdout == b""


def test_a_new_profile_gets_its_keys_and_name_over_the_door(household: Household) -> None:
    household.start("anna", passphrase=None)
    client = household.client("anna")
    assert client.ask(AskStatus(), StatusAnswer).vault == "empty"
    with pytest.raises(UserError) as caught:
        client.ask(MakeIdentity("Anna"), IdentityAnswer)
    assert caught.value.kind == "no-passphrase"
    made = client.ask(MakeIdentity("Anna", "correct battery"), IdentityAnswer)
    assert made.name == "Anna"
    assert household.folders("anna").config_file.exists()
    status = client.ask(AskStatus(), StatusAnswer)
    assert (status.name, status.vault) == ("Anna", "open")
    client.ask(Lock(), Done)
    assert client.ask(AskStatus(), StatusAnswer).vault == "locked"
    with pytest.raises(UserError) as caught:
        client.ask(MakeIdentity("Anna", "guess"), IdentityAnswer)
    assert caught.value.kind == "wrong-passphrase"
    client.ask(Unlock("correct battery"), Done)
    assert client.ask(AskIdentity(), IdentityAnswer) == made


def test_a_page_wipes_its_profile_and_asks_the_doctor(household: Household) -> None:
    household.make("anna", "")
    process = household.start("anna", name="Anna")
    client = Client(door_of(household.folders("anna")), timeout_s=60)
    findings = client.ask(AskDoctor(), FindingsAnswer).findings
    assert {"daemon", "disk"} <= {each.check for each in findings}, findings
    with pytest.raises(UserError) as caught:
        client.ask(Wipe("other"), Done)
    assert caught.value.fields == {"profile": "anna"}
    folders = household.folders("anna")
    client.ask(Wipe("anna"), Done)
    assert not folders.vault_key_file.exists(), "the keys outlive the answer"
    assert process.wait(timeout=30) == 0
    left = [path for path in household.home.rglob("*") if path.is_file()]
    assert left == []


def test_a_node_that_cannot_overwrite_a_copy_stops_and_says_that_all_is_gone(
    household: Household,
) -> None:
    household.make("anna", "")
    process = household.start("anna", name="Anna")
    folders = household.folders("anna")
    client = Client(door_of(folders), timeout_s=60)
    folders.copy_file.mkdir()
    # The key of the vault goes before it.
    folders.store_key_file.unlink()
    folders.store_key_file.mkdir()
    with pytest.raises(UserError, match="The profile anna is gone") as caught:
        client.ask(Wipe("anna"), Done)
    assert caught.value.fields == {"files": "weekly.backup, store.key"}
    assert not folders.vault_key_file.exists(), "the keys outlive the answer"
    assert process.wait(timeout=30) == 1
    left = [path for path in household.home.rglob("*") if path.is_file()]
    assert left == []


def test_a_wiped_profile_knows_no_session(household: Household) -> None:
    household.make("anna", "")
    household.start("anna")
    door_file = household.folders("anna").door_file
    assert door_file.exists()
    assert run(["wipe", "--profile", "anna", "--yes"]) == 0
    assert not door_file.exists()
