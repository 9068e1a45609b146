"""A page shows what its node has, also where an answer was slow, lost, or older than an event."""

import json
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, Route, WebSocketRoute, expect

from mesh.commands.contacts import AskContacts, ContactAnswer, ContactsAnswer, RenameContact
from mesh.commands.groups import AskGroup, GroupAnswer
from mesh.commands.messages import MessageAnswer, SendMessage
from tests.integration.nodes import Node, eventually
from tests.web import conftest
from tests.web.chatting import begin_anew, bubble, say
from tests.web.chromium import Laptops, go, open_chat
from tests.web.test_roving import accept

pytestmark = [pytest.mark.netns, pytest.mark.slow]

pair = conftest.lasting_pair

FIRST_OF_A_MINUTE = 1_800_000_000
"""A page draws by itself when a minute begins: for one that stands here that is a minute away."""
ASKS_MAX = 6


def until(page: Page, holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds, and let the page go on meanwhile."""
    eventually(lambda: (page.evaluate("1"), holds())[1], bool, within_s=60, what=what)


HOLDS = """(path) => {
  const plain = window.fetch;
  window.held = [];
  let isFirst = true;
  window.fetch = async (address, options) => {
    // Of two that are under way at once one is held, too.
    const holds = isFirst && new RegExp(path).test(address);
    if (holds) isFirst = false;
    const answer = await plain(address, options);
    if (!holds) return answer;
    const older = new Response(await answer.blob(), answer);
    await new Promise((go) => { held.push(go); });
    return older; };
}"""


NAMES_A_LATER_ONE = """() => {
  const plain = window.fetch;
  window.fetch = async (address, options) => {
    const answer = await plain(address, options);
    if (!/status$/.test(address)) return answer;
    const told = await answer.json();
    told.version += localStorage.later ?? "";
    return new Response(JSON.stringify(told), answer); };
}"""


def hold_first(page: Page, path: str) -> None:
    """Keep the first answer to a question back: what it says grows old."""
    page.add_init_script(f"({HOLDS})({json.dumps(path)})")


def until_held(page: Page) -> None:
    """Wait until that answer has come."""
    until(page, lambda: page.evaluate("window.held?.length") == 1, "an answer that is kept back")


def let_go(page: Page) -> None:
    """Give the page what was kept back."""
    page.evaluate("held[0]()")


def known(page: Page, number: int) -> str:
    """The name by which the page knows a contact."""
    script = """async (number) => {
      const { state } = await import("/app/state.js");
      return state.contacts.get(number)?.label ?? ""; }"""
    return str(page.evaluate(script, number))


@pytest.fixture
def renamed(pair: tuple[Node, Node]) -> Iterator[tuple[ContactAnswer, Callable[[str], None]]]:
    """Ben as Anna has him, and a way to call him something else until the test is over."""
    begin_anew(*pair)
    anna, ben = pair
    [contact] = anna.client.ask(AskContacts(), ContactsAnswer).contacts
    called = [ben.name]

    def rename(label: str) -> None:
        anna.client.ask(RenameContact(called[-1], label), ContactAnswer)
        called.append(label)

    yield contact, rename
    if called[-1] != ben.name:
        rename(ben.name)


def test_a_part_that_did_not_come_comes_by_itself(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    """Nothing is drawn meanwhile that would ask for it again."""
    late = "app/screens/people.js"
    asked: list[str] = []

    def before(page: Page) -> None:
        page.clock.set_fixed_time(FIRST_OF_A_MINUTE)
        page.on("request", lambda request: asked.append(request.url))
        page.route(f"**/{late}", lambda route: route.abort())

    page = laptops.beside(pair[0]).page(before=before)
    expect(page.get_by_role("navigation", name="Mesh")).to_be_visible()
    # All that is not here yet was asked for once.
    until(page, lambda: any("/recorder.js" in url for url in asked), "the page to be calm")
    go(page, "#/people")
    # Until all is drawn that a page draws at its beginning.
    page.wait_for_timeout(4000)
    expect(page.get_by_label("Search people")).to_have_count(0)
    page.unroute(f"**/{late}")
    expect(page.get_by_label("Search people")).to_be_visible()


def test_a_part_that_does_not_come_is_told_with_what_helps(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    """Some browsers remember a module that failed for as long as a page lives."""

    def before(page: Page) -> None:
        page.route("**/vendor/lucide/shapes_more.js", lambda route: route.abort())

    page = laptops.beside(pair[0]).page(before=before)
    expect(page.get_by_role("navigation", name="Mesh")).to_be_visible()
    go(page, "#/people")
    again = page.get_by_role("alert").get_by_role("button", name="Try again")
    expect(again).to_be_visible()
    # It would come by itself as well, and take the button away: it stays away until the press.
    with page.expect_request(lambda one: one.is_navigation_request()):
        again.click()
    page.unroute("**/vendor/lucide/shapes_more.js")
    expect(page.get_by_label("Search people")).to_be_visible()


def test_a_message_that_comes_while_its_chat_loads_is_shown(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    begin_anew(*pair)
    anna, ben = pair
    page = laptops.beside(anna).page(
        before=lambda one: hold_first(one, r"/v1/conversations/\d+/items\?")
    )
    open_chat(page, ben.name)
    until_held(page)
    ben.run("send", anna.name, "It came meanwhile")
    expect(page.locator(".list .row").filter(has_text="It came meanwhile")).to_be_visible()
    let_go(page)
    expect(bubble(page, "I will look.")).to_be_visible()
    expect(bubble(page, "It came meanwhile")).to_be_visible()
    assert page.get_by_role("article").count() == 3


def test_what_is_deleted_while_the_order_is_asked_for_does_not_come_back(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    begin_anew(*pair)
    anna, ben = pair
    page = laptops.beside(anna).page()
    open_chat(page, ben.name)
    expect(bubble(page, "I will look.")).to_be_visible()
    [number] = page.evaluate("""async () => {
      const { state } = await import("/app/state.js");
      const items = [...state.streams.values()].flatMap(({ items }) => items);
      return items.filter(({ text }) => text === "I will look.").map(({ number }) => number); }""")
    page.evaluate(HOLDS, r"/v1/conversations/\d+/items\?")
    ben.run("send", anna.name, "It came meanwhile")
    until_held(page)
    anna.run("delete", str(number), "--for-me", "--yes")
    expect(bubble(page, "I will look.")).to_have_count(0)
    let_go(page)
    page.wait_for_timeout(500)
    expect(bubble(page, "It came meanwhile")).to_be_visible()
    expect(bubble(page, "I will look.")).to_have_count(0)


def test_an_answer_that_is_older_than_an_event_takes_no_state_back(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    begin_anew(*pair)
    anna, ben = pair
    page = laptops.beside(anna).page()
    open_chat(page, ben.name)
    expect(page.locator(".composer textarea")).to_be_focused()
    page.evaluate(HOLDS, r"/v1/conversations/\d+/items$")
    say(page, "Is it there?")
    until_held(page)
    delivered = page.get_by_role("article", name=re.compile("Delivered")).filter(
        has=page.locator(".words", has_text="Is it there?")
    )
    expect(delivered).to_be_visible()
    # Until its place is asked for no more, which would mend what the answer takes back.
    page.wait_for_timeout(1500)
    let_go(page)
    page.wait_for_timeout(500)
    expect(delivered).to_be_visible()
    assert bubble(page, "Is it there?").count() == 1


NUMBERS = """async () => {
  const { state } = await import("/app/state.js");
  return state.streams.get(state.route.conversation).items.map(({ number }) => number); }"""
"""Of the messages that the open chat holds, from above."""


SCROLL_UP = """() => { const box = document.querySelector(".stream");
  box.scrollTop = box.scrollTop ? 0 : 1; return held.length; }"""


def fill(anna: Node, ben: Node, count: int) -> None:
    """Let somebody say much in a chat that begins anew."""
    begin_anew(anna, ben)
    for at in range(count):
        anna.client.ask(SendMessage(ben.name, f"Word {at}"), MessageAnswer)


def test_what_is_deleted_while_one_scrolls_up_does_not_come_back(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    anna, ben = pair
    fill(anna, ben, 160)
    page = laptops.beside(anna).page()
    open_chat(page, ben.name)
    expect(bubble(page, "Word 159")).to_be_visible()
    page.evaluate(HOLDS, r"items\?.*before=")
    # Who is there while all is still loaded anew asks for nothing: then one scrolls again.
    until(page, lambda: page.evaluate(SCROLL_UP) == 1, "an answer that is kept back")
    [first, *_] = page.evaluate(NUMBERS)
    # What the list shows is asked for when the page has heard of it.
    with page.expect_response(re.compile(r"/v1/conversations/\d+$")):
        anna.run("delete", str(first - 2), "--for-me", "--yes")
    let_go(page)
    until(page, lambda: first - 1 in page.evaluate(NUMBERS), "what was said before")
    assert first - 2 not in page.evaluate(NUMBERS)


def test_a_late_look_at_the_order_leaves_no_hole_where_one_has_gone_elsewhere(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    anna, ben = pair
    fill(anna, ben, 160)
    page = laptops.beside(anna).page()
    open_chat(page, ben.name)
    expect(bubble(page, "Word 159")).to_be_visible()
    last = page.evaluate(NUMBERS)[-1]
    page.evaluate(HOLDS, r"/v1/conversations/\d+/items\?limit=\d+$")
    ben.run("send", anna.name, "It came meanwhile")
    until_held(page)
    # As a quote does that somebody presses.
    page.evaluate(
        """async (number) => {
          const { load } = await import("/app/stream.js");
          const { state } = await import("/app/state.js");
          await load(state.route.conversation, number); }""",
        last - 130,
    )
    let_go(page)
    page.wait_for_timeout(500)
    numbers = page.evaluate(NUMBERS)
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert last not in numbers


def test_members_whose_answer_was_lost_are_asked_for_again(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    """Nothing happens in the group meanwhile that would have them asked for."""
    begin_anew(*pair)
    anna, ben = pair
    made = anna.answer(GroupAnswer, "group", "create", "Quay", "--with", ben.name)
    lost: list[Route] = []

    def lose_once(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route)
        route.abort("internetdisconnected")

    page = laptops.beside(anna).page(
        before=lambda one: one.route(f"**/v1/groups/{made.conversation}/members", lose_once)
    )
    go(page, f"#/c/{made.conversation}/group")
    expect(page.locator(".details button.row, .members .row").first).to_be_visible()
    assert len(lost) == 1


def test_what_an_event_tells_is_not_undone_by_an_older_answer(
    pair: tuple[Node, Node],
    laptops: Laptops,
    renamed: tuple[ContactAnswer, Callable[[str], None]],
) -> None:
    contact, rename = renamed
    page = laptops.beside(pair[0]).page(before=lambda one: hold_first(one, "/v1/contacts$"))
    until_held(page)
    rename("Benno")
    until(page, lambda: known(page, contact.id) == "Benno", "the event")
    let_go(page)
    go(page, "#/people")
    person = page.get_by_role("link", name=re.compile("Benno"))
    expect(person).to_be_visible()
    page.wait_for_timeout(500)
    expect(person).to_be_visible()


def test_what_was_missed_while_all_loaded_is_asked_for_again(
    pair: tuple[Node, Node],
    laptops: Laptops,
    renamed: tuple[ContactAnswer, Callable[[str], None]],
) -> None:
    """The stream of events begins when the lists are on their way already."""
    _, rename = renamed
    streams: list[WebSocketRoute] = []
    told: list[str] = []

    def before(page: Page) -> None:
        page.route_web_socket(re.compile("/v1/events"), lambda stream: streams.append(stream))
        hold_first(page, "/v1/contacts$")

    page = laptops.beside(pair[0]).page(before=before)
    until_held(page)
    rename("Benno")

    def pass_on(message: str | bytes) -> None:
        streams[-1].send(message)
        told.append(json.loads(message)["type"])

    streams[-1].connect_to_server().on_message(pass_on)
    until(page, lambda: "hello" in told, "the stream")
    let_go(page)
    go(page, "#/people")
    expect(page.get_by_role("link", name=re.compile("Benno"))).to_be_visible()


def test_who_comes_into_a_group_while_its_members_are_asked_for_is_shown(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    begin_anew(*pair)
    anna, ben = pair
    made = anna.answer(GroupAnswer, "group", "create", "Pier", "--with", ben.name)
    members = f"/v1/groups/{made.conversation}/members$"
    page = laptops.beside(anna).page(before=lambda one: hold_first(one, members))
    go(page, f"#/c/{made.conversation}/group")
    until_held(page)
    accept(ben, "Pier")
    pier = AskGroup("Pier")
    until(page, lambda: anna.client.ask(pier, GroupAnswer).members_count == 2, "a group of two")
    expect(page.get_by_role("heading", name="2 members")).to_be_visible()
    let_go(page)
    expect(page.locator(".details button.row").filter(has_text=ben.name)).to_be_visible()


def test_a_page_that_stands_open_over_an_upgrade_is_loaded_anew_once_nothing_is_written_in_it(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    """The daemon answers as it does; only the version that it names is that of a later release."""
    anna, ben = pair
    begin_anew(anna, ben)
    streams: list[WebSocketRoute] = []

    def follow(stream: WebSocketRoute) -> None:
        streams.append(stream)
        stream.connect_to_server()

    def before(page: Page) -> None:
        page.route_web_socket(re.compile("/v1/events"), follow)
        page.add_init_script(f"({NAMES_A_LATER_ONE})()")

    def begin_another_run() -> None:
        """Let the stream end, and the next begin as that of a daemon that was started since."""
        count = len(streams)
        streams[-1].close(code=1001)
        until(page, lambda: len(streams) > count, "another stream")
        streams[-1].send(json.dumps({"type": "hello", "epoch": f"{count:032x}", "seq": 0}))

    page = laptops.beside(anna).page(before=before)
    open_chat(page, ben.name)
    page.evaluate("window.isOld = true")
    begin_another_run()
    page.wait_for_timeout(1000)
    assert page.evaluate("window.isOld")
    # A form that is no dialog: what stands in it would be lost, also once the focus is elsewhere.
    go(page, "#/people/add/paste")
    pasted = page.locator("#their-link")
    pasted.press_sequentially("mesh:half")
    pasted.blur()
    page.evaluate("localStorage.later = '.1'")
    for _ in range(2):
        begin_another_run()
    page.wait_for_timeout(3000)
    assert page.evaluate("window.isOld")
    expect(pasted).to_have_value("mesh:half")
    with page.expect_event("load"):
        go(page, "#/chats")
    assert not page.evaluate("window.isOld")
    # What it is now is known once the chat is there.
    open_chat(page, ben.name)
    page.evaluate("window.isOld = true")
    page.get_by_role("textbox", name="Message").press_sequentially("*")
    page.evaluate("localStorage.later = '.2'")
    with page.expect_event("load"):
        begin_another_run()
    assert not page.evaluate("window.isOld")
    expect(page.get_by_role("textbox", name="Message")).to_have_value("*")


def test_members_that_were_asked_for_before_a_lock_are_asked_for_after_it(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    begin_anew(*pair)
    anna, ben = pair
    made = anna.answer(GroupAnswer, "group", "create", "Mole", "--with", ben.name)
    members = f"/v1/groups/{made.conversation}/members$"
    page = laptops.beside(anna).page(before=lambda one: hold_first(one, members))
    go(page, f"#/c/{made.conversation}/group")
    until_held(page)
    anna.run("lock")
    expect(page.get_by_label("Passphrase")).to_be_visible()
    let_go(page)
    anna.run("unlock")
    go(page, f"#/c/{made.conversation}/group")
    expect(page.locator(".details button.row, .members .row").first).to_be_visible()


def test_who_follows_a_quote_before_the_look_at_the_order_begins_stays_there(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    anna, ben = pair
    fill(anna, ben, 160)
    page = laptops.beside(anna).page()
    open_chat(page, ben.name)
    expect(bubble(page, "Word 159")).to_be_visible()
    last = page.evaluate(NUMBERS)[-1]
    # The answer around the quote comes after the look has begun, and before that has its answer.
    page.evaluate(
        """async (number) => {
          const { load } = await import("/app/stream.js");
          const { state } = await import("/app/state.js");
          const plain = window.fetch;
          let looks = 0;
          window.fetch = async (address, options) => {
            const answer = await plain(address, options);
            if (!/items\\?/.test(address)) return answer;
            const isQuote = /around=/.test(address);
            if (!isQuote) looks += 1;
            const goes = () => isQuote ? looks > 0 : window.isThere;
            while (!goes()) await new Promise((go) => { setTimeout(go, 20); });
            return answer; };
          window.follow = () => load(state.route.conversation, number)
            .then(() => { window.isThere = true; }); }""",
        last - 130,
    )
    page.evaluate(
        """() => {
          import("/app/stream.js").then(({ take }) => import("/app/state.js").then(({ state }) => {
            const { items } = state.streams.get(state.route.conversation);
            take({ ...items.at(-1), number: items.at(-1).number + 1, text: "It came" });
            window.follow(); })); }"""
    )
    until(page, lambda: page.evaluate("window.isThere"), "what stands around the quote")
    page.wait_for_timeout(1000)
    numbers = page.evaluate(NUMBERS)
    assert last - 130 in numbers
    assert last not in numbers


def test_what_waits_is_asked_for_after_pauses_while_it_fails(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    begin_anew(*pair)
    anna, ben = pair
    asked: list[Route] = []

    def refuse(route: Route) -> None:
        asked.append(route)
        problem = {"type": "urn:mesh:problem:busy", "title": "", "status": 503, "detail": ""}
        route.fulfill(status=503, json=problem, content_type="application/problem+json")

    taken: list[str] = []

    def before(page: Page) -> None:
        page.route("**/v1/scheduled", refuse)
        page.on("response", lambda one: taken.append(one.url) if one.status == 200 else None)

    page = laptops.beside(anna).page(before=before)
    open_chat(page, ben.name)
    until(page, lambda: bool(asked), "the first question")
    # After one second and after two: a slow machine asks less often, never more.
    page.wait_for_timeout(3000)
    assert len(asked) <= ASKS_MAX
    page.unroute("**/v1/scheduled")
    until(page, lambda: any("/v1/scheduled" in url for url in taken), "the answer")
