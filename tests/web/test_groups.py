"""A group in the page, on three laptops: from its making to a removal, by the keyboard alone.

One is asked in as a contact, the other one comes by a link and is let in.
"""

import re

import pytest
from playwright.sync_api import Page, expect

from mesh.commands.contacts import ContactsAnswer
from tests.integration.networks import Desk
from tests.integration.nodes import Node, befriend, eventually, start_all
from tests.integration.row import NodeMaker, wait_for_links
from tests.web.chatting import bubble, faults_of, say, to_message
from tests.web.chromium import Laptops, go

pytestmark = [pytest.mark.netns, pytest.mark.slow]

JOINS_WITHIN_MS = 60_000
STEPS_MAX = 80

NAME = """(one) => {
  const named = (one.labels?.[0] ?? one).cloneNode(true);
  for (const hidden of named.querySelectorAll('[aria-hidden="true"]')) hidden.remove();
  return (one.getAttribute("aria-label") || named.textContent).trim().replace(/\\s+/g, " ");
}"""

FOCUSED = f"() => ({NAME})(document.activeElement)"

IS_THERE = f"""(label) => {{
  const [dialog] = [...document.querySelectorAll("dialog")].slice(-1);
  const all = (dialog ?? document).querySelectorAll("a, button, input, select, textarea");
  return [...all].some((one) => one.checkVisibility() && new RegExp(label).test(({NAME})(one)));
}}"""

ROWS = """() => {
  const list = document.activeElement.closest("[data-rows]:not(.stream)");
  return list?.querySelectorAll(list.dataset.rows).length ?? 0;
}"""


@pytest.fixture
def crew(desk: Desk, make_node: NodeMaker) -> tuple[Node, Node, Node]:
    """Ada, Bob and Cem on one cable; Ada knows both, and they do not know each other."""
    bridge = desk.bridge("cable")
    at_once = "opened_delay_seconds = 0\nrelay_delay_seconds = 0\n"
    ada, bob, cem = (
        make_node(desk.laptop(bridge), name, more=at_once) for name in ("Ada", "Bob", "Cem")
    )
    start_all(ada, bob, cem)
    wait_for_links(ada, 2)
    for guest, label in ((bob, "Bob"), (cem, "Cem")):
        befriend(ada, guest, inviter_label="Ada")
        _wait_for_contact(ada, guest.name)
        ada.run("contact", "rename", guest.name, label)
    return ada, bob, cem


def _wait_for_contact(node: Node, name: str) -> None:
    eventually(
        lambda: [each.name for each in node.answer(ContactsAnswer, "contacts").contacts],
        lambda names: name in names,
        within_s=60,
        what=f"{name} at {node.name}",
    )


def walk_to(page: Page, label: str, *, back: bool = False) -> None:
    """Go from control to control until one that is called so has the focus.

    A list is one of them, and its keys lead among its rows.
    """
    eventually(
        lambda: page.evaluate(IS_THERE, f"^(?:{label})"),
        bool,
        within_s=60,
        what=f"{label!r}, which may come late",
    )
    for _ in range(STEPS_MAX):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        if re.match(label, page.evaluate(FOCUSED)):
            return
        for step in range(int(page.evaluate(ROWS))):
            page.keyboard.press("ArrowDown" if step else "Home")
            if re.match(label, page.evaluate(FOCUSED)):
                return
    pytest.fail(f"{label!r} cannot be reached by the keyboard")


def press(page: Page, label: str, *, back: bool = False) -> None:
    """Go to a control and press Enter."""
    walk_to(page, label, back=back)
    page.keyboard.press("Enter")


def choose(page: Page, name: str) -> None:
    """Choose an entry of the menu that is open."""
    entry = page.get_by_role("menuitem", name=name, exact=False)
    expect(entry).to_be_visible()
    for _ in range(20):
        if entry.evaluate("one => one === document.activeElement"):
            page.keyboard.press("Enter")
            return
        page.keyboard.press("ArrowDown")
    pytest.fail(f"{name!r} of the menu cannot be reached by the keyboard")


def look(page: Page, what: str) -> list[str]:
    """Return the faults of a screen on a desk and on a phone, in both themes."""
    found = []
    for width, height, theme in ((1280, 800, "light"), (360, 740, "dark")):
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]  # a theme of ours
        found += faults_of(page, f"{what} at {width} {theme}")
    page.set_viewport_size({"width": 1280, "height": 800})
    return found


