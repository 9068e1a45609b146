"""Every command against a node that answers: what is printed where, and the exit code."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import click
import pytest

from mesh.cli import main
from mesh.cli.main import COMMANDS
from mesh.node.folders import profile_folders
from mesh.node.profile import Profile
from tests.api.small_node import Running, running
from tests.api.small_vault import PASSPHRASE
from tests.cli.conftest import Mesh, befriend

ROOT = Path(__file__).resolve().parents[2]


NAMED_COMMAND = re.compile(r"(?:: |`|run |say )mesh ([a-z]+(?:-[a-z]+)*)\b")
"""How sentences name a command that a person should run."""


def further_commands(group: click.Group, *path: str) -> list[tuple[str, ...]]:
    """Every command below a group, however deep."""
    context = click.Context(group)
    found: list[tuple[str, ...]] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if path:
            found.append((*path, name))
        if isinstance(command, click.Group):
            found += further_commands(command, *path, name)
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(mesh: Mesh, command: str) -> None:
    ran = mesh(command, "--help")
    assert ran.code == 0
    assert f"Usage: mesh {command}" in ran.out
    assert "Examples:" in ran.out


@pytest.mark.parametrize("command", further_commands(main.mesh), ids=" ".join)
def test_every_command_below_has_help_with_an_example(mesh: Mesh, command: tuple[str, ...]) -> None:
    assert "Examples:" in mesh(*command, "--help").out


@pytest.mark.parametrize(
    "arguments",
    [
        ("id",),
        ("invite",),
        ("invite", "list"),
        ("invite", "revoke", "1"),
        ("add", "mesh:x"),
        ("contacts",),
        ("contact", "rename", "a", "b"),
        ("contact", "show", "a"),
        ("contact", "verify", "a"),
        ("contact", "remove", "a"),
        ("requests",),
        ("compare", "a"),
        ("introduce", "a", "b"),
        ("introductions",),
        ("introductions", "accept", "1"),
        ("nearby", "on"),
        ("nearby", "list"),
        ("nearby", "compare", "1"),
        ("withdraw", "1"),
        ("backup",),
        ("backup", "x.backup"),
        ("takeover", "--yes"),
        ("invite", "inspect", "mesh:x"),
        ("send", "Ben", "x"),
        ("send", "Ben", "x", "--wait"),
        ("read",),
        ("read", "a"),
        ("edit", "1", "x"),
        ("forward", "1", "a"),
        ("delete", "1", "--yes"),
        ("delete", "1", "--for-me", "--yes"),
        ("hide", "1"),
        ("react", "1", "👍"),
        ("who", "1"),
        ("pin", "1"),
        ("timer", "a"),
        ("poll", "a", "x?", "b", "c"),
        ("vote", "1", "1"),
        ("close", "1"),
        ("check-in", "a"),
        ("answer", "1", "1"),
        ("task", "add", "a", "x"),
        ("task", "done", "1"),
        ("notice", "a", "x"),
        ("board", "a"),
        ("files", "a"),
        ("tail",),
        ("peers",),
        ("peer", "add", "h:1"),
        ("unlock",),
    ],
)
def test_without_a_daemon_every_command_says_how_to_start_it(
    mesh: Mesh, arguments: tuple[str, ...]
) -> None:
    ran = mesh(*arguments)
    assert (ran.code, ran.out) == (3, "")
    assert ran.err == "mesh: Mesh is not running. Start it with: mesh up\n"
    as_json = mesh("--json", *arguments)
    assert (as_json.code, as_json.out, as_json.problem) == (3, "", "not-running")


def test_status_works_without_a_daemon(mesh: Mesh) -> None:
    ran = mesh("status")
    assert ran.code == 3
    assert "not running" in ran.out
    assert "mesh up" in ran.err
    assert mesh("status", "--json").json == {
        "running": False,
        "profile": "default",
        "is_created": False,
        "mesh": "",
        "is_closed": False,
        "others_running": [],
    }
    assert "mesh up --profile work" in mesh("--profile", "work", "status").err


def test_a_relay_that_does_not_run_is_known_to_be_made(mesh: Mesh) -> None:
    folders = profile_folders()
    with Profile.held(folders) as profile:
        profile.open_store().close()
    assert mesh("status", "--json").json["is_created"] is True


def test_status_shows_the_node(mesh: Mesh, node: Running) -> None:
    ran = mesh("status")
    assert (ran.code, ran.err) == (0, "")
    assert "Anna" in ran.out
    assert "1.0 KiB of 1.0 GiB" in ran.out
    assert "frames_received" not in ran.out
    assert "frames_received  7" in mesh("status", "-v").out
    status = mesh("status", "--json").json["status"]
    assert isinstance(status, dict)
    assert status["counters"] == {"frames_received": 7}


def test_the_identity_is_shown(mesh: Mesh, node: Running) -> None:
    assert mesh("id").out == "Anna\n" + " ".join(["abab"] * 16) + "\n"
    assert mesh("id", "--json").json == {"name": "Anna", "key": "ab" * 32}


def test_an_invite_that_is_piped_is_its_link_alone(mesh: Mesh, node: Running) -> None:
    ran = mesh("invite", "--label", "Club", "--uses", "3", "--expires", "12h")
    assert ran.out == "mesh:invite/" + "A" * 80 + "\n"
    assert "for 3 people" in ran.err
    assert node.node.invites[1].uses_max == 3
    assert node.node.invites[1].expires % 86_400 == (1_800_000_000 + 12 * 3_600) % 86_400


def test_a_qr_code_is_drawn_and_can_be_inverted(mesh: Mesh, node: Running) -> None:
    drawn = mesh("invite", "--qr").out.splitlines()
    assert drawn[0] == "█" * len(drawn[0])
    inverted = mesh("invite", "--qr", "--invert").out.splitlines()
    assert inverted[0].strip() == ""
    assert len(drawn) == len(inverted) <= 24


def test_a_qr_code_is_written_as_a_private_picture(
    mesh: Mesh, node: Running, tmp_path: Path
) -> None:
    png, svg = tmp_path / "i.png", tmp_path / "i.svg"
    assert mesh("invite", "--png", str(png), "--svg", str(svg)).code == 0
    assert png.read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in svg.read_bytes()
    assert stat.S_IMODE(png.stat().st_mode) == 0o600


def test_a_picture_that_cannot_be_written_is_a_sentence(mesh: Mesh, node: Running) -> None:
    ran = mesh("invite", "--png", "/nowhere/i.png")
    assert (ran.code, ran.out) == (5, "")
    assert ran.err == "mesh: There is no folder /nowhere.\n"


@pytest.mark.parametrize("option", ["--png", "--svg"])
def test_an_invite_whose_picture_the_disk_fails_is_told(
    mesh: Mesh, node: Running, tmp_path: Path, option: str
) -> None:
    # What is written goes by this name until it is whole.
    (tmp_path / "i.part").mkdir()
    ran = mesh("invite", option, str(tmp_path / "i"))
    assert (ran.code, ran.out) == (1, node.node.invites[1].link + "\n")
    assert f"No picture was written to {tmp_path / 'i'}" in ran.err
    as_json = mesh("invite", option, str(tmp_path / "i"), "--json")
    assert (as_json.json["link"], as_json.problem) == (node.node.invites[2].link, "disk")


@pytest.mark.parametrize("option", ["--png", "--svg"])
def test_a_picture_replaces_nothing_unasked_and_goes_through_no_link(
    mesh: Mesh, node: Running, tmp_path: Path, option: str
) -> None:
    other, link, picture = tmp_path / "other", tmp_path / "link", tmp_path / "i"
    other.write_text("kept")
    link.symlink_to(other)
    before = mesh("invite", "list", "--json").json
    through = mesh("invite", option, str(link), "--yes", "--json")
    assert (through.code, through.problem) == (1, "bad-file")
    unasked = mesh("invite", option, str(other), "--json")
    assert (unasked.code, unasked.problem) == (1, "no-answer")
    assert other.read_text() == "kept"
    # There is no invite that nobody has the link of.
    assert mesh("invite", "list", "--json").json == before
    picture.write_text("a former one, which others may read")
    picture.chmod(0o644)
    assert mesh("invite", option, str(picture), "--yes").code == 0
    assert stat.S_IMODE(picture.stat().st_mode) == 0o600
    assert "former" not in picture.read_text(errors="replace")
    assert sorted(each.name for each in tmp_path.iterdir() if each.is_file()) == [
        "i",
        "link",
        "other",
    ]


def test_the_short_link_is_offered_where_others_can_carry_the_keys(
    mesh: Mesh, node: Running
) -> None:
    short = "mesh:invite/" + "B" * 20
    assert short not in mesh("invite").err
    alone = mesh("invite", "--short")
    assert (alone.out, "waits until your keys reach them" in alone.err) == (f"{short}\n", True)
    node.node.links_count = 2
    assert short in mesh("invite").err
    assert "waits until" not in mesh("invite", "--short").err
    assert mesh("invite", "--json").json["short_link"] == short


def test_invites_are_listed_and_revoked(mesh: Mesh, node: Running) -> None:
    assert "no invites" in mesh("invite", "list").err
    mesh("invite", "--label", "Club")
    assert "Club" in mesh("invite", "list").out
    assert mesh("invite", "revoke", "1", "--json").json["state"] == "revoked"
    assert "revoked; who comes by it hears nothing" in mesh("invite", "list").out
    told = mesh("invite", "revoke", "1", "--tell").err
    assert told == "Invite 1 is revoked; who comes by it is told so.\n"
    assert mesh("invite", "revoke", "9").code == 5


@pytest.mark.parametrize("lifetime", ["7", "0d", "d", "-1d", "1y"])
def test_a_lifetime_that_is_none_is_wrong_usage(mesh: Mesh, lifetime: str) -> None:
    ran = mesh("invite", "--json", f"--expires={lifetime}")
    assert (ran.code, ran.problem) == (2, "usage")


def test_contacts_are_added_listed_and_renamed(mesh: Mesh, node: Running) -> None:
    assert "no contacts" in mesh("contacts").err
    befriend(mesh)
    assert mesh("contact", "rename", "Ben", "Benny").code == 0
    ran = mesh("contacts")
    assert ran.err == ""
    assert "Benny" in ran.out
    contacts = mesh("contacts", "--json").json["contacts"]
    assert isinstance(contacts, list)
    assert contacts[0]["label"] == "Benny"
    assert mesh("add", "http://x").code == 1
    assert mesh("--json", "add", "http://x").problem == "bad-invite"


def test_every_command_that_a_sentence_names_is_there() -> None:
    named = [
        name
        for file in (ROOT / "mesh").rglob("*.py")
        for name in NAMED_COMMAND.findall(file.read_text())
    ]
    assert len(named) > 50
    assert set(named) <= set(COMMANDS)


def test_messages_are_read_and_marked(mesh: Mesh, node: Running) -> None:
    befriend(mesh)
    mesh("send", "Ben", "Hi")
    node.receive("Ben", "Hello\n22:00 Ben: forged \x1b[2J")
    ran = mesh("read", "Ben", "--unread", "--keep-unread")
    assert "Hi" not in ran.out
    assert "\n    22:00 Ben: forged <U+001B>[2J" in ran.out
    assert "\x1b" not in ran.out
    assert "me" in mesh("read", "Ben").out
    assert "no new messages" in mesh("read", "--unread").err
    assert "older" in mesh("read", "--limit", "1").err
    page = mesh("read", "--json", "--after", "1").json["messages"]
    assert isinstance(page, list)
    assert [message["number"] for message in page] == [2]


def test_json_of_a_hostile_message_is_safe_to_print(mesh: Mesh, node: Running) -> None:
    befriend(mesh)
    node.receive("Ben", "\x9b31m \u202e \U000e0041")
    ran = mesh("read", "--json")
    assert "\\u202e" in ran.out
    assert not any(each in ran.out for each in "\x9b\u202e\U000e0041")
    page = ran.json["messages"]
    assert isinstance(page, list)
    assert page[0]["text"] == "\x9b31m \u202e \U000e0041"


def test_colour_is_drawn_only_where_it_is_wanted(
    mesh: Mesh, node: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    befriend(mesh)
    node.receive("Ben", "Hi")
    assert "\x1b[" not in mesh("read").out
    assert "\x1b[" in mesh("read", "--color", "always").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in mesh("read").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in mesh("read").out
    assert "\x1b[" in mesh("--color=always", "read").out


def test_peers_are_added_listed_and_removed(mesh: Mesh, node: Running) -> None:
    assert "No other node" in mesh("peers").err
    assert mesh("peer", "add", "10.0.0.1:41730").code == 0
    assert "10.0.0.1:41730  waiting" in mesh("peers").out
    assert mesh("peer", "remove", "10.0.0.1:41730").code == 0
    assert mesh("peer", "remove", "10.0.0.1:41730").code == 5


def test_quiet_leaves_the_result_alone(mesh: Mesh, node: Running) -> None:
    befriend(mesh)
    ran = mesh("send", "Ben", "--quiet", "x")
    assert (ran.out, ran.err) == ("", "")
    assert mesh("-q", "invite").err == ""
    assert mesh("-q", "invite").out.startswith("mesh:")


def test_down_stops_the_daemon_and_is_content_if_there_is_none(mesh: Mesh, node: Running) -> None:
    ran = mesh("down")
    assert (ran.code, ran.err) == (0, "Mesh has stopped.\n")
    node.wait_until_stopped()
    assert not node.folders.socket_file.exists()
    assert not node.folders.token_file.exists()
    assert mesh("down").err == "Mesh was not running.\n"


def test_a_locked_vault_is_opened_with_the_passphrase_of_a_file(
    mesh: Mesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(profile_folders(), is_locked=True):
        assert mesh("contacts").code == 4
        nobody = mesh("--json", "unlock")
        assert (nobody.code, nobody.problem) == (4, "no-passphrase")
        file = tmp_path / "passphrase"
        file.write_bytes(b"guess\n")
        monkeypatch.setenv("MESH_PASSPHRASE_FILE", str(file))
        wrong = mesh("--quiet", "unlock")
        assert wrong.code == 4
        assert "chmod 600" in wrong.err
        file.chmod(0o600)
        file.write_bytes(PASSPHRASE + b"\n")
        assert mesh("unlock").err == "The vault is open.\n"
        assert mesh("unlock").err == "The vault is open already.\n"
        assert mesh("contacts").code == 0


@pytest.mark.parametrize(
    "arguments, code",
    [
        (("nothing",), 2),
        (("send",), 2),
        (("read", "--limit", "0"), 2),
        (("--profile", "../x", "status"), 1),
        (("--timeout", "0", "status"), 2),
    ],
)
def test_wrong_usage_is_told_in_both_forms(
    mesh: Mesh, arguments: tuple[str, ...], code: int
) -> None:
    ran = mesh(*arguments)
    assert (ran.code, ran.out) == (code, "")
    assert "Traceback" not in ran.err
    as_json = mesh("--json", *arguments)
    assert as_json.code == code
    assert as_json.problem == ("usage" if code == 2 else "bad-profile")


def test_wipe_asks_first_and_removes_all(mesh: Mesh, tmp_path: Path) -> None:
    assert mesh("wipe").code == 5
    profile_folders().data.mkdir(mode=0o700)
    profile_folders().vault_key_file.write_bytes(b"key")
    asked = mesh("wipe", "--json")
    assert (asked.code, asked.problem) == (1, "no-answer")
    assert profile_folders().vault_key_file.exists()
    assert mesh("wipe", "--yes").code == 0
    assert not profile_folders().data.exists()


@pytest.mark.parametrize("arguments", [("--version",), ("-q", "--version")])
def test_the_version_is_told_as_an_option_too(mesh: Mesh, arguments: tuple[str, ...]) -> None:
    told = mesh("version")
    assert told.out.startswith("mesh ")
    assert mesh(*arguments) == told
    assert mesh("--version", "--json").json == mesh("version", "--json").json


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script(mesh: Mesh, shell: str) -> None:
    assert "_MESH_COMPLETE" in mesh("completion", shell).out


@pytest.mark.parametrize("arguments", [("--help",), ("status",), ("version", "--json")])
def test_a_reader_that_has_seen_enough_is_no_failure_to_speak_of(
    mesh: Mesh, arguments: tuple[str, ...]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "mesh.cli.main", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        command, stdout=writing, stderr=subprocess.PIPE, env=environment, check=False
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (1, b"")
