"""Attacks on a node whose page is open, from a real browser and by another user of the machine.

Each was seen to succeed where its rule was taken out. `tests/api/test_door_attacks.py` has those
for which bytes are enough.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, Route, expect

from mesh.api.endpoint import find_endpoint
from mesh.api.sign_in import MakeSignInCode, SignInCodeAnswer
from mesh.client import Client
from mesh.commands.contacts import AskContacts, ContactsAnswer
from mesh.commands.messages import AskMessages, MessageAnswer, MessagesAnswer, SendMessage
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.errors import UserError
from tests.daemon.processes import Household
from tests.programs import where_is
from tests.web.chromium import go
from tests.web.evil import ATTACKS, HELPING_FLAGS, OPENER, OTHER_USER, SITES, EvilServer

# One worker runs all: they share a victim.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("attacks")]

SECRET = "meet me at the northern bridge"
PASSPHRASE = "battery staple of the tests"


@dataclass
class Victim:
    """A person whose page is open, and the browser in which the attacker's is too."""

    household: Household
    client: Client
    port: int
    pid: int
    context: BrowserContext
    page: Page

    @property
    def token(self) -> str:
        """The token of the page."""
        return str(self.page.evaluate("sessionStorage.getItem('mesh-token')"))

    def new_code(self) -> str:
        """A code that nobody has used."""
        return self.client.ask(MakeSignInCode(as_file=False), SignInCodeAnswer).code

    def is_usable(self, code: str) -> bool:
        """Say whether a code was not used up; this uses it."""
        body = json.dumps({"code": code})
        asked = f"""fetch("/v1/session", {{ method: "POST", body: JSON.stringify({body}),
            headers: {{ "Content-Type": "application/json" }} }}).then((answer) => answer.status)"""
        return bool(self.page.evaluate(asked) == 200)

    def assert_unharmed(self) -> None:
        """The page still shows what it showed, and the node is as it was."""
        assert self.client.ask(AskStatus(), StatusAnswer).vault == "open"
        kept = self.client.ask(AskMessages(contact="me"), MessagesAnswer).messages
        assert [message.text for message in kept] == [SECRET]
        assert self.client.ask(AskContacts(), ContactsAnswer).contacts == []
        expect(self.page.get_by_role("log")).to_contain_text(SECRET)

    def assert_nothing_logged(self, *secrets: str) -> None:
        """The log, which is told all there is, holds no secret."""
        log = self.household.log("anna")
        assert "the node runs on port" in log
        for secret in (*secrets, self.token, SECRET, PASSPHRASE):
            assert secret not in log


@pytest.fixture(scope="module")
def victim(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """Anna, at her page, which shows a note that nobody else may read; the last test locks it."""
    chromium = where_is("chromium", required_as="chromium")
    with pytest.MonkeyPatch.context() as monkeypatch:
        household = Household(tmp_path_factory.mktemp("victim") / "home", monkeypatch)
        household.set({"MESH_LOG_LEVEL": "debug"})
        household.make("anna", PASSPHRASE)
        try:
            process = household.start("anna", name="Anna", passphrase=PASSPHRASE)
            client = household.client("anna")
            client.ask(SendMessage(contact="me", text=SECRET), MessageAnswer)
            endpoint = find_endpoint(household.folders("anna").endpoint_file)
            assert endpoint is not None
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", *HELPING_FLAGS]
            )
            context = browser.new_context(locale="en-GB")
            context.set_default_timeout(60_000)
            page = context.new_page()
            page.goto(client.ask(MakeSignInCode(as_file=False), SignInCodeAnswer).address)
            page.get_by_role("link", name=re.compile(SECRET)).click()
            expect(page.get_by_role("log")).to_contain_text(SECRET)
            yield Victim(household, client, endpoint.port, process.pid, context, page)
            browser.close()
        finally:
            household.close()


@pytest.fixture(autouse=True)
def _alone(victim: Victim) -> Iterator[None]:
    """Close what an attacker opened."""
    yield
    for page in victim.context.pages:
        if page is not victim.page:
            page.close()


@pytest.fixture
def evil() -> Iterator[EvilServer]:
    """The attacker's server."""
    made = EvilServer()
    yield made
    made.close()


