"""Messages in the page, between two real laptops: all that people do with them, by keyboard."""

import re
import time
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from mesh.api.batch import Outgoing, SendMessages, SentMessages
from mesh.commands.item_commands import ReactToItem, WriteItem
from mesh.commands.items import ItemAnswer, Mark, MarkKind
from tests.integration.nodes import Node, eventually
from tests.web import conftest, screens
from tests.web.chatting import (
    TWO_FRAMES,
    begin_anew,
    bubble,
    create,
    faults_of,
    flashing,
    keeps_draft,
    say,
    seconds_of_work,
    to_message,
    vote_by_keyboard,
)
from tests.web.chromium import Laptops, go

pytestmark = [pytest.mark.netns, pytest.mark.slow]

pair = conftest.lasting_pair

TYPED: Final[tuple[tuple[str, str | None, list[str]], ...]] = (
    ("a *bold* _b_ ~c~ `d`", "a bold b c d", ["bold 2 4", "italic 7 1", "struck 9 1", "code 11 1"]),
    ("*bold _and_ more*", "bold and more", ["italic 5 3", "bold 0 13"]),
    ("2*3*4 snake_case_x __init__ *.py and *.js", None, []),
    (
        "see https://mesh.example/_a_/b_ _yes_",
        "see https://mesh.example/_a_/b_ yes",
        ["italic 32 3"],
    ),
    ("`a *b* c`", "a *b* c", ["code 0 7"]),
    ("```\nx = *1*\n```\nafter", "x = *1*\nafter", ["block 0 7"]),
    ("> one *two*\n> three\nfour", "one two\nthree\nfour", ["bold 4 3", "quote 0 13"]),
    ("\U0001f6b2 *\U0001f6b2x* y", "\U0001f6b2 \U0001f6b2x y", ["bold 2 2"]),
    ("*not closed\nin this line*", None, []),
    ("* a * and ** and ```", None, []),
)
"""What is typed, the text that comes of it (None: the same), and its marks."""

READ = """async (typed) => {
  const { read, write } = await import("/app/typed.js");
  const { text, marks } = read(typed);
  const told = marks.map(({ kind, start, length }) => `${kind} ${start} ${length}`);
  return [text, told, write(text, marks)];
}"""


SHOWN: Final = (
    ("bold beyond", [("bold", 0, 4), ("italic", 5, 7)], "<strong>bold</strong> beyond"),
    ("a bc d", [("bold", 0, 4), ("italic", 2, 4)],
     "<strong>a </strong><em><strong>bc</strong></em><em> d</em>"),
    ("go https://a.example/bc.", [("bold", 0, 14)],
     '<strong>go </strong><strong><a dir="ltr" target="_blank" rel="noreferrer noopener" '
     'href="https://a.example/bc">https://a.example/bc</a></strong>.'),
    ("\U0001f6b2x\nm https://a.example\nend", [("code", 1, 1), ("block", 3, 19)],
     '\U0001f6b2<code>x</code><code class="block">m https://a.example</code>end'),
    ("<b>\u202ex", [("bold", 0, 5)],
     '<strong>&lt;b&gt;</strong><strong><span class="sign" title="hidden sign U+202E">U+202E</span>'
     "</strong><strong>x</strong>"),
    ("x", [("bold", 0, 0), ("bold", 1, 1), ("nothing", 0, 1)], "x"),
)  # fmt: skip
"""A text, its marks (kind, start, length), and the elements that it is shown with."""

SHOW = """async ([text, marks]) => {
  const { body } = await import("/app/text.js");
  const { html, render } = await import("/vendor/lit-html/lit-html.js");
  const place = document.createElement("div");
  const told = marks.map(([kind, start, length]) => ({ kind, start, length }));
  render(html`${body(text, { marks: told })}`, place);
  return place.innerHTML.replace(/<!--.*?-->/g, "");
}"""


OPENED: Final = {"Shift+F10": ".menu", "e": ".menu", "r": ".composer .quote", "Delete": "dialog"}
"""What a key opens at a message."""

