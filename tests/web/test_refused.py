"""A refused message is told, is sent no second time by itself, and is not lost."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.web import conftest
from tests.web.chatting import TWO_FRAMES, bubble, say
from tests.web.test_files import attach, chip, send_later, written

pytestmark = [pytest.mark.netns, pytest.mark.slow]

pair = conftest.lasting_pair

ASKS_BEFORE_IT_CLOSES = """() => {
  const closing = new Event("beforeunload", { cancelable: true });
  dispatchEvent(closing);
  return closing.defaultPrevented;
}"""


def not_there(route: Route) -> None:
    """Answer as for what is not there; only what is posted."""
    if route.request.method != "POST":
        route.fallback()
        return
    problem = {"type": "urn:mesh:problem:not-found", "title": "", "status": 404, "detail": ""}
    route.fulfill(status=404, json=problem, content_type="application/problem+json")


def uploads(page: Page) -> list[Request]:
    """The files that a page hands over from now on."""
    seen: list[Request] = []
    page.on("request", lambda one: seen.append(one) if "/v1/files?" in one.url else None)
    return seen


@pytest.fixture
def refused(my_chat: Page, tmp_path: Path) -> Callable[[str], list[Request]]:
    """A way to send a text with a file where the node says that something is not there."""

    def send(text: str) -> list[Request]:
        seen = uploads(my_chat)
        attach(my_chat, written(tmp_path, "plan.bin", b"plan"))
        expect(chip(my_chat, "plan.bin").get_by_role("progressbar")).to_have_count(0)
        my_chat.route("**/v1/conversations/*/items", not_there)
        say(my_chat, text)
        expect(my_chat.get_by_role("article").last).to_contain_text("Not sent")
        return seen

    return send


def test_what_is_not_there_is_handed_over_once_more_and_then_told(
    my_chat: Page, refused: Callable[[str], list[Request]]
) -> None:
    seen = refused("with a plan")
    expect(bubble(my_chat, "with a plan")).to_contain_text("not there any more")
    assert len(seen) == 2

    def is_last(one: Request) -> bool:
        return len(seen) == 3 and one.method == "POST" and one.url.endswith("/items")

    # Its words of before stand until the page is drawn anew: they are no answer to this press.
    with my_chat.expect_request_finished(is_last):
        bubble(my_chat, "with a plan").get_by_role("button", name="Try again").press("Enter")
    my_chat.evaluate(TWO_FRAMES)
    expect(bubble(my_chat, "with a plan")).to_contain_text("Not sent")
    assert len(seen) == 3
    my_chat.unroute("**/v1/conversations/*/items")
    bubble(my_chat, "with a plan").get_by_role("button", name="Try again").press("Enter")
    expect(bubble(my_chat, "with a plan")).to_have_attribute("data-number", re.compile(r"^\d+$"))
    expect(bubble(my_chat, "with a plan")).not_to_contain_text("Not sent")
    expect(bubble(my_chat, "with a plan").locator(".file")).to_have_count(1)


def test_what_is_refused_is_held_and_becomes_the_draft_again(
    my_chat: Page, refused: Callable[[str], list[Request]]
) -> None:
    assert my_chat.evaluate(ASKS_BEFORE_IT_CLOSES) is False
    refused("with *all* of it")
    assert my_chat.evaluate(ASKS_BEFORE_IT_CLOSES) is True
    bubble(my_chat, "with all of it").get_by_role("button", name="Close").press("Enter")
    expect(bubble(my_chat, "with all of it")).to_have_count(0)
    expect(my_chat.locator(".composer textarea")).to_have_value("with *all* of it")
    expect(chip(my_chat, "plan.bin")).to_be_visible()


def test_a_file_of_which_the_page_has_no_bytes_is_never_handed_over_empty(
    my_chat: Page, tmp_path: Path
) -> None:
    seen = uploads(my_chat)
    attach(my_chat, written(tmp_path, "later.bin", b"later"))
    expect(chip(my_chat, "later.bin").get_by_role("progressbar")).to_have_count(0)
    send_later(my_chat)
    expect(my_chat.get_by_role("dialog")).to_contain_text("later.bin")
    my_chat.keyboard.press("Enter")
    # The form stays until its answer is here.
    expect(my_chat.get_by_role("dialog")).to_have_count(0)
    # The field has the focus then: what is pressed before would be for it.
    expect(my_chat.locator(".composer textarea")).to_be_focused()
    my_chat.locator(".chip.waiting").press("Enter")
    my_chat.get_by_role("button", name="Do not send: later.bin").press("Enter")
    expect(chip(my_chat, "later.bin")).to_be_visible()
    expect(my_chat.get_by_role("dialog")).to_have_count(0)
    # Forgotten meanwhile, as after a day.
    my_chat.evaluate("""async () => {
      const { state } = await import("/app/state.js");
      const [[entry]] = state.attached.values();
      const { post } = await import("/app/api.js");
      await post(`/v1/files/${entry.number}/cancel`); }""")
    my_chat.locator(".composer textarea").focus()
    say(my_chat, "what was to come later")
    expect(bubble(my_chat, "what was to come later")).to_contain_text("Not sent")
    assert len(seen) == 1


def test_what_is_too_long_for_a_message_goes_as_a_file(my_chat: Page) -> None:
    page = my_chat
    page.set_viewport_size({"width": 390, "height": 740})
    page.get_by_role("button", name="More", exact=True).first.press("Enter")
    page.get_by_role("menuitem", name="Disappearing messages").press("Enter")
    page.get_by_role("radio", name="1 hour").press("Space")
    page.get_by_role("button", name="Set", exact=True).press("Enter")
    # An event may tell of the timer before the answer closes the form.
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".composer .timer")).to_be_visible()
    field = page.locator(".composer textarea")
    field.fill("water")
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_visible()
    usual = field.evaluate("one => one.clientWidth")
    field.fill("water " * 15_000)
    expect(page.get_by_text("30,000 bytes too long")).to_be_visible()
    assert field.evaluate("one => one.clientWidth") == usual
    page.get_by_role("button", name="Send it as a file").click()
    expect(field).to_have_value("")
    expect(chip(page, "text.txt")).to_be_visible()
    expect(field).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("article").last).to_contain_text("text.txt")
