"""Mentions in the page, between two real laptops, by keyboard."""

import re
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from mesh.commands.item_commands import AskItems
from mesh.commands.items import ItemsAnswer
from tests.integration.nodes import Node
from tests.web import conftest
from tests.web.chatting import bubble
from tests.web.chromium import Laptops

pytestmark = [pytest.mark.netns, pytest.mark.slow]

pair = conftest.lasting_pair

MEANT: Final = """async () => {
  const { mentionsIn, begunAt, toldApart } = await import("/app/mentions.js");
  const names = { a: "Bo", b: "Bo Li", c: "😀ra" };
  const people = Object.entries(names).map(([key, label]) => ({ key, label }));
  const of = (text) => mentionsIn(text, people).map((one) => [one.start, one.length, one.key]);
  return [
    of("@Bo and @bo li, not x@Bo nor @Bob"), of("😀 @😀ra!"), of("@Bo ".repeat(30)).length,
    begunAt("hi @b", 5, people)?.choices.map(({ label }) => label), begunAt("mail a@b", 8, people),
    toldApart([{ label: "Ada", key: "aaaaaaaa1", contact: 3 },
      { label: "ada", key: "bbbbbbbb2", contact: 0 }]).map(({ label, key }) => [label, key]),
    toldApart([{ label: "Ada", key: "aaaaaaaa1", contact: 0 },
      { label: "ada", key: "bbbbbbbb2", contact: 0 }]).map(({ label }) => label),
  ];
}"""


def test_who_is_meant_is_found_by_the_longest_name(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    page = laptops.beside(pair[0]).page()
    assert page.evaluate(MEANT) == [
        [[0, 3, "a"], [8, 6, "b"]],
        [[2, 4, "c"]],
        16,
        ["Bo", "Bo Li"],
        None,
        [["Ada", "aaaaaaaa1"], ["ada bbbbbbbb", "bbbbbbbb2"]],
        ["Ada aaaaaaaa", "ada bbbbbbbb"],
    ]


def test_somebody_is_mentioned_by_keyboard_and_an_edit_keeps_it(
    my_chat: Page, pair: tuple[Node, Node]
) -> None:
    page = my_chat
    anna, ben = pair
    field = page.locator(".composer textarea")
    field.press_sequentially(f"Ask @{ben.name[:2].lower()}")
    offered = page.get_by_role("option")
    expect(offered).to_have_text([f"@{ben.name}"])
    field.press("Enter")
    expect(field).to_have_value(f"Ask @{ben.name} ")
    expect(offered).to_have_count(0)
    field.press_sequentially("now")
    field.press("Enter")
    # It is shown before the node has it.
    sent = bubble(page, f"Ask @{ben.name} now")
    expect(sent).to_have_attribute("data-number", re.compile(r"^\d+$"))

    def mentions() -> list[tuple[int, int]]:
        items = anna.client.ask(AskItems(ben.name), ItemsAnswer).items
        return [(one.start, one.length) for one in items[-1].mentions]

    assert mentions() == [(4, len(ben.name) + 1)]
    field.press("ArrowUp")
    expect(field).to_have_value(f"Ask @{ben.name} now")
    field.fill(f"Please ask @{ben.name} now")
    field.press("Enter")
    expect(bubble(page, f"Please ask @{ben.name} now")).to_have_count(1)
    assert mentions() == [(11, len(ben.name) + 1)]
