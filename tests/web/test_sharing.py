"""A page opens the door that gives Mesh away; a browser on the other laptop takes it from there."""

import hashlib
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.bundles.making import small_release
from tests.integration.nodes import ROOT, eventually, start_all
from tests.integration.row import NodeMaker
from tests.web import screens
from tests.web.chatting import TWO_FRAMES
from tests.web.chromium import Laptops, go

pytestmark = [pytest.mark.netns, pytest.mark.slow]


def test_another_laptop_takes_mesh_from_the_page_of_this_one(
    cable: tuple[str, str], make_node: NodeMaker, laptops: Laptops, tmp_path: Path
) -> None:
    # A tree of the source in which something was made: what a node from there gives away.
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "mesh").symlink_to(ROOT / "mesh")
    _, wheel = small_release(tree / "dist")
    anna = make_node(cable[0], "anna")
    anna.more_environment["PYTHONPATH"] = str(tree)
    ben = make_node(cable[1], "ben")
    start_all(anna, ben)
    page = laptops.beside(anna).page()
    go(page, "#/settings/share")
    expect(page.get_by_text("Nobody can take it now")).to_be_visible()
    page.get_by_role("button", name="Open for half an hour").click()
    expect(page.get_by_text("Open to everybody on this network")).to_be_visible()
    expect(page.get_by_role("img", name="The address for others, as a code")).to_be_visible()
    expect(page.get_by_text("this program knows no release keys").first).to_be_visible()
    address = page.locator(".link-well code").first.inner_text()
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    grouped = " ".join(sha256[place : place + 8] for place in range(0, 64, 8))
    expect(page.get_by_text(grouped)).to_be_visible()
    assert faults_at(page, 1280) + faults_at(page, 320) == []
    other = laptops.beside(ben).page()
    other.goto(address)
    expect(other.get_by_role("heading", name="Take it")).to_be_visible()
    expect(other.get_by_text(sha256)).to_be_visible()
    assert faults_at(other, 1280) + faults_at(other, 320) == []
    with other.expect_download() as download:
        other.get_by_role("link", name=wheel.name).click()
    assert download.value.path().read_bytes() == wheel.read_bytes()

    def looks_again() -> bool:
        page.get_by_role("button", name="Look again").click()
        page.evaluate(TWO_FRAMES)
        return page.get_by_text("1 file taken").is_visible()

    # The last byte is here before the other laptop knows that it is.
    eventually(looks_again, bool, within_s=60, what="that a file was taken")
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_text("Nobody can take it now")).to_be_visible()


def faults_at(page: Page, width: int) -> list[str]:
    """Return what is too wide or unreadable on a screen of this width, in words."""
    page.set_viewport_size({"width": width, "height": 700})
    page.wait_for_timeout(screens.SETTLES_MS)
    told = [*page.evaluate(screens.BEYOND_ITS_EDGE)]
    return [f"{width}: {each}" for each in told + screens.axe(page.context.new_cdp_session(page))]
