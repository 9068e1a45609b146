"""Forms and menus whose answer comes late, or does not come: nothing typed is lost, nobody is led.

Two real laptops; what a page asks for is held or cut between it and its own daemon.
"""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from mesh.commands.groups import AskGroups, GroupsAnswer
from mesh.commands.item_commands import AskItems
from mesh.commands.items import ItemsAnswer
from tests.integration.nodes import Node
from tests.web import conftest
from tests.web.chatting import (
    ANSWERS_LATE,
    TWO_FRAMES,
    answered,
    begin_anew,
    holding,
    until_held,
)
from tests.web.chromium import Laptops, go, open_chat

pytestmark = [pytest.mark.netns, pytest.mark.slow]

pair = conftest.lasting_pair

LOSE_FIRST = """() => {
  const { fetch } = window;
  window.keys = [];
  window.fetch = async (path, asked) => {
    const answer = await fetch(path, asked);
    if (asked.method !== "POST" || !path.endsWith("/items")) return answer;
    window.keys.push(asked.headers["Idempotency-Key"]);
    if (window.keys.length === 1) throw new TypeError("cut");
    return answer;
  };
}"""
"""Lets what is written first be kept by the daemon, and its answer be lost."""

LOSE_GROUP = """() => {
  const ask = window.fetch;
  window.fetch = async (url, asked = {}) => {
    const answer = await ask(url, asked);
    if (asked.method !== "POST" || !String(url).endsWith("/v1/groups")) return answer;
    window.fetch = ask;
    throw new TypeError("cut");
  };
}"""
"""Lets the first group be made by the daemon, and its answer be lost."""

RECORDING = """async () => (await import("/app/state.js")).state.recording"""


def open_form(page: Page, kind: str) -> None:
    """Open the form of something that is put into the conversation."""
    page.get_by_role("button", name="Add", exact=True).press("Enter")
    page.get_by_role("menuitem", name=re.compile(f"^{kind}")).press("Enter")
    expect(page.locator("#form [autofocus]")).to_be_focused()


def test_a_form_whose_answer_is_lost_keeps_what_was_typed_and_makes_one_thing(
    chat: tuple[Page, Page],
) -> None:
    mine, theirs = chat
    mine.evaluate(LOSE_FIRST)
    open_form(mine, "Poll")
    form = mine.get_by_role("dialog")
    for label, text in (("Question", "Who cooks?"), ("Choice 1", "You"), ("Choice 2", "I")):
        form.get_by_label(label, exact=True).fill(text)
    mine.keyboard.press("Enter")
    expect(form.get_by_role("alert")).to_contain_text("Mesh does not answer")
    expect(form.get_by_label("Question", exact=True)).to_have_value("Who cooks?")
    expect(form.get_by_label("Choice 2", exact=True)).to_have_value("I")
    form.get_by_role("button", name="Put it in").click()
    expect(form).to_have_count(0)
    # The same thing again is the same thing.
    first, again = mine.evaluate("window.keys")
    assert first == again
    for page in (mine, theirs):
        expect(page.get_by_role("article").filter(has_text="Who cooks?")).to_have_count(1)
    mine.evaluate(TWO_FRAMES)
    expect(mine.get_by_role("article")).to_have_count(3)


def test_a_second_press_is_none_and_who_went_on_stays_there(my_chat: Page) -> None:
    mine = my_chat
    held = holding(mine, "conversations/*/items")
    open_form(mine, "Task")
    form = mine.get_by_role("dialog")
    mine.keyboard.type("Bring water")
    mine.keyboard.press("Enter")
    expect(form.locator("form")).to_have_attribute("aria-busy", "true")
    until_held(mine, held)
    mine.keyboard.press("Enter")
    form.get_by_role("button", name="Put it in").click()
    mine.evaluate(TWO_FRAMES)
    assert len(held) == 1
    mine.keyboard.press("Escape")
    expect(form).to_have_count(0)
    open_form(mine, "Notice")
    mine.keyboard.type("half a notice")
    answered(mine, held, "POST.*/items$")
    expect(form.get_by_role("textbox").first).to_have_value("half a notice")
    mine.unroute_all()


