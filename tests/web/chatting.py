"""Steps of people in front of a chat, and rules by which it is looked at."""

import contextlib
import re
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, Request, Response, Route, expect

from mesh.commands.contacts import AskContacts, ContactsAnswer
from mesh.commands.conversations import DeleteItems, ItemsDeleted
from mesh.commands.messages import MessageAnswer, SendMessage
from tests.integration.nodes import Node, befriend, eventually, is_running, start_all
from tests.integration.row import NodeMaker, wait_for_text
from tests.web import screens

TWO_FRAMES = "() => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))"
"""Until all is drawn that an answer changed."""

ANSWERS_LATE = """(path) => {
  const plain = window.fetch;
  const over = new Promise((go) => { window.answer = go; });
  window.fetch = async (address, options) => {
    const answer = await plain(address, options);
    if (!new RegExp(path).test(address)) return answer;
    const same = new Response(await answer.blob(), answer);
    await over;
    return same; };
}"""
"""Keep the answers to what is done there back until `window.answer()`: events tell it before."""


NOTICES = """(words) => {
  window.noticed = false;
  const look = () => {
    if (document.querySelector(".toasts")?.textContent.includes(words)) window.noticed = true; };
  const what = { subtree: true, childList: true, characterData: true };
  new MutationObserver(look).observe(document.body, what); }"""

SOON_S = (6, 30)
"""A busy machine may need longer than the first to save it."""

FOCUSED_WORDS = "document.activeElement.closest('.message')?.querySelector('.words')?.innerText"

WATCH_FLASHES = """() => {
  window.flashed = [];
  const look = () => {
    for (const one of document.querySelectorAll(".message.flash .words"))
      flashed.push(one.innerText);
  };
  new MutationObserver(look).observe(document.body,
    { subtree: true, childList: true, attributes: true, attributeFilter: ["class"] });
}"""
"""A message flashes for two seconds, in which a busy machine may not come to look."""


def on_cable(cable: tuple[str, str], make_node: NodeMaker, *, more: str = "") -> tuple[Node, Node]:
    """Start two nodes on laptops on which others may have been; the cable is quick again."""
    for laptop in cable:
        quicken(laptop)
    anna, ben = (
        make_node(laptop, name, more=more)
        for laptop, name in zip(cable, ("Anna", "Ben"), strict=True)
    )
    start_all(anna, ben)
    return anna, ben


def quicken(laptop: str) -> None:
    """Let all pass at once again that a laptop sends."""
    quick = ["ip", "netns", "exec", laptop, "tc", "qdisc", "del", "dev", "eth0", "root"]
    subprocess.run(quick, capture_output=True, check=False)


def begin_anew(anna: Node, ben: Node) -> None:
    """Let two contacts have two messages in their chat, and no notes, whatever there was."""
    # A test that failed may have left one without its daemon.
    for node in (anna, ben):
        if not is_running(node):
            node.start()
            node.wait_until_up()
    if anna.client.ask(AskContacts(), ContactsAnswer).contacts:
        for node in (anna, ben):
            quicken(node.namespace)
        # Twice: what one had on its way may come to the other when that one's chat is empty.
        for node, other in 2 * ((anna, ben), (ben, anna)):
            for name in (other.name, "me"):
                _empty(node, name)
    else:
        befriend(anna, ben, inviter_label=anna.name)
    for node, other, text in (
        (ben, anna, "Is the bridge open?"),
        (anna, ben, "I will look."),
    ):
        node.client.ask(SendMessage(other.name, text), MessageAnswer)
        wait_for_text(other, text)


def _empty(node: Node, name: str) -> None:
    """Delete what is in a chat; what is on its way stays until it has arrived."""
    eventually(
        lambda: node.client.ask(DeleteItems(name), ItemsDeleted).left_count,
        lambda count: count == 0,
        within_s=60,
        what=f"an empty chat with {name} at {node.name}",
    )


def say(page: Page, text: str) -> None:
    """Type a message and send it, as people do."""
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def bubble(page: Page, text: str) -> Locator:
    """The message with these words of its own."""
    return page.get_by_role("article").filter(has=page.locator(".words", has_text=text))


