"""Pictures and voice notes in the page, between two real laptops, by keyboard."""

import io
import re
import time
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Locator, Page, Request, Route, expect

from mesh.commands.files import FileAnswer
from mesh.commands.item_commands import RetractItem
from mesh.commands.items import ItemAnswer
from tests.integration.nodes import Node, eventually
from tests.integration.test_files import shape
from tests.web import conftest, screens
from tests.web.chatting import TWO_FRAMES, bubble, faults_of, quicken, say
from tests.web.chromium import go
from tests.web.test_files import ARRIVES_MS, attach, card, files_of, written

pytestmark = [pytest.mark.netns, pytest.mark.slow]

pair = conftest.lasting_pair


def photo(
    *, width: int = 1600, height: int = 1000, form: str = "JPEG", sun: str = "#f6e8d5"
) -> bytes:
    """A bridge over water, with words in it that say where it was taken."""
    drawn = Image.new("RGB", (width, height), "#c9d2dc")
    pen = ImageDraw.Draw(drawn)
    pen.rectangle((0, height * 0.6, width, height), fill="#6d8296")
    pen.ellipse((width * 0.7, height * 0.1, width * 0.8, height * 0.28), fill=sun)
    pen.line((width * 0.1, height * 0.6, width * 0.9, height * 0.6), fill="#4b4640", width=40)
    exif = Image.Exif()
    exif[0x010E] = "taken at the old mill"
    made = io.BytesIO()
    drawn.save(made, form, exif=exif)
    return made.getvalue()


def in_stream(page: Page, name: str = "") -> Locator:
    """The pictures of messages, or that with these words."""
    return page.locator(".message .picture img" + (f'[alt="{name}"]' if name else ""))


def is_drawn(image: Locator) -> None:
    """Wait until a picture shows what the daemon drew."""
    expect(image).to_have_attribute("src", re.compile("^blob:"), timeout=ARRIVES_MS)
    # What is sent becomes another element once it is taken, which is drawn anew.
    expect(image).to_have_js_property("complete", value=True)
    expect(image).not_to_have_js_property("naturalWidth", 0)


def test_a_picture_is_seen_opened_and_saved(chat: tuple[Page, Page], tmp_path: Path) -> None:
    mine, theirs = chat
    attach(mine, written(tmp_path, "mill.jpg", photo()))
    say(mine, "Water at noon")
    attach(mine, written(tmp_path, "sun.png", photo(form="PNG", sun="#ff0000")))
    mine.keyboard.press("Enter")
    for page in chat:
        is_drawn(in_stream(page, "Water at noon"))
    # Its room is kept before it is there.
    image = in_stream(theirs, "Water at noon")
    assert image.evaluate("image => [image.width, image.height]") == [320, 200]
    is_drawn(in_stream(theirs).nth(1))
    expect(theirs.locator(".list .row[aria-current]")).to_contain_text("Picture")
    opened = theirs.get_by_role("button", name="Open: Water at noon")
    opened.focus()
    theirs.keyboard.press("Enter")
    viewer = theirs.get_by_role("dialog", name="Picture")
    expect(viewer.get_by_role("img")).to_have_attribute("alt", "Water at noon")
    expect(viewer.get_by_role("img")).to_have_js_property("naturalWidth", 1600)
    expect(viewer).to_contain_text("1 of 2")
    theirs.keyboard.press("ArrowRight")
    expect(viewer).to_contain_text("2 of 2")
    expect(viewer.get_by_role("img")).to_have_attribute("alt", re.compile("^Picture from Anna"))
    theirs.keyboard.press("ArrowLeft")
    expect(viewer).to_contain_text("1 of 2")
    expect(viewer.get_by_role("button", name="Close")).to_be_focused()
    theirs.keyboard.press("Tab")
    theirs.keyboard.press("Enter")
    expect(theirs.get_by_role("button", name="Cancel")).to_be_focused()
    theirs.keyboard.press("Tab")
    with theirs.expect_download() as saved:
        theirs.keyboard.press("Enter")
    assert saved.value.suggested_filename == "mill.jpg"
    kept = saved.value.path().read_bytes()
    assert Image.open(io.BytesIO(kept)).size == (1600, 1000)
    assert b"old mill" not in kept
    theirs.keyboard.press("Escape")
    expect(theirs.get_by_role("dialog")).to_have_count(0)


