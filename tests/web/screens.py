"""Every screen of the page in every size and theme, looked at by rules and kept as pictures.

    python -m tests.web.screens FOLDER [--few] [--profile NAME]

starts nodes of its own (`stage.py`), walks through all screens in all variants, from the first run
to a node that does not answer any more, writes a picture of each into FOLDER and prints what is
wrong: what stands beyond its edge, and what axe finds (the rules of WCAG 2.2 AA that a program can
check). With a profile it asks the running node of that profile for a sign-in, and shows what a node
that is used can show: no first run, lock or silence. With `--few` desk and phone, light and dark.
"""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from playwright.sync_api import CDPSession, Page, Request, sync_playwright

from mesh.api.doors import door_of
from mesh.api.sign_in import MakeSignInCode, SignInCodeAnswer
from mesh.client import Client
from mesh.commands.contacts import AskContacts, ContactsAnswer
from mesh.commands.groups import AskGroups, GroupsAnswer
from mesh.node.folders import profile_folders
from tests.web.stage import Stage, started

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

WITHIN_MS: Final = 60_000
"""A node that was locked goes on late where others use the machine."""

SETTLES_MS: Final = 400

CALM_MS: Final = 20
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
    """One way to show the page: window, theme, direction, size of letters; or with the few
    colours of the system alone.
    """

    width: int
    height: int
    theme: str = "light"
    direction: str = "ltr"
    letters_px: int = 16
    is_forced: bool = False

    @property
    def name(self) -> str:
        """The variant in the name of a picture."""
        forced = "-forced" if self.is_forced else ""
        return f"{self.width}-{self.theme}-{self.direction}-{self.letters_px}{forced}"