def test_a_group_from_its_making_to_a_removal_by_the_keyboard(
    crew: tuple[Node, Node, Node], laptops: Laptops
) -> None:
    pages = [laptops.beside(node).page() for node in crew]
    ada, bob, cem = pages
    for page in pages:
        expect(page.get_by_role("navigation", name="Mesh")).to_be_visible()
    _make(ada)
    faults = look(ada, "a group of one")
    expect(bob.get_by_text("1 group asks you in")).to_be_visible(timeout=JOINS_WITHIN_MS)
    press(bob, "1 group asks you in")
    walk_to(bob, "Accept$")
    expect(bob.get_by_role("article", name="Crew")).to_contain_text("Ada asks you in")
    faults += look(bob, "an invite")
    bob.keyboard.press("Enter")
    faults += _come_by_link(ada, cem)
    for page in pages:
        members = page.locator(".header .sub")
        expect(members).to_contain_text("3 members", timeout=JOINS_WITHIN_MS)
        expect(page.get_by_role("textbox", name="Message Crew")).to_be_focused()
    _talk(ada, bob, cem)
    faults += look(ada, "a group")
    _decide(ada, bob)
    faults += _details(bob)
    faults += _write_to_a_stranger(bob, cem)
    _remove(ada, crew[0])
    expect(cem.get_by_text("You were removed from this group")).to_be_visible(
        timeout=JOINS_WITHIN_MS
    )
    expect(cem.get_by_role("textbox", name="Message Crew")).to_have_count(0)
    expect(cem.get_by_role("log")).to_contain_text("Ada removed you.")
    for page in (ada, bob):
        members = page.locator(".header .sub")
        expect(members).to_contain_text("2 members", timeout=JOINS_WITHIN_MS)
    faults += look(ada, "who is in it")
    press(ada, "Close$")
    walk_to(ada, "Message Crew")
    say(ada, "Without Cem.")
    expect(bob.get_by_role("log")).to_contain_text("Without Cem.", timeout=JOINS_WITHIN_MS)
    expect(cem.get_by_role("log")).not_to_contain_text("Without Cem.")
    assert "Without Cem." not in crew[2].run("read", "Crew")
    faults += _learn_and_copy(ada, bob)
    assert faults == []


def _learn_and_copy(ada: Page, bob: Page) -> list[str]:
    """Ada lets members know what she reads, and copies the group for those whom she asks."""
    press(ada, "Group$", back=True)
    walk_to(ada, "What members learn from me")
    with ada.expect_response("**/v1/groups/*/receipts"):
        ada.keyboard.press("End")
    expect(ada.get_by_label("What members learn from me")).to_have_value("read")
    ada.reload()
    expect(ada.get_by_label("What members learn from me")).to_have_value("read")
    press(ada, "Copy the group")
    expect(ada.get_by_role("checkbox", name="Bob")).to_be_checked()
    faults = look(ada, "a copy of a group")
    press(ada, "Make the copy")
    expect(bob.get_by_text("1 group asks you in")).to_be_visible(timeout=JOINS_WITHIN_MS)
    return faults


def _make(page: Page) -> None:
    press(page, "New$")
    choose(page, "New group")
    expect(page.get_by_label("Name of the group")).to_be_focused()
    page.keyboard.type("Crew")
    walk_to(page, "Bob")
    page.keyboard.press("Space")
    press(page, "Make the group")
    expect(page.get_by_role("heading", name="Crew")).to_be_visible()


def _come_by_link(ada: Page, cem: Page) -> list[str]:
    """Ada makes a link, Cem asks to be let in by it, and Ada lets him in."""
    press(ada, "Group$", back=True)
    press(ada, "New link")
    expect(ada.get_by_label("For how many people")).to_be_focused()
    press(ada, "Make the link")
    dialog = ada.get_by_role("dialog", name="Into Crew")
    expect(dialog.get_by_role("img", name="Into Crew")).to_be_visible()
    faults = look(ada, "a link")
    link = dialog.locator("code").inner_text()
    press(ada, "Close$")
    go(cem, "#/people/add/paste")
    walk_to(cem, "Their link")
    cem.keyboard.insert_text(link)
    press(cem, "Look at it")
    expect(cem.get_by_role("dialog", name="Join Crew by this link?")).to_contain_text(
        "Nothing is sent before you say so."
    )
    press(cem, "Join$")
    expect(cem.get_by_text("You are in when your word has arrived")).not_to_have_count(0)
    expect(ada.get_by_text("1 person waits at a group")).to_be_visible(timeout=JOINS_WITHIN_MS)
    press(ada, "1 person waits at a group", back=True)
    walk_to(ada, "Let in")
    expect(ada.get_by_role("article", name="Cem")).to_contain_text("Wants to be in Crew")
    faults += look(ada, "a knock")
    ada.keyboard.press("Enter")
    expect(ada.get_by_role("article", name="Cem")).to_have_count(0)
    press(ada, "Chats$", back=True)
    press(ada, "Crew")
    return faults


def _talk(ada: Page, bob: Page, cem: Page) -> None:
    """Names stand at what others wrote; who answered has what he answers to."""
    say(bob, "We sail at six.")
    for page in (ada, cem):
        expect(bubble(page, "We sail at six.").locator(".author")).to_contain_text("Bob")
    to_message(cem, "We sail at six.")
    cem.keyboard.press("r")
    say(cem, "I will be there.")
    for page in (ada, bob):
        answer = bubble(page, "I will be there.")
        expect(answer.locator(".quote")).to_contain_text("We sail at six.")
    told = bubble(bob, "We sail at six.")
    expect(told.get_by_text("On 1 of 2 devices")).to_be_visible()
    to_message(ada, "We sail at six.")
    ada.keyboard.press("e")
    expect(ada.get_by_role("menuitemcheckbox", name="thumbs up")).to_be_focused()
    ada.keyboard.press("Enter")
    expect(bob.get_by_role("button", name=re.compile("^thumbs up, 1: Ada"))).to_be_visible()
    expect(told.get_by_text("On 2 of 2 devices")).to_be_visible()