COUNT_DRAWINGS = """async () => {
  const { drawNow } = await import("/app/state.js");
  drawNow();
  window.drawn = 0;
  const title = document.querySelector("title");
  new MutationObserver(() => { drawn += 1; }).observe(title, { childList: true });
}"""
"""Draws once, and counts from then on."""


def test_a_reply_quotes_and_leads_back(chat: tuple[Page, Page]) -> None:
    mine, theirs = chat
    to_message(mine, "Is the bridge open?")
    mine.keyboard.press("r")
    expect(mine.locator(".composer .quote")).to_contain_text("Is the bridge open?")
    say(mine, "It *is*")
    for page in chat:
        answer = bubble(page, "It is")
        expect(answer.locator(".quote")).to_contain_text("Is the bridge open?")
        expect(answer.locator(".words strong")).to_have_text("is")
    expect(mine.locator(".composer .quote")).to_have_count(0)
    expect(bubble(mine, "It is").locator(".quote .name")).not_to_have_text("You")
    expect(bubble(theirs, "It is").locator(".quote .name")).to_have_text("You")
    with flashing(theirs, "Is the bridge open?"):
        bubble(theirs, "It is").locator("button.quote").click()


def test_a_reaction_is_put_and_taken_back(chat: tuple[Page, Page]) -> None:
    mine, theirs = chat
    to_message(mine, "Is the bridge open?")
    mine.keyboard.press("e")
    expect(mine.get_by_role("menuitemcheckbox", name="thumbs up")).to_be_focused()
    mine.keyboard.press("ArrowRight")
    mine.keyboard.press("Enter")
    seen = theirs.get_by_role("button", name=re.compile("^heart, 1: "))
    expect(seen).to_be_visible()
    expect(seen).to_have_attribute("aria-pressed", "false")
    expect(mine.locator(".reaction")).to_have_attribute("aria-pressed", "true")
    expect(bubble(mine, "Is the bridge open?")).to_be_focused()
    mine.keyboard.press("e")
    expect(mine.get_by_role("menuitemcheckbox", name="thumbs up")).to_be_focused()
    mine.keyboard.press("ArrowRight")
    mine.keyboard.press("Enter")
    for page in chat:
        expect(page.locator(".reaction")).to_have_count(0)


def test_an_edit_shows_as_one_and_keeps_the_draft(chat: tuple[Page, Page]) -> None:
    mine, theirs = chat
    mine.keyboard.press("ArrowUp")
    field = mine.get_by_role("textbox", name="Editing")
    expect(field).to_have_value("I will look.")
    mine.keyboard.type(" Wait")
    mine.keyboard.press("Escape")
    field = mine.get_by_role("textbox", name="Message")
    expect(field).to_be_focused()
    expect(field).to_have_value("")
    # A draft is still there after an edit that was given up.
    mine.keyboard.type("half a thought")
    to_message(mine, "I will look.")
    mine.keyboard.press("Shift+F10")
    mine.get_by_role("menuitem", name="Edit").press("Enter")
    expect(mine.get_by_role("textbox", name="Editing")).to_be_focused()
    mine.keyboard.press("Escape")
    expect(field).to_have_value("half a thought")
    field.fill("")
    # Without a pause: not a letter of the edit goes into the draft.
    mine.keyboard.press("ArrowUp")
    say(mine, " At _once_.")
    for page in chat:
        expect(bubble(page, "I will look. At once.")).to_contain_text("edited")
        expect(page.locator(".words em")).to_have_text("once")
    to_message(theirs, "I will look. At once.")
    theirs.keyboard.press("i")
    details = theirs.get_by_role("region", name="Details")
    expect(details.locator(".former li")).to_have_count(1)
    expect(details.locator(".former")).to_contain_text("I will look.")


