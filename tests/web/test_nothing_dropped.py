"""A newcomer at the page: Back above a form, Esc, a tap beside it, a second press.

One daemon with a passphrase, one of a newcomer, and one browser for both.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Locator, Page, Playwright, expect

from mesh.api.sign_in import MakeSignInCode, SignInCodeAnswer
from mesh.client import Client
from mesh.commands.groups import AskGroup, GroupAnswer, MakeGroup
from mesh.commands.identity import AskIdentity, IdentityAnswer
from mesh.commands.item_commands import ChangeTask, WriteItem
from mesh.commands.items import ItemAnswer
from mesh.commands.settings import AskSettings, SettingsAnswer
from tests.daemon.processes import Household
from tests.integration.nodes import eventually
from tests.programs import browser_without_windows
from tests.web.chatting import TWO_FRAMES, bubble, noticing, say
from tests.web.chromium import go

# One worker runs all: they share the nodes.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dropped")]

PASSPHRASE = "horse"
WAIT_MS = 60_000

TWICE = """() => {
  const form = document.querySelector("form");
  form.requestSubmit();
  form.requestSubmit();
}"""
"""Sends a form once more while it is on its way."""


@dataclass
class Home:
    """Anna, who has a passphrase, and a newcomer who has nothing yet."""

    household: Household
    browser: Browser

    def client(self, name: str) -> Client:
        return self.household.client(name)

    def address(self, name: str) -> str:
        """The address of a page, with a code."""
        return self.client(name).ask(MakeSignInCode(as_file=False), SignInCodeAnswer).address

    def window(self) -> Page:
        """An empty window."""
        context = self.browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
        context.set_default_timeout(WAIT_MS)
        return context.new_page()

    def page(self, name: str) -> Page:
        page = self.window()
        page.goto(self.address(name))
        return page

    def notes(self) -> Page:
        """Anna's page with the notes to herself."""
        page = self.page("anna")
        open_notes(page)
        return page


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, playwright: Playwright) -> Iterator[Home]:
    with pytest.MonkeyPatch.context() as patched:
        household = Household(tmp_path_factory.mktemp("dropped") / "home", patched)
        chromium = browser_without_windows()
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            household.make("anna", PASSPHRASE)
            household.start("anna", name="Anna", passphrase=PASSPHRASE)
            household.start("new", passphrase=None)
            yield Home(household, browser)
        finally:
            browser.close()
            household.close()


def composer(page: Page) -> Locator:
    return page.locator(".composer textarea")


def open_notes(page: Page) -> None:
    page.get_by_role("link", name=re.compile("Note to self")).first.click()
    expect(composer(page)).to_be_focused()


def open_form(page: Page, kind: str) -> Locator:
    """Open the form of something that is put into the conversation."""
    page.get_by_role("button", name="Add", exact=True).press("Enter")
    page.get_by_role("menuitem", name=re.compile(f"^{kind}")).press("Enter")
    expect(page.locator("#form [autofocus]")).to_be_focused()
    return page.get_by_role("dialog")


def test_back_closes_a_form_and_leaves_the_chat_behind_it(home: Home) -> None:
    page = home.notes()
    there = page.url
    form = open_form(page, "Task")
    page.keyboard.type("Bring water")
    page.go_back()
    expect(form).to_have_count(0)
    expect(page).to_have_url(there)
    expect(composer(page)).to_be_visible()
    # What was typed is there again, and goes where one is.
    open_form(page, "Task")
    expect(page.get_by_label("What is to be done")).to_have_value("Bring water")
    page.keyboard.press("Enter")
    # The form stays until its answer is here, and an event may tell of the task before.
    expect(form).to_have_count(0)
    expect(page.get_by_role("article").filter(has_text="Bring water")).to_have_count(1)
    # Nothing lies on top any more: Back leads back.
    page.go_back()
    expect(page).to_have_url(re.compile("#/chats$"))
    page.context.close()


