"""Exports: JSON that programs read, and a page of HTML that no words of others can harm."""

import html.parser
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.api.export import ConversationExport
from mesh.api.export_html import POLICY, STYLE, HtmlWriter, marked, words
from mesh.api.exported_files import name_beside
from mesh.commands.answer import Answer
from mesh.commands.carry import CarryCommand
from mesh.commands.command import Command
from mesh.commands.conversations import AskConversation, ConversationAnswer
from mesh.commands.files import FileAnswer
from mesh.commands.item_commands import AskItemPeople, AskItems
from mesh.commands.items import (
    CheckedAnswer,
    CheckInAnswer,
    ChoiceAnswer,
    ItemAnswer,
    ItemPeopleAnswer,
    ItemPersonAnswer,
    ItemsAnswer,
    Mark,
    OptionAnswer,
    PersonAnswer,
    PollAnswer,
    ReactionAnswer,
    ReplyAnswer,
    RollUpAnswer,
    TaskAnswer,
    WordAnswer,
)
from mesh.commands.messages import AuthorAnswer
from mesh.errors import UserError
from mesh.limits.api import API_CHUNK_BYTES
from mesh.limits.search import EXPORT_ITEMS_PER_PIECE

HOSTILE = (
    "<script>alert(1)</script>",
    "</title><img src=x onerror=alert(1)>",
    '" onload="alert(1)',
    "--><svg/onload=alert(1)>",
    "]]><style>*{display:none}</style>",
    "&lt;b&gt; &amp; &#60;i&#62;",
    "\u202eevil\u2066",
    "a\0b\x1b[2J\x85\ufffe",
    "</bdi></p></li></ol><h1>Not yours</h1>",
)
TAGS = frozenset(
    [
        *("html", "head", "meta", "title", "style", "body", "h1", "p", "ol", "li", "div", "b"),
        *("bdi", "time", "blockquote", "ul", "span", "strong", "em", "s", "code"),
    ]
)


def item(number: int, text: str = "hello", **others: object) -> ItemAnswer:
    """Return something that a contact wrote."""
    told: dict[str, object] = {
        "number": number,
        "conversation": 1,
        "id": f"{number:064x}",
        "kind": "text",
        "author": {"key": "ab" * 32, "label": "Ben", "is_mine": False},
        "sent": 1_700_000_000 + number,
        "received": 1_700_000_000 + number,
        "state": "received",
        "carriers": 0,
        "is_late": False,
        "missing_count": 0,
        "clock": "",
        "text": text,
    }
    return msgspec.structs.replace(msgspec.convert(told, ItemAnswer), **others)


def conversation(title: str = "Ben") -> ConversationAnswer:
    return ConversationAnswer(
        number=1,
        kind="direct",
        title=title,
        contact=1,
        last_item=None,
        unread_count=0,
        is_marked_unread=False,
        muted_until=0,
        is_pinned=False,
        is_archived=False,
        draft="",
        is_request=False,
        is_blocked=False,
    )


@dataclass
class History:
    """A node with one conversation, which counts what it is asked."""

    items: Sequence[ItemAnswer]
    title: str = "Ben"
    locked_after: int | None = None
    people: Sequence[ItemPersonAnswer] = ()
    deleted: Sequence[int] = ()
    asked: list[AskItems] = field(default_factory=list)

    async def ask(self, command: Command) -> Answer:
        match command:
            case AskConversation(conversation=named):
                if named not in ("Ben", "1", 1):
                    raise UserError("not-found", "There is no such contact.")
                return conversation(self.title)
            case AskItems():
                if self.locked_after is not None and len(self.asked) >= self.locked_after:
                    raise UserError("locked", "The vault is locked.")
                self.asked.append(command)
                newer = [each for each in self.items if each.number > (command.after or 0)]
                page = newer[: command.limit]
                return ItemsAnswer(
                    items=page, has_older=bool(command.after), has_newer=len(newer) > len(page)
                )
            case AskItemPeople(item=number, after=after):
                if number in self.deleted:
                    raise UserError("gone", "The item is gone.")
                left = [each for each in self.people if each.key > (after or "")]
                return ItemPeopleAnswer(people=left[:3], has_more=len(left) > 3)
            case _:
                raise AssertionError(command)

    async def carry_by_hand(self, command: CarryCommand) -> Answer:
        raise AssertionError(command)


