"""Every screen of the page in every size and theme, looked at by rules and kept as pictures.

    python -m tests.web.screens FOLDER [--profile NAME]

asks the running node of a profile for a sign-in, walks through all screens in all variants, writes
a picture of each into FOLDER and prints what is wrong: what stands beyond its edge, and what axe
finds (the rules of WCAG 2.2 AA that a program can check).
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from playwright.sync_api import CDPSession, Page, Request, sync_playwright

ROUTES: Final = (
    "chats",
    "people",
    "people/requests",
    "people/nearby",
    "people/introductions",
    "people/add",
    "people/add/scan",
    "people/add/paste",
    "network",
    "network/carrying",
    "network/doctor",
    "settings/you",
    "settings/privacy",
    "settings/notifications",
    "settings/appearance",
    "settings/node",
    "settings/storage",
    "settings/lock",
    "settings/tokens",
    "settings/backup",
    "settings/share",
    "settings/about",
)
OF_A_CONTACT: Final = (
    "c/{0}",
    "c/{0}/person",
    "c/{0}/board",
    "people/person/{0}",
    "people/compare/{0}",
)

OF_A_GROUP: Final = ("c/{0}", "c/{0}/board", "c/{0}/group")

OPENED: Final = (
    ("wipe", "settings/privacy", ".page-body button.danger"),
    ("create", "c/{0}", ".composer .plus"),
    ("search", "chats", "button.search-field"),
)
"""What stands on top of a screen, and the button that opens it."""

SETTLES_MS: Final = 400

CALM_MS: Final = 50
ANSWERED_MS: Final = 1_000

DRAWN: Final = """() => new Promise((then) =>
  requestAnimationFrame(() => requestAnimationFrame(() => then())))"""

BEYOND_ITS_EDGE: Final = """() => {
  const found = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) found.push(`the page is ${root.scrollWidth} wide`);
  const boxes = ".scroll, .header, .part, .banner, .card, .setting, .buttons, .tabs, .rail, dialog";
  for (const one of document.querySelectorAll(boxes))
    if (one.offsetParent && one.scrollWidth > one.clientWidth + 1 && !one.matches(".table-wrap"))
      found.push(`${one.className} is ${one.scrollWidth} in ${one.clientWidth}`);
  return found;
}"""

AXE: Final = """axe.run(document, { resultTypes: ["violations"] }).then((found) => JSON.stringify(
  found.violations.map((one) => `${one.id}: ${one.nodes[0].html.slice(0, 160)}`)))"""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to show the page: window, theme, direction, size of letters."""

    width: int
    height: int
    theme: str = "light"
    direction: str = "ltr"
    letters_px: int = 16

    @property
    def name(self) -> str:
        """The variant in the name of a picture."""
        return f"{self.width}-{self.theme}-{self.direction}-{self.letters_px}"


SIZES: Final = ((1280, 800), (900, 800), (600, 800), (360, 740), (320, 640))
FEW: Final = (Variant(1280, 800), Variant(360, 740, theme="dark"), Variant(320, 640))
ALL: Final = tuple(
    Variant(*size, theme=theme, direction=direction, letters_px=letters_px)
    for size in SIZES
    for theme in ("light", "dark")
    for direction in ("ltr", "rtl")
    for letters_px in (16, 32)
)


