"""People who are cut off from each other, at their pages: what is late, missing, taken back."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mesh.commands.contacts import AskContacts, ContactsAnswer
from mesh.limits.stems import STEM_PAUSE_MAX_MS
from tests.integration.nodes import Node, eventually
from tests.integration.row import Row, wait_for_text
from tests.web.chromium import Laptops, open_chat

pytestmark = [pytest.mark.netns, pytest.mark.slow]

HEALS_WITHIN_MS = 60_000


def write(page: Page, text: str) -> None:
    """Write a message, and wait until one neighbour has it on its disk."""
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    log = page.get_by_role("log")
    carried = log.get_by_role("article", name=re.compile("carried by 1", re.IGNORECASE))
    expect(carried.filter(has_text=text)).to_be_visible(timeout=HEALS_WITHIN_MS)


def take_back_newest(page: Page) -> None:
    """Withdraw what was written last, by the keyboard."""
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("w")
    page.get_by_role("dialog").get_by_role("button", name="Withdraw").click()
    expect(page.get_by_role("log")).to_contain_text("nobody is known to have opened it")


def retired_count(node: Node) -> int:
    """Count the retirements that a node has learned of."""
    return int(node.status().counters.get("retired", 0))


def test_a_cut_and_a_heal_are_told_as_they_were(row: Row, laptops: Laptops, tmp_path: Path) -> None:
    label = row.introduce()
    for node in (row.ben, row.cleo):
        # Else what takes something back is passed on after up to a minute.
        node.run("settings", "relay_delay_seconds", "1")
    row.anna.run("send", label, "hello back")
    wait_for_text(row.cleo, "hello back")
    mine, theirs = laptops.beside(row.anna).page(), laptops.beside(row.cleo).page()
    open_chat(mine, label)
    open_chat(theirs, "anna")
    row.desk.cut(row.anna.namespace, row.left)
    # After a while the node says more of it than that: whom it reached here before, nobody is.
    alone = mine.get_by_text(re.compile("Nobody in reach|Nobody answers who was reached"))
    expect(alone).to_be_visible(timeout=HEALS_WITHIN_MS)
    log = theirs.get_by_role("log")

    write(theirs, "the first one")
    write(theirs, "a mistake")
    former_count = retired_count(row.ben)
    take_back_newest(theirs)
    # What takes it back goes over a stem first, as mail does, and spreads after that at the latest.
    eventually(
        lambda: retired_count(row.ben),
        lambda count: count > former_count,
        within_s=2 * STEM_PAUSE_MAX_MS / 1000,
        what="what takes it back, at Ben",
    )
    summary, stick = tmp_path / "ben.summary", tmp_path / "stick.mesh"
    row.ben.run("carry", "summary", str(summary))
    theirs.get_by_role("textbox").click()
    write(theirs, "the second one")

    # By hand comes only what Ben had not seen yet: the second one is there before the first.
    row.cleo.run("carry", "export", str(stick), "--since", str(summary))
    row.anna.run("carry", "import", str(stick))
    stream = mine.get_by_role("log")
    expect(stream).to_contain_text("the second one")
    expect(stream).not_to_contain_text("the first one")
    gap = stream.get_by_role("note")
    expect(gap).to_contain_text("has not arrived")
    # All that took long: it is read where somebody has touched the page in the last minute.
    mine.keyboard.press("Shift")
    eventually(
        lambda: row.anna.client.ask(AskContacts(), ContactsAnswer).contacts[0].unread_count,
        lambda count: count == 0,
        within_s=60,
        what="it is read",
    )

    row.desk.heal(row.anna.namespace, row.left)
    expect(stream).to_contain_text("the first one", timeout=HEALS_WITHIN_MS)
    expect(alone).to_have_count(0)
    late = stream.get_by_role("article").filter(has_text="the first one")
    expect(late).to_contain_text("Late · written")
    expect(stream.get_by_role("article").filter(has_text="the second one")).not_to_contain_text(
        "Late"
    )
    # What was taken back is not among them.
    texts = ["hello", "hello back", "the first one", "the second one"]
    expect(stream.locator(".words")).to_have_text(texts)
    # What was taken back stays a gap; of the two that were missing it is the last.
    expect(gap).to_contain_text("1 earlier message has not arrived")
    # An answer proves what it answers; of what came late the proof comes later, on purpose.
    mine.get_by_role("textbox").click()
    mine.keyboard.type("we are together again")
    mine.keyboard.press("Enter")
    expect(log).to_contain_text("we are together again", timeout=HEALS_WITHIN_MS)
    proved = log.get_by_role("article", name=re.compile("delivered to their", re.IGNORECASE))
    expect(proved.filter(has_text="the second one")).to_be_visible(timeout=HEALS_WITHIN_MS)
    # By number they stand as they came.
    assert row.anna.received_texts() == ["hello", "the second one", "the first one"]
