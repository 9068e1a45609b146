"""Strangers at a page: who waits apart until they are let in, and who is near."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, Playwright, expect

from mesh.api.batch import Outgoing, SendMessages, SentMessages
from mesh.api.sign_in import MakeSignInCode, SignInCodeAnswer
from mesh.commands.answer import Done
from mesh.commands.contacts import AddContact, AskContacts, ContactAnswer, ContactsAnswer
from mesh.commands.invites import AskInvites, CreateInvite, InviteAnswer, InvitesAnswer
from mesh.commands.messages import MessageAnswer, SendMessage
from mesh.commands.peers import AddPeer
from mesh.limits.nearby import NEARBY_ASK_INTERVAL_MS
from tests.daemon.processes import Household, port_of
from tests.integration.nodes import eventually
from tests.programs import browser_without_windows
from tests.web.chatting import bubble, say
from tests.web.chromium import go

# One worker runs all: they share the nodes.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("strangers")]

NAMES = ("anna", "ben", "cleo")
FOUND_WITHIN_MS = NEARBY_ASK_INTERVAL_MS + 60_000


@pytest.fixture(scope="module")
def household(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Household]:
    """Anna, Ben and Cleo, who do not know each other; Anna is linked to both."""
    with pytest.MonkeyPatch.context() as patched:
        made = Household(tmp_path_factory.mktemp("strangers") / "home", patched)
        try:
            for name in NAMES:
                made.make(name, "")
                made.start(name, name=name.title(), passphrase="")
                if name != "anna":
                    address = f"127.0.0.1:{port_of(made.processes[0])}"
                    made.client(name).ask(AddPeer(address), Done)
            yield made
        finally:
            made.close()


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    chromium = browser_without_windows()
    made = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    yield made
    made.close()


def page_of(browser: Browser, household: Household, name: str) -> Page:
    """A page of one of them, in a window of its own."""
    page = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 800}).new_page()
    page.set_default_timeout(60_000)
    code = household.client(name).ask(MakeSignInCode(as_file=False), SignInCodeAnswer)
    page.goto(code.address)
    expect(page.get_by_role("navigation", name="Mesh")).to_be_visible()
    return page


def test_who_came_by_an_invite_for_many_waits_apart_until_accepted(
    household: Household, browser: Browser
) -> None:
    anna, ben = household.client("anna"), household.client("ben")
    page = page_of(browser, household, "anna")
    invite = anna.ask(CreateInvite(uses_max=5), InviteAnswer)
    ben.ask(AddContact(invite.link, "Anna"), ContactAnswer)
    ben.ask(SendMessage("Anna", "I am from the other bank"), MessageAnswer)
    page.get_by_role("link", name="1 person waits to be let in").click()
    card = page.get_by_role("article", name="Ben")
    expect(card).to_contain_text("I am from the other bank")
    # Until then they are no contact, and nobody can write to them.
    go(page, "#/chats")
    expect(page.get_by_role("heading", name="Chats").first).to_be_visible()
    expect(page.locator("a.row", has_text="Ben")).to_have_count(0)
    go(page, "#/people/requests")
    card.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("textbox", name="Message Ben")).to_be_focused()
    expect(bubble(page, "I am from the other bank")).to_be_visible()
    say(page, "Come over")
    theirs = page_of(browser, household, "ben")
    theirs.get_by_role("link", name=re.compile("Anna")).first.click()
    expect(bubble(theirs, "Come over")).to_be_visible()
    go(page, "#/people/requests")
    expect(page.get_by_text("Nobody waits.")).to_be_visible()
    page.context.close()
    theirs.context.close()


NOTES = 420
"""More than the page keeps: what is scrolled away leaves it."""

AT_HAND = 200

ASKED = """() => {
  window.asked = 0;
  Notification.requestPermission = async () => { window.asked += 1; return "granted"; };
}"""


def test_an_invite_is_taken_back_in_the_page(household: Household, browser: Browser) -> None:
    page = page_of(browser, household, "anna")
    go(page, "#/people/add")
    link = page.locator(".link-well code")
    former = link.inner_text()
    client = household.client("anna")
    [id_] = [
        one.id for one in client.ask(AskInvites(), InvitesAnswer).invites if one.link == former
    ]
    page.get_by_role("button", name="Revoke").press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Nobody can use it afterwards")
    # Enter alone takes nothing back.
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    expect(link).to_have_text(former)
    page.get_by_role("button", name="Revoke").press("Enter")
    dialog.get_by_role("button", name="Revoke").press("Enter")
    expect(dialog).to_have_count(0)
    expect(link).not_to_have_text(former)
    invites = client.ask(AskInvites(), InvitesAnswer).invites
    assert [one.state for one in invites if one.id == id_] == ["revoked"]
    page.context.close()


def test_a_token_is_made_shown_once_and_taken_back(household: Household, browser: Browser) -> None:
    page = page_of(browser, household, "anna")
    go(page, "#/settings/tokens")
    page.get_by_role("button", name="New token for a program").press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("echo-of-the-row")
    dialog.get_by_role("button", name="Make it").press("Enter")
    expect(dialog).to_contain_text("It is not shown again")
    token = dialog.locator("code").inner_text()
    page.keyboard.press("Escape")
    row = page.locator(".setting", has_text="echo-of-the-row")
    expect(row).to_contain_text("never used")

    def status() -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return page.request.get(page.url.partition("#")[0] + "v1/status", headers=headers).status

    assert status() == 200
    page.reload()
    expect(row).not_to_contain_text("never used")
    assert token not in page.content()
    row.get_by_role("button", name="Revoke").press("Enter")
    expect(row).to_have_count(0)
    assert status() == 401
    page.context.close()


def test_only_its_switch_asks_for_notifications(household: Household, browser: Browser) -> None:
    page = page_of(browser, household, "anna")
    page.add_init_script(f"({ASKED})()")
    page.reload()
    for place in ("chats", "people", "people/nearby", "network", "settings/privacy"):
        go(page, f"#/{place}")
        expect(page.locator("[aria-busy]")).to_have_count(0)
    go(page, "#/settings/notifications")
    switch = page.get_by_role("switch", name="Notify on this computer")
    expect(switch).to_have_attribute("aria-checked", "false")
    assert page.evaluate("window.asked") == 0
    switch.press("Enter")
    expect(switch).to_have_attribute("aria-checked", "true")
    assert page.evaluate("window.asked") == 1
    switch.press("Enter")
    expect(switch).to_have_attribute("aria-checked", "false")
    assert page.evaluate("window.asked") == 1
    page.context.close()


SCROLLED = """(element) => {
  for (let box = element; box; box = box.parentElement) box.dispatchEvent(new Event("scroll"));
}"""


def go_to(end: Locator, wanted: str) -> None:
    """Go on at the first or last message that is here, until it is the one that is wanted."""

    def words() -> str:
        # A drawing may have led back to where one was; and who stands at the edge when a busy node
        # answered too late goes on by scrolling once more.
        end.scroll_into_view_if_needed()
        end.evaluate(SCROLLED)
        assert end.page.locator(".message").count() <= AT_HAND
        return end.locator(".words").inner_text()

    eventually(words, lambda now: now == wanted, within_s=240, what=wanted)


def test_of_a_long_chat_the_page_keeps_what_is_near(household: Household, browser: Browser) -> None:
    notes = [Outgoing(contact="me", text=f"note {place}") for place in range(NOTES)]
    household.client("anna").ask(SendMessages(messages=notes), SentMessages)
    page = page_of(browser, household, "anna")
    page.get_by_role("link", name=re.compile(f"note {NOTES - 1}")).click()
    expect(page.locator(".message").last).to_contain_text(f"note {NOTES - 1}")
    for edge, wanted in (("first", "note 0"), ("last", f"note {NOTES - 1}")):
        go_to(getattr(page.locator(".message"), edge), wanted)
        assert page.locator(".message").count() == AT_HAND
    page.context.close()


def test_two_who_are_near_become_contacts_by_what_both_see(
    household: Household, browser: Browser
) -> None:
    pages = [page_of(browser, household, name) for name in ("anna", "cleo")]
    for page in pages:
        go(page, "#/people/nearby")
    for page in pages:
        page.get_by_role("switch", name="Let people nearby find me").click()
    for page, other in zip(pages, ("Cleo", "Anna"), strict=True):
        # Who asked before the other could be found asks again only after so long.
        expect(page.locator(".setting", has_text=other)).to_be_visible(timeout=FOUND_WITHIN_MS)
    mine, theirs = pages
    mine.locator(".setting", has_text="Cleo").get_by_role("button", name="Compare").click()
    expect(mine.get_by_text("Waiting until Cleo looks too")).to_be_visible()
    asked = theirs.locator(".setting", has_text="Anna")
    expect(asked).to_contain_text("Asks to compare with you")
    asked.get_by_role("button", name="Compare").click()
    seen = [page.locator(".pictures").inner_text() for page in pages]
    assert seen[0] == seen[1]
    assert len(seen[0].split("\n")) == 7
    for page in pages:
        page.get_by_role("button", name="All seven are the same").click()
    for page, other in zip(pages, ("Cleo", "Anna"), strict=True):
        expect(page.get_by_text(f"You and {other} see the same")).to_be_visible()
    eventually(
        lambda: household.client("cleo").ask(AskContacts(), ContactsAnswer).contacts,
        lambda found: [(each.name, each.trust) for each in found] == [("Anna", "verified")],
        within_s=60,
        what="Anna as a contact of Cleo",
    )
    for page, other in zip(pages, ("Cleo", "Anna"), strict=True):
        page.get_by_role("link", name="Write").click()
        expect(page.get_by_role("textbox", name=f"Message {other}")).to_be_focused()
        page.context.close()