class Asked:
    """The requests of a page that have no answer yet."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._open: set[Request] = set()
        page.on("request", self._begins)
        page.on("requestfinished", self._ends)
        page.on("requestfailed", self._ends)

    def settle(self) -> None:
        """Wait until a screen is drawn, and what it asked for has come, unless that takes long."""
        self._page.evaluate(DRAWN)
        calm = 0
        for _ in range(ANSWERED_MS // CALM_MS):
            self._page.wait_for_timeout(CALM_MS)
            calm = 0 if self._open else calm + 1
            if calm == 2:
                return

    def _begins(self, request: Request) -> None:
        self._open.add(request)

    def _ends(self, request: Request) -> None:
        self._open.discard(request)


def look(
    page: Page, variant: Variant, contact: int, folder: Path | None, *, group: int = 0
) -> Iterator[str]:
    """Walk through all screens (of a group, if there is one), and yield what is wrong, in words."""
    session = page.context.new_cdp_session(page)
    page.set_viewport_size({"width": variant.width, "height": variant.height})
    page.emulate_media(color_scheme=variant.theme, reduced_motion="reduce")  # type: ignore[arg-type]  # a theme of ours
    page.evaluate("direction => { document.documentElement.dir = direction; }", variant.direction)
    sizes = {"standard": variant.letters_px, "fixed": variant.letters_px - 3}
    session.send("Page.setFontSizes", {"fontSizes": sizes})
    of_a_group = [each.format(group) for each in OF_A_GROUP] if group else []
    asked = Asked(page)
    for route in (*ROUTES, *(each.format(contact) for each in OF_A_CONTACT), *of_a_group):
        page.evaluate("route => { location.hash = `#/${route}`; }", route)
        asked.settle()
        yield from _faults(page, session, route, variant, folder)
    if folder is not None:
        yield from _look_at_opened(page, session, variant, contact, folder)


def _go(page: Page, route: str) -> None:
    page.evaluate("route => { location.hash = `#/${route}`; }", route)
    page.wait_for_timeout(SETTLES_MS)


def _faults(
    page: Page, session: CDPSession, what: str, variant: Variant, folder: Path | None
) -> Iterator[str]:
    if folder is not None:
        page.screenshot(path=folder / f"{what.replace('/', '_')}-{variant.name}.png")
    for fault in [*page.evaluate(BEYOND_ITS_EDGE), *axe(session)]:
        yield f"{what} at {variant.name}: {fault}"


def _look_at_opened(
    page: Page, session: CDPSession, variant: Variant, contact: int, folder: Path
) -> Iterator[str]:
    """Look at what is opened on top of a screen, and at the list of keys."""
    for what, route, button in OPENED:
        _go(page, route.format(contact))
        page.locator(button).last.click()
        page.wait_for_timeout(SETTLES_MS)
        yield from _faults(page, session, what, variant, folder)
        page.keyboard.press("Escape")
    _go(page, "settings/about")
    page.keyboard.press("?")
    page.wait_for_timeout(SETTLES_MS)
    yield from _faults(page, session, "keys", variant, folder)
    page.keyboard.press("Escape")


def axe(session: CDPSession) -> list[str]:
    """Run axe past the page's own policy, which stays on."""
    known = session.send("Runtime.evaluate", {"expression": "'axe' in window"})
    if not known["result"]["value"]:
        source = files("axe_playwright_python").joinpath("axe.min.js").read_text()
        session.send("Runtime.evaluate", {"expression": f"(() => {{{source}}})()"})
    told = session.send(
        "Runtime.evaluate", {"expression": AXE, "awaitPromise": True, "returnByValue": True}
    )
    return list(json.loads(told["result"]["value"]))


def main() -> int:
    """Look at the page of a running node, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--profile", default="default")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "mesh.cli.main", "--profile", options.profile, "--json"]
    told = subprocess.run(
        [*command[:3], "open", "--no-browser", *command[3:]],
        check=True,
        capture_output=True,
        text=True,
    )
    contacts, groups = (
        subprocess.run(
            [*command[:3], asked, *command[3:]], check=True, capture_output=True, text=True
        )
        for asked in ("contacts", "group")
    )
    people = json.loads(contacts.stdout)["contacts"]
    group = next((each["conversation"] for each in json.loads(groups.stdout)["groups"]), 0)
    faults = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        page = browser.new_context(locale="en-GB").new_page()
        page.goto(json.loads(told.stdout)["address"])
        page.wait_for_selector(".rail")
        for variant in ALL:
            contact = people[0]["id"] if people else 1
            for fault in look(page, variant, contact, options.folder, group=group):
                faults += 1
                sys.stdout.write(f"{fault}\n")
        browser.close()
    sys.stdout.write(f"{faults} faults; pictures in {options.folder}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