def test_a_draft_knows_what_it_replies_to_after_the_page_was_closed(
    chat: tuple[Page, Page],
) -> None:
    mine, theirs = chat
    quote, field = mine.locator(".composer .quote"), mine.locator(".composer textarea")
    to_message(mine, "Is the bridge open?")
    mine.keyboard.press("r")
    expect(quote).to_contain_text("Is the bridge open?")
    with mine.expect_response(keeps_draft("Since noon", is_reply=True)):
        mine.keyboard.type("Since noon")
    mine.reload()
    expect(quote).to_contain_text("Is the bridge open?")
    expect(field).to_have_value("Since noon")
    field.focus()
    mine.keyboard.press("Enter")
    expect(bubble(theirs, "Since noon").locator(".quote")).to_contain_text("Is the bridge open?")
    expect(quote).to_have_count(0)
    # Given up, it stays so, and the words stay.
    to_message(mine, "Is the bridge open?")
    mine.keyboard.press("r")
    mine.keyboard.type("No")
    with mine.expect_response(keeps_draft("No", is_reply=False)):
        mine.keyboard.press("Escape")
    mine.reload()
    expect(field).to_have_value("No")
    expect(quote).to_have_count(0)


def test_what_is_deleted_is_gone_on_both_sides(chat: tuple[Page, Page]) -> None:
    mine, theirs = chat
    to_message(theirs, "I will look.")
    theirs.keyboard.press("r")
    say(theirs, "Do")
    expect(bubble(mine, "Do")).to_be_visible()
    to_message(mine, "I will look.")
    mine.keyboard.press("Delete")
    expect(mine.get_by_role("button", name="Cancel")).to_be_focused()
    mine.keyboard.press("Tab")
    mine.keyboard.press("Tab")
    expect(mine.get_by_role("button", name="Delete for everyone")).to_be_focused()
    mine.keyboard.press("Enter")
    expect(mine.get_by_text("You deleted this message").first).to_be_visible()
    # An event may show it before the answer comes that closes what was asked.
    expect(mine.get_by_role("dialog")).to_have_count(0)
    expect(theirs.get_by_text("deleted this message").first).to_be_visible()
    for page in chat:
        expect(page.get_by_text("I will look.")).to_have_count(0)
    # Their device says so with what it sends next.
    say(theirs, "As you like")
    expect(mine.get_by_text("Their device was asked to delete it")).to_be_visible(timeout=60_000)
    # For oneself alone: it is gone here, and stays there.
    mine.get_by_role("textbox").focus()
    to_message(mine, "Is the bridge open?")
    mine.keyboard.press("Delete")
    expect(mine.get_by_role("button", name="Cancel")).to_be_focused()
    mine.keyboard.press("Tab")
    expect(mine.get_by_role("button", name="Delete for me")).to_be_focused()
    mine.keyboard.press("Enter")
    expect(mine.get_by_text("Is the bridge open?")).to_have_count(0)
    expect(bubble(theirs, "Is the bridge open?")).to_be_visible()


def test_what_is_sought_is_found_and_flashes(
    chat: tuple[Page, Page], pair: tuple[Node, Node]
) -> None:
    mine = chat[0]
    lines = [Outgoing(contact=pair[1].name, text=f"line {number}") for number in range(60)]
    pair[0].client.ask(SendMessages(messages=lines), SentMessages)
    for page in chat:
        expect(bubble(page, "line 59")).to_be_visible()
    mine.keyboard.press("Control+f")
    expect(mine.get_by_role("searchbox", name="Search here")).to_be_focused()
    # Who types slowly has hits for its beginning already: those of all of it are waited for.
    with mine.expect_response(re.compile(r"/v1/search\?q=bridge&")):
        mine.keyboard.type("bridge")
    mine.evaluate(TWO_FRAMES)
    hit = mine.locator(".list .row", has=mine.locator("mark", has_text="bridge"))
    expect(hit).to_have_count(1)
    with flashing(mine, "Is the bridge open?"):
        mine.keyboard.press("Enter")
    expect(mine.locator(".message mark")).to_have_text("bridge")
    expect(mine.get_by_role("search")).to_contain_text("1 of 1 here for bridge")
    mine.keyboard.press("Escape")
    expect(mine.get_by_role("searchbox")).to_have_count(0)
    # Everywhere, with people and pages beside the messages.
    mine.keyboard.press("Control+k")
    expect(mine.get_by_role("searchbox", name="Search people and messages")).to_be_focused()
    mine.keyboard.type("nothing like this")
    expect(mine.get_by_text("Nothing found for")).to_be_visible()