def test_what_was_entered_into_a_form_is_there_again_until_it_was_sent(home: Home) -> None:
    page = home.notes()
    form = open_form(page, "Poll")
    for label, text in (("Question", "Who cooks?"), ("Choice 1", "You"), ("Choice 2", "I")):
        form.get_by_label(label, exact=True).fill(text)
    form.get_by_role("button", name="Another choice").click()
    form.get_by_label("Choice 3", exact=True).fill("Whoever comes")
    form.get_by_label("Several may be chosen").check()
    # A tap beside it throws nothing away; Esc closes, and clears nothing.
    page.mouse.click(5, 5)
    page.evaluate(TWO_FRAMES)
    expect(form).to_have_count(1)
    page.keyboard.press("Escape")
    expect(form).to_have_count(0)
    open_form(page, "Poll")
    expect(form.get_by_label("Question", exact=True)).to_have_value("Who cooks?")
    expect(form.get_by_label("Choice 3", exact=True)).to_have_value("Whoever comes")
    expect(form.get_by_label("Several may be chosen")).to_be_checked()
    form.get_by_role("button", name="Put it in").click()
    expect(form).to_have_count(0)
    expect(page.get_by_role("article").filter(has_text="Whoever comes")).to_have_count(1)
    open_form(page, "Poll")
    expect(form.get_by_label("Question", exact=True)).to_have_value("")
    # Nothing was entered: a tap beside it closes it.
    page.mouse.click(5, 5)
    expect(form).to_have_count(0)
    page.context.close()


def test_a_lock_forgets_what_was_entered_and_who_unlocks_goes_on_writing(home: Home) -> None:
    page = home.notes()
    complaints = complaints_of(page)
    open_form(page, "Notice")
    page.keyboard.type("half a notice")
    page.keyboard.press("Control+Shift+L")
    expect(page.get_by_role("heading", name="Locked")).to_be_visible()
    page.get_by_label("Passphrase").fill(PASSPHRASE)
    # A second press while the first one is on its way is none.
    page.evaluate(TWICE)
    expect(composer(page)).to_be_focused()
    form = open_form(page, "Notice")
    expect(form.get_by_role("textbox").first).to_have_value("")
    page.keyboard.press("Escape")
    assert complaints == []
    page.context.close()


def complaints_of(page: Page) -> list[str]:
    """The words of the console about forms that would have left the page."""
    found: list[str] = []
    page.on("console", lambda told: found.append(told.text) if "form-action" in told.text else None)
    return found


def test_a_newcomer_presses_twice_and_goes_back_to_the_name(home: Home) -> None:
    page = home.page("new")
    complaints = complaints_of(page)
    page.get_by_label("Your name").fill("Nea")
    page.evaluate(TWICE)
    expect(page.get_by_label("Passphrase")).to_be_focused()
    page.get_by_role("button", name="Back").click()
    expect(page.get_by_label("Your name")).to_have_value("Nea")
    expect(page.get_by_label("Your name")).to_be_focused()
    page.evaluate(TWO_FRAMES)
    assert complaints == []
    page.context.close()


def test_the_address_of_a_page_opens_it_in_one_that_is_not_signed_in(home: Home) -> None:
    address = home.address("anna")
    page = home.window()
    page.goto(address.partition("#")[0])
    expect(page.get_by_role("heading", name="Mesh")).to_be_visible()
    expect(page.get_by_text("mesh open")).to_be_visible()
    page.goto(address)
    expect(page.get_by_role("link", name=re.compile("Note to self")).first).to_be_visible()
    expect(page).to_have_url(re.compile("#/chats$"))
    page.context.close()


def test_the_first_backup_asks_twice_for_its_passphrase(home: Home) -> None:
    page = home.page("anna")
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if one.method == "POST" else None)
    go(page, "#/settings/backup")
    expect(page.get_by_text("Nobody can recover it for you")).to_be_visible()
    make = page.get_by_role("button", name="Make the file")
    page.get_by_label("Passphrase", exact=True).fill("correct horse battery")
    page.get_by_label("The same again").fill("correct horse batter")
    expect(make).to_be_disabled()
    page.keyboard.press("Enter")
    page.evaluate(TWO_FRAMES)
    assert [one for one in asked if one.endswith("/v1/backup")] == []
    page.get_by_label("The same again").fill("correct horse battery")
    with page.expect_download() as told:
        make.click()
    assert told.value.suggested_filename == "mesh-backup.mesh"
    # The next ones ask for the one that there is.
    expect(page.get_by_label("The same again")).to_have_count(0)
    expect(page.get_by_label("Back up to a file")).to_be_visible()
    page.context.close()


