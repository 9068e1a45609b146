"""Finding, hiding, exporting and sending later: `mesh` and a real daemon over its socket."""

import json
import os
import stat
import time
from pathlib import Path

import pytest

from mesh.api.own_requests import Lock, Unlock
from mesh.cli.main import run
from mesh.client import Client
from mesh.commands.answer import Done
from mesh.commands.item_commands import AskItems
from mesh.commands.items import ItemsAnswer
from mesh.commands.messages import AskMessages, MessageAnswer, MessagesAnswer, SendMessage
from mesh.commands.scheduled import AskScheduled, ScheduledAnswer, ScheduledAnswers, ScheduleText
from tests.daemon.processes import Household

PASSPHRASE = "a passphrase of the tests"
SOON_S = 6


@pytest.fixture
def client(household: Household) -> Client:
    """Return a client of the daemon of Anna, the only profile."""
    household.make("default", PASSPHRASE)
    household.start("default", name="Anna", passphrase=PASSPHRASE)
    return household.client("default")


def mesh(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run `mesh`; its exit code and what it printed."""
    capfd.readouterr()
    code = run(arguments)
    return code, *capfd.readouterr()


def texts(client: Client) -> list[str]:
    page = client.ask(AskMessages("me", limit=1_000), MessagesAnswer)
    return [message.text for message in page.messages]


def write(client: Client, *written: str) -> list[int]:
    return [client.ask(SendMessage("me", text), MessageAnswer).number for text in written]


def test_what_was_said_is_found_page_by_page(
    client: Client, capfd: pytest.CaptureFixture[str]
) -> None:
    numbers = write(client, "The ferry at nine", "No boat", "A FERRYMAN", "東京タワー", "ferry")
    code, out, _ = mesh(capfd, "search", "ferr")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [
        str(numbers[index]) for index in (4, 2, 0)
    ]
    code, out, err = mesh(capfd, "search", "ferr", "--limit", "2")
    assert f"--before {numbers[2]}" in err
    _, out, _ = mesh(capfd, "search", "ferr", "--before", str(numbers[2]), "--json")
    (hit,) = json.loads(out)["hits"]
    assert (hit["item"]["number"], hit["spans"]) == (numbers[0], [{"start": 4, "length": 5}])
    assert mesh(capfd, "search", "京タ")[1].count("\n") == 1
    assert mesh(capfd, "search", "nothing", "like", "it")[2] == "Nothing was found.\n"
    assert mesh(capfd, "search", "--chat", "Nobody", "x")[0] == 5


def test_files_are_listed_page_by_page_with_the_number_to_save_them(
    client: Client, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert mesh(capfd, "files", "me")[1:] == ("", "There are no files here.\n")
    for name in ("map.txt", "list.txt", "late.txt"):
        (tmp_path / name).write_text(f"of {name}")
        assert mesh(capfd, "send", "me", "about it", "--file", str(tmp_path / name))[0] == 0
    write(client, "no file")
    code, out, err = mesh(capfd, "files", "me", "--limit", "2")
    first, second = out.splitlines()
    assert (code, "late.txt, 11 B" in first, "list.txt" in second) == (0, True, True)
    number = second.partition("#")[2].split()[0]
    assert err == f"There is more: mesh files me --before {number}\n"
    _, out, err = mesh(capfd, "files", "me", "--before", number, "--json")
    told = json.loads(out)
    assert [file["name"] for item in told["items"] for file in item["files"]] == ["map.txt"]
    assert (told["next_before"], err) == (0, "")
    (tmp_path / "saved").mkdir()
    assert mesh(capfd, "save", number, "--out", str(tmp_path / "saved"))[0] == 0
    assert (tmp_path / "saved" / "list.txt").read_text() == "of list.txt"
    assert mesh(capfd, "delete", number, "--yes")[0] == 0
    assert "list.txt" not in mesh(capfd, "files", "me")[1]
    assert mesh(capfd, "files", "Nobody")[0] == 5


def test_an_admin_hides_what_was_said_in_a_group_and_shows_it_again(
    client: Client, capfd: pytest.CaptureFixture[str]
) -> None:
    assert mesh(capfd, "group", "create", "Crew")[0] == 0
    assert mesh(capfd, "send", "Crew", "not for all")[0] == 0
    [number] = [one.number for one in client.ask(AskItems("Crew"), ItemsAnswer).items if one.text]
    assert mesh(capfd, "hide", str(number))[0] == 0
    _, out, _ = mesh(capfd, "read", "Crew")
    assert ("(hidden by me)" in out, "not for all" in out) == (True, False)
    assert mesh(capfd, "hide", str(number), "--off")[0] == 0
    assert "not for all" in mesh(capfd, "read", "Crew")[1]
    # With oneself there is nobody to hide from.
    code, _, err = mesh(capfd, "hide", str(*write(client, "a note")))
    assert (code, "Hiding is for groups" in err) == (1, True)


def test_a_conversation_becomes_a_file_for_its_person_alone(
    client: Client, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write(client, *(f"<b>text {number}</b>" for number in range(250)))
    page = tmp_path / "notes.html"
    assert mesh(capfd, "export", "me", "--out", str(page))[0] == 0
    assert page.read_text().count("&lt;b&gt;text ") == 250
    assert stat.S_IMODE(page.stat().st_mode) == 0o600 or os.name == "nt"
    _, out, _ = mesh(capfd, "export", "me")
    told = json.loads(out)
    assert [item["text"] for item in told["items"]] == texts(client)
    assert mesh(capfd, "export", "me", "--out", str(page))[0] == 1
    assert mesh(capfd, "export", "me", "--out", str(page), "--yes", "--as", "json")[0] == 0
    assert json.loads(page.read_text())["format"] == "mesh-conversation"
    assert mesh(capfd, "export", "Nobody", "--out", str(tmp_path / "no.json"))[0] == 5
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["notes.html"]


def test_while_locked_nothing_is_found_exported_or_told_of_what_waits(
    client: Client, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write(client, "ferry")
    client.ask(Lock(), Done)
    for command in (
        ("search", "ferry"),
        ("files", "me"),
        ("export", "me", "--out", str(tmp_path / "no.json")),
        ("send", "me", "--at", "2h", "x"),
        ("scheduled",),
    ):
        code, out, _ = mesh(capfd, *command)
        assert (code, out) == (4, "")
    assert not list(tmp_path.glob("no*"))
    client.ask(Unlock(PASSPHRASE), Done)
    assert mesh(capfd, "search", "ferry")[0] == 0


def test_what_is_sent_later_is_listed_changed_and_cancelled(
    client: Client, capfd: pytest.CaptureFixture[str]
) -> None:
    code, _, err = mesh(capfd, "send", "me", "--at", "2h", "Feed", "the", "cat")
    assert code == 0
    assert "if this node runs unlocked" in err
    (waiting,) = client.ask(AskScheduled(), ScheduledAnswers).scheduled
    assert 7_100 < waiting.at - time.time() <= 7_200
    assert "Feed the cat" in mesh(capfd, "scheduled")[1]
    number = str(waiting.number)
    assert mesh(capfd, "scheduled", "change", number, "--at", "3h", "Feed", "both")[0] == 0
    (waiting,) = client.ask(AskScheduled("me"), ScheduledAnswers).scheduled
    assert (waiting.text, waiting.at - time.time() > 10_700) == ("Feed both", True)
    assert mesh(capfd, "scheduled", "change", number)[0] == 2
    assert mesh(capfd, "send", "me", "--at", "soon", "x")[0] == 1
    assert mesh(capfd, "send", "me", "--at", "2h", "--wait", "carried", "x")[0] == 2
    assert mesh(capfd, "scheduled", "cancel", number)[0] == 0
    assert mesh(capfd, "scheduled", "cancel", number)[0] == 5
    assert texts(client) == []


def test_a_node_that_is_killed_sends_it_once_and_at_its_time(household: Household) -> None:
    household.make("default", PASSPHRASE)
    process = household.start("default", name="Anna", passphrase=PASSPHRASE)
    client = household.client("default")
    at = int(time.time()) + SOON_S
    for text in ("one", "two"):
        client.ask(ScheduleText("me", at, text), ScheduledAnswer)
    process.kill()
    process.wait()
    process = household.start("default", passphrase=PASSPHRASE)
    while len(texts(client)) < 2:
        assert time.time() < at + 30
        time.sleep(0.05)
    sent = client.ask(AskMessages("me"), MessagesAnswer).messages
    assert {message.text for message in sent} == {"one", "two"}
    assert min(message.sent for message in sent) >= at
    process.kill()
    process.wait()
    household.start("default", passphrase=PASSPHRASE)
    assert sorted(texts(client)) == ["one", "two"]
    assert client.ask(AskScheduled(), ScheduledAnswers).scheduled == []