def to_message(page: Page, text: str) -> None:
    """Go from the composer to a message that the node has, by the keyboard."""
    expect(bubble(page, text)).to_have_attribute("data-number", re.compile(r"^\d+$"))
    expect(page.locator(".composer textarea")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    for _ in range(30):
        if page.evaluate(FOCUSED_WORDS) == text:
            return
        page.keyboard.press("ArrowUp")
    pytest.fail(f"{text!r} cannot be reached by the keyboard")


@contextlib.contextmanager
def flashing(page: Page, text: str) -> Iterator[None]:
    """Do what leads to a message: it flashes for a while, and has the focus."""
    page.evaluate(WATCH_FLASHES)
    yield
    eventually(
        lambda: list(page.evaluate("flashed")),
        lambda seen: any(text in words for words in seen),
        within_s=60,
        what=f"{text!r} that flashes",
    )
    expect(bubble(page, text)).to_be_focused()
    expect(page.locator(".message.flash")).to_have_count(0)


def seconds_of_work(page: Page, script: str) -> float:
    """Return how long the page has the processor for a script; what else runs does not count."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.evaluate(script)
    metrics = session.send("Performance.getMetrics")["metrics"]
    session.detach()
    return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


def faults_of(page: Page, what: str) -> list[str]:
    """Return the faults of the screen, as it is when what is there is drawn, by rules."""
    page.evaluate(TWO_FRAMES)
    session = page.context.new_cdp_session(page)
    found = [*page.evaluate(screens.BEYOND_ITS_EDGE), *screens.axe(session)]
    return [f"{what}: {fault}" for fault in found]


def keeps_draft(draft: str, *, is_reply: bool) -> Callable[[Response], bool]:
    """Wait for the answer of this draft: a slow page keeps what is half typed too."""

    def is_kept(answer: Response) -> bool:
        if answer.request.method != "PATCH":
            return False
        kept = answer.request.post_data_json or {}
        return kept.get("draft") == draft and bool(kept.get("draft_reply")) == is_reply

    return is_kept


@contextlib.contextmanager
def noticing(page: Page, words: str) -> Iterator[None]:
    """See a notice that goes by itself after seconds, however late one looks."""
    page.evaluate(NOTICES, words)
    yield
    eventually(lambda: page.evaluate("window.noticed"), bool, within_s=60, what=words)


def vote_by_keyboard(page: Page, option: str) -> None:
    """Choose an option of a poll."""
    button = page.get_by_role("button", name=re.compile(f"^{option}"))
    button.focus()
    button.press("Enter")


def create(page: Page, kind: str, *fields: str) -> None:
    """Put something into the conversation by the + menu; fields in their order."""
    page.get_by_role("button", name="Add", exact=True).press("Enter")
    page.get_by_role("menuitem", name=re.compile(f"^{kind}")).press("Enter")
    expect(page.locator("#form [autofocus]")).to_be_focused()
    for place, text in enumerate(fields):
        if place:
            page.keyboard.press("Tab")
        page.keyboard.type(text)
    if kind == "Notice":
        page.get_by_role("button", name="Put it in").press("Enter")
    else:
        page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)


def save_soon(page: Page, save: Callable[[], None]) -> None:
    """Save in the open form a moment that is near, or a later one where that was over too soon."""
    over = page.get_by_role("dialog").get_by_text("That time is over")
    moment = page.get_by_label("When")
    moment.evaluate("(field) => { field.step = 1; }")
    for seconds in SOON_S:
        at = time.localtime(time.time() + seconds)
        moment.fill(time.strftime("%Y-%m-%dT%H:%M:%S", at))
        save()
        expect(over.or_(page.locator("body:not(:has(dialog))"))).to_be_visible()
        if not over.is_visible():
            break
    expect(page.get_by_role("dialog")).to_have_count(0)


def holding(page: Page, path: str) -> list[Route]:
    """Hold what is posted there until it is let go on."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.method == "POST":
            held.append(route)
        else:
            route.continue_()

    page.route(f"**/v1/{path}", hold)
    return held


def until_held(page: Page, held: list[Route]) -> None:
    """Wait until something is held: it is told by another way than what the page draws."""
    eventually(
        lambda: (page.evaluate("1"), len(held))[1], bool, within_s=60, what="something that is held"
    )


def answered(page: Page, held: list[Route], last: str) -> None:
    """Let go on what is held, until the last answer to it has come and is drawn."""
    until_held(page, held)
    [route] = held
    over: list[Request] = []

    def is_last(one: Request) -> bool:
        over.append(one)
        return route.request in over and bool(re.search(last, one.method + one.url))

    with page.expect_request_finished(is_last):
        route.continue_()
    page.evaluate(TWO_FRAMES)