@dataclass
class Answered:
    """The answer of one request, as it was sent piece by piece."""

    status: int
    headers: dict[bytes, bytes]
    pieces: list[bytes]
    is_whole: bool
    is_cut: bool

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)


async def export(history: History, query: bytes = b"as=json", named: str = "Ben") -> Answered:
    """Ask for an export, without a socket."""
    sent: list[dict[str, object]] = []
    cut: list[bool] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope: dict[str, object] = {
        "type": "http",
        "method": "GET",
        "path": f"/v1/conversations/{named}/export",
        "path_params": {"conversation": named},
        "query_string": query,
        "headers": [],
        "state": {"abort": lambda: cut.append(True)},
    }
    await ConversationExport(history)(scope, receive, send)  # type: ignore[arg-type] # plain dicts
    (start, *bodies) = sent
    headers, status = start["headers"], start["status"]
    assert isinstance(headers, list)
    assert isinstance(status, int)
    pieces = [each["body"] for each in bodies]
    assert all(isinstance(each, bytes) for each in pieces)
    return Answered(
        status=status,
        headers=dict(headers),
        pieces=[each for each in pieces if isinstance(each, bytes)],
        is_whole=bool(bodies) and not bodies[-1].get("more_body", False),
        is_cut=bool(cut),
    )


