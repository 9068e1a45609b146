"""Start when I log in: the switch of the first screens, and that of the settings."""

from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect

from mesh.api.service_requests import AskService, ServiceAnswer
from mesh.api.sign_in import MakeSignInCode, SignInCodeAnswer
from tests.daemon.processes import Household
from tests.integration.nodes import eventually
from tests.programs import browser_without_windows
from tests.web.chromium import go

pytestmark = pytest.mark.slow


def test_a_newcomer_lets_it_start_at_login_and_changes_that_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, playwright: Playwright
) -> None:
    chromium = browser_without_windows()
    household = Household(tmp_path / "home", monkeypatch)
    household.set({"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")})
    try:
        household.start("anna", passphrase=None)
        client = household.client("anna")

        def wait_until(*, is_installed: bool) -> None:
            eventually(
                lambda: client.ask(AskService(), ServiceAnswer).is_installed,
                lambda seen: seen is is_installed,
                within_s=60,
                what="the start at login",
            )

        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_context(locale="en-GB").new_page()
        page.set_default_timeout(60_000)
        page.goto(client.ask(MakeSignInCode(as_file=False), SignInCodeAnswer).address)
        page.get_by_label("Your name").fill("Anna")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Go on without one").click()
        page.get_by_role("dialog").get_by_role("button", name="Go on without one").click()
        switch = page.get_by_role("switch", name="Start when I log in")
        expect(switch).not_to_be_checked()
        switch.click()
        expect(switch).to_be_checked()
        page.get_by_role("switch", name="Let people nearby find me").click()
        # One choice that fails is told, and takes no other with it.
        page.route(
            "**/v1/nearby",
            lambda route: route.abort() if route.request.method == "POST" else route.fallback(),
        )
        assert not client.ask(AskService(), ServiceAnswer).is_installed
        page.get_by_role("button", name="Start", exact=True).click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible(timeout=60_000)
        dialog.get_by_role("button", name="Close").click()
        expect(page.get_by_text("Welcome, Anna")).to_be_visible(timeout=60_000)
        wait_until(is_installed=True)
        assert [path for path in (tmp_path / "config").rglob("*anna*") if path.is_file()]
        go(page, "#/settings/node")
        expect(switch).to_be_checked()
        switch.click()
        expect(switch).not_to_be_checked()
        wait_until(is_installed=False)
        browser.close()
    finally:
        household.close()
