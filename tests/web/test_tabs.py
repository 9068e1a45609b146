"""One person with ten tabs of the same node."""

import pytest
from playwright.sync_api import expect

from tests.integration.nodes import Node, befriend
from tests.integration.row import wait_for_text
from tests.web.chromium import Laptops, open_chat

pytestmark = [pytest.mark.netns, pytest.mark.slow]

TABS = 10


def test_ten_tabs_show_the_same(pair: tuple[Node, Node], laptops: Laptops) -> None:
    anna, ben = pair
    befriend(anna, ben, inviter_label=anna.name)
    ben.run("send", anna.name, "hello")
    wait_for_text(anna, "hello")
    laptop = laptops.beside(anna)
    first, *others = tabs = [laptop.page() for _ in range(TABS)]
    for page in tabs:
        open_chat(page, ben.name)
    ben.run("send", anna.name, "can all of you see this?")
    for page in tabs:
        expect(page.get_by_role("log")).to_contain_text("can all of you see this?")
    first.get_by_role("textbox").click()
    first.keyboard.type("all of us")
    first.keyboard.press("Enter")
    for page in tabs:
        expect(page.get_by_role("article", name="You")).to_have_count(1)
        expect(page.get_by_role("log")).to_contain_text("all of us")
    wait_for_text(ben, "all of us")
    # What is typed in one and sent in none stands in all of them.
    first.keyboard.type("half a thought")
    for page in others:
        expect(page.get_by_role("textbox", name="Message")).to_have_value("half a thought")
    others[0].keyboard.press("Control+Shift+L")
    for page in tabs:
        expect(page.get_by_role("heading", name="Locked")).to_be_visible()
