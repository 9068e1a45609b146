"""A conversation as one page of HTML that a person can read, keep and print.

Nothing in it is executed, and it asks nobody for anything: it has no script and no picture, and its
policy forbids all of them to whoever finds a way past the escaping. Its only links are to files
that were saved in a folder beside it, if somebody wishes that. Names and texts
are others' words: every character of them that means something to HTML is escaped, each stands in
an element of its own direction, and what no screen shows becomes a sign that says so.
"""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from itertools import pairwise
from typing import Final

from mesh.api.exported_files import link_beside
from mesh.commands.conversations import ConversationAnswer
from mesh.commands.files import FileAnswer, FileLook
from mesh.commands.items import (
    CheckInAnswer,
    ItemAnswer,
    Mark,
    PollAnswer,
    ReactionAnswer,
    ReplyAnswer,
    TaskAnswer,
)

STYLE: Final = """\
:root{color-scheme:light dark}
body{font:16px/1.45 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.3rem}
ol{list-style:none;padding:0}
ol>li{margin:.7rem 0;overflow-wrap:anywhere}
.mine{margin-inline-start:2rem}
.head{font-size:.85rem;opacity:.75}
.head b{font-size:1rem}
.text{white-space:pre-wrap;margin:0}
.quote,blockquote{border-inline-start:3px solid;margin:.2rem 0;padding-inline-start:.6rem}
.gone{font-style:italic;opacity:.7}
ul{margin:.2rem 0}
"""
POLICY: Final = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-"
    f"{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
)
GONE: Final = {
    "retracted": "deleted by who wrote it",
    "expired": "disappeared",
    "forgotten": "deleted here",
    "newer": "made with a newer Mesh",
    "hidden": "hidden",
    "lost": "its words were lost with a damaged disk",
}
"""Why an item has no words."""

LOOKS: Final[dict[FileLook, str]] = {
    "file": "file",
    "picture": "picture",
    "voice": "voice note",
    "video": "video",
}
LEVELS: Final = ("fine", "on the way", "needs help")
TASK_STATES: Final = {"open": "open", "doing": "being done", "done": "done"}
_TAGS: Final = {
    "bold": ("<strong>", "</strong>"),
    "italic": ("<em>", "</em>"),
    "struck": ("<s>", "</s>"),
    "code": ("<code>", "</code>"),
    "block": ("<code>", "</code>"),
    "quote": ('<span class="quote">', "</span>"),
}
# Controls, noncharacters and lone halves: no page of HTML may hold them.
_UNSHOWN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
    + "".join(f"{chr(end)}{chr(end + 1)}" for end in range(0x1FFFE, 0x110000, 0x10000))
    + "]"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_S: Final = 253_402_300_799


class HtmlWriter:
    """The page, piece by piece."""

    media_type = b"text/html; charset=utf-8"
    suffix = "html"

    def __init__(self, folder: str = "") -> None:
        self._folder = folder
        """The folder beside the page in which files will lie; empty: none."""

    def begin(self, conversation: ConversationAnswer, made: int) -> str:
        title = words(conversation.title)
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">\n'
            '<meta name="referrer" content="no-referrer">\n'
            '<meta name="viewport" content="width=device-width">\n'
            f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
            f'<h1 dir="auto">{title}</h1>\n'
            f'<p class="head">As it was kept on {moment(made)}. Times are UTC.</p>\n<ol>\n'
        )

    def item(self, item: ItemAnswer) -> str:
        side = ' class="mine"' if item.author.is_mine else ""
        return f"<li{side}>{head(item)}{''.join(body(item, self._folder))}</li>\n"

    def end(self, left_out_count: int) -> str:
        left_out = ""
        if left_out_count:
            left_out = f'<p class="head">Left out, since they disappear: {left_out_count}.</p>\n'
        return f"</ol>\n{left_out}</body>\n</html>\n"


def head(item: ItemAnswer) -> str:
    """Return the line above an item: who, when, and what is to be known of it."""
    told = [moment(item.sent)]
    if item.edited is not None:
        told.append("edited")
    if item.is_pinned:
        told.append("pinned")
    if item.forwarded is not None:
        told.append(f"forwarded from {name(item.forwarded)}" if item.forwarded else "forwarded")
    if item.author.is_mine and not item.gone:
        told.append(words(item.state))
    return f'<div class="head"><b>{name(item.author.label)}</b> {" · ".join(told)}</div>'


def body(item: ItemAnswer, folder: str = "") -> Iterator[str]:
    """Yield the parts of an item."""
    if item.gone:
        yield f'<p class="gone">{GONE.get(item.gone, "no words")}</p>'
        return
    if item.reply is not None:
        yield quoted(item.reply)
    if item.sets_timer is not None:
        yield f'<p class="head">{timer(item.sets_timer)}</p>'
    if item.renamed is not None:
        yield f'<p class="head">from here on called {name(item.renamed.name)}</p>'
    if item.text:
        yield f'<p class="text" dir="auto">{marked(item.text, item.marks)}</p>'
    if item.files:
        yield f"<ul>{''.join(file_line(file, folder) for file in item.files)}</ul>"
    if item.poll is not None:
        yield from poll(item.poll)
    if item.check_in is not None:
        yield from check_in(item.check_in)
    if item.task is not None:
        yield from task(item.task)
    if item.notice is not None and item.notice.until:
        yield f'<p class="head">A notice until {moment(item.notice.until)}</p>'
    if item.reactions:
        yield f'<p class="head">{" · ".join(map(reaction, item.reactions))}</p>'


