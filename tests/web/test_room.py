"""Room by conversation: what is told in the page and in a terminal, and deleting what was said."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.integration.nodes import Node, befriend, eventually
from tests.integration.row import wait_for_text
from tests.web.chatting import noticing
from tests.web.chromium import Laptops, go

pytestmark = [pytest.mark.netns, pytest.mark.slow]


def test_what_was_said_is_deleted_here_and_stays_with_the_other(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    anna, ben = pair
    # Else the proof comes minutes later, on purpose.
    ben.run("settings", "opened_delay_seconds", "0")
    befriend(anna, ben, inviter_label=anna.name)
    for text in ("one", "two"):
        ben.run("send", anna.name, text)
    wait_for_text(anna, "two")
    anna.run("send", ben.name, "three")
    wait_for_text(ben, "three")
    ben.run("contact", "receipts", anna.name, "on")
    ben.run("read")
    eventually(
        lambda: anna.messages(ben.name)[-1].state,
        lambda state: state == "read",
        within_s=60,
        what="the proof",
    )
    anna.run("send", "me", "a note of mine")
    of_ben, of_notes = anna.run("room").splitlines()[1:]
    assert ben.name in of_ben
    assert "3 messages" in of_ben
    assert "Note to self" in of_notes
    page = laptops.beside(anna).page()
    page.get_by_role("link", name=re.compile(ben.name)).first.click()
    expect(page.get_by_role("log")).to_contain_text("three")
    expect(page.get_by_role("textbox", name=f"Message {ben.name}")).to_be_focused()
    page.keyboard.type("begun")
    go(page, "#/settings/storage")
    row = page.get_by_role("listitem").filter(has_text=ben.name)
    expect(row).to_contain_text("3 messages")
    row.get_by_role("button").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"{ben.name} keeps what is on their side, and is not told.")
    dialog.get_by_role("button", name="Cancel").click()
    assert len(anna.messages(ben.name)) == 3
    row.get_by_role("button").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(dialog).to_have_count(0)
    expect(row).to_contain_text("No messages")
    expect(row.get_by_role("button")).to_be_disabled()
    page.get_by_role("link", name="Chats").click()
    page.get_by_role("link", name=re.compile(ben.name)).first.click()
    expect(page.get_by_role("textbox", name=f"Message {ben.name}")).to_have_value("")
    # The answer may be here before the event by which the chat is emptied.
    expect(page.get_by_role("log").get_by_role("article")).to_have_count(0)
    assert anna.messages(ben.name) == []
    assert [message.text for message in ben.messages()] == ["one", "two", "three"]
    ben.run("send", anna.name, "four")
    expect(page.get_by_role("log")).to_contain_text("four")
    expect(page.get_by_role("log")).not_to_contain_text("has not arrived")


def test_in_a_terminal_it_is_asked_for_and_said(alone: Node) -> None:
    alone.run("send", "me", "a note of mine")
    refused = alone.attempt("room", "delete", "me")
    assert refused.returncode != 0
    assert "say --yes" in refused.stderr
    done = alone.attempt("room", "delete", "me", "--yes")
    assert "1 message deleted here." in done.stderr
    (told,) = json.loads(alone.run("room", "--json"))["conversations"]
    assert (told["kind"], told["messages_count"], told["bytes"]) == ("self", 0, 0)


def test_room_for_carrying_is_said_as_people_write_it(alone: Node, laptops: Laptops) -> None:
    page = laptops.beside(alone).page()
    go(page, "#/settings/node")
    room = page.get_by_role("textbox", name="Room for carrying")
    expect(room).to_have_value("1 GiB")
    room.fill("512 MiB")
    with noticing(page, "Saved"):
        room.press("Enter")
    assert "536870912" in alone.run("settings", "stored_bytes_max", "--json")
    room.fill("much")
    room.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("512 MiB or 2 GiB")
    assert "536870912" in alone.run("settings", "stored_bytes_max", "--json")