def test_a_picture_that_could_not_be_had_is_asked_for_again(
    chat: tuple[Page, Page], tmp_path: Path
) -> None:
    mine, theirs = chat
    broken: list[Request] = []

    def break_off(route: Route) -> None:
        # Once while it comes, once when all of it is here, and once again.
        if len(broken) == 3:
            route.fallback()
        else:
            broken.append(route.request)
            route.abort()

    theirs.route("**/v1/files/*/picture?side=320", break_off)
    attach(mine, written(tmp_path, "mill.jpg", photo()))
    say(mine, "Water at noon")
    is_drawn(in_stream(theirs, "Water at noon"))
    assert len(broken) == 3


def test_a_picture_that_is_taken_back_is_shown_no_longer(
    chat: tuple[Page, Page], pair: tuple[Node, Node], tmp_path: Path
) -> None:
    mine, theirs = chat
    for name, words in (("mill.jpg", "Water at noon"), ("sun.jpg", "Sun over the mill")):
        attach(mine, written(tmp_path, name, photo()))
        say(mine, words)
        is_drawn(in_stream(theirs, words))
    theirs.get_by_role("button", name="Open: Sun over the mill").press("Enter")
    viewer = theirs.get_by_role("dialog", name="Picture")
    expect(viewer).to_contain_text("2 of 2")
    expect(viewer.get_by_role("img")).to_have_js_property("naturalWidth", 1600)
    addresses = [
        viewer.get_by_role("img").get_attribute("src"),
        in_stream(theirs, "Sun over the mill").get_attribute("src"),
    ]
    pair[0].client.ask(RetractItem(files_of(pair[0])[-1].item), ItemAnswer)
    expect(viewer).to_contain_text("It is not there any more.")
    expect(viewer.get_by_role("img")).to_have_count(0)
    # The browser holds none of it, in either size.
    held = """(addresses) => Promise.all(addresses.map((one) => new Promise((told) => {
      const image = new Image();
      image.onload = () => told(true);
      image.onerror = () => told(false);
      image.src = one; })))"""
    assert theirs.evaluate(held, addresses) == [False, False]
    theirs.keyboard.press("Escape")


def test_files_and_pictures_of_a_chat_stand_beside_it(
    chat: tuple[Page, Page], pair: tuple[Node, Node], tmp_path: Path
) -> None:
    mine, theirs = chat
    attach(mine, written(tmp_path, "mill.jpg", photo()))
    say(mine, "Water at noon")
    attach(mine, written(tmp_path, "list.txt", b"boats"))
    say(mine, "What we need")
    is_drawn(in_stream(theirs, "Water at noon"))
    saves = card(theirs, "list.txt").get_by_role("button", name="Save list.txt")
    expect(saves).to_be_visible(timeout=ARRIVES_MS)
    theirs.get_by_role("link", name="Person").press("Enter")
    theirs.get_by_role("link", name="Show: Files and pictures").press("Enter")
    kept = theirs.get_by_role("list", name="Files and pictures").get_by_role("listitem")
    expect(kept).to_have_count(2)
    expect(kept.nth(0)).to_contain_text("list.txt")
    expect(kept.nth(0)).to_contain_text("5 B")
    expect(kept.nth(1)).to_contain_text("mill.jpg")
    expect(kept.nth(1)).to_contain_text("Anna")
    is_drawn(kept.nth(1).get_by_role("img"))
    # One stop of the Tab key: arrows lead among them, and Tab into the one that has the focus.
    expect(theirs.get_by_role("link", name="Back", exact=True)).to_be_focused()
    kept.nth(0).focus()
    theirs.keyboard.press("ArrowDown")
    expect(kept.nth(1)).to_be_focused()
    theirs.keyboard.press("Tab")
    theirs.keyboard.press("Enter")
    viewer = theirs.get_by_role("dialog", name="Picture")
    expect(viewer).to_contain_text("1 of 1")
    expect(viewer.get_by_role("img")).to_have_js_property("naturalWidth", 1600)
    theirs.keyboard.press("Escape")
    expect(viewer).to_have_count(0)
    kept.nth(0).get_by_role("button", name="Save list.txt").press("Enter")
    theirs.get_by_role("button", name="Save", exact=True).focus()
    with theirs.expect_download() as saved:
        theirs.keyboard.press("Enter")
    assert saved.value.path().read_bytes() == b"boats"
    faults: list[str] = []
    for variant in screens.FEW:
        theirs.set_viewport_size({"width": variant.width, "height": variant.height})
        theirs.emulate_media(color_scheme=variant.theme, reduced_motion="reduce")  # type: ignore[arg-type]  # a theme of ours
        faults += faults_of(theirs, f"files and pictures at {variant.name}")
    assert faults == []
    theirs.set_viewport_size({"width": 1280, "height": 800})
    # What comes and what is taken back shows at once.
    pair[0].run("send", pair[1].name, "late", "--file", str(tmp_path / "list.txt"))
    expect(kept).to_have_count(3)
    pair[0].client.ask(RetractItem(files_of(pair[0])[-1].item), ItemAnswer)
    expect(kept).to_have_count(2)
    kept.nth(1).focus()
    theirs.keyboard.press("Enter")
    expect(kept).to_have_count(0)
    expect(bubble(theirs, "Water at noon")).to_be_in_viewport()


