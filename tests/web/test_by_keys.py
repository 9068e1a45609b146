"""Deciding and attaching without a pointer: each stroke falls where the one before it led."""

import re
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.web import conftest
from tests.web.chatting import bubble, faults_of, say
from tests.web.test_files import ARRIVES_MS, card, chip

pytestmark = [pytest.mark.netns, pytest.mark.slow]

pair = conftest.lasting_pair

STROKES_MAX: Final = 60

HAS_FOCUS: Final = "one => one === document.activeElement"


def stroke_to(page: Page, wanted: Locator, key: str) -> None:
    """Press a key until something has the focus that is there already."""
    expect(wanted).to_be_visible()
    for _ in range(STROKES_MAX):
        page.keyboard.press(key)
        if wanted.evaluate(HAS_FOCUS):
            return
    pytest.fail(f"{key} does not lead to {wanted}")


def in_card(page: Page, question: str, button: str) -> None:
    """Go from the composer to the newest card of the stream, and press a button of it."""
    field = page.locator(".composer textarea")
    expect(field).to_be_focused()
    newest = page.get_by_role("article").last
    expect(newest).to_contain_text(question)
    page.keyboard.press("Shift+Tab")
    expect(newest).to_be_focused()
    stroke_to(page, newest.get_by_role("button", name=re.compile(f"^{button}")), "Tab")
    page.keyboard.press("Enter")


def to_composer(page: Page) -> None:
    """Go back from a card of the stream to where one writes."""
    stroke_to(page, page.locator(".composer textarea"), "Tab")


def begin(page: Page, kind: str) -> None:
    """Go from the composer to the menu of what can be put in, and choose from it."""
    expect(page.locator(".composer textarea")).to_be_focused()
    stroke_to(page, page.get_by_role("button", name="Add", exact=True), "Tab")
    page.keyboard.press("Enter")
    stroke_to(page, page.get_by_role("menuitem", name=re.compile(f"^{kind}")), "ArrowDown")
    page.keyboard.press("Enter")


def test_a_poll_is_asked_voted_in_and_closed_by_keys_alone(chat: tuple[Page, Page]) -> None:
    mine, theirs = chat
    begin(mine, "Poll")
    expect(mine.locator("#form [autofocus]")).to_be_focused()
    for text in ("Where do we eat?", "At the mill"):
        mine.keyboard.type(text)
        mine.keyboard.press("Tab")
    mine.keyboard.type("At home")
    mine.keyboard.press("Enter")
    expect(mine.get_by_role("dialog")).to_have_count(0)
    in_card(theirs, "Where do we eat?", "At home")
    home = [page.get_by_role("button", name=re.compile("^At home")) for page in chat]
    expect(home[1]).to_have_attribute("aria-pressed", "true")
    expect(home[1]).to_be_focused()
    expect(mine.get_by_text("1 of 2 have voted")).to_be_visible()
    # Who chose what is read without a pointer, too.
    stroke_to(mine, mine.get_by_role("article").last, "Shift+Tab")
    mine.keyboard.press("i")
    details = mine.get_by_role("region", name="Details")
    expect(details.get_by_role("heading", name="At home")).to_be_visible()
    expect(details.locator(".voters")).to_have_count(1)
    expect(details.locator(".voters")).to_contain_text("Ben")
    assert faults_of(mine, "who voted") == []
    mine.keyboard.press("Escape")
    expect(details).to_have_count(0)
    # Another option takes the place of the first.
    stroke_to(theirs, theirs.get_by_role("button", name=re.compile("^At the mill")), "Shift+Tab")
    theirs.keyboard.press("Space")
    expect(home[1]).to_have_attribute("aria-pressed", "false")
    mill = mine.get_by_role("button", name=re.compile("^At the mill"))
    expect(mill.locator(".count")).to_have_text("1")
    to_composer(theirs)
    stroke_to(mine, mine.locator(".composer textarea"), "Tab")
    in_card(mine, "Where do we eat?", "Close the poll")
    ask = mine.get_by_role("dialog")
    stroke_to(mine, ask.get_by_role("button", name="Close the poll"), "Tab")
    mine.keyboard.press("Enter")
    expect(ask).to_have_count(0)
    expect(home[1]).to_be_disabled()


def test_a_check_in_is_answered_by_keys_alone(chat: tuple[Page, Page]) -> None:
    mine, theirs = chat
    begin(theirs, "Check-in")
    expect(theirs.locator("#form [autofocus]")).to_be_focused()
    theirs.keyboard.press("Enter")
    expect(theirs.get_by_role("dialog")).to_have_count(0)
    in_card(mine, "Are you safe?", "I am safe")
    for page in chat:
        expect(page.locator(".legend")).to_contain_text("1 fine")
    to_composer(mine)
    in_card(mine, "Are you safe?", "Say more")
    expect(mine.get_by_label("Who", exact=True)).to_be_focused()
    mine.keyboard.press("Tab")
    mine.keyboard.press("End")
    expect(mine.get_by_label("Answer", exact=True)).to_have_value("2")
    mine.keyboard.press("Tab")
    mine.keyboard.type("cut off at the ferry")
    mine.keyboard.press("Enter")
    expect(mine.get_by_role("dialog")).to_have_count(0)
    expect(theirs.locator(".people")).to_contain_text("cut off at the ferry")
    expect(theirs.locator(".legend .stand-help")).to_contain_text("1")


def test_a_file_is_attached_taken_away_and_saved_by_keys_alone(
    chat: tuple[Page, Page], tmp_path: Path
) -> None:
    mine, theirs = chat
    files = [tmp_path / name for name in ("the list.txt", "not this.txt")]
    for file in files:
        file.write_text(f"of {file.name}")
        with mine.expect_file_chooser() as chosen:
            begin(mine, "File")
        chosen.value.set_files(str(file))
        expect(chip(mine, file.name)).to_be_visible()
    stroke_to(mine, mine.get_by_role("button", name="Remove not this.txt"), "Shift+Tab")
    mine.keyboard.press("Enter")
    expect(chip(mine, "not this.txt")).to_have_count(0)
    expect(mine.locator(".composer textarea")).to_be_focused()
    say(mine, "What we need")
    save = card(theirs, "the list.txt").get_by_role("button", name="Save the list.txt")
    expect(save).to_be_visible(timeout=ARRIVES_MS)
    in_card(theirs, "What we need", "Save the list.txt")
    dialog = theirs.get_by_role("dialog")
    expect(dialog).to_contain_text("Nobody has looked into it")
    stroke_to(theirs, dialog.get_by_role("button", name="Save"), "Tab")
    with theirs.expect_download() as saved:
        theirs.keyboard.press("Enter")
    assert saved.value.path().read_text() == "of the list.txt"
    expect(bubble(mine, "What we need")).to_be_visible()
    expect(bubble(theirs, "not this")).to_have_count(0)
