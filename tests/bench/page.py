"""The page in a real browser: how soon it shows, what it loads, what it costs and keeps."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page, Response, sync_playwright

from mesh.api.batch import Outgoing, SendMessages, SentMessages
from mesh.limits.api import API_BATCH_MESSAGES_MAX
from tests.bench.daemons import Arrivals, cpu_seconds, line, send, start, text
from tests.bench.table import Row, percentile
from tests.integration.nodes import Node, befriend
from tests.web.chromium import Laptop, go, launched

NOTES: Final = (Path(__file__).parent / "page.js").read_text()
COLD_RUNS: Final = 5
SETTLES_S: Final = 4
RESTS_S: Final = 12
"""Ten seconds after the last key the caret stands still."""

SCROLL_S: Final = 10
FRAME_MS: Final = 50
AT_HAND: Final = 200
EVENTS: Final = 10_000
SWITCHES: Final = 500
PATIENCE_MS: Final = 60_000


def rows(scratch: Path, messages: int, history: int, idle_seconds: float) -> Iterator[Row]:
    """All figures of the page, one run."""
    with line(scratch, 0) as nodes, sync_playwright() as playwright:
        start(nodes)
        first, last = nodes
        befriend(last, first, inviter_label="last")
        arrivals = Arrivals(last)
        send(first, text(0))
        arrivals.next()
        writes, reads = (
            Laptop(launched(playwright, node.namespace, scratch), node) for node in (first, last)
        )
        yield from cold(reads)
        with at_chat(writes) as writer, at_chat(reads) as reader:
            yield from latency(first, arrivals, writer, reader, messages)
        with at_chat(reads) as reader:
            yield from idle(last, reads.browser, reader, idle_seconds)
            yield from memory(last, reader)
        fill(last, history - EVENTS)
        with at_chat(reads) as reader:
            yield from scroll(reader, history)
        for laptop in (writes, reads):
            laptop.browser.close()


def opened(laptop: Laptop) -> Page:
    """A page in a context without a cache."""
    context = laptop.browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.add_init_script(NOTES)
    return page


@contextmanager
def at_chat(laptop: Laptop) -> Iterator[Page]:
    """A page at the conversation with the other person."""
    page = opened(laptop)
    page.goto(laptop.address())
    page.wait_for_selector(".list a.row")
    go(page, "#/c/2")
    page.wait_for_selector(".composer textarea")
    page.wait_for_selector(".message")
    yield page
    page.context.close()


def cold(laptop: Laptop) -> Iterator[Row]:
    """From the address to the list of chats, and what is loaded for it."""
    took, loaded, later = [], 0, 0
    for _ in range(COLD_RUNS):
        page = opened(laptop)
        sizes: list[int] = []
        page.on("response", partial(weigh, sizes))
        page.goto(laptop.address())
        page.wait_for_selector(".list a.row")
        took.append(float(page.evaluate("noted.usable")))
        loaded = sum(sizes)
        page.wait_for_timeout(SETTLES_S * 1000)
        later = sum(sizes)
        page.context.close()
    yield Row("page", "cold until usable, p50", percentile(took, 0.5), "ms", "aim 1,000")
    yield Row("page", "loaded until then", loaded / 1000, "kB", "aim 250")
    yield Row("page", "loaded with all sections", later / 1000, "kB", "without the decoder")


def weigh(sizes: list[int], response: Response) -> None:
    """Note the bytes of a file of the page."""
    if "/v1/" not in response.url:
        sizes.append(int(response.headers["content-length"]))


def latency(
    first: Node, arrivals: Arrivals, writer: Page, reader: Page, messages: int
) -> Iterator[Row]:
    """To the other person's event and screen; and from a key to one's own screen."""
    hops, shown, typed = [], [], []
    for number in range(messages):
        words = text(number + 1)
        reader.evaluate("words => { window.wanted = words; }", words)
        began_wall, began = time.time(), time.monotonic()
        send(first, words)
        hops.append((arrivals.next()[0] - began) * 1000)
        reader.evaluate("() => until(() => noted[wanted])")
        shown.append(float(reader.evaluate("noted[wanted]")) - began_wall * 1000)
    for number in range(messages):
        words = f"typed {number}"
        writer.evaluate("words => { window.wanted = words; }", words)
        writer.locator(".composer textarea").focus()
        writer.keyboard.insert_text(words)
        writer.keyboard.press("Enter")
        writer.evaluate("() => until(() => noted[wanted])")
        typed.append(float(writer.evaluate("noted[wanted] - noted.enter")))
        arrivals.next()
    beyond = [there - hop for there, hop in zip(shown, hops, strict=True)]
    yield Row("page", "one hop to an event of the API, p50", percentile(hops, 0.5), "ms")
    yield Row("page", "one hop to the other screen, p50", percentile(shown, 0.5), "ms")
    yield Row("page", "of it beyond the event, p50", percentile(beyond, 0.5), "ms", "aim 60")
    yield Row("page", "the same, p95", percentile(beyond, 0.95), "ms")
    yield Row("page", "from Enter to one's own screen, p50", percentile(typed, 0.5), "ms", "aim 50")
    yield Row("page", "the same, p95", percentile(typed, 0.95), "ms")


def idle(node: Node, browser: Browser, page: Page, seconds: float) -> Iterator[Row]:
    """The cost of both while nothing happens."""
    page.wait_for_timeout(RESTS_S * 1000)
    before = cpu_seconds(node.pid), renderer_seconds(browser)
    page.wait_for_timeout(seconds * 1000)
    after = cpu_seconds(node.pid), renderer_seconds(browser)
    for who, was, then in zip(("daemon", "page"), before, after, strict=True):
        share = (then - was) / seconds * 100
        yield Row(who, "idle with the page open", share, "% of a core", "aim 0.5")


def renderer_seconds(browser: Browser) -> float:
    """Processor time of all that draws pages in a browser."""
    session = browser.new_browser_cdp_session()
    told = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return sum(float(each["cpuTime"]) for each in told if each["type"] == "renderer")


def fill(node: Node, count: int) -> None:
    """Write notes to oneself."""
    for begun in range(0, count, API_BATCH_MESSAGES_MAX):
        notes = [
            Outgoing(contact="me", text=f"note {begun + each}, and a few more words of it")
            for each in range(min(API_BATCH_MESSAGES_MAX, count - begun))
        ]
        node.client.ask(SendMessages(messages=notes), SentMessages)


def memory(node: Node, page: Page) -> Iterator[Row]:
    """The tab after many events and switches of conversation, beside its start.

    It begins where as many messages are at hand as the page ever keeps: what grows then is a leak.
    """
    switch(page, 20)
    fill(node, AT_HAND)
    switch(page, 20)
    before = heap_bytes(page)
    fill(node, EVENTS)
    switch(page, SWITCHES)
    after = heap_bytes(page)
    note = f"{before / 1e6:.1f} MB at the start; aim 20"
    what = f"heap after {EVENTS:,} events and {SWITCHES} switches"
    yield Row("page", what, (after / before - 1) * 100, "% more", note)


def switch(page: Page, times: int) -> None:
    """Go from one conversation to another and back."""
    page.evaluate(
        """async (times) => { for (let n = 0; n < times; n += 1) {
          location.hash = n % 2 ? "#/c/2" : "#/c/1";
          await new Promise((resolve) => setTimeout(resolve, 40));
        } }""",
        times,
    )
    page.wait_for_timeout(SETTLES_S * 1000)


def heap_bytes(page: Page) -> float:
    """Bytes that JavaScript still uses after a collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    usage = session.send("Runtime.getHeapUsage")
    session.detach()
    return float(usage["usedSize"])


def scroll(page: Page, history: int) -> Iterator[Row]:
    """Up through a long history, by each frame a bit."""
    go(page, "#/c/1")
    page.evaluate("() => until(() => document.querySelectorAll('.message').length > 40)")
    page.wait_for_timeout(SETTLES_S * 1000)
    told = page.evaluate("seconds => scrollThrough(seconds)", SCROLL_S)
    frames = [float(each) for each in told["frames"]]
    what = f"{history:,} messages, scrolled for {SCROLL_S} s"
    slow = sum(each > FRAME_MS for each in frames)
    yield Row("page", f"{what}: frames over {FRAME_MS} ms", slow, f"of {len(frames)}", "aim 0")
    yield Row("page", f"{what}: longest frame", max(frames), "ms")
    yield Row("page", f"{what}: tasks over {FRAME_MS} ms", len(told["tasks"]), "tasks")
    yield Row("page", f"{what}: messages in the DOM", told["shown"], "", "at most 200")