def test_a_field_of_the_settings_is_saved_when_it_is_left(home: Home) -> None:
    page = home.page("anna")
    client = home.client("anna")
    dialog = page.get_by_role("dialog")
    go(page, "#/settings/you")
    name = page.get_by_label("Your name")
    name.fill("Annabel")
    with noticing(page, "Saved."):
        page.keyboard.press("Tab")
    assert client.ask(AskIdentity(), IdentityAnswer).name == "Annabel"
    # What is refused gives way to what holds.
    name.fill("")
    page.keyboard.press("Tab")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    # While it lies on top, nothing behind it takes what is typed.
    expect(dialog).to_have_count(0)
    expect(name).to_have_value("Annabel")
    # What did not get there stays, to be tried again.
    page.route("**/v1/identity", lambda route: route.abort())
    name.fill("Anna")
    name.press("Enter")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(name).to_have_value("Anna")
    page.unroute("**/v1/identity")
    name.press("Enter")
    eventually(
        lambda: client.ask(AskIdentity(), IdentityAnswer).name,
        lambda now: now == "Anna",
        within_s=60,
        what="the name again",
    )
    go(page, "#/settings/node")
    page.get_by_label("Room for carrying").fill("512 MiB")
    page.keyboard.press("Tab")
    eventually(
        lambda: {
            each.name: each.value for each in client.ask(AskSettings(), SettingsAnswer).settings
        },
        lambda now: now["stored_bytes_max"] == 512 << 20,
        within_s=60,
        what="the room",
    )
    group = client.ask(MakeGroup("Row 14", ()), GroupAnswer).conversation
    go(page, f"#/c/{group}/group")
    page.get_by_label("What it is for").fill("The far end")
    page.keyboard.press("Tab")
    eventually(
        lambda: client.ask(AskGroup("Row 14"), GroupAnswer).about,
        lambda about: about == "The far end",
        within_s=60,
        what="what the group is for",
    )
    page.context.close()


def test_a_change_of_what_is_there_begins_with_what_it_is(home: Home) -> None:
    page = home.notes()
    client = home.client("anna")
    asked = WriteItem("me", kind="task", title="Fetch wood")
    task = client.ask(asked, ItemAnswer)

    def change(known: str) -> None:
        task = page.locator(".task", has_text=known)
        task.get_by_role("button", name="More").press("Enter")
        page.get_by_role("menuitem", name="Change").press("Enter")

    change("Fetch wood")
    title = page.get_by_label("What is to be done")
    title.fill("Fetch nothing")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    client.ask(ChangeTask(task.number, "title", "Fetch coal"), ItemAnswer)
    change("Fetch coal")
    expect(title).to_have_value("Fetch coal")
    page.context.close()


def test_back_leaves_the_settings(home: Home) -> None:
    page = home.notes()
    there = page.url
    page.get_by_role("link", name="Settings").first.click()
    expect(page).to_have_url(re.compile("#/settings/you$"))
    page.go_back()
    expect(page).to_have_url(there)
    page.context.close()


def test_words_beside_a_switch_are_a_part_of_it(home: Home) -> None:
    page = home.page("anna")
    go(page, "#/settings/appearance")
    switch = page.get_by_role("switch").first
    was = switch.get_attribute("aria-checked")
    page.locator(".setting", has=switch).locator(".title").first.click()
    expect(switch).not_to_have_attribute("aria-checked", was or "")
    page.context.close()


def test_a_dialog_for_words_begins_in_its_field_and_ends_with_enter(home: Home) -> None:
    page = home.notes()
    say(page, "the sea")
    dialog = page.get_by_role("dialog")
    message = bubble(page, "the sea")
    expect(message).to_have_attribute("data-number", re.compile(r"^\d+$"))
    message.hover()
    message.get_by_role("button", name="React").click()
    page.get_by_role("menuitem", name="Another sign").click()
    expect(dialog.get_by_label("Sign")).to_be_focused()
    page.keyboard.type("aye")
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    expect(message.get_by_role("button", name=re.compile("aye"))).to_be_visible()
    go(page, "#/settings/tokens")
    page.get_by_role("button", name="New token for a program").click()
    expect(dialog.get_by_label("Name")).to_be_focused()
    page.keyboard.type("echo")
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("It is not shown again")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    go(page, "#/people/add")
    page.get_by_role("button", name="Change", exact=True).click()
    expect(dialog.get_by_label("Label")).to_be_focused()
    page.keyboard.type("for the far end")
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    expect(page.locator(".pairs")).to_contain_text("for the far end")
    page.context.close()


def test_who_forwards_to_nobody_is_told(home: Home) -> None:
    page = home.notes()
    say(page, "the wind")
    message = bubble(page, "the wind")
    expect(message).to_have_attribute("data-number", re.compile(r"^\d+$"))
    message.hover()
    message.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Forward").click()
    page.get_by_role("dialog").get_by_role("button", name="Forward").click()
    expect(page.get_by_text("Choose at least one first")).to_be_visible()
    page.context.close()