def timer(seconds: int) -> str:
    """Return what another timer means for what is written under it."""
    if not seconds:
        return "From here on messages stay."
    return f"From here on messages disappear {seconds:,} seconds after they were read."


def file_line(file: FileAnswer, folder: str) -> str:
    """Return what a file is called, of what kind it is and how large, with a link if it lies in the
    folder.
    """
    called = name(file.name) if file.name else "no name"
    if folder and file.state == "here":
        called = f'<a href="{escape(link_beside(folder, file))}">{called}</a>'
    told = [LOOKS[file.look], amount(file.size)]
    if file.duration_ms:
        minutes, seconds = divmod(file.duration_ms // 1_000, 60)
        told.append(f"{minutes}:{seconds:02}")
    if file.state != "here":
        told.append("not here")
    return f"<li>{called} ({', '.join(told)})</li>"


def quoted(reply: ReplyAnswer) -> str:
    """Return what an item answers to."""
    if reply.author is None or reply.gone:
        return f'<blockquote class="gone">{GONE.get(reply.gone, "not here")}</blockquote>'
    said = f'<span class="text" dir="auto">{words(reply.text)}</span>'
    return f"<blockquote>{name(reply.author.label)}: {said}</blockquote>"


def poll(told: PollAnswer) -> Iterator[str]:
    """Yield the options with who chose them."""
    yield "<ul>"
    for option in told.options:
        yield f"<li>{name(option.text)}: {option.count}{among(option.who)}</li>"
    yield "</ul>"
    if told.is_closed:
        yield '<p class="head">closed</p>'


def check_in(told: CheckInAnswer) -> Iterator[str]:
    """Yield what is said of each person."""
    yield "<ul>"
    for person in told.people:
        yield f"<li>{name(person.label)}: "
        said = [] if person.answer is None else [person.answer]
        for each in [*said, *person.others]:
            is_known = each.which < len(told.answers)
            answer = name(told.answers[each.which].words) if is_known else "an answer"
            level = f" ({LEVELS[told.answers[each.which].level]})" if is_known else ""
            more = "".join(f", {name(text)}" for text in (each.note, each.place) if text)
            yield f"{answer}{level}{more}, says {name(each.by_label)}, {moment(each.at)}. "
        yield "</li>" if said or person.others else "no answer</li>"
    yield "</ul>"


def task(told: TaskAnswer) -> Iterator[str]:
    """Yield how a task is."""
    by = f" by {name(told.by)}" if told.by else ""
    until = f", until {moment(told.until)}" if told.until else ""
    yield f'<p class="head">Task: {TASK_STATES.get(told.state, "")}{by}{until}'
    yield f"{among([person.label for person in told.whom])}</p>"
    if told.notes:
        yield f'<p class="text" dir="auto">{words(told.notes)}</p>'


def reaction(told: ReactionAnswer) -> str:
    """Return one emoji with who chose it."""
    return f"{name(told.emoji)} {told.count}{among(told.who)}"


def among(labels: Sequence[str]) -> str:
    """Return names in brackets; nothing if there are none."""
    return f" ({', '.join(map(name, labels))})" if labels else ""


def marked(text: str, marks: Sequence[Mark]) -> str:
    """Return a text with its looks; spans beyond its end are passed over, as on the screen."""
    changes: dict[int, Counter[str]] = {0: Counter(), len(text): Counter()}
    for mark in marks:
        if mark.length and mark.start + mark.length <= len(text):
            changes.setdefault(mark.start, Counter())[mark.kind] += 1
            changes.setdefault(mark.start + mark.length, Counter())[mark.kind] -= 1
    told = []
    looks: Counter[str] = Counter()
    for start, end in pairwise(sorted(changes)):
        for kind, change in changes[start].items():
            looks[kind] += change
        kinds = [kind for kind in _TAGS if looks[kind]]
        opening = "".join(_TAGS[kind][0] for kind in kinds)
        closing = "".join(_TAGS[kind][1] for kind in reversed(kinds))
        told.append(f"{opening}{words(text[start:end])}{closing}")
    return "".join(told)


def name(text: str) -> str:
    """Return others' words within a line: whatever their direction, it ends with them."""
    return f"<bdi>{words(text)}</bdi>"


def words(text: str) -> str:
    """Return a text as HTML shows it, and never reads it."""
    return escape(_UNSHOWN.sub("\ufffd", text.replace("\r\n", "\n")))


def moment(unix_seconds: int) -> str:
    """Return a moment of any clock as a calendar shows it."""
    at = _EPOCH + timedelta(seconds=min(max(unix_seconds, 0), _LATEST_S))
    return f'<time datetime="{at:%Y-%m-%dT%H:%M:%SZ}">{at:%Y-%m-%d %H:%M}</time>'


def amount(count: int) -> str:
    """Return a number of bytes in a unit that people read."""
    if count < 1_000:
        return f"{count} bytes"
    return f"{count / 1_000:,.0f} kB" if count < 1_000_000 else f"{count / 1_000_000:,.1f} MB"
