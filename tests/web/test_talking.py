"""Two people at their pages: what a newcomer does in the first minutes, in a real browser."""

import json
import re
import time

import pytest
from playwright.sync_api import expect

from mesh.commands.conversations import AskConversation, ConversationAnswer
from tests.integration.nodes import (
    PASSPHRASE,
    Node,
    befriend,
    epoch_of,
    eventually,
    wait_for_next_program,
)
from tests.integration.row import wait_for_links, wait_for_text
from tests.web.chatting import bubble, say, to_message
from tests.web.chromium import Laptops, go, open_chat

pytestmark = [pytest.mark.netns, pytest.mark.slow]


WATCH_FOR_FAILURES = """() => {
  window.failures_shown = 0;
  const look = () => { if (document.querySelector(".banner.danger")) window.failures_shown += 1; };
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
}"""


HOSTILE_NAMES = (
    "<img src=x onerror=\"document.title='owned'\">",
    "</title><script>document.title='owned'</script>",
    '" onmouseover="document.title=1" x="',
    "${document.title='owned'} {{7*7}}",
    "\u05d0" * 32,
    "W" * 64,
    "\u00e9" + "\u0301" * 30,
)
REFUSED_NAMES = ("invoice\u202egpj.exe", "Ann\u2066a", "a\nb", "x" * 65)