def test_a_press_on_what_stands_there_now_is_heard_before_the_answer_to_the_one_before(
    my_chat: Page, pair: tuple[Node, Node]
) -> None:
    """An event tells of a change before its answer does: the button means its contrary then."""
    mine, (_, ben) = my_chat, pair
    mine.evaluate(ANSWERS_LATE, "/v1/items/\\d+/react$")
    [item] = [one for one in ben.client.ask(AskItems("2"), ItemsAnswer).items if "look" in one.text]
    ben.run("react", str(item.number), "\N{THUMBS UP SIGN}")
    sign = mine.get_by_role("article").filter(has_text="I will look.").locator(".reaction")
    expect(sign).to_have_attribute("aria-pressed", "false")
    for pressed in ("true", "false"):
        sign.click()
        expect(sign).to_have_attribute("aria-pressed", pressed)
    mine.evaluate("window.answer()")
    mine.wait_for_timeout(500)
    expect(sign).to_have_attribute("aria-pressed", "false")


def test_a_failure_is_told_also_to_who_closed_the_form(my_chat: Page) -> None:
    mine = my_chat
    held = holding(mine, "conversations/*/items")
    open_form(mine, "Task")
    mine.keyboard.type("Bring wood")
    mine.keyboard.press("Enter")
    expect(mine.locator("#form")).to_have_attribute("aria-busy", "true")
    mine.keyboard.press("Escape")
    until_held(mine, held)
    held[0].abort()
    expect(mine.get_by_role("dialog", name="It did not work.")).to_be_visible()
    mine.unroute_all()


def test_a_form_below_another_dialog_closes_too_when_it_is_done(my_chat: Page) -> None:
    mine = my_chat
    held = holding(mine, "conversations/*/items")
    open_form(mine, "Task")
    mine.keyboard.type("Bring bread")
    mine.keyboard.press("Enter")
    expect(mine.locator("#form")).to_have_attribute("aria-busy", "true")
    mine.evaluate("""async () => (await import("/app/dom.js")).failed({ type: "exists" })""")
    told = mine.get_by_role("dialog", name="It did not work.")
    expect(told).to_be_visible()
    answered(mine, held, "POST.*/items$")
    expect(mine.locator("#form")).to_have_count(0)
    expect(told.get_by_role("button", name="Close")).to_be_focused()
    mine.keyboard.press("Escape")
    expect(mine.get_by_role("dialog")).to_have_count(0)
    # The focus goes to where the form was opened.
    expect(mine.get_by_role("button", name="Add", exact=True)).to_be_focused()
    mine.unroute_all()


def test_a_task_of_which_one_field_was_not_taken_says_only_the_rest_again(
    chat: tuple[Page, Page],
) -> None:
    mine, theirs = chat
    open_form(mine, "Task")
    mine.keyboard.type("Paint the boat")
    mine.keyboard.press("Enter")
    expect(mine.get_by_role("dialog")).to_have_count(0)
    task = mine.get_by_role("article").filter(has_text="Paint the boat")
    task.get_by_role("button", name="More").click()
    mine.get_by_role("menuitem", name="Change").click()
    form = mine.get_by_role("dialog")
    form.get_by_label("What is to be done").fill("Paint the boats")
    form.get_by_label("Notes").fill("Both")
    said: list[str] = []

    def cut(route: Route) -> None:
        field = str((route.request.post_data_json or {})["field"])
        said.append(field)
        if said.count("notes") == 1 and field == "notes":
            route.abort()
        else:
            route.continue_()

    mine.route("**/v1/items/*/change", cut)
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text("Mesh does not answer")
    expect(form.get_by_label("Notes")).to_have_value("Both")
    form.get_by_role("button", name="Save").click()
    expect(form).to_have_count(0)
    assert said == ["title", "notes", "notes"]
    mine.unroute_all()
    changed = theirs.get_by_role("article").filter(has_text="Paint the boats")
    expect(changed).to_contain_text("Both")


