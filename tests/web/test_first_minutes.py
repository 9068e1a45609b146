"""The first minutes of a newcomer: from nothing to a message that came, and each way to add."""

import re
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Error, Page, Route, expect

from mesh.api.page_requests import DrawQr, QrAnswer
from mesh.commands.invites import CreateInvite, InviteAnswer
from mesh.commands.settings import AskSettings, SettingsAnswer
from tests.integration.networks import Desk
from tests.integration.nodes import Node, eventually, start_for_newcomer
from tests.integration.row import NodeMaker, wait_for_links
from tests.web.chromium import Laptops, go

pytestmark = [pytest.mark.netns, pytest.mark.slow]

PASSPHRASE = "four words of mine"
LOCKS_AFTER_MINUTES = 5
TABS_MAX = 60
COMES_WITHIN_S = 60
"""A part of the page that comes late is walked through again."""
TRIES = 11
"""The first load of a page, and ten more where something of it is missing."""
WAITS_MAX = 240
"""Half seconds for them, on a machine that others use."""

LATE_SESSION = """(() => {
  const { fetch } = window;
  window.fetch = async (address, asked) => {
    const answer = await fetch(address, asked);
    if (String(address).endsWith("/v1/session")) await new Promise((go) => setTimeout(go, 3000));
    return answer;
  };
})()"""
"""Lets the answer to a code come later than a page waits that loads itself again."""

HAS_SHEETS = """(() => {
  const links = [...document.querySelectorAll("link[rel=stylesheet]")];
  return links.length > 0 && links.every((one) => one.sheet);
})()"""

FOCUSED = """() => {
  const one = document.activeElement;
  const label = one.labels?.[0]?.textContent ?? one.getAttribute("aria-label") ?? one.textContent;
  return label.trim();
}"""


def tab_to(page: Page, name: str, *, is_whole: bool = False) -> None:
    """Move on by the keyboard alone until the focus is on a name that begins so, or is so."""
    seen: list[str] = []
    ends = time.monotonic() + COMES_WITHIN_S
    while len(seen) < TABS_MAX or time.monotonic() < ends:
        seen.append(page.evaluate(FOCUSED))
        if seen[-1] == name or (seen[-1].startswith(name) and not is_whole):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{name!r} cannot be reached by the keyboard, but {seen[-TABS_MAX:]}")


