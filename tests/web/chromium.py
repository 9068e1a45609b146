"""Debian's Chromium, driven by Playwright, in the namespace of a laptop.

What the console says beyond what a test expects is a failure: a refused script or style shows
there and nowhere else.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, expect

from mesh.api.sign_in import MakeSignInCode, SignInCodeAnswer
from tests.integration.nodes import Node
from tests.programs import browser_without_windows

WAIT_MS: Final = 60_000

EXPECTED: Final = ("net::ERR_", "WebSocket connection", "the server responded with a status of")
"""Words of the console about a daemon that does not answer, or that refuses something."""


def launched(
    playwright: Playwright, namespace: str, folder: Path, *, film: Path | None = None
) -> Browser:
    """Start a browser in a namespace; its camera shows the film (Y4M)."""
    program = folder / f"chromium-{namespace}"
    chromium = browser_without_windows()
    program.write_text(f'#!/bin/sh\nexec ip netns exec {namespace} {chromium} "$@"\n')
    program.chmod(0o700)
    return playwright.chromium.launch(
        executable_path=program,
        args=[
            "--no-sandbox",
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            *([f"--use-file-for-fake-video-capture={film}"] if film else []),
        ],
    )


class Browsers:
    """Browsers that several tests use, one after the other, each in windows of its own.

    Those on laptops that last stay; the others, and those with a camera, end with their test.
    """

    def __init__(self, playwright: Playwright, folder: Path, *, lasting: Sequence[str]) -> None:
        self._playwright = playwright
        self._folder = folder
        self._lasting = [(namespace, None) for namespace in lasting]
        self._made: dict[tuple[str, Path | None], Browser] = {}

    def __enter__(self) -> "Browsers":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for browser in self._made.values():
            browser.close()

    def at(self, namespace: str, film: Path | None) -> Browser:
        """The browser of a laptop; one starts where there is none yet."""
        if (namespace, film) not in self._made:
            made = launched(self._playwright, namespace, self._folder, film=film)
            self._made[namespace, film] = made
        return self._made[namespace, film]

    def leave(self) -> None:
        """Close all windows, and the browsers that no other test can use."""
        for place, browser in list(self._made.items()):
            if place not in self._lasting:
                self._made.pop(place).close()
                continue
            for context in browser.contexts:
                context.close()


class Laptop:
    """A browser beside one daemon."""

    def __init__(self, browser: Browser, node: Node) -> None:
        self.browser = browser
        self.node = node
        self.complaints: list[str] = []

    def address(self) -> str:
        """A fresh address with a code, as `mesh open` asks for it."""
        return self.node.client.ask(MakeSignInCode(as_file=False), SignInCodeAnswer).address

    def page(
        self,
        *,
        width: int = 1280,
        height: int = 800,
        before: Callable[[Page], object] | None = None,
    ) -> Page:
        """Open the page, signed in, in a window of its own; `before` has it while it is empty."""
        context = self.browser.new_context(
            viewport={"width": width, "height": height}, locale="en-GB"
        )
        context.set_default_timeout(WAIT_MS)
        page = context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        if before is not None:
            before(page)
        page.goto(self.address())
        return page

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        if not any(words in message.text for words in EXPECTED):
            self.complaints.append(message.text)


class Laptops:
    """Browsers for the nodes of a test; at the end none may have complained."""

    def __init__(self, browsers: Browsers) -> None:
        self._browsers = browsers
        self._made: list[Laptop] = []

    def __enter__(self) -> "Laptops":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._browsers.leave()
        if kind is None:
            complaints = [words for laptop in self._made for words in laptop.complaints]
            assert complaints == [], complaints

    def beside(self, node: Node, *, film: Path | None = None) -> Laptop:
        """A browser on the laptop of this node; its camera shows the film (Y4M)."""
        laptop = Laptop(self._browsers.at(node.namespace, film), node)
        self._made.append(laptop)
        return laptop


def go(page: Page, route: str) -> None:
    """Go to a place of the page by its address, as a link does, once it is signed in.

    A page of which something did not load is loaded again, and its code stands in the address
    until then: who is quicker takes it away.
    """
    page.wait_for_url(lambda address: "#code=" not in address)
    page.evaluate("hash => { location.hash = hash; }", route)


def open_chat(page: Page, label: str) -> None:
    """Open a conversation from the list."""
    go(page, "#/chats")
    page.get_by_role("link", name=re.compile(label)).first.click()
    expect(page.get_by_role("textbox", name=f"Message {label}")).to_be_focused()