def test_a_chat_is_saved_as_a_file(my_chat: Page) -> None:
    mine = my_chat
    for form, begins in (("To read", "<!doctype html>"), ("For programs", "{")):
        mine.get_by_role("button", name="More", exact=True).first.press("Enter")
        mine.get_by_role("menuitem", name="Export").press("Enter")
        with mine.expect_download() as saved:
            mine.get_by_role("button", name=form).press("Enter")
        text = saved.value.path().read_text()
        assert text.lower().startswith(begins)
        assert "Is the bridge open?" in text


def test_a_timer_is_told_to_both(chat: tuple[Page, Page]) -> None:
    mine, theirs = chat
    mine.get_by_role("button", name="More", exact=True).first.press("Enter")
    mine.get_by_role("menuitem", name="Disappearing messages").press("Enter")
    mine.get_by_role("radio", name="1 hour").press("Space")
    mine.get_by_role("button", name="Set", exact=True).press("Enter")
    expect(mine.get_by_role("dialog")).to_have_count(0)
    for page in chat:
        expect(page.locator(".composer .timer")).to_contain_text("1 hour")
        expect(
            page.get_by_role("log").get_by_text("from here on messages disappear")
        ).to_be_visible()
    mine.get_by_role("textbox").focus()
    say(mine, "gone soon")
    for page in chat:
        expect(bubble(page, "gone soon").get_by_title("disappears 1 hour after")).to_be_visible()
    line = theirs.get_by_role("log").get_by_text("from here on messages disappear")
    expect(line).to_have_count(1)
    expect(line).to_contain_text("Anna")
    theirs.get_by_role("button", name="More", exact=True).first.press("Enter")
    theirs.get_by_role("menuitem", name="Disappearing messages").press("Enter")
    theirs.get_by_role("radio", name="Off").press("Space")
    theirs.get_by_role("button", name="Set", exact=True).press("Enter")
    for page in chat:
        expect(page.get_by_role("log").get_by_text("on messages do not disappear")).to_be_visible()
        expect(page.locator(".composer .timer")).to_have_count(0)


def test_words_are_forwarded_with_their_author_if_one_says_so(chat: tuple[Page, Page]) -> None:
    mine, theirs = chat
    for says_author in (False, True):
        to_message(mine, "Is the bridge open?")
        mine.keyboard.press("Shift+F10")
        mine.get_by_role("menuitem", name="Forward").press("Enter")
        mine.get_by_role("checkbox", name="Note to self").press("Space")
        if says_author:
            mine.get_by_role("checkbox", name="Say that").press("Space")
        mine.get_by_role("button", name="Forward").press("Enter")
        expect(mine.get_by_role("dialog")).to_have_count(0)
        mine.get_by_role("textbox").focus()
    mine.get_by_role("link", name=re.compile("^Note to self")).first.click()
    notes = bubble(mine, "Is the bridge open?")
    expect(notes).to_have_count(2)
    expect(notes.first).to_contain_text("Forwarded")
    expect(notes.first).not_to_contain_text("written by")
    expect(notes.last).to_contain_text("Forwarded, written by Ben")
    expect(bubble(theirs, "Is the bridge open?")).to_have_count(1)


def test_signs_become_marks_and_marks_signs(pair: tuple[Node, Node], laptops: Laptops) -> None:
    page = laptops.beside(pair[0]).page()
    for typed, text, marks in TYPED:
        got = page.evaluate(READ, typed)
        assert got == [typed if text is None else text, marks, typed]
    for words, spans, shown in SHOWN:
        assert page.evaluate(SHOW, [words, spans]) == shown
    # A long line of signs that never close costs little.
    took = seconds_of_work(
        page,
        """async () => {
        const { read } = await import("/app/typed.js");
        read("*a ".repeat(20000)); }""",
    )
    assert 0 < took < 3


