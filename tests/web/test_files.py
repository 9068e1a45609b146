"""Files in the page, between two real laptops, by keyboard."""

import random
import re
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect

from mesh.commands.files import FileAnswer
from mesh.commands.item_commands import AskItems
from mesh.commands.items import ItemsAnswer
from mesh.limits.content import FILES_MAX
from mesh.limits.direct_files import FILE_BEGUN_BYTES_MAX
from mesh.limits.files import CARRIED_BYTES_MAX
from mesh.limits.pictures import PICTURE_BYTES_MAX
from tests.integration.nodes import Node, eventually
from tests.integration.test_files import shape
from tests.web import conftest, screens
from tests.web.chatting import ANSWERS_LATE, TWO_FRAMES, bubble, faults_of, quicken, save_soon, say
from tests.web.chromium import Laptops, go
from tests.web.test_in_step import until

pytestmark = [pytest.mark.netns, pytest.mark.slow]

pair = conftest.lasting_pair

MAP: Final = random.Random(19).randbytes(900_000)
"""Fourteen blocks that no compression makes fewer."""

ARRIVES_MS: Final = 90_000
"""Blocks wait for the stamp of a posting key, which is looked for once a minute."""

DROP: Final = """([names, selector]) => {
  const data = new DataTransfer();
  for (const name of names) data.items.add(new File([`of ${name}`], name, { type: "text/plain" }));
  const place = document.querySelector(selector);
  for (const type of ["dragover", "drop"])
    place.dispatchEvent(
      new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""
PASTE: Final = """([name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File(["of " + name], name, { type: "text/plain" }));
  if (text) data.setData("text/plain", text);
  document.activeElement.dispatchEvent(
    new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}"""


def attach(page: Page, *files: Path) -> None:
    """Choose files by the key for it; they stand above the field then."""
    choose(page, *files)
    for file in files:
        expect(chip(page, file.name).first).to_be_visible()
    expect(page.locator(".composer textarea")).to_be_focused()


def choose(page: Page, *files: Path) -> None:
    """Choose files by the key for it, which may be refused."""
    with page.expect_file_chooser() as chosen:
        # Strokes reach the page by another way than this order, and may be faster.
        page.evaluate("0")
        page.keyboard.press("Control+u")
    chosen.value.set_files([str(file) for file in files])


def choose_after_a_while(page: Page, file: Path) -> None:
    """Choose a file by the key for it, when the browser has thrown away what nobody holds."""
    browser = page.context.new_cdp_session(page)
    browser.send("Page.enable")
    browser.send("Page.setInterceptFileChooserDialog", {"enabled": True})
    asked: list[int] = []
    browser.on("Page.fileChooserOpened", lambda told: asked.append(told["backendNodeId"]))
    page.keyboard.press("Control+u")
    eventually(
        lambda: page.evaluate("1") and len(asked),
        lambda count: count == 1,
        within_s=60,
        what="the question for a file",
    )
    browser.send("HeapProfiler.collectGarbage")
    browser.send("DOM.setFileInputFiles", {"files": [str(file)], "backendNodeId": asked[0]})
    browser.detach()


def card(page: Page, name: str) -> Locator:
    """The card of a file in a message."""
    return page.locator(".message .file").filter(has=page.get_by_title(name, exact=True))


def chip(page: Page, name: str) -> Locator:
    """A file that goes with what is written next."""
    return page.locator(".attached li").filter(has=page.get_by_title(name, exact=True))


def files_of(node: Node) -> list[FileAnswer]:
    """All files in the first conversation with somebody."""
    page = node.client.ask(AskItems("2"), ItemsAnswer)
    return [file for item in page.items for file in item.files]


def written(folder: Path, name: str, data: bytes = MAP) -> Path:
    """Write a file on the laptop of a person."""
    path = folder / name
    path.write_bytes(data)
    return path


def test_a_file_goes_over_and_is_saved(chat: tuple[Page, Page], tmp_path: Path) -> None:
    mine, theirs = chat
    file = written(tmp_path, "the map of the valley.pdf")
    attach(mine, file)
    expect(chip(mine, file.name)).to_contain_text("879 KiB")
    expect(mine.locator(".composer textarea")).to_be_focused()
    say(mine, "The way")
    expect(mine.locator(".attached")).to_have_count(0)
    expect(card(mine, file.name)).to_be_visible()
    save = card(theirs, file.name).get_by_role("button", name=f"Save {file.name}")
    expect(save).to_be_visible(timeout=ARRIVES_MS)
    save.press("Enter")
    expect(theirs.get_by_role("dialog")).to_contain_text("Nobody has looked into it")
    expect(theirs.get_by_role("button", name="Cancel")).to_be_focused()
    theirs.keyboard.press("Tab")
    with theirs.expect_download() as saved:
        theirs.keyboard.press("Enter")
    assert saved.value.suggested_filename == file.name
    assert saved.value.path().read_bytes() == MAP
    told = card(mine, file.name).locator(".told")
    expect(told).to_have_text("opened on their device", timeout=ARRIVES_MS)
    expect(card(mine, file.name).get_by_role("progressbar")).to_have_count(0)


def test_files_are_chosen_dropped_pasted_and_taken_away(
    chat: tuple[Page, Page], tmp_path: Path
) -> None:
    mine, theirs = chat
    kept = written(tmp_path, "kept.txt", b"of kept.txt")
    choose_after_a_while(mine, kept)
    expect(chip(mine, kept.name)).to_be_visible()
    mine.get_by_role("button", name="Remove kept.txt").press("Enter")
    expect(mine.locator(".attached")).to_have_count(0)
    mine.evaluate(DROP, [["one.txt", "two.txt"], ".stream"])
    expect(mine.locator(".attached li")).to_have_count(2)
    expect(mine.locator(".composer textarea")).to_be_focused()
    mine.evaluate(PASTE, ["three.txt", ""])
    expect(mine.locator(".attached li")).to_have_count(3)
    # Words that were copied along are what was meant.
    mine.evaluate(PASTE, ["four.txt", "words"])
    expect(mine.locator(".attached li")).to_have_count(3)
    expect(mine.locator(".attached progress")).to_have_count(0)
    mine.get_by_role("button", name="Remove two.txt").press("Enter")
    expect(mine.locator(".composer textarea")).to_be_focused()
    expect(mine.locator(".attached li")).to_have_count(2)
    # Without a word: files alone are a message too.
    mine.keyboard.press("Enter")
    for name in ("one.txt", "three.txt"):
        save = card(theirs, name).get_by_role("button", name=f"Save {name}")
        expect(save).to_be_visible(timeout=ARRIVES_MS)
    expect(card(theirs, "two.txt")).to_have_count(0)
    expect(theirs.locator(".list .row[aria-current]")).to_contain_text("one.txt")
    # More than a message may have are refused together, and none of them is taken.
    mine.evaluate(DROP, [[f"{n}.txt" for n in range(FILES_MAX + 1)], ".stream"])
    expect(mine.get_by_role("dialog")).to_contain_text(f"at most {FILES_MAX} files")
    expect(mine.locator(".attached")).to_have_count(0)


def test_what_is_too_large_is_said_at_once_with_what_helps(my_chat: Page, tmp_path: Path) -> None:
    mine = my_chat
    choose(mine, written(tmp_path, "wall.png", bytes(PICTURE_BYTES_MAX + 1)))
    dialog = mine.get_by_role("dialog")
    expect(dialog).to_contain_text("wall.png")
    expect(dialog).to_contain_text("a picture 25 MB")
    mine.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    expect(mine.locator(".attached")).to_have_count(0)


def test_a_large_file_goes_from_node_to_node(chat: tuple[Page, Page], tmp_path: Path) -> None:
    mine, theirs = chat
    tape = random.Random(20).randbytes(CARRIED_BYTES_MAX + 700_000)
    attach(mine, written(tmp_path, "tape.bin", tape))
    expect(mine.get_by_text("Who listens on the network sees")).to_be_visible()
    say(mine, "Listen")
    save = card(theirs, "tape.bin").get_by_role("button", name="Save tape.bin")
    expect(save).to_be_visible(timeout=ARRIVES_MS)
    expect(card(mine, "tape.bin").locator(".told")).to_have_text("all of it given")
    save.press("Enter")
    expect(theirs.get_by_role("button", name="Cancel")).to_be_focused()
    theirs.keyboard.press("Tab")
    with theirs.expect_download() as saved:
        theirs.keyboard.press("Enter")
    assert saved.value.path().read_bytes() == tape
    # One that nobody can take yet is kept back and goes on by its buttons.
    attach(mine, written(tmp_path, "film.bin", bytes(FILE_BEGUN_BYTES_MAX + 1)))
    say(mine, "Watch")
    expect(card(theirs, "film.bin")).to_contain_text("not fetched yet", timeout=ARRIVES_MS)
    mine.evaluate(ANSWERS_LATE, "/v1/files/\\d+/pause$")
    pause = card(mine, "film.bin").get_by_role("button", name="Pause film.bin")
    pause.press("Enter")
    expect(card(mine, "film.bin")).to_contain_text("paused")
    # An event tells it: who goes on before the answer is here is heard, and stays so.
    card(mine, "film.bin").get_by_role("button", name="Go on giving film.bin").press("Enter")
    expect(pause).to_be_visible()
    mine.evaluate("window.answer()")
    mine.wait_for_timeout(500)
    expect(pause).to_be_visible()
    card(theirs, "film.bin").get_by_role("button", name="Fetch film.bin", exact=True).press("Enter")
    last = card(theirs, "film.bin").get_by_role("button", name="Save film.bin")
    expect(last).to_be_visible(timeout=ARRIVES_MS)


def test_nothing_attached_is_lost_when_the_daemon_begins_anew(
    chat: tuple[Page, Page], pair: tuple[Node, Node], tmp_path: Path
) -> None:
    mine, theirs = chat
    mine.evaluate("""async () => { await (await import("/app/later.js")).fetchAll(); }""")
    pair[0].kill()
    expect(mine.locator(".banner.danger")).to_be_visible()
    attach(mine, written(tmp_path, "early.bin", b"early"))
    expect(chip(mine, "early.bin")).to_contain_text("Mesh does not take it yet")
    expect(chip(mine, "early.bin").get_by_role("alert")).to_contain_text("keep this page open")
    mine.locator(".composer textarea").focus()
    say(mine, "both")
    expect(bubble(mine, "both")).to_contain_text("Not saved yet")
    attach(mine, written(tmp_path, "next.bin", b"next"))
    expect(chip(mine, "next.bin").get_by_role("alert")).to_be_visible()
    pair[0].start()
    pair[0].wait_until_up()
    expect(bubble(theirs, "both").locator(".file")).to_have_count(1, timeout=60_000)
    expect(card(theirs, "early.bin")).to_be_visible()
    expect(chip(mine, "next.bin").get_by_role("alert")).to_have_count(0)
    expect(chip(mine, "next.bin").get_by_role("progressbar")).to_have_count(0)
    # What was handed over and forgotten meanwhile is handed over again.
    mine.locator(".composer textarea").focus()
    mine.evaluate("""async () => {
      const { state } = await import("/app/state.js");
      const [[entry]] = state.attached.values();
      const { post } = await import("/app/api.js");
      await post(`/v1/files/${entry.number}/cancel`); }""")
    mine.keyboard.press("Enter")
    expect(card(theirs, "next.bin")).to_be_visible()


def test_what_a_lock_broke_off_is_handed_over_after_it(
    chat: tuple[Page, Page], pair: tuple[Node, Node], tmp_path: Path
) -> None:
    mine, theirs = chat
    held: list[Route] = []
    mine.route("**/v1/files?*", lambda route: held.append(route))
    attach(mine, written(tmp_path, "plan.bin", b"plan"))
    expect(chip(mine, "plan.bin").get_by_role("progressbar")).to_be_visible()
    pair[0].kill()
    pair[0].start("--locked")
    expect(mine.get_by_role("heading", name="Locked")).to_be_visible()
    assert len(held) == 1
    mine.unroute("**/v1/files?*")
    pair[0].run("unlock")
    expect(chip(mine, "plan.bin")).to_be_visible()
    expect(chip(mine, "plan.bin").get_by_role("alert")).to_have_count(0)
    expect(chip(mine, "plan.bin").get_by_role("progressbar")).to_have_count(0)
    mine.locator(".composer textarea").focus()
    mine.keyboard.press("Enter")
    expect(card(theirs, "plan.bin")).to_be_visible()


def test_a_part_that_does_not_come_is_told_and_comes_when_asked_again(
    chat: tuple[Page, Page],
) -> None:
    page = chat[0]
    begun: list[Request] = []
    failed: list[Request] = []

    def break_off(route: Route) -> None:
        begun.append(route.request)
        route.abort()

    page.on("requestfailed", lambda request: failed.append(request))
    page.route("**/screens/cards.js", break_off)
    page.reload()
    go(page, "#/chats")
    page.get_by_role("link", name="Note to self").press("Enter")
    page.get_by_role("button", name="Add", exact=True).press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Mesh does not answer")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.unroute("**/screens/cards.js")
    # Each drawing asks for it too: what is pressed is not to wait for a try that was broken off.
    eventually(
        lambda: (page.evaluate(TWO_FRAMES), [one for one in begun if one not in failed])[1],
        lambda left: not left,
        within_s=60,
        what="the end of all that was broken off",
    )
    page.get_by_role("button", name="Add", exact=True).press("Enter")
    expect(page.get_by_role("menuitem", name="Poll")).to_be_visible()


def test_a_file_is_paused_fetched_and_given_up(
    chat: tuple[Page, Page], pair: tuple[Node, Node], tmp_path: Path
) -> None:
    mine, theirs = chat
    # All of it takes half a minute: time enough for a pause on a busy machine.
    shape(pair[0].namespace, "256kbit")
    file = written(tmp_path, "map.bin")
    attach(mine, file)
    mine.keyboard.press("Enter")
    there = card(theirs, file.name)
    there.get_by_role("button", name="Pause map.bin").press("Enter", timeout=ARRIVES_MS)
    expect(there).to_contain_text("of 14 here · paused")
    bar = there.get_by_role("progressbar")
    expect(bar).to_have_attribute("max", "14")
    until(
        theirs,
        lambda: bar.get_attribute("value") == str(files_of(pair[1])[0].here_count),
        "a bar that shows what is there",
    )
    [paused] = files_of(pair[1])
    assert paused.state == "paused"
    assert paused.here_count < paused.blocks_count == 14
    quicken(pair[0].namespace)
    there.get_by_role("button", name="Do not fetch map.bin").press("Enter")
    expect(there).to_contain_text("not fetched")
    there.get_by_role("button", name="Fetch map.bin", exact=True).press("Enter")
    # Each block moves the bar, and the message is the same element throughout.
    there.evaluate("element => { element.mark = 1; }")
    until(theirs, lambda: files_of(pair[1])[0].state == "here", "the whole file")
    expect(there.get_by_role("button", name="Save map.bin")).to_be_visible()
    assert there.evaluate("element => element.mark") == 1


def test_names_of_others_are_shown_and_saved_safely(
    their_chat: Page, pair: tuple[Node, Node], tmp_path: Path
) -> None:
    theirs = their_chat
    names = ["<img src=x>.png", "photo\u202egpj.exe", "n" * 120 + ".tar.gz", ".hidden", "مسند.pdf"]
    safe = ["_img src=x_.png", "photo gpj.exe", "n" * 120 + ".tar.gz", "hidden", "مسند.pdf"]
    files = [str(written(tmp_path, name, name.encode())) for name in names]
    chosen = [each for file in files for each in ("--file", file)]
    pair[0].run("send", pair[1].name, "look", *chosen)
    cards = bubble(theirs, "look").locator(".file")
    saves = cards.get_by_role("button", name="Save")
    expect(saves).to_have_count(len(names), timeout=ARRIVES_MS)
    assert theirs.get_by_role("log").locator("img").count() == 0
    for place, name in enumerate(safe):
        assert "\u202e" not in cards.nth(place).inner_text()
        saves.nth(place).press("Enter")
        with theirs.expect_download() as saved:
            theirs.get_by_role("dialog").get_by_role("button", name="Save").press("Enter")
        expect(theirs.get_by_role("dialog")).to_have_count(0)
        assert saved.value.suggested_filename == name
        assert saved.value.path().read_bytes() == names[place].encode()


def test_nothing_of_it_is_too_wide_or_unreadable(chat: tuple[Page, Page], tmp_path: Path) -> None:
    mine, theirs = chat
    long = written(tmp_path, "shelter-register-school-" + "x" * 80 + "-final.pdf", b"%PDF " * 9000)
    attach(mine, long, written(tmp_path, "a.zip", b"PK"))
    say(mine, "The list")
    save = card(theirs, long.name).get_by_role("button", name="Save")
    expect(save).to_be_visible(timeout=ARRIVES_MS)
    attach(mine, long)
    theirs.locator(".composer textarea").focus()
    attach(theirs, long, long, long)
    faults: list[str] = []
    for page in (mine, theirs):
        for variant in screens.FEW:
            page.set_viewport_size({"width": variant.width, "height": variant.height})
            page.emulate_media(color_scheme=variant.theme, reduced_motion="reduce")  # type: ignore[arg-type]  # a theme of ours
            faults += faults_of(page, f"files at {variant.name}")
    save.press("Enter")
    expect(theirs.get_by_role("dialog")).to_be_visible()
    faults += faults_of(theirs, "saving")
    assert faults == []


def test_a_file_waits_with_its_text_and_comes_back_with_it(
    chat: tuple[Page, Page], pair: tuple[Node, Node], tmp_path: Path
) -> None:
    mine, theirs = chat
    attach(mine, written(tmp_path, "plan.bin"))
    expect(chip(mine, "plan.bin").locator("progress")).to_have_count(0)
    send_later(mine)
    expect(mine.get_by_role("dialog")).to_contain_text("plan.bin")
    mine.keyboard.press("Enter")
    # What waits may be told before the answer that closes the form.
    expect(mine.get_by_role("dialog")).to_have_count(0)
    strip = mine.get_by_role("button", name=re.compile("^1 message waits"))
    strip.press("Enter")
    expect(mine.get_by_role("dialog")).to_contain_text("plan.bin")
    mine.get_by_role("button", name="Do not send: plan.bin").press("Enter")
    # What was not sent is attached again.
    expect(chip(mine, "plan.bin")).to_be_visible()
    expect(mine.get_by_role("dialog")).to_have_count(0)
    send_later(mine)
    save_soon(mine, lambda: mine.keyboard.press("Enter"))
    expect(card(theirs, "plan.bin")).to_be_visible(timeout=60_000)
    expect(strip).to_have_count(0)


def send_later(page: Page) -> None:
    """Open the form for when what is typed and attached is sent."""
    page.get_by_role("button", name="Add", exact=True).press("Enter")
    page.get_by_role("menuitem", name=re.compile("^Send later")).press("Enter")
    # What is pressed before is for what had the focus.
    expect(page.get_by_label("When")).to_be_focused()


def test_a_file_that_came_is_sent_on(
    chat: tuple[Page, Page], pair: tuple[Node, Node], tmp_path: Path
) -> None:
    mine, theirs = chat
    attach(mine, written(tmp_path, "plan.bin"))
    mine.keyboard.type("The plan")
    mine.keyboard.press("Enter")
    got = bubble(theirs, "The plan")
    expect(got.get_by_role("button", name="Save plan.bin")).to_be_visible(timeout=60_000)
    got.click(button="right")
    theirs.get_by_role("menuitem", name="Forward").press("Enter")
    theirs.get_by_role("checkbox", name="Note to self").press("Space")
    theirs.get_by_role("button", name="Forward").press("Enter")
    expect(theirs.get_by_role("dialog")).to_have_count(0)
    theirs.get_by_role("link", name=re.compile("^Note to self")).first.click()
    expect(card(theirs, "plan.bin")).to_be_visible()
    kept = pair[1].client.ask(AskItems("me"), ItemsAnswer).items[-1]
    assert [(file.name, file.state) for file in kept.files] == [("plan.bin", "here")]
    assert kept.forwarded == ""


SLOW: Final = """async () => {
  const { ask } = await import("/app/api.js");
  const { piecesOf } = await import("/app/transfers.js");
  // The network alone is slow: eight pieces, one in each 300 ms, and then it waits for so long.
  const plain = window.fetch;
  const slowly = (last) => (address, asked) => address !== "/slow" ? plain(address, asked)
  : new Response(new ReadableStream({
    async start(stream) {
      asked.signal.addEventListener("abort", () => stream.error(asked.signal.reason));
      for (let piece = 0; piece < 8; piece += 1) {
        await new Promise((resolve) => setTimeout(resolve, 300));
        try { stream.enqueue(new Uint8Array(1000)); } catch { return; }
      }
      setTimeout(() => stream.close(), last);
    },
  }));
  const read = async (last, silence) => {
    window.fetch = slowly(last);
    let count = 0;
    try {
      const answer = await ask("GET", "/slow", { raw: true, streams: true, seconds: 1 });
      for await (const piece of piecesOf(answer, silence)) count += piece.length;
    } catch (problem) { return [count, problem.type]; }
    return [count, ""];
  };
  return [await read(100, 1), await read(5000, 1)];
}"""
LARGE: Final = """async () => {
  const { saveFile } = await import("/app/screens/files.js");
  // A chosen file, as a browser has it: what is written stands there when it is closed.
  const place = { kept: [], createWritable: async () => {
    const written = [];
    return {
      write: async (piece) => { written.push(piece); },
      close: async () => { place.kept = written; },
      abort: async () => {},
    };
  } };
  window.showSaveFilePicker = async ({ suggestedName }) => { place.wanted = suggestedName;
    return place; };
  const piece = new Uint8Array(1 << 20).fill(7);
  let left = 40;
  // The page asks for more than the file while it begins.
  const plain = window.fetch;
  const only = (answer) => (address, asked) =>
    address === "/v1/files/1" ? answer() : plain(address, asked);
  window.fetch = only(async () => new Response(new ReadableStream({
    pull(stream) { left ? stream.enqueue(piece) : stream.close(); left -= 1; },
  })));
  const file = { number: 1, name: "../film.mkv", size: 40 << 20, is_mine: true };
  await saveFile({ title: "Ben" }, {}, file);
  const size = () => place.kept.reduce((sum, each) => sum + each.length, 0);
  const [kept, isSame] = [size(), place.kept.every((each) => each.every((byte) => byte === 7))];
  window.fetch = only(async () => new Response(new ReadableStream({
    pull(stream) { stream.error(new Error("cut")); },
  })));
  const saving = saveFile({ title: "Ben" }, {}, file);
  const failed = await saving.then(() => "", (problem) => problem.type);
  return [place.wanted, kept, isSame, failed, size()];
}"""


def test_a_large_file_is_saved_as_it_comes_however_long_that_takes(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    page = laptops.beside(pair[0]).page()
    assert page.evaluate(SLOW) == [[8_000, ""], [8_000, "timeout"]]
    page.reload()
    saved = page.evaluate(LARGE)
    assert saved == ["film.mkv", 40 << 20, True, "silent", 40 << 20]
