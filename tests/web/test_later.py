"""Sending later from the page, between two real laptops, by keyboard."""

import re
import time

import pytest
from playwright.sync_api import Page, expect

from mesh.commands.scheduled import AskScheduled, ScheduledAnswer, ScheduledAnswers
from tests.integration.nodes import Node
from tests.web import conftest, screens
from tests.web.chatting import bubble, faults_of, save_soon
from tests.web.chromium import open_chat

pytestmark = [pytest.mark.netns, pytest.mark.slow]

pair = conftest.lasting_pair


def waiting(node: Node) -> list[ScheduledAnswer]:
    """Return all that waits at a node."""
    return node.client.ask(AskScheduled(), ScheduledAnswers).scheduled


def ask_later(page: Page, text: str, *, stands: str = "") -> None:
    """Write a text behind what stands there, and open the form for its time."""
    field = page.locator(".composer textarea")
    expect(field).to_have_value(stands)
    field.fill(stands + text)
    page.get_by_role("button", name="Add", exact=True).press("Enter")
    page.get_by_role("menuitem", name=re.compile("^Send later")).press("Enter")
    expect(page.get_by_label("When")).to_be_focused()
    expect(page.get_by_label("Text")).to_have_value(stands + text)


def test_a_text_waits_is_changed_and_leaves_at_its_time(
    chat: tuple[Page, Page], pair: tuple[Node, Node]
) -> None:
    mine, theirs = chat
    ask_later(mine, "Good *morning*")
    expect(mine.get_by_role("dialog")).to_contain_text("only while this Mesh runs")
    mine.keyboard.press("Enter")
    expect(mine.locator(".composer textarea")).to_be_focused()
    expect(mine.locator(".composer textarea")).to_have_value("")
    strip = mine.get_by_role("button", name=re.compile("^1 message waits"))
    expect(strip).to_be_visible()
    [kept] = waiting(pair[0])
    assert kept.text == "Good morning"
    assert 3300 < kept.at - time.time() < 4200
    # It is still there after the page was opened anew.
    mine.reload()
    open_chat(mine, pair[1].name)
    strip.press("Enter")
    mine.get_by_role("button", name="Change: Good morning").press("Enter")
    expect(mine.get_by_label("Text")).to_have_value("Good morning")
    save_soon(mine, lambda: mine.get_by_role("button", name="Save").press("Enter"))
    expect(bubble(theirs, "Good morning")).to_be_visible(timeout=60_000)
    # Its marks stayed with its words.
    expect(bubble(theirs, "Good morning").locator("strong")).to_have_text("morning")
    expect(strip).to_have_count(0)
    assert waiting(pair[0]) == []


def test_what_shall_not_be_sent_is_a_draft_again(
    chat: tuple[Page, Page], pair: tuple[Node, Node]
) -> None:
    mine, theirs = chat
    ask_later(mine, "Perhaps")
    mine.get_by_label("When").fill("2020-01-01T10:00")
    mine.keyboard.press("Enter")
    expect(mine.get_by_role("dialog")).to_contain_text("That time is over")
    mine.keyboard.press("Escape")
    expect(mine.get_by_role("dialog")).to_have_count(0)
    expect(mine.locator(".composer textarea")).to_have_value("Perhaps")
    ask_later(mine, "", stands="Perhaps")
    mine.keyboard.press("Enter")
    expect(mine.get_by_role("dialog")).to_have_count(0)
    mine.get_by_role("button", name=re.compile("^1 message waits")).press("Enter")
    mine.get_by_role("button", name="Do not send: Perhaps").press("Enter")
    expect(mine.get_by_role("dialog")).to_have_count(0)
    expect(mine.locator(".composer textarea")).to_have_value("Perhaps")
    assert waiting(pair[0]) == []
    expect(bubble(theirs, "Perhaps")).to_have_count(0)


def test_nothing_of_it_is_too_wide_or_unreadable(my_chat: Page) -> None:
    mine = my_chat
    faults: list[str] = []
    for variant in screens.FEW:
        mine.set_viewport_size({"width": variant.width, "height": variant.height})
        mine.emulate_media(color_scheme=variant.theme, reduced_motion="reduce")  # type: ignore[arg-type]  # a theme of ours
        ask_later(mine, "Good morning " + "w" * 90)
        faults += faults_of(mine, f"asking at {variant.name}")
        mine.keyboard.press("Enter")
        expect(mine.get_by_role("dialog")).to_have_count(0)
        strip = mine.get_by_role("button", name=re.compile("wait"))
        expect(strip).to_be_visible()
        faults += faults_of(mine, f"strip at {variant.name}")
        strip.press("Enter")
        expect(mine.get_by_role("dialog")).to_be_visible()
        faults += faults_of(mine, f"list at {variant.name}")
        mine.keyboard.press("Escape")
        expect(mine.get_by_role("dialog")).to_have_count(0)
    assert faults == []