def test_a_picture_shows_its_preview_until_it_is_whole(
    chat: tuple[Page, Page], pair: tuple[Node, Node], tmp_path: Path
) -> None:
    mine, theirs = chat
    # Half a minute for all of it, in which one has to find the button.
    shape(pair[0].namespace, "256kbit")
    noise = Image.effect_noise((1400, 1000), 90).convert("RGB")
    made = io.BytesIO()
    noise.save(made, "JPEG", quality=80)
    attach(mine, written(tmp_path, "noise.jpg", made.getvalue()))
    mine.keyboard.press("Enter")
    there = theirs.locator(".message .picture")
    there.get_by_role("button", name="Pause noise.jpg").press("Enter", timeout=ARRIVES_MS)
    expect(there).to_contain_text("paused")
    expect(there.locator(".colours rect")).to_have_count(9)
    is_drawn(there.locator("img"))
    small = there.locator("img").get_attribute("src")
    expect(there.get_by_role("button", name=re.compile("^Open"))).to_have_count(0)
    quicken(pair[0].namespace)
    there.get_by_role("button", name="Fetch noise.jpg", exact=True).press("Enter")
    expect(there.get_by_role("button", name=re.compile("^Open"))).to_be_visible(timeout=ARRIVES_MS)
    expect(there.locator("img")).not_to_have_attribute("src", str(small))
    expect(there.get_by_role("progressbar")).to_have_count(0)


def test_a_picture_as_narrow_as_a_rope_is_no_higher_than_others(
    my_chat: Page, tmp_path: Path
) -> None:
    mine = my_chat
    for name, width, height in (("rope.png", 40, 2000), ("shelf.png", 2000, 40)):
        attach(mine, written(tmp_path, name, photo(width=width, height=height, form="PNG")))
        say(mine, name)
        image = in_stream(mine, name)
        is_drawn(image)
        box = image.bounding_box()
        assert box is not None
        assert box["width"] <= 320
        assert 32 <= box["height"] <= 320


def test_what_only_says_that_it_is_a_picture_is_a_file(
    their_chat: Page, pair: tuple[Node, Node], tmp_path: Path
) -> None:
    theirs = their_chat
    fake = written(tmp_path, "fake.png", b"<svg onload=alert(1)>" * 9)
    pair[0].run("send", pair[1].name, "look", "--file", str(fake))
    expect(card(theirs, "fake.png").get_by_role("button", name="Save")).to_be_visible(
        timeout=ARRIVES_MS
    )
    assert theirs.get_by_role("log").locator("img").count() == 0


def record(page: Page, milliseconds: int) -> None:
    """Record a voice note by the keyboard, and stop."""
    page.get_by_role("button", name="Record a voice note").press("Enter")
    expect(page.get_by_role("button", name="Stop recording")).to_be_focused()
    page.wait_for_timeout(milliseconds)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Send the voice note")).to_be_focused()


PLAYS_SLOWLY = """() => {
  const play = HTMLMediaElement.prototype.play;
  HTMLMediaElement.prototype.play = function () {
    this.defaultPlaybackRate = this.playbackRate = 0.1;
    return play.call(this); }; }"""