def lure(victim: Victim, evil: EvilServer, site: str) -> tuple[Page, str]:
    """Open the attacking page; return it, and the address at which it reaches the door."""
    address = SITES[site].format(evil=evil.port, door=victim.port)
    page = victim.context.new_page()
    if "rebound" not in address:
        page.goto(address)
        return page, f"http://127.0.0.1:{victim.port}"

    # The page came when the name led elsewhere. Now its requests go to the node, as its own.
    def answer_as_before(route: Route) -> None:
        route.fulfill(response=route.fetch(url=f"http://127.0.0.1:{evil.port}/"))

    page.route(f"{address}/", answer_as_before, times=1)
    page.goto(f"{address}/")
    return page, address


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="it becomes another user of the machine"
)
def test_another_user_of_the_machine_gets_nowhere(victim: Victim) -> None:
    # It is told once in each run of a node: this one must be the first that guesses.
    assert "wrong tokens" not in victim.household.log("anna")
    made = victim.client.ask(MakeSignInCode(as_file=True), SignInCodeAnswer)
    assert Path(made.file).exists()
    home = victim.household.home
    opened = [path for path in (home, *home.parents) if path != Path("/")]
    modes = {path: path.stat().st_mode for path in opened}
    program = home.parent / "other_user.py"
    program.write_text(OTHER_USER)
    try:
        # Even where all folders are open to all: the files and the socket have rights of their own.
        for path in (*opened, *(path for path in home.rglob("*") if path.is_dir())):
            path.chmod(path.stat().st_mode | 0o055)
        arguments = [str(home), str(victim.pid), str(victim.port)]
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable]
        begun = time.monotonic()
        done = subprocess.run(
            [*command, str(program), *arguments], capture_output=True, text=True, check=False
        )
        took = time.monotonic() - begun
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    told = json.loads(done.stdout or "{}")
    assert told, done.stderr
    assert told["got"] == []
    assert set(told["statuses"]) <= {401, 429}
    assert took > 1, "guesses were not slowed down"
    assert made.code not in told["line"]
    assert PASSPHRASE not in told["line"]
    assert Path(made.file).exists()
    victim.assert_unharmed()
    victim.assert_nothing_logged(made.code)
    assert "wrong tokens" in victim.household.log("anna"), "that somebody guesses is not told"


@pytest.mark.parametrize("site", SITES)
def test_a_page_from_elsewhere_reads_nothing_and_does_nothing(
    victim: Victim, evil: EvilServer, site: str
) -> None:
    code, token = victim.new_code(), victim.token
    page, door = lure(victim, evil, site)
    assert page.title() == "Win a bicycle"
    got = page.evaluate(ATTACKS, {"door": door, "token": token, "code": code})
    assert {name: what for name, what in got.items() if what} == {}
    assert len(got) == 15
    inside = [frame.content() for frame in page.frames if frame != page.main_frame]
    assert len(inside) == 2
    assert not any("styles/tokens.css" in content or '"token"' in content for content in inside)
    # Asked before anything that may take long: a code lives for a minute.
    assert victim.is_usable(code), "the attacker used up a code"
    if "127.0.0.1" in door:
        # It may lead a person to the page, as any link may, and has no hold on it then.
        assert page.evaluate(OPENER, door) == []
    victim.assert_unharmed()
    victim.assert_nothing_logged(code, token)


def test_an_address_alone_adds_nobody_and_changes_nothing(victim: Victim, evil: EvilServer) -> None:
    page, _ = lure(victim, evil, "another site")
    door = f"http://127.0.0.1:{victim.port}"
    for route in (
        "#code=guess",
        "#/people/add/paste/mesh%3Aguess",
        "#/people/add/paste/%3Cimg%20src%3Dx%20onerror%3Ddocument.title%3D'owned'%3E",
        "#/c/<script>document.title='owned'</script>/details/1",
        "#/settings/lock",
        "#/" + "%F0%9F" * 5_000,
    ):
        page.goto("about:blank")
        page.goto(f"{door}/{route}")
        expect(page.get_by_text("is not signed in")).to_be_visible()
        # The same in the page of the person, as a link in a message would do it.
        victim.page.evaluate("hash => { location.hash = hash; }", route)
        expect(victim.page.get_by_role("navigation", name="Mesh")).to_be_visible()
        assert "owned" not in (page.title() + victim.page.title())
    go(victim.page, "#/c/0")
    victim.page.go_back()
    victim.page.get_by_role("link", name="Chats").first.click()
    victim.page.get_by_role("link", name=re.compile(SECRET)).click()
    victim.assert_unharmed()


def test_what_the_page_was_refused_is_logged_without_what_it_held(victim: Victim) -> None:
    token = victim.token
    victim.page.get_by_role("textbox").fill("a draft of mine")
    victim.page.keyboard.press("Control+Shift+L")
    expect(victim.page.get_by_role("heading", name="Locked")).to_be_visible()
    victim.page.get_by_label("Passphrase").fill("nearly my passphrase")
    victim.page.keyboard.press("Enter")
    # While the node begins anew another alert may tell that it does not answer, for long.
    refused = victim.page.locator("form").get_by_role("alert")
    expect(refused).to_be_visible(timeout=150_000)
    with pytest.raises(UserError):
        victim.client.ask(AskContacts(), ContactsAnswer)
    log = victim.household.log("anna")
    for secret in (token, SECRET, PASSPHRASE, "nearly my passphrase", "a draft of mine"):
        assert secret not in log