def test_a_group_whose_making_broke_off_is_made_once(
    my_chat: Page, pair: tuple[Node, Node]
) -> None:
    mine = my_chat
    mine.evaluate(LOSE_GROUP)
    mine.route("**/v1/conversations/*/timer", lambda route: route.abort())
    mine.get_by_role("button", name="New", exact=True).click()
    mine.get_by_role("menuitem", name="New group").click()
    form = mine.get_by_role("dialog")
    form.get_by_label("Name of the group").fill("Row 14")
    form.get_by_label("Disappearing messages").select_option("3600")
    form.get_by_role("button", name="Make the group").click()
    expect(form.get_by_role("alert")).to_contain_text("Mesh does not answer")
    # The same words stand there until this press is drawn: its own failure is waited for.
    with mine.expect_event("requestfailed", lambda asked: asked.url.endswith("/timer")):
        form.get_by_role("button", name="Make the group").click()
    # A press while the one before it is under way would be none.
    mine.evaluate(TWO_FRAMES)
    expect(form.locator("form")).not_to_have_attribute("aria-busy", "true")
    expect(form.get_by_role("alert")).to_contain_text("Mesh does not answer")
    mine.unroute_all()
    form.get_by_label("Name of the group").fill("Row 15")
    form.get_by_role("button", name="Make the group").click()
    expect(mine.get_by_role("heading", name="Row 15")).to_be_visible()
    expect(mine.get_by_role("textbox", name="Message Row 15")).to_be_focused()
    groups = pair[0].client.ask(AskGroups(), GroupsAnswer).groups
    assert [group.name for group in groups] == ["Row 15"]


def _ask_keys(page: Page) -> None:
    page.locator(".stream").focus()
    page.keyboard.press("?")


def _ask_group(page: Page) -> None:
    page.get_by_role("button", name="New", exact=True).click()
    page.get_by_role("menuitem", name="New group").click()


def _ask_add(page: Page) -> None:
    page.get_by_role("button", name="Add", exact=True).click()


def _ask_later(page: Page) -> None:
    _ask_add(page)
    page.get_by_role("menuitem", name=re.compile("^Send later")).click()


@pytest.mark.parametrize(
    "part, ask",
    [
        ("all_keys", _ask_keys),
        ("groups", _ask_group),
        ("cards", _ask_add),
        ("scheduled", _ask_later),
        ("recorder", lambda page: page.get_by_role("button", name="Record a voice note").click()),
    ],
    ids=["keys", "group", "add", "later", "voice"],
)
def test_what_comes_late_opens_nothing_over_what_was_opened_meanwhile(
    pair: tuple[Node, Node], laptops: Laptops, part: str, ask: Callable[[Page], None]
) -> None:
    begin_anew(*pair)
    script = f"/app/screens/{part}.js"
    held: list[Route] = []
    page = laptops.beside(pair[0]).page(
        before=lambda page: page.route(f"**{script}", lambda route: held.append(route))
    )
    open_chat(page, pair[1].name)
    ask(page)
    # Something else is opened before it is there.
    page.keyboard.press("Control+k")
    search = page.locator(".search-field input")
    expect(search).to_be_focused()
    while not held:
        page.evaluate(TWO_FRAMES)
    [route] = held
    route.continue_()
    page.evaluate("(script) => import(script)", script)
    page.evaluate(TWO_FRAMES)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("menu")).to_have_count(0)
    assert page.evaluate(RECORDING) is None
    expect(search).to_be_focused()


FILM_LATE = """() => {
  const media = navigator.mediaDevices;
  const film = media.getUserMedia.bind(media);
  const held = new Promise((then) => { window.allow = then; });
  media.getUserMedia = async (asked) => {
    await held;
    window.filmed = await film(asked);
    return window.filmed;
  };
}"""
"""Lets the browser wait for its answer whether the camera may be used."""

ALLOW = """async () => {
  window.allow();
  while (!window.filmed) await new Promise(requestAnimationFrame);
}"""

STATES = "() => window.filmed.getTracks().map((track) => track.readyState)"


def test_a_camera_that_is_allowed_late_films_nobody_who_went_on(my_chat: Page) -> None:
    go(my_chat, "#/people/add/scan")
    my_chat.evaluate(FILM_LATE)
    my_chat.get_by_role("button", name="Use the camera").click()
    go(my_chat, "#/settings/about")
    expect(my_chat.get_by_role("heading", name="About").first).to_be_visible()
    my_chat.evaluate(ALLOW)
    my_chat.evaluate(TWO_FRAMES)
    assert my_chat.evaluate(STATES) == ["ended"]
