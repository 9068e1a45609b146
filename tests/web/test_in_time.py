"""Time goes on while a page is open: a notice is over, and an edit came late."""

import re
import time

import pytest
from playwright.sync_api import expect

from mesh.commands.item_commands import EditItem, WriteItem
from mesh.commands.items import ItemAnswer
from tests.integration.nodes import Node
from tests.integration.row import wait_for_text
from tests.web import conftest
from tests.web.chatting import begin_anew, bubble
from tests.web.chromium import Laptops

pytestmark = [pytest.mark.netns, pytest.mark.slow]

pair = conftest.lasting_pair
HOURS_2 = 7_200
TWO_HOURS_LATER = """(() => {
  const ask = window.fetch;
  window.fetch = async (...asked) => {
    const answer = await ask(...asked);
    if (!/\\/items\\?/.test(asked[0].url ?? asked[0])) return answer;
    const told = await answer.json();
    for (const { edited } of told.items) {
      if (edited?.received >= edited?.at) edited.received += 7200;
    }
    return new Response(JSON.stringify(told), answer);
  };
})()"""
"""Tells of edits as if the laptop had been off for two hours when they came."""

IS_AHEAD = """(() => {
  const ask = window.fetch;
  window.fetch = async (...asked) => {
    const answer = await ask(...asked);
    if (!/\\/v1\\/status$/.test(asked[0].url ?? asked[0])) return answer;
    const told = { ...await answer.json(), clock_offset_seconds: -7200 };
    return new Response(JSON.stringify(told), answer);
  };
})()"""
"""Tells of a computer whose clock is two hours ahead of the mesh."""


def test_a_notice_stands_on_top_until_it_is_over(pair: tuple[Node, Node], laptops: Laptops) -> None:
    begin_anew(*pair)
    anna, ben = pair
    until = int(time.time()) + HOURS_2
    anna.client.ask(WriteItem(ben.name, "notice", text="Doors are open", until=until), ItemAnswer)
    page = laptops.beside(anna).page(before=lambda one: one.add_init_script(IS_AHEAD))
    page.get_by_role("link", name=re.compile(ben.name)).first.click()
    expect(page.locator(".notice-bar")).to_contain_text("Doors are open")
    # By its own clock it is over, which is two hours ahead of what the others say.
    for now, count in ((until + 60, 1), (until + HOURS_2 + 60, 0)):
        page.clock.set_fixed_time(now)
        # Whatever comes, the page is drawn again.
        ben.run("send", anna.name, f"is it {now}?")
        expect(page.get_by_role("log")).to_contain_text(f"is it {now}?")
        expect(page.locator(".notice-bar")).to_have_count(count)


def test_an_edit_that_came_late_says_when(pair: tuple[Node, Node], laptops: Laptops) -> None:
    begin_anew(*pair)
    anna, ben = pair
    written = ben.client.ask(WriteItem(anna.name, text="at five"), ItemAnswer)
    wait_for_text(anna, "at five")
    ben.client.ask(EditItem(written.number, "at six"), ItemAnswer)
    wait_for_text(anna, "at six")

    page = laptops.beside(anna).page(before=lambda one: one.add_init_script(TWO_HOURS_LATER))
    page.get_by_role("link", name=re.compile(ben.name)).first.click()
    expect(bubble(page, "at six").locator(".under")).to_have_text(re.compile("^edited, opened "))
