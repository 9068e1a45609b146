"""A page says what is so: of a wipe, of what waits, of links, of what a lock keeps, of notices.

Two daemons of this machine and one browser, for all of it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, Playwright, Route, expect

from mesh.api.own_requests import Lock
from mesh.api.sign_in import MakeSignInCode, SignInCodeAnswer
from mesh.client import Client
from mesh.commands.answer import Done
from mesh.commands.contacts import AddContact, AskContacts, ContactAnswer, ContactsAnswer
from mesh.commands.identity import ChangeIdentity, IdentityAnswer
from mesh.commands.invites import CreateInvite, InviteAnswer
from mesh.commands.messages import MessageAnswer, SendMessage
from mesh.commands.peers import AddPeer, AskPeers, PeersAnswer
from mesh.commands.settings import AskSettings, ChangeSettings, SettingsAnswer
from tests.daemon.processes import Household, port_of
from tests.integration.nodes import eventually
from tests.programs import browser_without_windows
from tests.web.chatting import answered, bubble, holding, noticing, say, to_message
from tests.web.chromium import go

# One worker runs all: else each would start two nodes and a browser of its own.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("told")]

RINGS = "all => all.map((one) => getComputedStyle(one.querySelector('.dot')).borderTopStyle)"
PASSPHRASE = "horse"
WAIT_MS = 60_000


@dataclass
class Two:
    """Anna, who has a passphrase, and Ben, who has none; they know each other and are linked."""

    household: Household
    browser: Browser

    def client(self, name: str) -> Client:
        return self.household.client(name)

    def page(self, name: str) -> Page:
        """A page of one of them, in a window of its own."""
        context = self.browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
        context.set_default_timeout(WAIT_MS)
        page = context.new_page()
        code = self.client(name).ask(MakeSignInCode(as_file=False), SignInCodeAnswer)
        page.goto(code.address)
        return page

    def unlock(self, page: Page) -> None:
        page.get_by_label("Passphrase").fill(PASSPHRASE)
        page.keyboard.press("Enter")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, playwright: Playwright) -> Iterator[Two]:
    with pytest.MonkeyPatch.context() as patched:
        household = Household(tmp_path_factory.mktemp("told") / "home", patched)
        chromium = browser_without_windows()
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            household.make("anna", PASSPHRASE)
            household.make("ben", "")
            anna = household.start("anna", name="Anna", passphrase=PASSPHRASE)
            household.start("ben", name="Ben", passphrase="")
            made = Two(household, browser)
            invite = made.client("ben").ask(CreateInvite(), InviteAnswer)
            made.client("anna").ask(AddContact(invite.link, "Ben"), ContactAnswer)
            made.client("ben").ask(AddPeer(f"127.0.0.1:{port_of(anna)}"), Done)
            eventually(
                lambda: made.client("anna").ask(AskContacts(), ContactsAnswer).contacts[0],
                lambda contact: contact.state == "answered",
                within_s=60,
                what="an answer of Ben",
            )
            yield made
        finally:
            browser.close()
            household.close()


def contact_of(two: Two, who: str, name: str) -> ContactAnswer:
    """A contact of one of them, by its name there."""
    contacts = two.client(who).ask(AskContacts(), ContactsAnswer).contacts
    return next(each for each in contacts if each.label == name)


def open_ben(page: Page) -> None:
    page.get_by_role("link", name=re.compile("Ben")).first.click()
    expect(page.get_by_role("textbox", name="Message Ben")).to_be_focused()


def test_who_stands_on_a_message_stays_there_when_it_is_told_before_it_is_answered(
    two: Two,
) -> None:
    page = two.page("anna")
    open_ben(page)
    held: list[Route] = []
    page.route(
        "**/v1/conversations/*/items",
        lambda route: held.append(route) if route.request.method == "POST" else route.continue_(),
    )
    with page.expect_request(lambda one: one.method == "POST" and one.url.endswith("/items")):
        say(page, "told first")
    mine = page.get_by_role("article").filter(has_text="told first")
    # The chat may still load while somebody writes.
    expect(mine).to_be_visible()
    page.keyboard.press("Shift+Tab")
    expect(mine).to_be_focused()
    answer = held[0].fetch()
    expect(mine).to_have_attribute("data-number", re.compile(r"^\d+$"))
    expect(mine).to_be_focused()
    held[0].fulfill(response=answer)
    page.unroute_all()
    page.context.close()


def test_a_message_that_was_not_taken_is_tried_again_by_itself(two: Two) -> None:
    page = two.page("anna")
    open_ben(page)
    cut_off: list[str] = []

    def cut(route: Route) -> None:
        if route.request.method == "POST":
            cut_off.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    page.route("**/v1/conversations/*/items", cut)
    say(page, "it comes all the same")
    expect(page.get_by_text("tried again by itself")).to_be_visible()
    eventually(
        lambda: page.evaluate("0") or len(cut_off),
        lambda tries: tries >= 2,
        within_s=60,
        what="another try",
    )
    mine = page.get_by_role("article").filter(has_text="it comes all the same")
    page.keyboard.press("Shift+Tab")
    expect(mine).to_be_focused()
    page.unroute_all()
    expect(mine).not_to_contain_text("Not saved yet")
    # Who stood on it by the keyboard stands on it still.
    expect(mine).to_have_attribute("data-number", re.compile(r"^\d+$"))
    expect(mine).to_be_focused()
    page.context.close()


def test_a_lock_keeps_what_was_typed_at_the_last_moment(two: Two) -> None:
    page = two.page("anna")
    open_ben(page)
    say(page, "to be mended")
    page.keyboard.type("half a thought")
    page.keyboard.press("Control+Shift+L")
    expect(page.get_by_role("heading", name="Locked")).to_be_visible()
    assert "half a thought" not in page.content()
    page.get_by_role("button", name="Another profile").click()
    expect(page.get_by_role("dialog")).to_contain_text("mesh open --profile ben")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    two.unlock(page)
    field = page.locator(".composer textarea")
    expect(field).to_have_value("half a thought")
    field.focus()
    page.keyboard.type(" more")
    two.client("anna").ask(Lock(), Done)
    expect(page.get_by_role("heading", name="Locked")).to_be_visible()
    two.unlock(page)
    expect(field).to_have_value("half a thought more")
    # What the node has not taken yet cannot be changed.
    expect(bubble(page, "to be mended")).to_have_attribute("data-number", re.compile(r"^\d+$"))
    field.fill("")
    page.keyboard.press("ArrowUp")
    expect(field).to_have_value("to be mended")
    field.fill("mended")
    page.keyboard.press("Control+Shift+L")
    expect(page.get_by_role("heading", name="Locked")).to_be_visible()
    two.unlock(page)
    expect(page.get_by_text("Editing", exact=True)).to_be_visible()
    expect(field).to_have_value("mended")
    page.context.close()


def test_a_lock_leaves_nothing_that_was_typed_on_other_screens(two: Two) -> None:
    page = two.page("anna")
    go(page, "#/people/add/paste")
    page.get_by_role("textbox").fill("mesh:half-of-an-invite")
    go(page, "#/settings/lock")
    page.get_by_label("Passphrase now").fill("horse of mine")
    go(page, "#/people/requests")
    page.keyboard.press("Control+Shift+L")
    expect(page.get_by_role("heading", name="Locked")).to_be_visible()
    two.unlock(page)
    go(page, "#/people/add/paste")
    expect(page.get_by_role("textbox").last).to_have_value("")
    go(page, "#/settings/lock")
    expect(page.get_by_label("Passphrase now")).to_have_value("")
    page.context.close()


def test_a_size_stays_what_it_is_and_may_be_written_with_a_comma(two: Two) -> None:
    anna = two.client("anna")
    anna.ask(ChangeSettings({"stored_bytes_max": 1_500_000_000}), SettingsAnswer)

    def size() -> object:
        settings = anna.ask(AskSettings(), SettingsAnswer).settings
        return next(each.value for each in settings if each.name == "stored_bytes_max")

    page = two.page("anna")
    go(page, "#/settings/node")
    field = page.get_by_label("Room for carrying")
    field.focus()
    with noticing(page, "Saved."):
        page.keyboard.press("Enter")
    assert size() == 1_500_000_000
    field.fill("1,5 gib")
    page.keyboard.press("Enter")
    expect(field).to_have_value("1.5 GiB")
    assert size() == 3 << 29
    field.fill("much")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Write a size")
    page.context.close()


SHOWN = """async (text) => {
  const { body } = await import("/app/text.js");
  const { html, render } = await import("/vendor/lit-html/lit-html.js");
  const place = document.createElement("div");
  render(html`${body(text)}`, place);
  return [place.textContent, place.querySelector("a")?.textContent, place.querySelector("a")?.dir];
}"""


def test_an_address_holds_no_sign_that_turns_it(two: Two) -> None:
    page = two.page("anna")
    expect(page.get_by_role("heading", name="Chats").first).to_be_visible()
    for sign in ("\u200e", "\u200f", "\u061c", "\u202e", "\u0085"):
        text, link, direction = page.evaluate(SHOWN, f"https://a.example/x{sign}y")
        assert sign not in text
        assert (link, direction) == ("https://a.example/x", "ltr")
    page.context.close()


def test_what_the_node_says_of_itself_is_shown_until_it_was_read(two: Two) -> None:
    page = two.page("ben")
    page.get_by_role("link", name=re.compile("Anna")).first.click()
    two.client("ben").ask(ChangeSettings({"auto_lock_minutes": 0.05}), SettingsAnswer)
    told = page.locator(".middle .banner").filter(has_text="Not locked when idle")
    expect(told).to_be_visible()
    told.get_by_role("button", name="I have read it").click()
    expect(told).to_have_count(0)
    two.client("ben").ask(ChangeSettings({"auto_lock_minutes": 0}), SettingsAnswer)
    page.context.close()


SAID = """() => {
  window.said = [];
  new MutationObserver((changes) => {
    for (const { target } of changes) {
      const element = target.nodeType === 1 ? target : target.parentElement;
      const hidden = element?.closest("[aria-hidden=true]");
      if (element?.closest("[role=alert]") && !hidden) window.said.push(element.textContent);
    }
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


def test_a_new_name_is_a_line_in_the_chat(two: Two) -> None:
    page = two.page("anna")
    held: list[Route] = []
    page.route(
        re.compile(r"/v1/contacts/\d+$"),
        lambda route: route.continue_() if held else held.append(route),
    )
    open_ben(page)
    eventually(lambda: page.evaluate("0") or held, bool, within_s=60, what="what is asked of Ben")
    before = held[0].fetch()
    two.client("ben").ask(ChangeIdentity("Benjamin"), IdentityAnswer)
    two.client("ben").ask(SendMessage("Anna", "I am the same"), MessageAnswer)
    log = page.get_by_role("log")
    expect(log).to_contain_text("I am the same")
    # An answer from before it, which comes after it, takes nothing back.
    held[0].fulfill(response=before)
    line = log.locator(".event").filter(has_text="They call themselves Benjamin now")
    expect(line).to_be_visible()
    page.unroute_all()
    page.context.close()


def test_who_opened_something_while_it_was_asked_keeps_it(two: Two) -> None:
    page = two.page("anna")
    held = holding(page, "peers")
    dialog = page.get_by_role("dialog")
    go(page, "#/network")
    page.get_by_role("button", name="Add an address").click()
    dialog.get_by_label("Address").fill("127.0.0.1:1")
    with page.expect_request(lambda one: (one.method, one.url[-6:]) == ("POST", "/peers")):
        dialog.get_by_role("button", name="Add", exact=True).click()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    go(page, "#/settings/privacy")
    page.get_by_role("button", name="Wipe…").click()
    dialog.get_by_role("textbox").fill("anna, perhaps")
    answered(page, held, "GET.*/v1/peers$")
    expect(dialog.get_by_role("textbox")).to_have_value("anna, perhaps")
    page.unroute_all()
    page.context.close()


def test_who_went_on_while_it_was_asked_is_not_led_away(two: Two) -> None:
    page = two.page("anna")
    held = holding(page, "groups")
    page.get_by_role("button", name="New", exact=True).click()
    page.get_by_role("menuitem", name="New group").click()
    page.get_by_label("Name of the group").fill("Row 14")
    with page.expect_request(lambda one: (one.method, one.url[-7:]) == ("POST", "/groups")):
        page.keyboard.press("Enter")
    # Who goes on closes the form first: with it open, the page stays where it is.
    page.keyboard.press("Escape")
    go(page, "#/settings/about")
    answered(page, held, r"GET.*/v1/conversations/\d+$")
    expect(page).to_have_url(re.compile("#/settings/about$"))
    page.unroute_all()
    page.context.close()


def test_a_failure_is_told_above_what_was_typed_and_leaves_it(two: Two) -> None:
    page = two.page("anna")
    go(page, "#/network")
    page.get_by_role("button", name="Add an address").click()
    field = page.get_by_role("textbox", name="Address")
    field.fill("no such address")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("dialog", name="It did not work.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(1)
    expect(field).to_have_value("no such address")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.context.close()


def test_a_message_says_when_it_was_queued_and_what_is_not_known(two: Two) -> None:
    page = two.page("anna")
    open_ben(page)
    say(page, "step by step")
    to_message(page, "step by step")
    page.keyboard.press("i")
    steps = page.get_by_role("region", name="Details").get_by_role("listitem")
    expect(steps.filter(has_text="Queued here").locator("time")).to_be_visible()
    # Nobody opened it there: the step stands without a time, in a ring of dashes.
    rest = steps.filter(has_text="Read").last
    expect(rest.locator("time")).to_have_count(0)
    rings = steps.evaluate_all(RINGS)
    assert (rings[0], rings[-1]) == ("none", "dashed"), rings
    # The message of which it is told bears a ring.
    told = bubble(page, "step by step").locator(".bubble")
    expect(told).to_have_css("outline-style", "solid")
    page.context.close()


def test_a_name_like_that_of_a_contact_is_warned_of_before_it_is_let_in(two: Two) -> None:
    like = "B\u0435n"
    two.household.make("like", "")
    two.household.start("like", name=like, passphrase="")
    address = f"127.0.0.1:{port_of(two.household.processes[0])}"
    two.client("like").ask(AddPeer(address), Done)
    invite = two.client("anna").ask(CreateInvite(uses_max=5), InviteAnswer)
    two.client("like").ask(AddContact(invite.link, "Anna"), ContactAnswer)
    two.client("like").ask(SendMessage("Anna", "It is me, with a new computer"), MessageAnswer)
    page = two.page("anna")
    go(page, "#/people/requests")
    card = page.get_by_role("article", name=like)
    expect(card).to_contain_text("It is me, with a new computer")
    expect(card).to_contain_text("Not your contact Ben")
    expect(card.get_by_role("button", name="Accept", exact=True)).to_have_count(0)
    card.get_by_role("button", name="Accept and compare").press("Enter")
    expect(page).to_have_url(re.compile(r"#/people/compare/\d+$"))
    page.context.close()


def test_who_says_that_pictures_differ_is_believed_on_both_sides(two: Two) -> None:
    two.client("ben").ask(SendMessage("Anna", "Shall we compare?"), MessageAnswer)
    pages = [two.page(name) for name in ("anna", "ben")]
    for page, other in zip(pages, ("Ben", "Anna"), strict=True):
        contact = contact_of(two, "ben" if other == "Anna" else "anna", other)
        go(page, f"#/people/compare/{contact.id}")
        page.get_by_role("button", name="Begin to compare").press("Enter")
    for page in pages:
        expect(page.locator(".pictures li")).to_have_count(7)
    mine, theirs = pages
    mine.get_by_role("button", name="They differ").press("Enter")
    expect(mine.get_by_role("alert")).to_contain_text("You do not see the same")
    expect(theirs.get_by_role("alert")).to_contain_text("Anna says it differs")
    for page, other in zip(pages, ("Ben", "Anna"), strict=True):
        expect(page.locator(".pictures")).to_have_count(0)
        expect(page.get_by_text(f"{other} is verified")).to_have_count(0)
        expect(page.get_by_role("button", name="Begin to compare")).to_be_visible()
        go(page, "#/chats")
        expect(page.get_by_role("heading", name="Chats").first).to_be_visible()
        page.get_by_role("link", name=re.compile(other)).first.click()
        expect(page.locator(".banner.danger")).to_contain_text("You do not see the same")
        page.context.close()


def test_new_keys_are_put_in_place(two: Two) -> None:
    two.household.make("cleo", "")
    two.household.start("cleo", name="Cleo", passphrase="")
    anna = two.client("anna")
    invite = two.client("cleo").ask(CreateInvite(), InviteAnswer)
    cleo = anna.ask(AddContact(invite.link, "Cleo before"), ContactAnswer)
    two.household.make("again", "")
    two.household.start("again", name="Cleo again", passphrase="")
    invite = two.client("again").ask(CreateInvite(), InviteAnswer)
    again = anna.ask(AddContact(invite.link, "Cleo after"), ContactAnswer)
    page = two.page("anna")
    go(page, f"#/people/person/{cleo.id}")
    page.get_by_role("button", name="Put new keys in place").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name=re.compile("Cleo after")).click()
    expect(dialog).to_contain_text("Are these the new keys")
    dialog.get_by_role("button", name="Put new keys in place").click()
    expect(page).to_have_url(re.compile(f"#/people/compare/{cleo.id}"))
    contacts = {each.id: each for each in anna.ask(AskContacts(), ContactsAnswer).contacts}
    assert again.id not in contacts
    assert contacts[cleo.id].key == again.key
    page.context.close()


def test_when_a_node_ends_the_pages_say_what_is_known(two: Two) -> None:
    eventually(
        lambda: [peer.contact for peer in two.client("anna").ask(AskPeers(), PeersAnswer).peers],
        lambda contacts: "Ben" in contacts,
        within_s=60,
        what="a link of which it is known that it is Ben's",
    )
    page = two.page("anna")
    open_ben(page)
    say(page, "we meet at nine")
    heard = page.locator(".header .sub").first
    expect(heard).to_contain_text("Linked now")
    invite = two.client("ben").ask(CreateInvite(), InviteAnswer)
    two.household.processes[1].kill()
    expect(heard).not_to_contain_text("Linked now")

    # A wipe of which nothing is known: the request never came.
    page.route("**/v1/wipe", lambda route: route.abort())
    go(page, "#/settings/privacy")
    page.get_by_role("button", name="Wipe…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill("anna")
    dialog.get_by_role("button", name="Wipe", exact=True).click()
    expect(page.get_by_role("heading", name="Not known whether it is wiped")).to_be_visible()
    page.get_by_role("button", name="Look now").click()
    expect(page.get_by_role("button", name="Wipe…")).to_be_visible()
    assert invite.link

    # A chat that nobody opened since the page was loaded can be read all the same.
    with page.expect_response(re.compile(r"/v1/conversations/\d+/items")):
        page.reload()
    expect(page.get_by_role("button", name="Wipe…")).to_be_visible()

    # Silence: nothing is begun, and nothing is read out each second.
    page.evaluate("location.hash = '#/settings/privacy'")
    page.get_by_role("button", name="Wipe…").click()
    dialog.get_by_role("textbox").fill("anna")
    button = dialog.get_by_role("button", name="Wipe", exact=True)
    expect(button).to_be_enabled()
    two.household.processes[0].kill()
    expect(button).to_be_disabled()
    expect(dialog).to_contain_text("nothing can be wiped now")
    page.keyboard.press("Escape")
    page.unroute_all()
    go(page, "#/chats")
    page.get_by_role("link", name=re.compile("Ben")).first.click()
    expect(page.get_by_role("log")).to_contain_text("we meet at nine")
    banner = page.locator(".banner").first
    expect(banner).to_contain_text("Mesh does not answer")
    page.evaluate(SAID)
    page.wait_for_timeout(4_000)
    assert page.evaluate("window.said") == []
    # Where one part is shown at a time, it is said above the list too.
    page.set_viewport_size({"width": 360, "height": 740})
    go(page, "#/chats")
    told = page.get_by_role("region", name="Chats, list").get_by_role("alert")
    expect(told).to_contain_text("Mesh does not answer")
    page.context.close()
