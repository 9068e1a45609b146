"""Contents of entries, of what a person asks to write; UserError says in words what is wrong."""

import unicodedata
from collections.abc import Callable, Iterable, Sequence

import msgspec

from mesh.commands.item_commands import (
    AnswerCheckIn,
    ChangeTask,
    EditItem,
    MentionAsked,
    ReactToItem,
    WriteItem,
)
from mesh.commands.items import Mark
from mesh.content import check_in as check_ins
from mesh.content import task as tasks
from mesh.content import text as texts
from mesh.content.entry import Kind
from mesh.content.fields import KEY_BYTES, InvalidContentError
from mesh.content.file import File
from mesh.content.kinds import Content
from mesh.content.notice import Notice
from mesh.content.poll import Poll
from mesh.content.reaction import React
from mesh.errors import UserError
from mesh.limits.messages import TEXT_BYTES_MAX

_UNSEEN = frozenset(("Cc", "Cf", "Zl", "Zp", "Zs"))
"""Categories of blanks, controls and formats."""

_DRAWN_AS_NOTHING = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufe0e\ufe0f")
"""Letters, signs and marks that leave a screen empty."""

_STYLES = {
    "bold": texts.Style.BOLD,
    "italic": texts.Style.ITALIC,
    "struck": texts.Style.STRUCK,
    "code": texts.Style.CODE,
    "block": texts.Style.BLOCK,
    "quote": texts.Style.QUOTE,
}
_FIELDS = {
    "state": tasks.Field.STATE,
    "title": tasks.Field.TITLE,
    "notes": tasks.Field.NOTES,
    "for": tasks.Field.FOR,
    "until": tasks.Field.UNTIL,
}
_STATES = {"open": tasks.State.OPEN, "doing": tasks.State.BEING_DONE, "done": tasks.State.DONE}


def object_of(asked: WriteItem, reply: bytes, files: Sequence[File] = ()) -> tuple[Kind, Content]:
    """Return the object that a person writes. `reply`: the id of what a text answers to; `files`
    are of a text too.
    """
    kind: Kind
    match asked.kind:
        case "text":
            if asked.text or not files:
                check_text(asked.text, is_alone=not files)
            kind = Kind.TEXT
            content: Content = texts.Text(
                asked.text,
                _marks(asked.marks),
                _mentions(asked.mentions),
                reply,
                list(files),
                forwarded=asked.forwarded,
            )
        case "poll":
            kind = Kind.POLL
            _check_poll(asked.question, asked.options)
            content = Poll(asked.question, list(asked.options), asked.is_several, asked.closes)
        case "check-in":
            kind = Kind.CHECK_IN
            content = check_ins.CheckIn(
                asked.question,
                [
                    check_ins.Choice(choice.words, check_ins.Level(choice.level))
                    for choice in asked.answers
                ],
                keys_of(asked.asked),
                asked.until,
                asked.old_after,
            )
        case "task":
            kind = Kind.TASK
            content = tasks.Task(asked.title, asked.notes, keys_of(asked.whom), asked.until)
        case "notice":
            kind = Kind.NOTICE
            content = Notice(asked.text, asked.until, asked.is_urgent)
    return kind, checked(lambda: content)


def edit_of(asked: EditItem) -> texts.Edit:
    """Return the words that a person gives to a text."""
    check_text(asked.text)
    edit = texts.Edit(asked.text, _marks(asked.marks), _mentions(asked.mentions))
    checked(lambda: edit)
    return edit


def reaction_of(asked: ReactToItem) -> React:
    """Return the reactions of a person."""
    reaction = React(list(asked.emoji))
    checked(lambda: reaction)
    return reaction


def answer_of(asked: AnswerCheckIn) -> check_ins.Answer:
    """Return what a person says of themselves, or of somebody else."""
    subject = keys_of([asked.subject])[0] if asked.subject else b""
    answer = check_ins.Answer(asked.which, asked.note, asked.place, subject)
    checked(lambda: answer)
    return answer


def change_of(asked: ChangeTask) -> tasks.Change:
    """Return another value of a field of a task."""
    value: object = asked.value
    match asked.field:
        case "state":
            value = _STATES.get(str(asked.value))
        case "for":
            value = keys_of(asked.value) if isinstance(asked.value, tuple) else None
        case "until":
            value = asked.value if isinstance(asked.value, int) else None
        case _:
            value = asked.value if isinstance(asked.value, str) else None
    if value is None:
        raise UserError("bad-content", f"`value` is none of the field {asked.field}.")
    change = tasks.Change(_FIELDS[asked.field], msgspec.Raw(msgspec.msgpack.encode(value)))
    checked(lambda: change)
    return change


def checked(make: Callable[[], Content]) -> Content:
    """Return a content that keeps its bounds, those of its types too; UserError otherwise."""
    content = make()
    try:
        # What the other side does with it.
        read = msgspec.msgpack.decode(msgspec.msgpack.encode(content), type=type(content))
        read.check()
    except (InvalidContentError, msgspec.ValidationError) as error:
        raise UserError("bad-content", f"That cannot be written: {error}.") from error
    except UnicodeEncodeError as error:
        raise UserError("bad-text", "That is not valid Unicode text.") from error
    return content


def check_text(text: str, *, is_alone: bool = True) -> None:
    """UserError unless a text can be seen, is Unicode, and fits an envelope. `is_alone`: no file
    is with it. What others write may be blank all the same.
    """
    if not text or (is_alone and is_blank(text)):
        raise UserError("empty", "The message is empty; write something.")
    try:
        length = len(text.encode())
    except UnicodeEncodeError as error:
        raise UserError("bad-text", "The message is not valid Unicode text.") from error
    if length > TEXT_BYTES_MAX:
        raise UserError(
            "too-large",
            f"The message has {length} bytes, and at most {TEXT_BYTES_MAX} fit; split it.",
            bytes=length,
            bytes_max=TEXT_BYTES_MAX,
        )


def is_blank(text: str) -> bool:
    """Say whether nothing of a text can be seen."""
    return all(
        letter in _DRAWN_AS_NOTHING or unicodedata.category(letter) in _UNSEEN for letter in text
    )


def _check_poll(question: str, options: Sequence[str]) -> None:
    """UserError unless a poll asks something, and its options can be told apart."""
    if is_blank(question):
        raise UserError("bad-content", "The question of the poll is empty; write something.")
    if any(is_blank(option) for option in options):
        raise UserError("bad-content", "An option of the poll is empty; write something.")
    different = {option.strip().casefold() for option in options}
    if len(different) < len(options):
        raise UserError("bad-content", "An option of the poll stands there twice.")


def keys_of(keys: Iterable[str]) -> list[bytes]:
    """Return identity keys from their digits; UserError if one is none."""
    found = []
    for key in keys:
        try:
            found.append(bytes.fromhex(key))
        except ValueError:
            found.append(b"")
        if len(found[-1]) != KEY_BYTES:
            raise UserError("bad-content", f"{key[:64]!r} is no key of a person.")
    return found


def _marks(marks: Iterable[Mark]) -> list[texts.Mark]:
    return [texts.Mark(int(_STYLES[mark.kind]), mark.start, mark.length) for mark in marks]


def _mentions(mentions: Iterable[MentionAsked]) -> list[texts.Mention]:
    return [texts.Mention(one.start, one.length, keys_of([one.key])[0]) for one in mentions]