def begin(page: Page, name: str) -> None:
    """Say who one is, as the first screen asks."""
    expect(page.get_by_label("Your name")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Passphrase")).to_be_focused()
    page.keyboard.type(PASSPHRASE)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSPHRASE)
    page.keyboard.press("Tab")
    expect(page.get_by_label("Ask for it again")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Ask for it again")).to_have_value(str(LOCKS_AFTER_MINUTES))
    tab_to(page, "Next")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Where you can be found")).to_be_visible()
    tab_to(page, "Start", is_whole=True)
    page.keyboard.press("Enter")
    # Keys are made at the usual cost here.
    expect(page.get_by_text(f"Welcome, {name}")).to_be_visible(timeout=60_000)


def locks_after(node: Node) -> object:
    """The minutes without use after which a node locks itself."""
    settings = node.client.ask(AskSettings(), SettingsAnswer).settings
    return next(each.value for each in settings if each.name == "auto_lock_minutes")


def test_two_newcomers_talk_and_touch_nothing_but_the_keyboard(
    desk: Desk, make_node: NodeMaker, laptops: Laptops
) -> None:
    cable = desk.bridge("cable")
    anna, ben = (make_node(desk.laptop(cable), name) for name in ("Anna", "Ben"))
    for node in (anna, ben):
        start_for_newcomer(node)
    mine, theirs = (laptops.beside(node).page() for node in (anna, ben))
    for page, node in ((mine, anna), (theirs, ben)):
        begin(page, node.name)
    for node in (anna, ben):
        eventually(
            lambda node=node: locks_after(node),  # type: ignore[misc]  # bound at once
            lambda minutes: minutes == LOCKS_AFTER_MINUTES,
            within_s=60,
            what=f"the lock that {node.name} chose",
        )
    tab_to(mine, "Show my code")
    mine.keyboard.press("Enter")
    link = mine.locator(".link-well code").inner_text()
    tab_to(theirs, "Paste a link")
    theirs.keyboard.press("Enter")
    tab_to(theirs, "Their link")
    theirs.keyboard.insert_text(link)
    tab_to(theirs, "Look at it")
    theirs.keyboard.press("Enter")
    expect(theirs.get_by_role("dialog")).to_contain_text(anna.name)
    tab_to(theirs, "Add")
    theirs.keyboard.press("Enter")
    expect(theirs.get_by_role("textbox", name=f"Message {anna.name}")).to_be_focused()
    theirs.keyboard.type("Hello from the next table")
    theirs.keyboard.press("Enter")
    expect(mine).to_have_title("(1) Mesh")
    mine.keyboard.press("Alt+Shift+ArrowDown")
    expect(mine.get_by_role("log")).to_contain_text("Hello from the next table")
    expect(mine.get_by_role("textbox", name=f"Message {ben.name}")).to_be_focused()
    mine.keyboard.type("Good to see you")
    mine.keyboard.press("Enter")
    expect(theirs.get_by_role("log")).to_contain_text("Good to see you")
    expect(theirs.get_by_text("Delivered to their device", exact=True)).to_be_visible()
    # Their details, and back to where one wrote.
    theirs.keyboard.press("Shift+Tab")
    theirs.keyboard.press("ArrowUp")
    expect(theirs.get_by_role("article", name="You")).to_be_focused()
    theirs.keyboard.press("i")
    expect(theirs.get_by_role("region", name="Details")).to_contain_text("Delivered")
    theirs.keyboard.press("Escape")
    expect(theirs.get_by_role("region", name="Details")).to_have_count(0)


def has_its_looks(page: Page) -> bool:
    """Say whether all style sheets are there; a page that just loads itself again has none."""
    try:
        return bool(page.evaluate(HAS_SHEETS))
    except Error as error:
        if "Execution context was destroyed" not in error.message:
            raise
        return False


@pytest.mark.parametrize(
    "broken",
    [
        ["app/words.js"],
        ["app/main.js"],
        ["styles/frame.css"],
        ["v1/session"],
        # The page is loaded again while its code is not taken yet.
        ["styles/frame.css", "v1/session"],
    ],
    ids=" and ".join,
)
def test_what_a_change_of_the_network_breaks_off_is_loaded_again(
    alone: Node, laptops: Laptops, broken: list[str]
) -> None:
    """Browsers do so to all that is on its way, also from this computer, as a Wi-Fi comes."""
    broken_off: list[str] = []

    def break_off_once(route: Route) -> None:
        if route.request.url in broken_off:
            route.continue_()
            return
        broken_off.append(route.request.url)
        route.abort("internetdisconnected")

    def before(page: Page) -> None:
        for path in broken:
            page.route(f"**/{path}", break_off_once)

    page = laptops.beside(alone).page(before=before)
    expect(page.get_by_role("heading", name="Mesh")).to_be_visible()
    expect(page.get_by_role("navigation").first).to_be_visible()
    # Without a sheet a page may be seen for a moment, and then loads itself again.
    eventually(lambda: has_its_looks(page), bool, within_s=60, what="all style sheets")
    assert len(broken_off) == len(broken)


def test_a_code_that_was_handed_in_is_waited_for_before_a_page_loads_itself_again(
    alone: Node, laptops: Laptops
) -> None:
    broken_off: list[Route] = []

    def break_off_once(route: Route) -> None:
        if broken_off:
            route.continue_()
            return
        broken_off.append(route)
        route.abort("internetdisconnected")

    def before(page: Page) -> None:
        page.route("**/styles/frame.css", break_off_once)
        page.add_init_script(LATE_SESSION)

    page = laptops.beside(alone).page(before=before)
    expect(page.get_by_role("navigation").first).to_be_visible()
    eventually(lambda: has_its_looks(page), bool, within_s=60, what="all style sheets")
    expect(page.get_by_role("navigation").first).to_be_visible()


def test_who_goes_on_before_the_page_is_signed_in_stays_there(
    alone: Node, laptops: Laptops
) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page = laptops.beside(alone).page(before=lambda one: one.route("**/v1/session", hold))
    eventually(
        lambda: (page.evaluate("1"), len(held))[1], bool, within_s=60, what="a code that is held"
    )
    page.evaluate("location.hash = '#/people'")
    held[0].continue_()
    expect(page.get_by_label("Search people")).to_be_visible()
    expect(page).to_have_url(re.compile("#/people$"))


def test_a_code_that_nobody_took_is_there_when_the_page_is_loaded_again(
    alone: Node, laptops: Laptops
) -> None:
    page = laptops.beside(alone).page(
        before=lambda one: one.route("**/v1/session", lambda route: route.abort())
    )
    expect(page.get_by_text("is not signed in")).to_be_visible()
    code = page.evaluate("location.hash")
    assert code.startswith("#code=")
    page.unroute_all()
    with page.expect_request("**/v1/session") as asked:
        page.reload()
    assert asked.value.post_data_json == {"code": code.removeprefix("#code=")}
    # Once it was answered it is gone, whether it was still good or not.
    expect(page).to_have_url(re.compile("#/chats$"))


def test_a_page_of_which_something_never_loads_comes_to_rest(alone: Node, laptops: Laptops) -> None:
    tries: list[Route] = []

    def break_off(route: Route) -> None:
        tries.append(route)
        route.abort("blockedbyclient")

    page = laptops.beside(alone).page(
        before=lambda one: one.route("**/styles/stream.css", break_off)
    )
    for _ in range(WAITS_MAX):
        page.wait_for_timeout(500)
        if len(tries) == TRIES:
            break
    # So long none follows one that was the last.
    page.wait_for_timeout(3_000)
    assert len(tries) == TRIES
    expect(page.get_by_role("navigation").first).to_be_visible()


def test_the_picture_of_a_code_on_another_screen_adds_somebody(
    pair: tuple[Node, Node], laptops: Laptops, tmp_path: Path
) -> None:
    anna, ben = pair
    wait_for_links(anna, 1)
    mine, theirs = laptops.beside(anna).page(), laptops.beside(ben).page()
    go(mine, "#/people/add")
    photo = tmp_path / "photo.png"
    expect(mine.locator(".qr path")).to_be_attached()
    mine.screenshot(path=photo)
    # In the few colours of a system that has set them it is read as well.
    mine.emulate_media(color_scheme="dark", forced_colors="active")
    forced = tmp_path / "forced.png"
    mine.screenshot(path=forced)
    nothing = tmp_path / "nothing.png"
    mine.locator(".rail").screenshot(path=nothing)
    go(theirs, "#/people/add/scan")
    chooser = theirs.locator("input[type=file]")
    chooser.set_input_files(nothing)
    expect(theirs.get_by_role("alert")).to_contain_text("No code was found")
    chooser.set_input_files(photo)
    expect(theirs.get_by_role("dialog")).to_contain_text("Nothing is sent before you say so")
    theirs.keyboard.press("Escape")
    expect(theirs.get_by_role("dialog")).to_have_count(0)
    go(theirs, "#/people/add/scan")
    chooser.set_input_files(forced)
    add_who_was_found(theirs, anna)
    mine.get_by_role("link", name="Chats").click()
    expect(mine.get_by_role("link", name=re.compile(ben.name))).to_be_visible()


def test_a_code_before_the_camera_adds_somebody(
    pair: tuple[Node, Node], laptops: Laptops, tmp_path: Path
) -> None:
    anna, ben = pair
    wait_for_links(anna, 1)
    invite = anna.client.ask(CreateInvite(), InviteAnswer)
    rows = anna.client.ask(DrawQr(invite.qr), QrAnswer).rows
    film = tmp_path / "code.y4m"
    film.write_bytes(film_of(rows))
    page = laptops.beside(ben, film=film).page()
    go(page, "#/people/add/scan")
    page.get_by_role("button", name="Use the camera").click()
    add_who_was_found(page, anna)
    assert page.evaluate("document.querySelector('video')") is None, "the camera is still on"


def add_who_was_found(page: Page, inviter: Node) -> None:
    """Say yes to the code that was read, and write."""
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Nothing is sent before you say so")
    dialog.get_by_label("Name here").fill(inviter.name)
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("textbox", name=f"Message {inviter.name}")).to_be_focused()


WIDTH, HEIGHT, FRAMES = 640, 480, 10
WHITE, BLACK, NO_COLOUR = b"\xeb", b"\x10", b"\x80"


def film_of(rows: Sequence[str]) -> bytes:
    """A code that is held still before a camera, as YUV4MPEG2 with 4:2:0."""
    side = min(WIDTH, HEIGHT) // (len(rows) + 8)
    left, top = (WIDTH - side * len(rows)) // 2, (HEIGHT - side * len(rows)) // 2
    lines = [WHITE * WIDTH] * top
    for row in rows:
        middle = b"".join((BLACK if module == "1" else WHITE) * side for module in row)
        lines += [(WHITE * left + middle).ljust(WIDTH, WHITE)] * side
    lines += [WHITE * WIDTH] * (HEIGHT - len(lines))
    picture = b"FRAME\n" + b"".join(lines) + NO_COLOUR * (WIDTH * HEIGHT // 2)
    return b"YUV4MPEG2 W%d H%d F10:1 Ip A1:1 C420jpeg\n" % (WIDTH, HEIGHT) + picture * FRAMES