def test_marks_and_signs_of_others_are_shown_and_never_done(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    anna, ben = pair
    begin_anew(anna, ben)
    with_anna = ben.messages()[0].conversation
    spans: list[tuple[MarkKind, int, int]] = [
        ("bold", 0, 5),
        ("italic", 3, 900),
        ("block", 2, 4_000_000_000),
        ("code", 6, 30),
    ]
    written = WriteItem(
        conversation=with_anna,
        text="<b>x</b> https://mesh.example/a\u202eb <script>document.title='owned'</script>",
        marks=tuple(Mark(kind=kind, start=start, length=length) for kind, start, length in spans),
    )
    answer = ben.client.ask(written, ItemAnswer)
    ben.client.ask(ReactToItem(answer.number, ("\u202egpj", "<img>", "W" * 32)), ItemAnswer)
    page = laptops.beside(anna).page(width=360, height=740)
    page.get_by_role("link", name=re.compile(ben.name)).first.click()
    expect(page.locator(".reaction")).to_have_count(3)
    log = page.get_by_role("log")
    expect(log).to_contain_text("<script>document.title='owned'</script>")
    assert log.locator("img, script, b, article em").count() == 0
    assert "\u202e" not in log.inner_text()
    assert "owned" not in page.title()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_what_others_write_is_shown_and_never_done(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    anna, ben = pair
    begin_anew(anna, ben)
    hostile = [
        "<img src=x onerror=\"document.title='owned'\">",
        "javascript:alert(1) <script>document.title='owned'</script>",
        "invoice\u202egpj.exe",
        "https://mesh.example/a\u202eb see",
        "${7*7} {{7*7}}",
        "a" * 5_000,
    ]
    for text in hostile:
        ben.run("send", anna.name, "-", stdin=text)
    eventually(anna.received_texts, lambda texts: {*hostile} <= {*texts}, within_s=60, what="mail")
    page = laptops.beside(anna).page(width=360, height=740)
    page.get_by_role("link", name=re.compile(ben.name)).first.click()
    log = page.get_by_role("log")
    expect(log).to_contain_text("<img src=x onerror=")
    expect(log).to_contain_text("U+202E")
    expect(log).to_contain_text("${7*7}")
    assert log.locator("img, script").count() == 0
    assert "owned" not in page.title()
    assert "\u202e" not in log.inner_text()
    links = log.locator("a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert links == ["https://mesh.example/a"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_page_that_nobody_touches_rests_and_is_drawn_each_minute(
    my_chat: Page,
) -> None:
    mine = my_chat
    field = mine.locator(".composer textarea")
    # It stands still: what a busy machine needs is not among the seconds that pass.
    now = (time.time() // 60 + 1) * 60 + 45
    mine.clock.install(time=now - 600)
    mine.clock.pause_at(now)
    field.press("Shift")
    mine.clock.fast_forward(9_000)
    expect(field).to_have_css("caret-animation", "auto")
    mine.clock.fast_forward(2_000)
    expect(field).to_have_css("caret-animation", "manual")
    mine.evaluate(COUNT_DRAWINGS)
    mine.clock.run_for(10_000)
    assert mine.evaluate("drawn") > 0, "no drawing at the full minute"
    field.press("Shift")
    expect(field).to_have_css("caret-animation", "auto")


def test_two_decide_with_cards(chat: tuple[Page, Page]) -> None:
    mine, theirs = chat
    create(mine, "Poll", "Where do we eat?", "At the mill", "At home")
    vote_by_keyboard(theirs, "At home")
    expect(mine.get_by_text("1 of 2 have voted")).to_be_visible()
    expect(mine.get_by_role("button", name=re.compile("^At home"))).to_contain_text("1")
    create(theirs, "Check-in")
    for page in chat:
        expect(page.locator(".card-bubble", has_text="Are you safe?")).to_be_visible()
    expect(mine.get_by_role("button", name="Remind")).to_have_count(0)
    theirs.get_by_role("button", name="Remind 1 person").press("Enter")
    expect(bubble(mine, "Please answer: @Anna").locator(".quote")).to_contain_text("Are you safe?")
    expect(bubble(mine, "Please answer: @Anna").locator(".mention")).to_contain_text("@Anna")
    mine.get_by_role("button", name="I am safe").press("Enter")
    for page in chat:
        expect(page.locator(".legend")).to_contain_text("1 fine")
    mine.get_by_role("button", name="Say more").press("Enter")
    mine.get_by_label("Answer").select_option(label="I need help")
    mine.get_by_label("Note", exact=True).fill("cut off at the ferry")
    mine.get_by_role("button", name="Say it").press("Enter")
    expect(mine.get_by_role("dialog")).to_have_count(0)
    expect(theirs.locator(".people")).to_contain_text("cut off at the ferry")
    expect(theirs.locator(".legend .stand-help")).to_contain_text("1")
    create(mine, "Task", "Boil water")
    theirs.get_by_role("button", name="Mark as done").press("Enter")
    expect(mine.locator(".task.done")).to_contain_text("Boil water")
    create(mine, "Notice", "Doors close at nine")
    for page in chat:
        expect(page.locator(".notice-bar")).to_contain_text("Doors close at nine")
    theirs.get_by_role("link", name="Show", exact=True).press("Enter")
    board = theirs.locator(".board")
    expect(board).to_contain_text("Where do we eat?")
    expect(board).to_contain_text("Doors close at nine")
    expect(board).not_to_contain_text("Boil water")
    mine.get_by_role("button", name="Close the poll").press("Enter")
    mine.get_by_role("dialog").get_by_role("button", name="Close the poll").press("Enter")
    expect(board).not_to_contain_text("Where do we eat?")


def test_nothing_of_it_is_too_wide_or_unreadable(chat: tuple[Page, Page]) -> None:
    mine, theirs = chat
    say(theirs, "> quoted\n*bold* and `code`, https://mesh.example/" + "a" * 200)
    create(mine, "Poll", "Where do we eat, " + "w" * 90, "At the mill", "x" * 60)
    create(mine, "Check-in", " " + "y" * 60)
    create(mine, "Task", "Boil water " + "z" * 80)
    create(mine, "Notice", "Doors close at nine " + "n" * 90)
    mine.get_by_role("textbox").focus()
    to_message(mine, "Is the bridge open?")
    mine.keyboard.press("e")
    expect(mine.get_by_role("menuitemcheckbox", name="thumbs up")).to_be_focused()
    mine.keyboard.press("Enter")
    expect(mine.locator(".reaction")).to_have_count(1)
    conversation = mine.evaluate("location.hash.split('/')[2]")
    faults: list[str] = []
    asked = screens.Asked(mine)
    for variant in screens.FEW:
        mine.set_viewport_size({"width": variant.width, "height": variant.height})
        mine.emulate_media(color_scheme=variant.theme, reduced_motion="reduce")  # type: ignore[arg-type]  # a theme of ours
        for route in (f"c/{conversation}/board", f"c/{conversation}"):
            go(mine, f"#/{route}")
            asked.settle()
            faults += faults_of(mine, f"{route} at {variant.name}")
        article = bubble(mine, "Is the bridge open?")
        for key, what in OPENED.items():
            article.focus()
            article.press(key)
            expect(mine.locator(what)).to_be_visible()
            asked.settle()
            faults += faults_of(mine, f"{key} at {variant.name}")
            mine.keyboard.press("Escape")
            expect(mine.locator(what)).to_have_count(0)
        mine.keyboard.press("Control+f")
        mine.get_by_role("searchbox").fill("the")
        expect(mine.locator(".list .row mark").first).to_be_visible()
        faults += faults_of(mine, f"search at {variant.name}")
        mine.keyboard.press("Enter")
        expect(mine.get_by_role("search")).to_be_visible()
        faults += faults_of(mine, f"found at {variant.name}")
        mine.get_by_role("search").get_by_role("button", name="Close").click()
    assert faults == []
