"""All screens by rules, in a few variants; `python -m tests.web.screens` looks at all of them."""

import pytest
from playwright.sync_api import Playwright, expect

from mesh.commands.groups import GroupAnswer
from tests.integration.nodes import Node, befriend, eventually
from tests.integration.row import wait_for_text
from tests.programs import browser_without_windows
from tests.web import screens, stage
from tests.web.chromium import WAIT_MS, Laptops

pytestmark = [pytest.mark.netns, pytest.mark.slow]

NAMES = ("x" * 64, "أمينة حداد", "דנה לוי", "प्रिया नायर", "🚲🌧️")


def test_no_screen_is_too_wide_or_unreadable(pair: tuple[Node, Node], laptops: Laptops) -> None:
    anna, ben = pair
    befriend(anna, ben, inviter_label=anna.name)
    for text in ("hello", "مرحبا بالجميع", "w" * 400, "https://example.org/" + "a" * 300):
        ben.run("send", anna.name, "-", stdin=text)
    wait_for_text(anna, "hello")
    eventually(anna.received_texts, lambda texts: len(texts) == 4, within_s=60, what="all mail")
    label = ben.name
    page = laptops.beside(anna).page()
    expect(page.get_by_role("navigation", name="Mesh")).to_be_visible()
    contact = anna.messages()[0].contact
    group = anna.answer(GroupAnswer, "group", "create", "Crew").conversation
    anna.run("send", str(group), "alone so far")
    faults: list[str] = []
    # Of the two narrow windows axe looks at one; at both, and all others, where all is looked at.
    narrowest = min(screens.FEW, key=lambda variant: variant.width)
    for variant, name in zip(screens.FEW, NAMES, strict=False):
        anna.run("contact", "rename", label, name)
        label = name
        anna.run("group", "set", str(group), f"name={name}")
        with_axe = variant is not narrowest
        faults += screens.look(page, variant, contact, None, group=group, with_axe=with_axe)
    assert faults == []


def test_no_screen_from_the_first_run_to_a_silent_node_is_too_wide_or_unreadable(
    playwright: Playwright,
) -> None:
    chromium = browser_without_windows()
    with stage.started() as made:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            page = browser.new_context(locale="en-GB").new_page()
            page.set_default_timeout(WAIT_MS)
            phone = screens.Variant(360, 740)
            assert list(screens.look_at_all(page, made, [phone], None)) == []
        finally:
            browser.close()