def _decide(ada: Page, bob: Page) -> None:
    """A poll is made, voted in, and stands on the board."""
    press(bob, "Add$")
    choose(bob, "Poll")
    expect(bob.locator("#form [autofocus]")).to_be_focused()
    bob.keyboard.type("Where?")
    for option in ("Harbour", "Bridge"):
        bob.keyboard.press("Tab")
        bob.keyboard.type(option)
    bob.keyboard.press("Enter")
    expect(bob.get_by_role("dialog")).to_have_count(0)
    press(ada, "Board", back=True)
    bridge = ada.locator(".board").get_by_role("button", name="Bridge")
    expect(bridge).to_be_visible()
    walk_to(ada, "Bridge")
    ada.keyboard.press("Enter")
    expect(bridge).to_have_attribute("aria-pressed", "true")
    expect(bob.get_by_text("1 of 3 have voted")).to_be_visible()
    press(ada, "Chat$", back=True)


def _details(bob: Page) -> list[str]:
    """The panel of a message names those who have it."""
    go(bob, bob.evaluate("location.hash"))
    walk_to(bob, "Message Crew")
    to_message(bob, "We sail at six.")
    bob.keyboard.press("i")
    holders = bob.locator(".holders li")
    expect(holders).to_have_count(2)
    expect(holders.filter(has_text="has it")).to_have_count(2)
    faults = look(bob, "who has a message")
    bob.keyboard.press("Escape")
    return faults


def _write_to_a_stranger(bob: Page, cem: Page) -> list[str]:
    """Bob asks Cem, whom he does not know, to become a contact; Cem sees it among the requests."""
    places = [page.evaluate("location.hash") for page in (bob, cem)]
    press(bob, "Group$", back=True)
    expect(bob.locator(".members li", has_text="Cem")).to_contain_text("not your contact")
    press(bob, "Cem")
    choose(bob, "Write to Cem")
    expect(bob.locator("#form [autofocus]")).to_be_focused()
    bob.keyboard.type("We met on the pier.")
    faults = look(bob, "a letter")
    bob.keyboard.press("Enter")
    expect(bob.get_by_text("is asked. You can ask again")).to_be_visible()
    # Whoever was asked cannot be again for a week, which is said before anything is written.
    press(bob, "Cem")
    choose(bob, "Write to Cem")
    expect(bob.get_by_role("dialog", name="Write to Cem")).to_contain_text(
        re.compile("You asked Cem.* already. You can ask again from .* on")
    )
    faults += look(bob, "a letter before its time")
    press(bob, "Cancel$")
    go(cem, "#/people/requests")
    # The messages of Bob may be drawn still, which are articles of his as well.
    card = cem.locator("article.request")
    expect(card).to_contain_text("Asks to become a contact, from Crew", timeout=JOINS_WITHIN_MS)
    expect(card).to_contain_text("We met on the pier.")
    faults += look(cem, "a request from a group")
    press(cem, "Accept$")
    expect(card).to_have_count(0)
    for page, name in ((bob, "Cem"), (cem, "Bob")):
        go(page, "#/people")
        expect(page.get_by_role("link", name=name).first).to_be_visible(timeout=JOINS_WITHIN_MS)
    for page, place in zip((bob, cem), places, strict=True):
        go(page, place)
    return faults


def _remove(ada: Page, node: Node) -> None:
    """Cem becomes an admin, and is removed; what that cannot undo is said before."""
    node.run("group", "link", "create", "Crew", "--no-qr")
    press(ada, "Group$", back=True)
    # Else the way leads on to the chat with Cem, which is called so too.
    expect(ada.locator(".members li", has_text="Cem")).to_be_visible()
    press(ada, "Cem")
    choose(ada, "Make an admin")
    press(ada, "Do it")
    row = ada.locator(".members li", has_text="Cem")
    expect(row).to_contain_text("Admin")
    # It is told in the stream and in the log.
    for told in (ada.get_by_role("log"), ada.locator(".notes")):
        expect(told).to_contain_text("You made Cem an admin")
    # The focus is back on the row from which the menu was opened.
    expect(row.get_by_role("button")).to_be_focused()
    ada.keyboard.press("Enter")
    choose(ada, "Remove")
    dialog = ada.get_by_role("dialog")
    expect(dialog).to_contain_text("What Cem had before stays there.")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    # By the link that asks nobody he would be in again; by the other one somebody lets him in.
    closing = dialog.get_by_role("checkbox", name="Also close the link by which anybody comes in")
    expect(closing).to_be_checked()
    press(ada, "Remove$")
    expect(row).to_have_count(0)
    links = node.run("group", "link", "list", "Crew").splitlines()
    assert [("revoked" in line, "you admit each" in line) for line in links[1:]] == [
        (True, False),
        (False, True),
    ]
    # The focus is on a row that is left, and not at the beginning of the page.
    expect(ada.locator(".members button.row:focus")).to_have_count(1)
