"""One tab stop a list: arrows, Home and End lead among its items, and Tab leads past them."""

from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from mesh.commands.groups import AcceptGroup, AskGroup, GroupAnswer
from tests.integration.nodes import Node, eventually
from tests.integration.row import wait_for_text
from tests.web import conftest
from tests.web.chatting import TWO_FRAMES, bubble, to_message
from tests.web.chromium import go

pytestmark = [pytest.mark.netns, pytest.mark.slow]

pair = conftest.lasting_pair

STOPS: Final = """(list, items) => [...list.querySelectorAll("*")]
  .filter((one) => one.tabIndex >= 0 && one.closest(items)).length"""
PLACE: Final = """(list, items) => [...list.querySelectorAll(items)]
  .findIndex((one) => one === document.activeElement)"""


def stops(page: Page, where: str, items: str) -> int:
    """The count of places in the items of a list at which Tab stops."""
    return int(page.locator(where).evaluate(STOPS, items))


def place(page: Page, where: str, items: str) -> int:
    """The place of the item that has the focus; -1 for none of them."""
    return int(page.locator(where).evaluate(PLACE, items))


def walk(page: Page, where: str, items: str) -> None:
    """Go through a list by its keys, from the item that has the focus."""
    last = page.locator(where).locator(items).count() - 1
    assert last > 0, "one item alone proves nothing"
    for key, wanted in (
        ("Home", 0),
        ("ArrowUp", 0),
        ("ArrowDown", 1),
        ("ArrowUp", 0),
        ("End", last),
        ("ArrowUp", last - 1),
    ):
        page.keyboard.press(key)
        assert place(page, where, items) == wanted, key
        expect(page.locator(where).locator(f":is({items})[tabindex='0']")).to_have_count(1)


def tab_into(page: Page, where: str, items: str, *, key: str = "Tab") -> None:
    """Press Tab until the focus is in the list; there is one way in."""
    expect(page.locator(where).locator(items).first).to_be_visible()
    assert stops(page, where, items) == 1
    for _ in range(30):
        page.keyboard.press(key)
        if place(page, where, items) >= 0:
            return
    pytest.fail(f"{where} cannot be reached by the keyboard")


def leaves_at_once(page: Page, where: str, items: str) -> None:
    """Tab leads out of a list whose items have nothing within, and back to where one was."""
    was = place(page, where, items)
    page.keyboard.press("Tab")
    assert place(page, where, items) == -1
    page.keyboard.press("Shift+Tab")
    assert place(page, where, items) == was


ROW: Final = ".row:not(div)"


def test_lists_have_one_tab_stop_and_arrows_lead_among_their_rows(
    my_chat: Page, pair: tuple[Node, Node], tmp_path: Path
) -> None:
    page = my_chat
    anna, ben = pair
    crew = anna.answer(GroupAnswer, "group", "create", "Crew", "--with", ben.name).conversation
    for text in ("We sail at six", "or sail at seven"):
        file = tmp_path / f"{text}.txt"
        file.write_text(text)
        anna.run("send", str(crew), text, "--file", str(file))
    accept(ben)
    eventually(
        lambda: anna.client.ask(AskGroup("Crew"), GroupAnswer).members_count,
        lambda count: count == 2,
        within_s=60,
        what="a group of two",
    )
    go(page, "#/chats")
    chats = ".list .scroll"
    expect(page.locator(chats).locator(ROW)).to_have_count(3)
    tab_into(page, chats, ROW)
    walk(page, chats, ROW)
    leaves_at_once(page, chats, ROW)
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    expect(page.locator(".composer textarea")).to_be_focused()
    assert stops(page, chats, ROW) == 1
    expect(page.locator(f'{chats} .row[tabindex="0"]')).to_have_attribute("aria-current", "page")
    # People.
    go(page, "#/people")
    expect(page.get_by_role("heading", name="People").first).to_be_visible()
    expect(page.locator(".list .scroll").locator(ROW)).to_have_count(4)
    tab_into(page, ".list .scroll", ROW)
    walk(page, ".list .scroll", ROW)
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page.locator('.list .row[aria-current="page"]')).to_contain_text(ben.name)
    # Members.
    go(page, f"#/c/{crew}/group")
    expect(page.locator(f".members {ROW}")).to_have_count(2)
    tab_into(page, ".members", ROW)
    walk(page, ".members", ROW)
    leaves_at_once(page, ".members", ROW)
    page.keyboard.press("Enter")
    expect(page.get_by_role("menu")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".members .row:focus")).to_have_count(1)
    walk_through_files(page)
    walk_through_finds(page)
    # Settings.
    page.keyboard.press("Escape")
    go(page, "#/settings")
    expect(page.locator(".list").get_by_role("heading", name="Settings")).to_be_visible()
    tab_into(page, ".list .scroll", ROW)
    walk(page, ".list .scroll", ROW)