SIZES: Final = ((1280, 800), (900, 800), (600, 800), (360, 740), (320, 640))
FEW: Final = (Variant(1280, 800), Variant(360, 740, theme="dark"), Variant(320, 640))
ALL: Final = (
    *(Variant(*size, theme="dark", is_forced=True) for size in SIZES),
    *(
        Variant(*size, theme=theme, direction=direction, letters_px=letters_px)
        for size in SIZES
        for theme in ("light", "dark")
        for direction in ("ltr", "rtl")
        for letters_px in (16, 32)
    ),
)
DESK_AND_PHONE: Final = tuple(
    Variant(*size, theme=theme) for size in ((1280, 800), (360, 740)) for theme in ("light", "dark")
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
        for _ in range(ANSWERED_MS // CALM_MS):
            if not self._open:
                # What came may be drawn still, and ask for more.
                self._page.evaluate(DRAWN)
                if not self._open:
                    return
            self._page.wait_for_timeout(CALM_MS)

    def _begins(self, request: Request) -> None:
        self._open.add(request)

    def _ends(self, request: Request) -> None:
        self._open.discard(request)


def shown_as(page: Page, variant: Variant) -> CDPSession:
    """Show the page in one variant."""
    session = page.context.new_cdp_session(page)
    page.set_viewport_size({"width": variant.width, "height": variant.height})
    page.emulate_media(
        color_scheme=variant.theme,  # type: ignore[arg-type]  # a theme of ours
        reduced_motion="reduce",
        forced_colors="active" if variant.is_forced else "none",
    )
    page.evaluate("direction => { document.documentElement.dir = direction; }", variant.direction)
    sizes = {"standard": variant.letters_px, "fixed": variant.letters_px - 3}
    session.send("Page.setFontSizes", {"fontSizes": sizes})
    return session


def look(
    page: Page,
    variant: Variant,
    contact: int,
    folder: Path | None,
    *,
    group: int = 0,
    message: int = 0,
    with_axe: bool = True,
) -> Iterator[str]:
    """Walk through all screens, of a group and of a message's details if there are any.

    Yields what is wrong, in words; without axe what stands beyond its edge alone.
    """
    session = shown_as(page, variant)
    more = [each.format(group) for each in OF_A_GROUP] if group else []
    more += [f"c/{contact}/details/{message}"] if message else []
    asked = Asked(page)
    for route in (*ROUTES, *(each.format(contact) for each in OF_A_CONTACT), *more):
        page.evaluate("route => { location.hash = `#/${route}`; }", route)
        asked.settle()
        if with_axe:
            yield from _faults(page, session, route, variant, folder)
        else:
            yield from _beyond(page, route, variant)
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
    yield from _beyond(page, what, variant)
    for fault in axe(session):
        yield f"{what} at {variant.name}: {fault}"


def _beyond(page: Page, what: str, variant: Variant) -> Iterator[str]:
    for fault in page.evaluate(BEYOND_ITS_EDGE):
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


def look_at_first_run(page: Page, variant: Variant, folder: Path | None) -> Iterator[str]:
    """Look at the three steps of a newcomer, and take none of them for good."""
    page.reload()
    session = shown_as(page, variant)
    page.get_by_label("Your name").wait_for()
    yield from _faults(page, session, "first-run-name", variant, folder)
    page.get_by_label("Your name").fill("Lena")
    page.keyboard.press("Enter")
    for label in ("Passphrase", "The same again"):
        page.get_by_label(label).fill("four words of mine")
    page.wait_for_timeout(ANSWERED_MS)
    yield from _faults(page, session, "first-run-passphrase", variant, folder)
    page.keyboard.press("Enter")
    page.get_by_role("switch").first.wait_for()
    page.wait_for_timeout(SETTLES_MS)
    yield from _faults(page, session, "first-run-found", variant, folder)


def look_at_once(page: Page, variant: Variant, what: str, folder: Path | None) -> Iterator[str]:
    """Look at the screen as it is."""
    session = shown_as(page, variant)
    page.wait_for_timeout(SETTLES_MS)
    yield from _faults(page, session, what, variant, folder)


def look_at_silence(
    page: Page, variant: Variant, contact: int, folder: Path | None
) -> Iterator[str]:
    """Look at what stays readable while the node does not answer."""
    for what, route in (("silent-list", "chats"), ("silent-chat", f"c/{contact}")):
        page.evaluate("route => { location.hash = `#/${route}`; }", route)
        yield from look_at_once(page, variant, what, folder)


def look_at_all(
    page: Page, stage: Stage, variants: Sequence[Variant], folder: Path | None
) -> Iterator[str]:
    """Look at all screens, in the order in which somebody comes to them."""
    page.set_default_timeout(WITHIN_MS)
    page.goto(stage.address())
    page.get_by_label("Your name").wait_for()
    for variant in variants:
        yield from look_at_first_run(page, variant, folder)
    page.get_by_role("button", name="Start", exact=True).click()
    page.locator(".begin").wait_for(state="attached", timeout=60_000)
    for variant in variants:
        yield from look_at_once(page, variant, "empty", folder)
    stage.talk()
    for variant in variants:
        yield from look(
            page, variant, stage.contact, folder, group=stage.group, message=stage.message
        )
    page.keyboard.press("Control+Shift+L")
    page.get_by_role("heading", name="Locked").wait_for()
    for variant in variants:
        yield from look_at_once(page, variant, "unlock", folder)
    page.get_by_label("Passphrase").fill("four words of mine")
    page.keyboard.press("Enter")
    page.locator(".rail").wait_for(state="attached")
    page.evaluate("route => { location.hash = `#/${route}`; }", f"c/{stage.contact}")
    page.get_by_role("article").first.wait_for()
    stage.fall_silent()
    page.locator(".composer textarea").fill("This waits in the page")
    page.keyboard.press("Enter")
    page.get_by_role("alert").first.wait_for()
    for variant in variants:
        yield from look_at_silence(page, variant, stage.contact, folder)


def _look_at_profile(
    page: Page, profile: str, folder: Path, variants: Sequence[Variant]
) -> Iterator[str]:
    """Look at what the running node of a profile can show."""
    client = Client(door_of(profile_folders(profile, os.environ)))
    page.goto(client.ask(MakeSignInCode(as_file=False), SignInCodeAnswer).address)
    page.wait_for_selector(".rail")
    people = client.ask(AskContacts(), ContactsAnswer).contacts
    groups = client.ask(AskGroups(), GroupsAnswer).groups
    contact = people[0].id if people else 1
    group = groups[0].conversation if groups else 0
    for variant in variants:
        yield from look(page, variant, contact, folder, group=group)


def main() -> int:
    """Look at all screens, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--profile")
    parser.add_argument("--few", action="store_true", help="desk and phone, light and dark")
    options = parser.parse_args()
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    variants = DESK_AND_PHONE if options.few else ALL
    faults = 0
    with sync_playwright() as playwright, contextlib.ExitStack() as ending:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        page = browser.new_context(locale="en-GB").new_page()
        found = (
            _look_at_profile(page, options.profile, folder, variants)
            if options.profile
            else look_at_all(page, ending.enter_context(started()), variants, folder)
        )
        for fault in found:
            faults += 1
            sys.stdout.write(f"{fault}\n")
        browser.close()
    sys.stdout.write(f"{faults} faults; pictures in {folder}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
