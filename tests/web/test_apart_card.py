"""The card of a stretch of a group's stream that does not count, as the page draws it."""

import re

import pytest
from playwright.sync_api import Route, expect

from tests.integration.nodes import Node
from tests.web.chromium import Laptops, go

pytestmark = [pytest.mark.netns, pytest.mark.slow]

STRETCHES = """async (items) => {
  const { stretchesOf } = await import("/app/screens/groups.js");
  const found = stretchesOf(items);
  return [...found].map(([number, stretch]) => [number, stretch.map((item) => item.number)]);
}"""

CARD = """async (items) => {
  const { apartCard, isUnfolded } = await import("/app/screens/groups.js");
  const { render } = await import("/vendor/lit-html/lit-html.js");
  const place = document.createElement("div");
  const stream = {};
  const draw = () => { render(apartCard({ number: 7 }, stream, items), place); };
  const told = () => [place.textContent, isUnfolded(stream, items)];
  draw();
  const folded = told();
  place.querySelector("button").click();
  draw();
  const open = told();
  place.querySelector("button").click();
  draw();
  const again = told();
  stream.flash = items.at(-1).number;
  draw();
  stream.flash = 0;
  const link = place.querySelector("a").getAttribute("href");
  return [folded, open, again, told(), link, place.querySelectorAll("b, img").length];
}"""


STOPS = """async (items) => {
  const { apartCard } = await import("/app/screens/groups.js");
  const { html, render } = await import("/vendor/lit-html/lit-html.js");
  const place = document.createElement("div");
  document.body.append(place);
  render(html`<div data-rows=".message, .apart, .sealed">${apartCard({ number: 7 }, {}, items)}
    <article class="message" tabindex="-1">one more</article></div>`, place);
  const stops = () => [...place.querySelectorAll("*")].filter((one) => one.tabIndex >= 0)
    .map((one) => one.localName);
  dispatchEvent(new FocusEvent("focusin"));
  const before = stops();
  place.querySelector(".apart").focus();
  const within = stops();
  document.activeElement.blur();
  place.remove();
  return [before, within];
}"""


def item(
    number: int, kind: str = "text", label: str = "Cem", **fields: object
) -> dict[str, object]:
    author = {"label": label}
    return {"number": number, "kind": kind, "author": author, "sent": 1_800_000_000, **fields}


def apart(
    number: int, kind: str = "text", label: str = "Cem", **fields: object
) -> dict[str, object]:
    return item(number, kind, label, is_apart=True, **fields)


def test_what_does_not_count_is_one_card(alone: Node, laptops: Laptops) -> None:
    page = laptops.beside(alone).page()
    told = [
        item(1),
        apart(2),
        item(3, "membership"),
        apart(4, kind="timer"),
        item(5),
        apart(6),
        item(7),
    ]
    # What was done to the group in between ends none, and one alone is none.
    assert page.evaluate(STRETCHES, told) == [[2, [2, 4]], [4, [2, 4]]]
    stretch = [apart(2, label="<b>Cem</b>"), apart(4, label="Dan"), apart(5, isMine=True)]
    folded, opened, again, led, link, elements = page.evaluate(CARD, stretch)
    assert "Apart: 3 messages" in folded[0]
    assert "By <b>Cem</b>, Dan, you" in folded[0]
    assert "What became void" in folded[0]
    assert [folded[1], opened[1], again[1], led[1]] == [False, True, False, True]
    assert link == "#/c/7/group"
    assert elements == 0
    # For the keyboard it is one of the messages, and what stands in it is reached from it.
    before, within = page.evaluate(STOPS, stretch)
    assert [before, within] == [["section"], ["section", "button", "a"]]


def test_what_came_since_is_kept_by_one_press(alone: Node, laptops: Laptops) -> None:
    """The log offers it where the node does, and asks for nothing else."""
    alone.run("group", "create", "Crew")
    page = laptops.beside(alone).page()
    removal = {
        "id": "ab" * 32,
        "at": 1_800_000_000,
        "action": "removed",
        "by": "alone",
        "is_mine": True,
        "whom": ["<b>Cem</b>"],
        "counts": True,
        "keep": True,
    }
    kept = {**removal, "id": "cd" * 32, "keep": False, "is_keeping": True}
    told = [removal]
    posted: list[str] = []

    def log(route: Route) -> None:
        if route.request.method == "GET":
            route.fulfill(json={"operations": told, "has_more": False})
            return
        posted.append(route.request.url.rpartition("/log/")[2])
        told[:] = [{**removal, "keep": False}, kept]
        route.fulfill(json=group)

    number = int(alone.run("group", "list").split()[0])
    # Until the page is signed in its address holds the code for that.
    expect(page.get_by_role("link", name=re.compile("Crew"))).to_be_visible()
    group = page.evaluate(f"() => fetch('/v1/groups/{number}').then((answer) => answer.json())")
    page.route("**/v1/groups/*/log**", log)
    go(page, f"#/c/{number}/group")
    notes = page.locator(".notes")
    expect(notes).to_contain_text("<b>Cem</b> wrote before they knew of it, and it does not count.")
    notes.get_by_role("button", name="Let it count").click()
    expect(notes).to_contain_text("You kept what came since of <b>Cem</b>")
    expect(notes.get_by_role("button")).to_have_count(0)
    assert posted == [f"{'ab' * 32}/keep"]


LINE = """async (item) => {
  const { stateLine } = await import("/app/marks.js");
  const { kind, words } = stateLine(item);
  return [kind, words]; }"""


def test_what_all_have_left_is_on_the_way_to_nobody(alone: Node, laptops: Laptops) -> None:
    page = laptops.beside(alone).page()
    to_nobody = ["", "Nobody else here was in the group then"]
    for state in ("queued", "carried", "delivered"):
        message = item(1, state=state, carriers=2, devices={"told": None, "of": 0})
        assert page.evaluate(LINE, message) == to_nobody
    proved = item(1, state="carried", carriers=2, devices={"told": 1, "of": 1})
    assert page.evaluate(LINE, proved) == ["proof", "On 1 of 1 devices"]
    one = item(1, state="carried", carriers=2)
    assert page.evaluate(LINE, one) == ["", "Carried by 2 neighbours"]
