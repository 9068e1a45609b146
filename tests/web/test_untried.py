"""The first screen where Mesh was never run."""

import re

import pytest
from playwright.sync_api import Playwright, expect

from mesh.api.sign_in import MakeSignInCode, SignInCodeAnswer
from tests.daemon.processes import Household
from tests.programs import browser_without_windows
from tests.web.chromium import WAIT_MS

pytestmark = pytest.mark.slow


def test_the_first_screen_says_where_nobody_tried_it(
    household: Household, playwright: Playwright
) -> None:
    chromium = browser_without_windows()
    household.start("anna", passphrase=None)
    client = household.client("anna")
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    for platform, is_told in (("MacIntel", True), ("Win32", True), ("Linux x86_64", False)):
        page = browser.new_context(locale="en-GB").new_page()
        page.set_default_timeout(WAIT_MS)
        page.add_init_script(
            f"Object.defineProperty(navigator, 'platform', {{get: () => '{platform}'}})"
        )
        page.goto(client.ask(MakeSignInCode(as_file=False), SignInCodeAnswer).address)
        expect(page.get_by_label("Your name")).to_be_visible()
        told = page.get_by_text(re.compile("never run on (macOS|Windows)"))
        expect(told).to_have_count(int(is_told))
    browser.close()
