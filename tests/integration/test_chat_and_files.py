"""Settings of a chat, and its files: in `mesh chat` at a terminal, and beside an export."""

import json
from pathlib import Path

import pytest

from tests.integration.networks import Desk
from tests.integration.nodes import Node, at_terminal, start_all
from tests.integration.row import NodeMaker

pytestmark = pytest.mark.netns


@pytest.fixture
def ada(desk: Desk, make_node: NodeMaker) -> Node:
    """Return a node that writes to itself alone."""
    node = make_node(desk.laptop(desk.bridge("left")), "Ada")
    start_all(node)
    return node


def with_oneself(node: Node) -> dict[str, object]:
    """Return what is told of the notes to oneself."""
    found = json.loads(node.run("chats", "--json"))["conversations"]
    told: dict[str, object] = next(each for each in found if each["kind"] == "self")
    return told


def test_a_chat_is_muted_archived_pinned_and_marked_as_unread(ada: Node) -> None:
    ada.run("mute", "me", "8h")
    assert with_oneself(ada)["muted_until"] != 0
    ada.run("mute", "me", "--off")
    assert with_oneself(ada)["muted_until"] == 0
    for command, field in (
        (("archive", "me"), "is_archived"),
        (("unread", "me"), "is_marked_unread"),
        (("pin", "--chat", "me"), "is_pinned"),
    ):
        ada.run(*command)
        assert with_oneself(ada)[field] is True
        ada.run(*command, "--off")
        assert with_oneself(ada)[field] is False


def test_files_are_sent_saved_and_sent_on_in_the_chat(ada: Node, tmp_path: Path) -> None:
    plan = tmp_path / "plan of it.pdf"
    plan.write_bytes(b"%PDF of the house")
    with at_terminal(ada, "chat", "me") as hers:
        hers.wait_for("/help")
        hers.enter(f"/file {plan}")
        # The name alone stands in the line that is typed.
        hers.wait_for("plan of it.pdf, 17 B: kept here")
        hers.enter("/save 1")
        # A long path is broken where the line ends.
        hers.wait_until(lambda text: "holds it." in text.replace("\n", ""), "saved")
        hers.enter("/forward 1 me")
        hers.wait_for("Sent on to me.")
        hers.enter("/file /nowhere/at.all")
        hers.wait_for("Cannot read")
    assert (ada.home / plan.name).read_bytes() == plan.read_bytes()
    items = json.loads(ada.run("export", "me"))["items"]
    assert [item["files"][0]["name"] for item in items] == [plan.name] * 2
    assert items[1]["forwarded"] == ""


def test_an_export_has_its_files_beside_it(ada: Node, tmp_path: Path) -> None:
    page, evil = tmp_path / "evil.html", tmp_path / "plan.PDF"
    page.write_bytes(b"<script>alert(1)</script>")
    evil.write_bytes(b"%PDF")
    ada.run("send", "me", "--file", str(page), "--file", str(evil))
    out = tmp_path / "notes.html"
    ada.run("export", "me", "--out", str(out), "--files")
    folder = tmp_path / "notes-files"
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert kept == {"1.html.txt": page.read_bytes(), "2.pdf": evil.read_bytes()}
    assert all(f'href="./notes-files/{name}"' in out.read_text() for name in kept)
    with pytest.raises(AssertionError, match="is there already"):
        ada.run("export", "me", "--out", str(tmp_path / "notes.htm"), "--files")


def test_an_export_names_the_files_that_it_cannot_read_and_leaves_no_folder_if_there_is_none(
    ada: Node, tmp_path: Path
) -> None:
    film, plan = tmp_path / "film.mp4", tmp_path / "plan.pdf"
    film.write_bytes(bytes(1_200_000))
    plan.write_bytes(b"%PDF")
    ada.run("send", "me", "--file", str(film), "--file", str(plan))
    # It is sent from where it lies, and is not there any more.
    film.unlink()
    out, folder = tmp_path / "notes.html", tmp_path / "notes-files"
    with pytest.raises(AssertionError):
        ada.run("export", "Nobody", "--out", str(out), "--files")
    assert not folder.exists()
    told = json.loads(ada.run("export", "me", "--out", str(out), "--files", "--json"))
    assert (told["files_count"], told["unread"]) == (1, ["film.mp4"])
    assert [path.name for path in folder.iterdir()] == ["2.pdf"]