def walk_through_finds(page: Page) -> None:
    """Go through what a search finds."""
    page.keyboard.press("Control+k")
    expect(page.locator(".search-field input")).to_be_focused()
    # What is found for the first letters looks the same, and is drawn anew when this comes.
    with page.expect_request_finished(lambda one: "/v1/search?q=sail&" in one.url):
        page.keyboard.type("sail")
    page.evaluate(TWO_FRAMES)
    hits = ".list .scroll"
    expect(page.locator(f"{hits} {ROW}")).to_have_count(2)
    page.keyboard.press("ArrowDown")
    assert place(page, hits, ROW) == 0
    walk(page, hits, ROW)
    leaves_at_once(page, hits, ROW)


def walk_through_files(page: Page) -> None:
    """Go from the panel of the group to its files, which stand in its place, and back."""
    page.get_by_role("link", name="Show: Files and pictures").press("Enter")
    expect(page.get_by_role("link", name="Back", exact=True)).to_be_focused()
    expect(page.locator(".kept")).to_contain_text(["or sail at seven.txt", "We sail at six.txt"])
    tab_into(page, ".kept-list", ".kept")
    walk(page, ".kept-list", ".kept")
    page.get_by_role("link", name="Back", exact=True).press("Enter")
    expect(page.locator(".members")).to_be_visible()


def accept(node: Node, group: str = "Crew") -> None:
    """Join the group into which one is asked."""
    eventually(
        lambda: node.run("group"),
        lambda told: group in told,
        within_s=60,
        what="an invite",
    )
    node.client.ask(AcceptGroup(group), GroupAnswer)


def test_a_stream_has_one_tab_stop_and_what_stands_in_a_message_belongs_to_it(
    my_chat: Page, pair: tuple[Node, Node]
) -> None:
    page = my_chat
    anna, ben = pair
    for text in ("See https://example.org/one", "and https://example.org/two", "so far"):
        ben.run("send", anna.name, text)
        wait_for_text(anna, text)
    stream, items = ".stream", ".message"
    expect(page.get_by_role("article")).to_have_count(5)
    assert stops(page, stream, items) == 1
    page.locator(".composer textarea").focus()
    page.keyboard.press("Shift+Tab")
    assert place(page, stream, items) == 4, "the newest comes first"
    walk(page, stream, items)
    # A link is reached from its message alone, and the arrow leads back to the message.
    page.keyboard.press("End")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    expect(bubble(page, "two").get_by_role("link")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(bubble(page, "two")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert place(page, stream, items) == -1
    assert stops(page, stream, items) == 1
    # Back to where one was.
    page.locator(".composer textarea").focus()
    page.keyboard.press("Shift+Tab")
    expect(bubble(page, "two")).to_be_focused()
    ben.run("send", anna.name, "one more")
    expect(page.get_by_role("article")).to_have_count(6)
    expect(bubble(page, "two")).to_be_focused()
    page.keyboard.press("End")
    expect(bubble(page, "one more")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".composer textarea")).to_be_focused()
    # What comes while one writes is where the key leads.
    to_message(page, "so far")
    page.locator(".composer textarea").focus()
    ben.run("send", anna.name, "the last")
    expect(page.get_by_role("article")).to_have_count(7)
    assert stops(page, stream, items) == 1
    page.keyboard.press("Shift+Tab")
    expect(bubble(page, "the last")).to_be_focused()


def test_what_came_and_is_not_opened_is_an_item_of_the_stream(
    my_chat: Page, pair: tuple[Node, Node]
) -> None:
    page = my_chat
    anna, ben = pair
    anna.run("contact", "block", ben.name)
    ben.run("send", anna.name, "not opened")
    # Her disk has it: nobody else is there who could.
    eventually(
        lambda: ben.messages()[-1].state,
        lambda state: state == "carried",
        within_s=60,
        what="the message at Anna's",
    )
    anna.run("contact", "unblock", ben.name)
    sealed = page.get_by_role("group", name="1 message of theirs came and is not opened.")
    expect(sealed).to_contain_text("is not opened")
    assert stops(page, ".stream", ".message, .apart, .sealed") == 1
    page.locator(".composer textarea").focus()
    page.keyboard.press("Shift+Tab")
    expect(sealed).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(bubble(page, "I will look.")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    expect(sealed.get_by_role("button", name="Open them")).to_be_focused()
    page.keyboard.press("Enter")
    expect(bubble(page, "not opened")).to_be_visible()
    expect(sealed).to_have_count(0)