class Page(html.parser.HTMLParser):
    """A page as a browser takes it apart."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


async def test_a_program_finds_every_item_in_order() -> None:
    count = 3 * EXPORT_ITEMS_PER_PIECE + 7
    history = History([item(number, f"text {number}") for number in range(1, count + 1)])
    answered = await export(history)
    told = json.loads(answered.body)
    assert answered.is_whole
    assert (told["format"], told["version"], told["left_out_count"]) == ("mesh-conversation", 1, 0)
    assert told["conversation"] == {"number": 1, "kind": "direct", "title": "Ben"}
    assert [each["text"] for each in told["items"]] == [f"text {n}" for n in range(1, count + 1)]
    assert msgspec.convert(told["items"][0], ItemAnswer) == history.items[0]
    assert answered.headers[b"content-type"] == b"application/json"
    assert answered.headers[b"content-disposition"] == b'attachment; filename="conversation-1.json"'
    # An item a line, for tools that read lines.
    assert answered.body.count(b"\n") == count + 2


async def test_an_empty_conversation_is_exported_too() -> None:
    told = json.loads((await export(History([]))).body)
    assert told["items"] == []
    assert Page((await export(History([]), b"as=html")).body.decode()).tags[-1] == "ol"


async def test_a_long_history_is_never_in_memory_as_a_whole() -> None:
    history = History([item(number, "x" * 50_000) for number in range(1, 400)])
    answered = await export(history, b"as=html")
    assert answered.is_whole
    assert len(answered.body) > 400 * 50_000
    assert max(map(len, answered.pieces)) < API_CHUNK_BYTES + 60_000
    assert max(asked.limit for asked in history.asked) == EXPORT_ITEMS_PER_PIECE


async def test_what_disappears_is_left_out_and_counted() -> None:
    author = AuthorAnswer(key="ab" * 32, label="Ben", is_mine=False)
    reply = ReplyAnswer(number=1, id="0" * 64, author=author, text="a secret", gone="", timer=60)
    items = [item(1, "a secret", timer=60), item(2, "an answer", reply=reply), item(3)]
    for form in (b"as=json", b"as=html"):
        # Whoever lies about when he wrote has his answer stand before what it answers to.
        for history in (items, [items[1], items[0], items[2]]):
            body = (await export(History(history), form)).body
            assert b"secret" not in body
            assert b"an answer" in body
    told = json.loads((await export(History(items))).body)
    assert [each["number"] for each in told["items"]] == [2, 3]
    assert told["left_out_count"] == 1


@pytest.mark.parametrize(
    "query, named, status",
    [(b"as=pdf", "Ben", 400), (b"for=me", "Ben", 400), (b"as=json", "Nobody", 404)],
)
async def test_what_cannot_be_exported_is_said(query: bytes, named: str, status: int) -> None:
    assert (await export(History([item(1)]), query, named)).status == status


@pytest.mark.parametrize("form", [b"as=json", b"as=html"])
async def test_an_export_that_a_lock_cuts_short_shows_it(form: bytes) -> None:
    items = [item(number, "x" * 10_000) for number in range(1, 300)]
    answered = await export(History(items, locked_after=1), form)
    assert answered.status == 200
    assert not answered.is_whole
    assert answered.is_cut
    assert not answered.body.endswith((b"}\n", b"</html>\n"))


async def test_who_is_not_named_in_an_item_stands_in_the_file() -> None:
    names = [f"n{number}" for number in range(8)]
    people = [
        ItemPersonAnswer(key=name, label=name, is_me=False, emoji=["+"], options=[place % 2])
        for place, name in enumerate(names)
    ]
    cut = item(
        1,
        "x",
        reactions=[ReactionAnswer(emoji="+", count=8, is_mine=False, who=["n0"])],
        poll=PollAnswer(
            question="x",
            options=[OptionAnswer(text=text, count=4, is_mine=False, who=["n0"]) for text in "ab"],
            is_several=False,
            closes=0,
            is_closed=False,
            late_count=0,
            voters_count=8,
            of=8,
        ),
    )
    deleted = msgspec.structs.replace(cut, number=2)
    answered = await export(History([cut, deleted], people=people, deleted=[2]))
    first, second = msgspec.json.decode(answered.body)["items"]
    assert first["reactions"][0]["who"] == names
    assert [each["who"] for each in first["poll"]["options"]] == [names[::2], names[1::2]]
    # What was deleted in the meantime stands there as it was.
    assert second["reactions"][0]["who"] == ["n0"]


def hostile_items() -> list[ItemAnswer]:
    """Return items that hold each hostile text wherever one can stand."""
    made = []
    for number, text in enumerate(HOSTILE, 1):
        author = AuthorAnswer(key=text, label=text, is_mine=False)
        word = WordAnswer(
            which=0, note=text, place=text, at=0, by=text, by_label=text, is_old=False
        )
        person = CheckedAnswer(key=text, label=text, is_me=False, answer=word, others=[word])
        option = OptionAnswer(text=text, count=1, is_mine=False, who=[text])
        made.append(
            item(
                number,
                text,
                author=author,
                state=text,
                forwarded=text,
                marks=[Mark(kind="bold", start=0, length=3), Mark(kind="code", start=2, length=99)],
                reply=ReplyAnswer(number=9, id="", author=author, text=text, gone=""),
                reactions=[ReactionAnswer(emoji=text, count=1, is_mine=False, who=[text])],
                poll=PollAnswer(
                    question=text,
                    options=[option],
                    is_several=False,
                    closes=0,
                    is_closed=True,
                    late_count=0,
                    voters_count=1,
                    of=2,
                ),
                check_in=CheckInAnswer(
                    question=text,
                    answers=[ChoiceAnswer(words=text, level=2)],
                    asked=[],
                    until=0,
                    old_after=0,
                    people=[person],
                    of=1,
                    roll_up=RollUpAnswer(help=1),
                ),
                task=TaskAnswer(
                    title=text,
                    notes=text,
                    whom=[PersonAnswer(key=text, label=text)],
                    until=2**62,
                    state="open",
                    by=text,
                    at=0,
                    others=[],
                ),
            )
        )
    return made


@pytest.mark.parametrize("title", HOSTILE)
async def test_no_words_of_others_mean_anything_to_a_browser(title: str) -> None:
    body = (await export(History(hostile_items(), title=title), b"as=html")).body.decode()
    page = Page(body)
    assert set(page.tags) <= TAGS
    assert page.tags.count("style") == page.tags.count("title") == page.tags.count("h1") == 1
    assert {name for name, _ in page.attributes} <= {
        *("lang", "charset", "http-equiv", "content", "name", "class", "dir", "datetime"),
    }
    assert not re.search("[\0\x1b\x85\ufffe]", body)
    # It is all there to be read.
    assert page.text.count("alert(1)") >= 4 * len(HOSTILE)


def file(number: int, name: str, **others: object) -> FileAnswer:
    return msgspec.structs.replace(
        FileAnswer(
            number=number,
            item=1,
            is_mine=False,
            name=name,
            media_type="text/html",
            size=1_500,
            state="here",
            blocks_count=1,
            here_count=1,
        ),
        **others,
    )


async def test_files_without_words_are_told() -> None:
    files = [
        file(7, "map.png", look="picture"),
        file(8, "", look="voice", duration_ms=61_000, size=12),
        file(9, "plan.pdf", state="fetching", size=2_000_000),
    ]
    body = (await export(History([item(1, "", files=files)]), b"as=html")).body.decode()
    page = Page(body)
    assert "map.png (picture, 2 kB)" in page.text
    assert "no name (voice note, 12 bytes, 1:01)" in page.text
    assert "plan.pdf (file, 2.0 MB, not here)" in page.text
    assert "a" not in page.tags


async def test_links_lead_into_the_folder_and_nowhere_else() -> None:
    names = [*HOSTILE, "x.svg", "../../x.HTML", "javascript:alert(1)", "a.b.PNG", "x.tar.gz"]
    files = [file(number, name) for number, name in enumerate(names, 1)]
    files.append(file(99, "far.png", state="waits"))
    query = b"as=html&folder=ben%22%3E%2F..files"
    body = (await export(History([item(1, "", files=files)]), query)).body.decode()
    page = Page(body)
    assert set(page.tags) <= {*TAGS, "a"}
    links = [value for name, value in page.attributes if name == "href"]
    assert len(links) == len(names)
    for link, one in zip(links, files, strict=False):
        assert re.fullmatch(r"\./ben%22%3E%2F\.\.files/[0-9]+(\.[a-z0-9]{1,8})?(\.txt)?", str(link))
        assert str(link).endswith(f"/{name_beside(one)}")
    assert [name_beside(one) for one in files[-6:]] == [
        *("10.svg.txt", "11.html.txt", "12", "13.png", "14.gz", "99.png"),
    ]


@pytest.mark.parametrize(
    "ending",
    [
        "html",
        "shtm",
        "xhtm",
        "ehtml",
        "mml",
        "rdf",
        "atom",
        "rss",
        "xbl",
        "shtml5",
        "gpx",
        "py",
        "pyw",
        "pif",
        "vbe",
        "command",
        "reg",
        "jnlp",
        "AppImage",
        "chm",
        "msc",
        "docm",
        "iso",
    ],
)
def test_what_a_click_may_run_is_called_a_text(ending: str) -> None:
    assert name_beside(file(7, f"plan.{ending}")) == f"7.{ending.lower()}.txt"


async def test_the_policy_allows_the_page_its_style_and_nothing_else() -> None:
    body = (await export(History([item(1)]), b"as=html")).body.decode()
    assert f"<style>{STYLE}</style>" in body
    policy = dict(Page(body).attributes)["content"]
    assert policy != POLICY  # The last `content` is that of the viewport.
    assert ("content", POLICY) in Page(body).attributes
    assert POLICY.startswith("default-src 'none'")


@given(
    st.text(max_size=40),
    st.lists(
        st.builds(
            Mark,
            kind=st.sampled_from(["bold", "italic", "struck", "code", "block", "quote"]),
            start=st.integers(0, 50),
            length=st.integers(0, 50),
        ),
        max_size=12,
    ),
)
def test_looks_never_change_the_words(text: str, marks: list[Mark]) -> None:
    page = marked(text, marks)
    assert Page(page).text == Page(words(text)).text
    opened = re.findall(r"<(/?)(\w+)[^>]*>", page)
    stack: list[str] = []
    for closing, tag in opened:
        if closing:
            assert stack.pop() == tag
        else:
            stack.append(tag)
    assert not stack


def test_a_hundred_nested_looks_are_no_page_of_tags() -> None:
    text = "x" * 400
    marks = [Mark(kind="bold", start=n, length=400 - 2 * n) for n in range(200)]
    assert len(marked(text, marks)) < 400 * 20


def test_what_is_gone_is_said_and_nothing_else_of_it() -> None:
    assert "deleted by who wrote it" in HtmlWriter().item(item(1, "", gone="retracted"))
