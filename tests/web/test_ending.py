"""The ends of a profile from its page: a lock that nobody presses, and a wipe."""

import os
import re
import time

import pytest
from playwright.sync_api import Page, expect

from mesh.commands.settings import ChangeSettings, SettingsAnswer
from tests.integration.nodes import PASSPHRASE, Node, befriend, eventually
from tests.integration.row import wait_for_text
from tests.web.chromium import Laptops, go, open_chat

pytestmark = [pytest.mark.netns, pytest.mark.slow]

AUTO_LOCK_S = 20
LOCKS_WITHIN_S = 120
"""Who counts as a person puts the lock off for as long as messages come."""

LATE = """(() => {
  const asked = window.fetch;
  window.late = 0;
  const held = new Promise((then) => { window.release = then; });
  window.fetch = async (address, ...more) => {
    const answer = await asked(address, ...more);
    if (address !== "/v1/conversations") return answer;
    const text = await answer.text();
    window.late += 1;
    await held;
    return new Response(text, answer);
  };
})()"""
"""Keeps an answer that has come from the page, until it is released."""

RELEASE = """async () => {
  release();
  for (let frame = 0; frame < 4; frame += 1) await new Promise(requestAnimationFrame);
}"""
"""All that comes of it is drawn then."""


def leave(page: Page) -> None:
    """Let the page see that nobody has touched it for two minutes; its timers go on as ever."""
    page.clock.set_fixed_time(time.time() + 120)


