"""A bundle on laptops that have no Python: it starts, shows its page, and two of them talk.

`MESH_BUNDLE` names the folder in which `python3 dev.py bundle --deb` left what it made; without it
this is left out, since making it takes minutes of a processor:

    python3 dev.py bundle --deb && MESH_BUNDLE=dist python3 dev.py test tests/bundling -n 0
"""

import json
import os
import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from tests.bundling.bare_root import PASSPHRASE, BareRoot
from tests.integration import conftest as integration
from tests.integration.networks import Desk
from tests.integration.nodes import eventually
from tests.programs import where_is

pytestmark = [pytest.mark.netns, pytest.mark.slow, pytest.mark.timeout(900)]

desk = integration.desk

BUNDLE_BYTES_MAX: Final = 40_000_000
ARCHIVED: Final = "/opt/mesh"
WITHIN_S: Final = 60.0
ARRIVES_WITHIN_S: Final = 240.0
"""A first message takes the stamp of the day, which is seconds of a processor of its own."""


@pytest.fixture(scope="session")
def made() -> Path:
    """The folder of what was made."""
    named = os.environ.get("MESH_BUNDLE")
    if named is None:
        pytest.skip("MESH_BUNDLE names no folder with a bundle and its package")
    return Path(named).absolute()


def only(folder: Path, pattern: str) -> Path:
    """Return the one file of a pattern."""
    (file,) = folder.glob(pattern)
    return file


@pytest.fixture
def laptops(made: Path, desk: Desk, tmp_path: Path) -> Iterator[tuple[BareRoot, BareRoot]]:
    """Two laptops on one cable: one has the package, one the archive."""
    cable = desk.bridge("cable")
    anna, ben = (BareRoot(tmp_path / name, desk.laptop(cable)) for name in ("anna", "ben"))
    anna.install(only(made, "*.deb"))
    with tarfile.open(only(made, "mesh-*.tar.xz")) as archive:
        archive.extractall(ben.folder / "opt", filter="tar")
    only(ben.folder / "opt", "mesh-*").rename(ben.folder / ARCHIVED[1:])
    yield anna, ben
    for each in (anna, ben):
        each.end()


def begin_in_page(page: Page, name: str) -> None:
    """Say who one is, on the first screen."""
    page.get_by_label("Your name").fill(name)
    page.keyboard.press("Enter")
    page.get_by_label("Passphrase").fill(PASSPHRASE)
    page.get_by_label("The same again").fill(PASSPHRASE)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text(f"Welcome, {name}")).to_be_visible(timeout=120_000)


@contextmanager
def opened_page(namespace: str, address: str, folder: Path, name: str) -> Iterator[Page]:
    """Begin in the page of a node, by a browser in its network and outside of its root."""
    program = folder / "chromium"
    chromium = where_is("chromium", required_as="chromium")
    program.write_text(f'#!/bin/sh\nexec ip netns exec {namespace} {chromium} "$@"\n')
    program.chmod(0o700)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(locale="en-GB")
        page.set_default_timeout(WITHIN_S * 1000)
        page.goto(address)
        try:
            begin_in_page(page, name)
            yield page
        finally:
            browser.close()


def page_of_archive(laptop: BareRoot) -> str:
    """Start the archive by one command, as a double click gives it; return its page."""
    told = laptop.run(f"{ARCHIVED}/start-mesh")
    (address,) = re.findall(r"http://\S+#code=\S+", told)
    return str(address)


def wait_for_message(laptop: BareRoot, text: str) -> None:
    eventually(
        lambda: laptop.run("mesh read"),
        lambda told: text in told,
        within_s=ARRIVES_WITHIN_S,
        what="the message from a laptop without Python",
    )


def test_an_archive_and_a_package_are_small_enough(made: Path) -> None:
    assert only(made, "mesh-*.tar.xz").stat().st_size <= BUNDLE_BYTES_MAX
    assert only(made, "*.deb").stat().st_size <= BUNDLE_BYTES_MAX


def test_two_laptops_without_python_talk_by_link(
    laptops: tuple[BareRoot, BareRoot], tmp_path: Path
) -> None:
    anna, ben = laptops
    for each in laptops:
        assert not list(each.folder.rglob("python3*/os.py"))
        assert each.try_run("command -v python3").returncode != 0

    # In the background from then on.
    with opened_page(ben.namespace, page_of_archive(ben), tmp_path, "Ben"):
        pass
    anna.run("mesh up --headless --name Anna")

    invite = json.loads(anna.run("mesh invite --json"))
    ben.run(f"{ARCHIVED}/mesh add '{invite['link']}' --label Anna")
    ben.run(f"{ARCHIVED}/mesh send Anna 'Is the bridge open?'")
    wait_for_message(anna, "Is the bridge open?")

    # What a bundle starts besides the daemon: the process that draws a picture,
    Image.new("RGB", (40, 30), "red").save(anna.folder / "home" / "red.png")
    sent = anna.try_run("mesh send Ben --file /home/red.png")
    assert "a picture of 40 x 30 pixels" in sent.stderr
    # and itself anew when it is locked.
    anna.run("mesh lock")
    locked = json.loads(anna.run("mesh status --json"))
    assert locked["status"]["vault"] == "locked"
    anna.run("mesh unlock")
    for each, program in ((anna, "mesh"), (ben, f"{ARCHIVED}/mesh")):
        each.run(f"{program} down")


def test_two_laptops_without_python_talk_by_a_picture_of_a_code(
    laptops: tuple[BareRoot, BareRoot], tmp_path: Path
) -> None:
    anna, ben = laptops
    anna.run("mesh up --headless --name Anna")
    anna.run("mesh invite --png /home/code.png")
    with opened_page(ben.namespace, page_of_archive(ben), tmp_path, "Ben") as page:
        page.evaluate("location.hash = '#/people/add/scan'")
        page.locator("input[type=file]").set_input_files(anna.folder / "home" / "code.png")
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Name here").fill("Anna")
        dialog.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_role("textbox", name="Message Anna")).to_be_focused(
            timeout=WITHIN_S * 1000
        )
        page.keyboard.type("The bridge is open")
        page.keyboard.press("Enter")
        wait_for_message(anna, "The bridge is open")
