"""The line that a person types: words for the others, or a command that begins with a slash."""

import re
from dataclasses import dataclass
from typing import Final

from mesh.errors import UserError


@dataclass(frozen=True, slots=True)
class Word:
    """A command of the chat: how it is called, what follows it, and one line of help.

    Where `usage` begins with N in brackets, the newest message that fits is meant without it.
    """

    name: str
    usage: str
    told: str


WORDS: Final = (
    Word("reply", "[N] [TEXT]", "Answer to message N; without N to the newest of others"),
    Word("edit", "[N] [TEXT]", "Give message N of yours other words; without N the newest"),
    Word("react", "[N] EMOJI…", "React with up to 3 emoji; none takes yours back"),
    Word("delete", "N", "Delete message N of yours, here and with whoever has it"),
    Word("forget", "N", "Delete message N here alone"),
    Word("file", "PATH", "Send a file or a picture"),
    Word("save", "N", "Save the files of message N in the folder where you are"),
    Word("forward", "N CHAT", "Send message N on into another chat"),
    Word("pin", "N", "Keep message N at hand for both"),
    Word("unpin", "N", "Take the pin off"),
    Word("hide", "N", "Hide message N of a group for all in it, as an admin"),
    Word("unhide", "N", "Show it again"),
    Word("timer", "1d|off", "Let what is written from now on disappear after it was read"),
    Word("poll", "QUESTION | OPTION | OPTION…", "Ask a question that is answered by voting"),
    Word("vote", "N OPTION…", "Vote in poll N, by the numbers before its options"),
    Word("close", "N", "Close poll N of yours"),
    Word("check-in", "[QUESTION]", "Ask how everybody is"),
    Word("answer", "N ANSWER [NOTE]", "Answer check-in N, by the number of an answer"),
    Word("remind", "N", "Remind of check-in N of yours who has not answered"),
    Word("task", "TITLE", "Add a task"),
    Word("start", "N", "Say that task N is being done"),
    Word("done", "N", "Say that task N is done"),
    Word("notice", "TEXT", "Put a notice on top of the conversation"),
    Word("board", "", "Show what is open, and what is pinned"),
    Word("search", "WORDS", "Find what was said here"),
    Word("info", "N", "Show since when message N is in each state, and all who reacted or voted"),
    Word("withdraw", "N", "Take back message N of yours, while it is on its way"),
    Word("older", "", "Load older messages (PageUp does as well)"),
    Word("help", "", "Show this"),
    Word("quit", "", "Leave; what stands in the line is kept as a draft"),
)
"""In the order in which `/help` lists them."""

KEYS: Final = (
    ("Enter", "send; Alt-Enter begins another line"),
    ("PageUp, PageDown", "through the history; End goes to its end"),
    ("Tab", "complete a command or what follows it"),
    ("Escape", "close this, or give up what you began"),
    ("Ctrl-C, Ctrl-D", "leave; what stands in the line is kept as a draft"),
)

_NUMBER: Final = re.compile(r"#?(\d{1,18})(?:\s+|$)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Typed:
    """A line taken apart; `name` is empty if it is no command."""

    name: str
    rest: str


def taken_apart(line: str) -> Typed:
    """Return what a line says. Two slashes begin a text that begins with one."""
    if not line.startswith("/"):
        return Typed("", line)
    if line.startswith("//"):
        return Typed("", line[1:])
    name, _, rest = line[1:].partition(" ")
    name, rest = name.strip().lower(), rest.strip()
    if name not in (word.name for word in WORDS):
        raise UserError(
            "usage", f"There is no /{name}; /help lists what there is. // begins a text with /."
        )
    return Typed(name, rest)


def find_number(rest: str) -> tuple[int | None, str]:
    """Return the number at the beginning of what follows a command, and what follows that."""
    found = _NUMBER.match(rest)
    return (None, rest) if found is None else (int(found[1]), rest[found.end() :])


def number_of(typed: Typed) -> int:
    """Return the one number that follows a command; UserError if that is not what follows."""
    number, more = find_number(typed.rest)
    if number is None or more:
        raise UserError("usage", f"Say the number of a message: /{typed.name} 41")
    return number