def test_a_page_that_only_looks_does_not_put_off_the_lock(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    anna, ben = pair
    befriend(anna, ben, inviter_label=anna.name)
    ben.run("send", anna.name, "number 0")
    wait_for_text(anna, "number 0")
    page = laptops.beside(anna).page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("link", name=re.compile(ben.name)).first.click()
    expect(page.get_by_role("log")).to_contain_text("number 0")
    anna.client.ask(ChangeSettings({"auto_lock_minutes": AUTO_LOCK_S / 60}), SettingsAnswer)
    begun = time.monotonic()
    # A draft is saved for a person: the last that one does here.
    with page.expect_response(lambda told: "half a thought" in (told.request.post_data or "")):
        page.keyboard.type("half a thought")
    leave(page)
    asked.clear()
    locked = page.get_by_role("heading", name="Locked")
    number = 0
    while not locked.is_visible():
        number += 1
        ben.run("send", anna.name, f"number {number}")
        page.wait_for_timeout(500)
        waited = time.monotonic() - begun
        assert waited < LOCKS_WITHIN_S, "what the page asks counts as a person"
    assert time.monotonic() - begun > AUTO_LOCK_S / 2
    assert len(asked) >= 2, "the page asked nothing, so this proves nothing"
    assert "number" not in page.content()
    assert "half a thought" not in page.content()
    assert page.evaluate("document.title") == "Mesh"
    ben.run("send", anna.name, "while it was locked")
    page.get_by_label("Passphrase").fill(PASSPHRASE)
    page.keyboard.press("Enter")
    log = page.get_by_role("log")
    expect(log).to_be_visible()
    # What is looked for from here on may take longer than it stays open.
    anna.client.ask(ChangeSettings({"auto_lock_minutes": 0}), SettingsAnswer)
    expect(log).to_contain_text("while it was locked")
    expect(log).to_contain_text(f"number {number}")
    expect(page.get_by_role("textbox", name="Message")).to_have_value("half a thought")


PHASE = """async () => (await import("/app/state.js")).state.phase"""

BEGIN_TO_WIPE = """async (button, isStopped) => {
  const { drawNow } = await import("/app/state.js");
  const dialog = button.closest("dialog");
  button.click();
  drawNow();
  const [told, back] = ["[role=alert]", ".main"].map((one) => dialog.querySelector(one));
  const words = [told.textContent, back.textContent];
  if (isStopped) back.click();
  return words;
}"""
"""Five seconds are soon over on a busy machine: what shall come in time is done in one turn."""


def test_what_was_asked_for_before_a_lock_is_not_shown_after_it(
    alone: Node, laptops: Laptops
) -> None:
    alone.run("send", "me", "the key is under the stone")
    page = laptops.beside(alone).page()
    expect(page.get_by_text("under the stone")).to_be_visible()
    page.add_init_script(LATE)
    page.reload()
    eventually(lambda: page.evaluate("late"), bool, within_s=60, what="the answer")
    alone.run("lock")
    locked = page.get_by_role("heading", name="Locked")
    expect(locked).to_be_visible()
    page.evaluate(RELEASE)
    assert locked.is_visible()
    assert "under the stone" not in page.content()
    page.get_by_label("Passphrase").fill(PASSPHRASE)
    page.keyboard.press("Enter")
    expect(page.get_by_text("under the stone")).to_be_visible()


def test_a_profile_that_is_locked_while_it_still_loads_is_opened_again(
    alone: Node, laptops: Laptops
) -> None:
    """The first time is not over when somebody opens it for the second time."""
    alone.run("send", "me", "the key is under the stone")
    page = laptops.beside(alone).page()
    expect(page.get_by_text("under the stone")).to_be_visible()
    locked = page.get_by_role("heading", name="Locked")
    alone.run("lock")
    expect(locked).to_be_visible()
    page.evaluate(LATE)
    page.get_by_label("Passphrase").fill(PASSPHRASE)
    page.keyboard.press("Enter")
    eventually(lambda: page.evaluate("late"), bool, within_s=60, what="the answer")
    alone.run("lock")
    # The heading of the first lock may stand until all is loaded.
    eventually(
        lambda: page.evaluate(PHASE),
        lambda phase: phase == "locked",
        within_s=60,
        what="the second lock",
    )
    expect(locked).to_be_visible()
    page.get_by_label("Passphrase").fill(PASSPHRASE)
    page.keyboard.press("Enter")
    page.evaluate(RELEASE)
    expect(page.get_by_text("under the stone")).to_be_visible()


def reading(page: Page, name: str, text: str) -> Page:
    """A page whose person reads a chat."""
    open_chat(page, name)
    expect(page.get_by_role("log")).to_contain_text(text)
    return page


@pytest.mark.parametrize("has_stubborn_copy", [False, True])
def test_a_wipe_from_the_page_leaves_nothing(
    pair: tuple[Node, Node], laptops: Laptops, *, has_stubborn_copy: bool
) -> None:
    """Also where a copy cannot be overwritten: that is said where nothing else is left to read."""
    anna, ben = pair
    if has_stubborn_copy:
        anna.folders.copy_file.mkdir()
    befriend(anna, ben, inviter_label=anna.name)
    ben.run("send", anna.name, "before the end")
    wait_for_text(anna, "before the end")
    other_tab = reading(laptops.beside(anna).page(), ben.name, "before the end")
    page = laptops.beside(anna).page()
    # The window is low: what has the focus is seen all the same.
    page.set_viewport_size({"width": 1280, "height": 300})
    go(page, "#/settings/privacy")
    keys = anna.folders.vault_key_file

    def begin(*, is_stopped: bool) -> None:
        page.get_by_role("button", name="Wipe…").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("Goes for ever")
        expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
        expect(dialog.get_by_role("button", name="Cancel")).to_be_in_viewport()
        button = dialog.get_by_role("button", name="Wipe", exact=True)
        dialog.get_by_role("textbox").fill("another")
        expect(button).to_be_disabled()
        dialog.get_by_role("textbox").fill("default")
        expect(button).to_be_enabled()
        told, back = button.evaluate(BEGIN_TO_WIPE, is_stopped)
        assert "Everything is wiped in" in told
        assert back == "Stop, keep everything"

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page.clock.install()
    begin(is_stopped=True)
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.clock.run_for(6_000)
    page.evaluate("0")
    assert "wipe" not in asked
    assert keys.exists()
    begin(is_stopped=False)
    page.clock.run_for(5_000)
    expect(page.get_by_role("heading", name="Wiped")).to_be_visible()
    assert asked.count("wipe") == 1
    assert not keys.exists()
    assert "before the end" not in page.content()
    assert ben.name not in page.content()
    expect(other_tab.get_by_text("before the end")).to_have_count(0)
    assert ben.name not in other_tab.content()
    told = page.get_by_text("could not be overwritten before they go")
    expect(told).to_have_count(int(has_stubborn_copy))
    assert ("weekly.backup" in page.content()) == has_stubborn_copy
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.evaluate("sessionStorage.length") == 0
    eventually(
        # What goes while it is looked at is no fault, as it is with `rglob`.
        lambda: [name for _, _, names in os.walk(anna.home) for name in names],
        lambda left: {*left} <= {"passphrase", "printed.txt"},
        within_s=60,
        what="nothing but what the test made",
    )
