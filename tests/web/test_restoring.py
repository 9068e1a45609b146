"""A backup put back in the first screen of the page."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright, expect

from mesh.api.sign_in import MakeSignInCode, SignInCodeAnswer
from mesh.commands.contacts import AskContacts, ContactsAnswer
from mesh.commands.messages import MessageAnswer, SendMessage
from tests.daemon.processes import Household, stop
from tests.daemon.test_succession import linked
from tests.programs import browser_without_windows
from tests.web import screens
from tests.web.conftest import EXPECTED_WITHIN_MS

pytestmark = pytest.mark.slow

BACKUP_PASSPHRASE = "battery staple"
WAIT_MS = 60_000


@pytest.fixture
def page(playwright: Playwright) -> Iterator[Page]:
    chromium = browser_without_windows()
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
    context.set_default_timeout(WAIT_MS)
    # A passphrase takes a second of CPU, and more on a machine that has much to do.
    expect.set_options(timeout=WAIT_MS)
    complaints: list[str] = []
    made = context.new_page()
    made.on("pageerror", lambda error: complaints.append(str(error)))
    yield made
    browser.close()
    expect.set_options(timeout=EXPECTED_WITHIN_MS)
    assert complaints == []


def backup_of_anna(household: Household, folder: Path) -> Path:
    """Return a file with who Anna is and one note of hers."""
    household.make("former", "")
    process = household.start("former", name="Anna")
    client = household.client("former")
    client.ask(SendMessage("me", "the bridge is open again"), MessageAnswer)
    file = folder / "anna.backup"
    file.write_bytes(b"".join(client.backup(BACKUP_PASSPHRASE, is_new=False)))
    assert stop(process) == 0
    return file


def faults(page: Page) -> list[str]:
    """Return what rules find of the screen as it is, wide and light, narrow and dark."""
    found = []
    session = page.context.new_cdp_session(page)
    for width, height, theme in ((1280, 800, "light"), (360, 740, "dark"), (320, 640, "light")):
        page.set_viewport_size({"width": width, "height": height})
        # Playwright names the two themes as literals.
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]  # a theme of ours
        page.wait_for_timeout(screens.SETTLES_MS)
        if folder := os.environ.get("MESH_TEST_PICTURES"):
            name = re.sub(r"\W+", "-", page.locator("h2").first.inner_text())
            page.screenshot(path=Path(folder) / f"restore-{name}-{width}.png")
        found += [*page.evaluate(screens.BEYOND_ITS_EDGE), *screens.axe(session)]
    return found


def test_a_backup_is_put_back_in_the_page_and_what_is_wrong_is_said(
    household: Household, page: Page, tmp_path: Path
) -> None:
    backup = backup_of_anna(household, tmp_path)
    cut = tmp_path / "cut.backup"
    cut.write_bytes(backup.read_bytes()[:-1])
    household.start("new", passphrase=None)
    page.goto(household.client("new").ask(MakeSignInCode(as_file=False), SignInCodeAnswer).address)
    page.get_by_role("button", name="Restore a backup").click()
    page.get_by_label("Passphrase of the backup").fill(BACKUP_PASSPHRASE)
    page.get_by_label("Passphrase", exact=True).fill("correct horse battery")
    page.get_by_label("The same again").fill("correct horse battery")
    for file, words in ((cut, "This file is damaged"), (Path(__file__), "no backup of Mesh")):
        page.get_by_label("File of the backup").set_input_files(file)
        page.get_by_role("button", name="Restore", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text(words)
    page.get_by_label("Passphrase of the backup").fill("another")
    page.get_by_label("File of the backup").set_input_files(backup)
    page.get_by_role("button", name="Restore", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("not the passphrase of this backup")
    assert faults(page) == []
    page.get_by_label("Passphrase of the backup").fill(BACKUP_PASSPHRASE)
    page.get_by_role("button", name="Restore", exact=True).click()
    expect(page.get_by_role("heading", name="Welcome, Anna")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("Do not start Mesh on the former machine")
    assert faults(page) == []
    page.set_viewport_size({"width": 1280, "height": 800})
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("link", name=re.compile("Note to self")).first.click()
    expect(page.get_by_role("log")).to_contain_text("the bridge is open again")


def test_who_may_be_out_of_reach_is_marked_and_a_new_invite_is_offered(
    household: Household, page: Page, tmp_path: Path
) -> None:
    """Keys that were put back look stolen to a contact who has gone on to newer ones."""
    first, second = linked(household)
    anna = household.client("anna")
    [ben] = anna.ask(AskContacts(), ContactsAnswer).contacts
    file = tmp_path / "anna.backup"
    file.write_bytes(b"".join(anna.backup(BACKUP_PASSPHRASE, is_new=False)))
    assert [stop(first), stop(second)] == [0, 0]
    household.start("new", passphrase=None)
    page.goto(household.client("new").ask(MakeSignInCode(as_file=False), SignInCodeAnswer).address)
    page.get_by_role("button", name="Restore a backup").click()
    page.get_by_label("Passphrase of the backup").fill(BACKUP_PASSPHRASE)
    page.get_by_label("Passphrase", exact=True).fill("correct horse battery")
    page.get_by_label("The same again").fill("correct horse battery")
    page.get_by_label("File of the backup").set_input_files(file)
    page.get_by_role("button", name="Restore", exact=True).click()
    page.get_by_role("button", name="Go on").click()
    row = page.get_by_role("link", name=re.compile(ben.label)).first
    expect(row).to_contain_text("Out of reach")
    row.click()
    banner = page.get_by_role("status").filter(has_text="may not get what you write")
    expect(banner).to_be_visible()
    assert faults(page) == []
    page.set_viewport_size({"width": 1280, "height": 800})
    banner.get_by_role("link", name="New invite").click()
    expect(page.get_by_text("Who scans this becomes your contact")).to_be_visible()
    page.get_by_role("link", name="People").first.click()
    page.get_by_role("link", name=re.compile(ben.label)).first.click()
    expect(page.locator(".part.middle, main").last).to_contain_text("Out of reach")
    assert faults(page) == []
