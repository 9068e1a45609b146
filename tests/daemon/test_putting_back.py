"""A backup that a page puts back into a real daemon's empty profile."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mesh.api.doors import door_of
from mesh.client import Client
from mesh.commands.answer import Done
from mesh.commands.identity import AskIdentity, IdentityAnswer
from mesh.commands.messages import AskMessages, MessageAnswer, MessagesAnswer, SendMessage
from mesh.commands.peers import AddPeer, AskPeers, PeersAnswer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.errors import UserError
from mesh.node.folders import ProfileFolders
from tests.daemon.processes import Household, stop

BACKUP_PASSPHRASE = "battery staple"
PASSPHRASE = "horse"
TOO_MANY = "urn:mesh:problem:too-many"


def words(backup_passphrase: str = BACKUP_PASSPHRASE) -> bytes:
    asked = {"backup_passphrase": backup_passphrase, "passphrase": PASSPHRASE}
    return json.dumps(asked).encode() + b"\n"


def put_back(
    folders: ProfileFolders, backup: bytes, backup_passphrase: str = BACKUP_PASSPHRASE
) -> dict[str, object]:
    """Send a backup, and return the answer; the turn of one that was cut short ends by itself."""
    while (told := ask_once(folders, words(backup_passphrase) + backup)).get("type") == TOO_MANY:
        time.sleep(0.05)
    return told


def ask_once(folders: ProfileFolders, body: bytes) -> dict[str, object]:
    door = door_of(folders).connect(60)
    door.ask("POST", "/v1/restore", body, {})
    told: dict[str, object] = json.loads(door.getresponse().read())
    door.close()
    return told


def wait_for(read: Callable[[], str], wanted: str) -> None:
    ends = time.monotonic() + 30
    while (seen := read()) != wanted:
        assert time.monotonic() < ends, seen
        time.sleep(0.05)


def vault_of(client: Client) -> str:
    """Return how the vault is, also while the daemon begins anew."""
    try:
        return client.ask(AskStatus(), StatusAnswer).vault
    except UserError as error:
        return error.kind


@pytest.fixture
def household(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Household]:
    made = Household(tmp_path, monkeypatch)
    yield made
    made.close()


@pytest.fixture
def backup(household: Household) -> bytes:
    """The backup of Anna, who has a note and an address."""
    household.make("former", "")
    process = household.start("former", name="Anna")
    client = household.client("former")
    for text in ("a" * 50_000, "b" * 50_000, "the bridge is open"):
        client.ask(SendMessage("me", text), MessageAnswer)
    client.ask(AddPeer("192.0.2.7:41730"), Done)
    made = b"".join(client.backup(BACKUP_PASSPHRASE, is_new=False))
    assert stop(process) == 0
    return made


def left(folders: ProfileFolders) -> list[str]:
    """Return what there is of a vault."""
    return sorted(path.name for path in folders.data.iterdir() if "vault" in path.name)


@pytest.fixture
def empty(household: Household, backup: bytes) -> "subprocess.Popen[bytes]":
    """A daemon that is nobody's yet."""
    return household.start("new", passphrase=None)


def test_the_node_goes_on_as_who_is_in_the_backup_in_the_same_process(
    household: Household, backup: bytes, empty: "subprocess.Popen[bytes]"
) -> None:
    folders, client = household.folders("new"), household.client("new")
    assert vault_of(client) == "empty"
    told = put_back(folders, backup)
    assert (told["name"], told["messages_count"]) == ("Anna", 3)
    wait_for(lambda: vault_of(client), "open")
    assert empty.poll() is None
    assert client.ask(AskIdentity(), IdentityAnswer).name == "Anna"
    page = client.ask(AskMessages("me"), MessagesAnswer)
    assert page.messages[-1].text == "the bridge is open"
    addresses = [peer.address for peer in client.ask(AskPeers(), PeersAnswer).peers]
    assert "192.0.2.7:41730" in addresses
    assert stop(empty) == 0
    # The passphrase is the one that was chosen, and no backup comes over who is there.
    again = household.start("new", passphrase=PASSPHRASE)
    assert vault_of(client) == "open"
    assert put_back(folders, backup)["type"] == "urn:mesh:problem:exists"
    assert stop(again) == 0


def test_what_is_cut_short_or_wrong_leaves_nothing_behind(
    household: Household, backup: bytes, empty: "subprocess.Popen[bytes]"
) -> None:
    folders, client = household.folders("new"), household.client("new")
    door = door_of(folders).connect(60)
    door.begin("POST", "/v1/restore", {"Content-Length": str(len(words()) + len(backup))})
    door.send(words() + backup[:-1])
    wait_for(lambda: str(".vault.db.new" in left(folders)), "True")
    door.close()
    wait_for(lambda: str(left(folders)), "[]")
    for sent, passphrase, kind in (
        (backup[:-1], BACKUP_PASSPHRASE, "bad-backup"),
        (backup, "another", "wrong-passphrase"),
        (b"no backup", BACKUP_PASSPHRASE, "bad-backup"),
    ):
        told = put_back(folders, sent, passphrase)
        assert told["type"] == f"urn:mesh:problem:{kind}"
        assert left(folders) == []
        assert vault_of(client) == "empty"
    assert put_back(folders, backup)["name"] == "Anna"
    wait_for(lambda: vault_of(client), "open")


def test_a_stop_does_not_wait_for_who_sends_nothing_more(
    household: Household, backup: bytes, empty: "subprocess.Popen[bytes]"
) -> None:
    folders = household.folders("new")
    door = door_of(folders).connect(60)
    door.begin("POST", "/v1/restore", {"Content-Length": str(len(words()) + len(backup))})
    door.send(words() + backup[:-1])
    wait_for(lambda: str(".vault.db.new" in left(folders)), "True")
    began = time.monotonic()
    assert stop(empty, signal.SIGTERM) == 0
    assert time.monotonic() - began < 5
    assert left(folders) == []
    door.close()


def test_the_mesh_of_the_backup_is_taken_over_unless_the_start_says_another(
    household: Household, backup: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    household.set({"MESH_MESH_NAME": "quite-another"})
    other = household.start("other", passphrase=None)
    told = put_back(household.folders("other"), backup)
    assert told["type"] == "urn:mesh:problem:other-mesh"
    assert left(household.folders("other")) == []
    assert stop(other) == 0
    for variable in ("MESH_MESH_NAME", "MESH_STAMP_BITS"):
        monkeypatch.delenv(variable)
    household.start("third", passphrase=None)
    client = household.client("third")
    assert client.ask(AskStatus(), StatusAnswer).mesh == "mesh"
    put_back(household.folders("third"), backup)
    wait_for(lambda: vault_of(client), "open")
    assert client.ask(AskStatus(), StatusAnswer).mesh.startswith("test-")