"""A short note is over before somebody has looked at it who has much else to do."""


def voice_of(node: Node) -> FileAnswer:
    """The one voice note of a chat, when all of it is there."""
    [told] = eventually(
        lambda: files_of(node),
        lambda told: bool(told) and told[0].state == "here",
        within_s=90,
        what="a voice note",
    )
    return told


def test_a_voice_note_is_recorded_heard_and_sent(
    chat: tuple[Page, Page], pair: tuple[Node, Node]
) -> None:
    mine, theirs = chat
    for page in chat:
        page.evaluate(PLAYS_SLOWLY)
    began = time.monotonic()
    record(mine, 2500)
    took_ms = 1000 * (time.monotonic() - began)
    # It is listened to before it is sent.
    mine.get_by_role("button", name="Play the voice note").press("Enter")
    expect(mine.get_by_role("button", name="Pause the voice note")).to_be_visible()
    assert files_of(pair[0]) == []
    mine.get_by_role("button", name="Send the voice note").press("Enter")
    expect(mine.locator(".composer textarea")).to_be_focused()
    expect(mine.locator(".message .voice")).to_be_visible()
    told = voice_of(pair[1])
    assert told.look == "voice"
    assert 2000 <= told.duration_ms <= took_ms + 500
    assert 10 <= len(told.peaks) <= 64
    assert max(told.peaks) == 255
    assert told.media_type == "audio/webm"
    note = theirs.locator(".message .voice")
    play = note.get_by_role("button", name=re.compile("^Play the voice note"))
    expect(play).to_be_enabled()
    # Nothing plays by itself; Space on the message plays and pauses.
    assert note.locator(".played").get_attribute("width") == "0"
    theirs.locator(".message", has=theirs.locator(".voice")).focus()
    theirs.keyboard.press("Space")
    pause = note.get_by_role("button", name="Pause the voice note")
    expect(pause).to_be_visible()
    eventually(
        lambda: float(note.locator(".played").get_attribute("width") or 0),
        lambda width: width > 10,
        within_s=60,
        what="the waveform moves on",
    )
    theirs.keyboard.press("Space")
    expect(play).to_be_visible()
    # The slider goes to a place, and says where it is.
    slider = note.get_by_role("slider", name="Place in the voice note")
    slider.focus()
    theirs.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "0:00")
    theirs.keyboard.press("End")
    places = [f"0:{second:02}" for second in range(1, told.duration_ms // 1000 + 1)]
    expect(slider).to_have_attribute("aria-valuetext", re.compile("|".join(places)))
    expect(theirs.locator(".list .row[aria-current]")).to_contain_text("Voice note")


def test_a_voice_note_sent_before_it_sounds_is_no_failure(my_chat: Page) -> None:
    mine = my_chat
    record(mine, 600)
    # Play, and send while the browser still opens the sound.
    mine.evaluate("""async () => {
      const press = (name) => document.querySelector(`.recorder .${name}`).click();
      press("play");
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      press("send"); }""")
    expect(mine.locator(".composer textarea")).to_be_focused()
    expect(mine.locator(".message .voice")).to_be_visible()
    expect(mine.get_by_role("dialog")).to_have_count(0)


def test_a_voice_note_whose_button_is_pressed_twice_is_one(my_chat: Page) -> None:
    mine = my_chat
    record(mine, 600)
    # A second time when the first is done, before anything is drawn again.
    mine.evaluate("""async () => {
      const send = document.querySelector(".recorder .send");
      send.click();
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      send.click(); }""")
    expect(mine.locator(".composer textarea")).to_be_focused()
    expect(mine.locator(".message .voice")).to_be_visible()
    expect(mine.get_by_role("article")).to_have_count(3)


def test_a_note_that_is_fetched_after_one_went_elsewhere_is_not_played(my_chat: Page) -> None:
    mine = my_chat
    mine.evaluate("""() => {
      window.played = 0;
      const play = HTMLMediaElement.prototype.play;
      HTMLMediaElement.prototype.play = function () {
        window.played += 1;
        return play.call(this); }; }""")
    record(mine, 600)
    mine.keyboard.press("Enter")
    # It stands in the vault now, and no longer in the page alone.
    note = mine.locator(".message .voice")
    expect(note).to_have_attribute("data-voice", re.compile("^[0-9]+$"))
    play = note.locator(".play")
    expect(play).to_be_enabled()
    late: list[Route] = []
    its_file = re.compile("/v1/files/[0-9]+$")
    mine.route(its_file, lambda route: late.append(route))
    with mine.expect_request(its_file):
        play.press("Enter")
    place = mine.evaluate("location.hash")
    go(mine, "#/chats")
    expect(mine.locator(".composer")).to_have_count(0)
    # All of it is there before one is back.
    with mine.expect_request_finished(lambda one: bool(its_file.search(one.url))):
        late[0].continue_()
    mine.evaluate(TWO_FRAMES)
    mine.unroute_all()
    go(mine, place)
    expect(play).to_be_enabled()
    assert mine.evaluate("window.played") == 0
    # Asked for anew it sounds.
    play.press("Enter")
    eventually(lambda: mine.evaluate("window.played"), bool, within_s=60, what="it is played")


def test_a_voice_note_is_discarded_and_stops_before_it_is_too_large(
    my_chat: Page,
) -> None:
    mine = my_chat
    record(mine, 600)
    mine.get_by_role("button", name="Discard the voice note").press("Enter")
    expect(mine.locator(".composer textarea")).to_be_focused()
    expect(mine.locator(".recorder")).to_have_count(0)
    mine.get_by_role("button", name="Record a voice note").press("Enter")
    expect(mine.get_by_role("button", name="Stop recording")).to_be_focused()
    # As if it had gone on for minutes: what the recorder holds is nearly all that fits.
    mine.evaluate("""async () => {
      const { state } = await import("/app/state.js");
      state.recording.size = 949_999; }""")
    expect(mine.get_by_text("It stopped by itself")).to_be_visible()
    mine.get_by_role("button", name="Discard the voice note").press("Enter")
    # Who goes elsewhere is not listened to any more, and finds the note again.
    mine.get_by_role("button", name="Record a voice note").press("Enter")
    expect(mine.get_by_role("button", name="Stop recording")).to_be_focused()
    place = mine.evaluate("location.hash")
    go(mine, "#/chats")
    expect(mine.locator(".recorder")).to_have_count(0)
    go(mine, place)
    expect(mine.get_by_role("button", name="Send the voice note")).to_be_visible()
    mine.get_by_role("button", name="Discard the voice note").press("Enter")
    # A microphone that is refused is told in words.
    mine.evaluate("""() => {
      const refuse = () => Promise.reject(new DOMException("no", "NotAllowedError"));
      Object.defineProperty(navigator.mediaDevices, "getUserMedia", { value: refuse }); }""")
    mine.get_by_role("button", name="Record a voice note").press("Enter")
    expect(mine.get_by_role("dialog")).to_contain_text("does not let this page use the microphone")
    mine.keyboard.press("Escape")
    expect(mine.locator(".composer textarea")).to_be_visible()


def test_nothing_of_it_is_too_wide_or_unreadable(chat: tuple[Page, Page], tmp_path: Path) -> None:
    mine, theirs = chat
    attach(mine, written(tmp_path, "mill.jpg", photo()))
    say(mine, "Water at noon")
    attach(mine, written(tmp_path, "tall.png", photo(width=300, height=1200, form="PNG")))
    mine.keyboard.press("Enter")
    record(mine, 1200)
    mine.keyboard.press("Enter")
    for page in chat:
        is_drawn(in_stream(page).first)
        expect(page.locator(".message .voice .play")).to_be_enabled(timeout=ARRIVES_MS)
    record(mine, 600)
    faults: list[str] = []
    for page in (mine, theirs):
        for variant in screens.FEW:
            page.set_viewport_size({"width": variant.width, "height": variant.height})
            page.emulate_media(color_scheme=variant.theme, reduced_motion="reduce")  # type: ignore[arg-type]  # a theme of ours
            faults += faults_of(page, f"pictures at {variant.name}")
            if page is theirs:
                page.get_by_role("button", name="Open: Water at noon").press("Enter")
                expect(page.get_by_role("dialog").get_by_role("img")).to_be_visible()
                faults += faults_of(page, f"viewer at {variant.name}")
                page.keyboard.press("Escape")
    assert faults == []
    assert bubble(theirs, "Water at noon").count() == 1