def test_somebody_is_added_by_link_and_answers_in_the_page(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    anna, ben = pair
    wait_for_links(anna, 1)
    mine, theirs = laptops.beside(anna).page(), laptops.beside(ben).page()
    go(mine, "#/people/add")
    link = mine.locator(".link-well code").inner_text()
    go(theirs, "#/people/add/paste")
    field, look = theirs.get_by_label("Their link"), theirs.get_by_role("button", name="Look at it")
    field.fill("mesh:invite/nothing-of-this-kind")
    look.click()
    expect(theirs.get_by_role("main").get_by_role("alert")).to_contain_text("invite")
    expect(theirs.get_by_role("dialog")).to_have_count(0)
    # As mail breaks it, and as it stands in a message.
    field.fill(f"{link[:40]}\n{link[40:]}")
    look.click()
    expect(theirs.get_by_role("dialog")).to_contain_text("Nothing is sent before you say so")
    theirs.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(theirs.get_by_role("dialog")).to_have_count(0)
    field.fill(f"Hi, this is it: \u201e{link}\u201c. See you!")
    expect(theirs.get_by_role("main").get_by_role("alert")).to_have_count(0)
    look.click()
    expect(theirs.get_by_role("dialog")).to_contain_text("Nothing is sent before you say so")
    theirs.get_by_role("button", name="Add", exact=True).click()
    expect(theirs.get_by_role("textbox", name=f"Message {anna.name}")).to_be_focused()
    expect(mine.get_by_text("Your code was used")).to_contain_text(ben.name)
    expect(mine.get_by_role("link", name="Write", exact=True)).to_be_visible()
    say(theirs, "Hello from the next table")
    open_chat(mine, ben.name)
    expect(mine.get_by_role("log")).to_contain_text("Hello from the next table")
    say(mine, "Good to see you")
    expect(theirs.get_by_role("log")).to_contain_text("Good to see you")
    expect(theirs.get_by_text("Delivered to their device", exact=True)).to_be_visible()


def test_what_is_written_while_the_node_is_away_is_sent_once_and_in_order(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    anna, ben = pair
    befriend(anna, ben, inviter_label=anna.name)
    page = laptops.beside(ben).page()
    open_chat(page, anna.name)
    say(page, "one")
    expect(page.get_by_role("article", name="You")).to_have_count(1)
    # Killed before it went over, it would come after a restart beside the others, not before them.
    wait_for_text(anna, "one", within_s=60)
    ben.kill()
    expect(page.get_by_role("alert")).to_contain_text("Mesh does not answer")
    for text in ("two", "three", "four"):
        say(page, text)
    page.keyboard.type("not yet sent")
    expect(page.get_by_text("Not saved yet").last).to_be_visible()
    ben.start()
    ben.wait_until_up()
    expect(page.get_by_role("alert")).to_have_count(0)
    # What was written while nobody answered may come in one go: it is shown in its order.
    all_of_it = ["one", "two", "three", "four"]
    eventually(
        lambda: [message.text for message in anna.messages(ben.name)],
        lambda texts: texts == all_of_it,
        within_s=60,
        what="all of it, once and in order",
    )
    assert [message.text for message in ben.messages()] == all_of_it
    expect(page.get_by_role("textbox", name="Message")).to_have_value("not yet sent")
    eventually(
        lambda: ben.client.ask(AskConversation(anna.name), ConversationAnswer).draft,
        lambda draft: draft == "not yet sent",
        within_s=60,
        what="the draft in the vault",
    )
    page.reload()
    expect(page.get_by_role("textbox", name="Message")).to_have_value("not yet sent")


def test_what_their_mesh_may_not_read_is_refused_in_words(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    anna, ben = pair
    link = json.loads(anna.run("invite", "--json"))["link"]
    anna.kill()
    ben.run("add", link, "--label", anna.name)
    page = laptops.beside(ben).page()
    open_chat(page, anna.name)
    expect(page.get_by_role("button", name="Add", exact=True)).to_have_count(0)
    # Nothing is known of her Mesh yet: what is typed goes as it was typed.
    say(page, "hello *you*")
    expect(page.locator(".words strong")).to_have_count(0)
    for key in ("r", "e"):
        to_message(page, "hello *you*")
        page.keyboard.press(key)
        expect(page.get_by_role("dialog")).to_contain_text("so far plain texts only")
        page.keyboard.press("Escape")
        # What closes gives the message its focus back.
        expect(bubble(page, "hello *you*")).to_be_focused()
        page.get_by_role("textbox").focus()
    anna.start()
    anna.wait_until_up()
    wait_for_text(anna, "hello *you*", within_s=60)
    anna.run("send", ben.name, "hello back")
    wait_for_text(ben, "hello back")
    # The page asks a moment after the message what her Mesh may read.
    expect(page.get_by_role("button", name="Add", exact=True)).to_be_visible()
    to_message(page, "hello back")
    page.keyboard.press("r")
    say(page, "now *more*")
    expect(page.locator(".words strong")).to_have_text("more")


def test_names_are_shown_and_never_done(pair: tuple[Node, Node], laptops: Laptops) -> None:
    anna, ben = pair
    contact = befriend(anna, ben, inviter_label=HOSTILE_NAMES[0])
    number, label = contact.id, contact.label
    for name in REFUSED_NAMES:
        assert ben.attempt("contact", "rename", label, name).returncode != 0
    page = laptops.beside(ben).page(width=360, height=740)
    expect(page.get_by_role("navigation", name="Mesh")).to_be_visible()
    page.evaluate(
        """() => { window.broken = [];
        addEventListener("securitypolicyviolation", (e) => broken.push(e.violatedDirective)); }"""
    )
    for name in HOSTILE_NAMES:
        if name != label:
            ben.run("contact", "rename", label, name)
            label = name
        for route in (
            *("chats", "people", "people/introductions", "network"),
            *(f"c/{number}", f"c/{number}/person", f"people/person/{number}"),
            f"people/compare/{number}",
        ):
            go(page, f"#/{route}")
            expect(page.locator("[aria-busy]")).to_have_count(0)
            if route not in ("people/introductions", "network"):
                expect(page.get_by_text(name).first).to_be_attached()
            made = page.locator("img, body script, iframe, object, [onmouseover], [onerror]")
            assert made.count() == 0, (route, name)
            assert "owned" not in page.title()
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, (route, name)
        # A name in a dialog and in a menu.
        go(page, "#/chats")
        row = page.locator("a.row").first
        row.click(button="right")
        page.keyboard.press("Escape")
    assert page.evaluate("broken") == []


def test_two_compare_pictures_on_their_screens(pair: tuple[Node, Node], laptops: Laptops) -> None:
    anna, ben = pair
    befriend(anna, ben, inviter_label=anna.name)
    ben.run("send", anna.name, "hello")
    wait_for_text(anna, "hello")
    anna.run("send", ben.name, "hello you")
    wait_for_text(ben, "hello you")
    pages = [laptops.beside(node).page() for node in pair]
    for page, other in zip(pages, (ben, anna), strict=True):
        go(page, "#/people")
        expect(page.get_by_role("heading", name="People").first).to_be_visible()
        page.get_by_role("link", name=re.compile(other.name)).first.click()
        page.get_by_role("link", name="Compare").click()
        page.get_by_role("button", name="Begin to compare").click()
    seen = [page.locator(".pictures").inner_text() for page in pages]
    assert seen[0] == seen[1]
    assert len(seen[0].split("\n")) == 7
    for page in pages:
        box = page.locator(".pictures svg").first.bounding_box()
        assert box is not None
        assert box["width"] >= 30
    for page in pages:
        page.get_by_role("button", name="All seven are the same").click()
    for page, other in zip(pages, (ben, anna), strict=True):
        expect(page.get_by_text(f"{other.name} is verified.")).to_be_visible()


def test_a_locked_page_shows_nothing_until_it_is_unlocked(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    anna, ben = pair
    befriend(anna, ben, inviter_label=anna.name)
    ben.run("send", anna.name, "before the lock")
    wait_for_text(anna, "before the lock")
    page = laptops.beside(anna).page()
    open_chat(page, ben.name)
    page.evaluate(WATCH_FOR_FAILURES)
    # The page waits ten seconds for the next program, which takes longer on a busy machine.
    page.clock.set_fixed_time(time.time())
    page.keyboard.press("Control+Shift+L")
    expect(page.get_by_role("heading", name="Locked")).to_be_visible()
    # Whoever is quicker than the next program need not say it twice.
    page.get_by_label("Passphrase").fill(PASSPHRASE)
    page.keyboard.press("Enter")
    expect(page.get_by_role("log")).to_contain_text("before the lock")
    former = eventually(lambda: epoch_of(anna), bool, within_s=60, what="its stream")
    page.keyboard.press("Control+Shift+L")
    expect(page.get_by_role("heading", name="Locked")).to_be_visible()
    # The page goes on with the next program, and says meanwhile nothing but that it is locked.
    wait_for_next_program(anna, former)
    expect(page.get_by_text(f"Profile {anna.folders.name}")).to_be_visible()
    assert page.evaluate("window.failures_shown") == 0
    assert "before the lock" not in page.content()
    assert ben.name not in page.content()
    page.get_by_label("Passphrase").fill("a wrong one")
    expect(page.get_by_role("button", name="Unlock")).to_be_enabled()
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("That is not the passphrase")
