"""The drawing of items of a conversation, as lines of styled runs.

`mesh read` writes them with Click, `mesh chat` onto its screen. All that others wrote is made safe
here, before it becomes a run. Further lines of a text are indented by four cells; what is said
about an item begins after two, so that no text can pass for it.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

import click

from mesh.cli.cards import (
    ABOUT,
    lines_of_check_in,
    lines_of_poll,
    lines_of_task,
    names_in,
    remarks_of_check_in,
    remarks_of_notice,
    remarks_of_poll,
    remarks_of_task,
)
from mesh.cli.layout import lasting, plural, size, when
from mesh.cli.memberships import sentence
from mesh.cli.messages import INDENT, SLOW_S, on_devices, remarks, words_of
from mesh.cli.names import marked
from mesh.cli.sanitise import LINE_ENDS, clean, clean_line
from mesh.commands.files import FileAnswer
from mesh.commands.items import ItemAnswer, Mark, MentionAnswer, ReplyAnswer
from mesh.commands.messages import AuthorAnswer

Style = Literal["plain", "dim", "mine", "theirs", "warn"]

QUOTE_LETTERS = 60
"""So much of what is answered to is shown: enough to know it again."""

GONE = {
    "expired": "(disappeared)",
    "forgotten": "(deleted here)",
    "hidden": "(hidden)",
    "lost": "(its words were lost with a damaged disk)",
    "newer": "(made with a newer Mesh; this one cannot show it)",
}
"""The words for an item without words; one that this release does not know is shown as its code."""


SIGNS = {"bold": "*", "italic": "_", "struck": "~", "code": "`"}


class Run(NamedTuple):
    """A piece of a line in one style; it holds no line end and nothing that commands."""

    style: Style
    text: str


Line = tuple[Run, ...]


def lines_of(item: ItemAnswer, name: str, chat: str = "") -> list[Line]:
    """Return an item as lines; one of them says when and by whom, and its number.

    `name` is who else is in the conversation, and `chat` what that is called, where several are
    shown; both made safe already.
    """
    lines: list[Line] = []
    if item.kind == "membership":
        moment = f"{when(item.sent)} #{item.number} " + (f"{chat}: " if chat else "")
        return [(Run("dim", moment), Run("dim", summary(item, name)))]
    if item.kind in ("timer", "name") and not item.gone:
        # Who has another name now was called so until then.
        called = name if item.renamed is None else clean_line(item.renamed.before)
        who = speaker(item, called, chat)
        said = f"{when(item.sent)} #{item.number} {who}: {summary(item, name)}"
        return [(Run("dim", said), *(Run("dim", f"  [{one}]") for one in all_remarks(item)))]
    if item.missing_count:
        have = "has" if item.missing_count == 1 else "have"
        earlier = plural(item.missing_count, "earlier message")
        lines.append((Run("warn", f"… {earlier} {have} not arrived"),))
    if item.reply is not None and not item.gone:
        lines.append((Run("dim", f"{ABOUT}┌ {quoted(item.reply, item, name)}"),))
    gone: list[Line] = [(Run("dim", words_of_gone(item, name)),)]
    body = gone if item.gone else blocks(text_of(item))
    body[-1] = (*body[-1], *(Run("dim", f"  [{remark}]") for remark in all_remarks(item)))
    lines.append((*head(item, name, chat), *body[0]))
    lines += ((Run("plain", INDENT), *line) for line in body[1:])
    lines += ((Run("plain", line),) for line in card_of(item))
    if item.reactions:
        lines.append((Run("dim", ABOUT + reactions_of(item)),))
    return lines


def speaker(item: ItemAnswer, name: str, chat: str) -> str:
    """Return by whom an item was said, and where, if that must be told."""
    who = "me" if item.author.is_mine else name
    return f"{who} → {chat}" if chat else who


def head(item: ItemAnswer, name: str, chat: str = "") -> Line:
    """Return when an item was said, its number, and by whom."""
    # A moment that is wrong beyond doubt orders nothing for the eye: it stands in the remarks.
    moment = item.received if item.clock else item.sent
    who = Run("mine" if item.author.is_mine else "theirs", speaker(item, name, chat))
    kind = "" if item.kind in ("text", "newer") else f" ({clean_line(item.kind)})"
    return (Run("dim", f"{when(moment)} #{item.number} "), who, Run("plain", f"{kind}: "))


def card_of(item: ItemAnswer) -> list[str]:
    """Return the lines below what is more than a text."""
    if item.gone:
        return []
    if item.poll is not None:
        return lines_of_poll(item.poll)
    if item.check_in is not None:
        return lines_of_check_in(item.check_in)
    if item.files:
        return [line_of_file(file) for file in item.files]
    return [] if item.task is None else lines_of_task(item.task)


def line_of_file(file: FileAnswer) -> str:
    """Return a file as one line: what its author calls it, and how much of it is here."""
    return f"{ABOUT}📎 {clean_line(file.name)}, {size(file.size)}: {progress_of(file)}"


def progress_of(file: FileAnswer) -> str:
    """Say how far a file has come, here or to its reader."""
    count = plural(file.blocks_count, "block")
    is_given = file.is_direct and (file.devices is None or file.state != "here")
    if file.is_mine and is_given:
        return progress_of_ours(file, count)
    if file.is_mine and file.devices is not None:
        return on_devices(file.devices)
    if file.is_mine:
        return "kept here" if not file.opened_count else f"{file.opened_count} of {count} arrived"
    here = f"{file.here_count} of {count} here"
    match file.state:
        case "here":
            return "all here; mesh save keeps it"
        case "waits":
            return f"it is large; mesh save fetches it, {here}"
        case "no-room":
            return f"the disk has no room for it, {here}; make room, and mesh save goes on"
        case "paused" | "cancelled":
            return f"{file.state}, {here}; mesh save goes on"
        case _:
            return here


def progress_of_ours(file: FileAnswer, count: str) -> str:
    """Say how far a large file of ours has come to its reader."""
    match file.state:
        case "lost":
            return "it was changed or moved since, and is not given any more"
        case "paused":
            return f"paused, {file.opened_count} of {count} given; mesh save --resume goes on"
        case "cancelled":
            return "cancelled, and not given any more"
        case _:
            return f"{file.opened_count} of {count} given from node to node"


def quoted(reply: ReplyAnswer, item: ItemAnswer, name: str) -> str:
    """Return what an item answers to, in one line."""
    if reply.author is None:
        return "to a message that is not here"
    who = "me" if reply.author.is_mine else quoted_name(reply.author, item.author, name)
    if reply.gone:
        return f"#{reply.number} {who}: {GONE.get(reply.gone, '(deleted)')}"
    return f"#{reply.number} {who}: {shortened(reply.text, QUOTE_LETTERS)}"


def quoted_name(quoted: AuthorAnswer, author: AuthorAnswer, name: str) -> str:
    """Return who is quoted; `name`: the other person of two, and in a group the author."""
    is_name_of_author = not author.is_mine or name == marked(
        author.label, author.key, is_alike=bool(author.mark)
    )
    if is_name_of_author and quoted.key != author.key:
        return marked(quoted.label, quoted.key, is_alike=bool(quoted.mark))
    return name


def shortened(text: str, letters: int) -> str:
    """Return the beginning of a text in one line."""
    line = clean_line(text)
    return line if len(line) <= letters else line[: letters - 1] + "…"


def summary(item: ItemAnswer, name: str) -> str:
    """Return what an item says, without how it stands."""
    if item.gone:
        return words_of_gone(item, name)
    if item.kind == "membership":
        done = item.membership
        return "(of a group that is forgotten)" if done is None else clean_line(sentence(done))
    if item.sets_timer is not None:
        return words_of_timer(item.sets_timer)
    if item.renamed is not None:
        return f"from here on called {clean_line(item.renamed.name)}"
    if item.kind != "text":
        return f"{item.kind}: {item.text}"
    return item.text or ", ".join(f"📎 {clean_line(file.name)}" for file in item.files)


def words_of_timer(seconds: int) -> str:
    """Return what another timer means for what is written under it."""
    if not seconds:
        return "from here on messages stay"
    return f"from here on messages disappear {lasting(seconds)} after they were read"


def words_of_gone(item: ItemAnswer, name: str) -> str:
    """Say why an item has no words."""
    if item.gone == "retracted":
        return "(deleted by me)" if item.author.is_mine else f"(deleted by {name})"
    if item.gone == "hidden" and item.hidden is not None:
        return f"(hidden by {'me' if item.hidden.is_me else clean_line(item.hidden.label)})"
    return GONE.get(item.gone, f"({clean_line(item.gone)})")


def all_remarks(item: ItemAnswer) -> list[str]:
    """Return what a reader should know about an item beside its words."""
    if item.gone:
        return retraction_of(item)
    told = remarks_of_card(item) + remarks(item)
    if item.forwarded is not None:
        told.append(
            f"forwarded from {clean_line(item.forwarded)}" if item.forwarded else "forwarded"
        )
    if item.edited is not None:
        often = f"edited {item.edited.count} times, last " if item.edited.count > 1 else "edited "
        is_slow = item.edited.received - item.edited.at > SLOW_S
        came = f", opened {when(item.edited.received)}" if is_slow else ""
        told.append(often + when(item.edited.at) + came)
    if item.is_pinned:
        told.append("pinned")
    if item.disappears:
        told.append(f"disappears {when(item.disappears)}")
    elif item.timer:
        told.append(f"disappears {lasting(item.timer)} after it is {seen_by(item)}")
    return told


def remarks_of_card(item: ItemAnswer) -> list[str]:
    """Say how a poll, check-in, task or notice stands; nothing of other items."""
    if item.poll is not None:
        return remarks_of_poll(item.poll)
    if item.check_in is not None:
        return remarks_of_check_in(item.check_in)
    if item.task is not None:
        return remarks_of_task(item.task)
    return [] if item.notice is None else remarks_of_notice(item.notice)


def seen_by(item: ItemAnswer) -> str:
    """Say from when on the time of an item runs here."""
    return "sealed" if item.author.is_mine else "read"


def came(item: ItemAnswer) -> str:
    """Say how far something had come that its author took back."""
    if item.devices is not None and item.devices.told:
        return on_devices(item.devices)
    if item.state == "withdrawn":
        return "withdrawn, not known to be opened"
    return words_of(item.state, item.carriers)


def retraction_of(item: ItemAnswer) -> list[str]:
    """Say how far the wish has come that an item is deleted there, and how far the item had."""
    if item.retraction is None:
        return []
    told = []
    devices = item.retraction.devices
    if item.retraction.state in ("delivered", "read"):
        told.append("their device was asked to delete it")
    elif devices is not None and devices.told:
        told.append(f"asked to delete it {on_devices(devices)}")
    else:
        told.append(f"deletion {words_of(item.retraction.state, item.retraction.carriers)}")
    # In notes to oneself nobody else ever had it, and here it is no longer.
    if item.state != "kept":
        told.append(f"the message itself: {came(item)}")
    return told


def reactions_of(item: ItemAnswer) -> str:
    """Return all reactions in one line."""
    return "  ".join(
        f"{clean_line(each.emoji)} {each.count}{names_in(each.who, each.count)}"
        for each in item.reactions
    )


def text_of(item: ItemAnswer) -> str:
    """Return the words of an item, with signs where a page would draw them otherwise."""
    signs = [sign for mark in item.marks for sign in signs_of(mark, item.text)]
    signs += [sign for mention in item.mentions for sign in signs_of_mention(mention, item.text)]
    text = item.text
    # From the end on, so that the places of the others stay.
    for place, sign in sorted(signs, key=lambda each: each.place, reverse=True):
        text = text[:place] + sign + text[place:]
    return text


def signs_of(mark: Mark, text: str) -> list["Sign"]:
    """Return the signs of a mark; none if it goes beyond its text."""
    end = mark.start + mark.length
    if not 0 < mark.length <= len(text) - mark.start:
        return []
    match mark.kind:
        case "quote":
            inside = range(mark.start, end - 1)
            begins = [mark.start, *(at + 1 for at in inside if text[at] == "\n")]
            return [Sign(at, "> ") for at in begins]
        case "block":
            return [Sign(mark.start, "```\n"), Sign(end, "\n```")]
        case _:
            sign = SIGNS[mark.kind]
            return [Sign(mark.start, sign), Sign(end, sign)]


def signs_of_mention(mention: MentionAnswer, text: str) -> list["Sign"]:
    """Return who is meant, where the words say otherwise: they are their author's choice."""
    end = mention.start + mention.length
    if not 0 < mention.length <= len(text) - mention.start:
        return []
    told = f"{mention.label} [{mention.mark}]" if mention.mark else mention.label
    if text[mention.start : end].removeprefix("@") == told:
        return []
    return [Sign(end, f" ({told})")]


class Sign(NamedTuple):
    """Something that is put into a text, before the code point at its place."""

    place: int
    text: str


def blocks(text: str) -> list[Line]:
    """Return a text as lines, each made safe."""
    return [(Run("plain", clean(line)),) for line in LINE_ENDS.split(text)]


def styled(lines: Iterable[Line]) -> str:
    """Return lines for a plain terminal."""
    return "\n".join("".join(map(_styled, line)) for line in lines)


def _styled(run: Run) -> str:
    match run.style:
        case "plain":
            return run.text
        case "dim":
            return click.style(run.text, dim=True)
        case "mine":
            return click.style(run.text, fg="cyan")
        case "theirs":
            return click.style(run.text, fg="green", bold=True)
        case "warn":
            return click.style(run.text, fg="yellow")
