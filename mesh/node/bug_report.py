"""Tells of a node what helps to find out why something is wrong.

What is told stands here by name: versions, numbers, which settings are set (not to what), what the
doctor found, the end of the log. Of words that others or the system chose nothing is taken as it
is: names of the person, the computer, the profile and the mesh, folders, addresses and whatever
looks like a key are cut out of every line. A line of the log is taken apart first, as it writes
letters and paths in other characters; and of an error its type and place are told, since its words
may be anybody's.
"""

import getpass
import json
import platform
import re
import socket
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeAlias

from mesh.commands.status import StatusAnswer
from mesh.limits.daemon import BUG_REPORT_LOG_BYTES
from mesh.node.doctor.finding import Finding
from mesh.node.folders import ProfileFolders
from mesh.node.logs import LOG_FILE, redacted
from mesh.release import release

NUMBERS: Final = (
    "vault",
    "is_closed",
    "has_passphrase",
    "links_count",
    "contact_links_count",
    "envelopes_count",
    "stored_bytes",
    "stored_bytes_max",
    "contacts_count",
    "requests_count",
    "outbox_count",
    "stamp",
    "clock_offset_seconds",
    "disk",
)
"""What is told of a status: numbers, and words that this program alone chooses."""

_PATH: Final = re.compile(r"(?<![\w.])(/|[A-Za-z]:\\|\\\\)\S.*", re.DOTALL)
"""A path and all that follows: names of folders hold spaces, and nobody knows where it ends."""

_ERROR_WORDS: Final = re.compile(r"\b([A-Z]\w*(?:Error|Exception|Group))\(.*", re.DOTALL)
"""An error as Python writes it, with its words."""

_ERROR_TYPE: Final = re.compile(r"^[\s|+-]*([\w.]*(?:Error|Exception|Group))(?::|$)", re.MULTILINE)
_ERROR_PLACE: Final = re.compile(r'File "[^"\n]*?(\w+\.py)", line (\d+)')
_OUR_FIELDS: Final = ("timestamp", "level", "logger")
_WORDS: Final = ("event", "reason")
"""The fields of a line of the log in which sentences stand."""

_NAMES_UNKNOWN: Final = (
    "The names of contacts, groups and members were not known, since no open vault answered: "
    "look whether one of them stands here."
)

Patterns: TypeAlias = Sequence[tuple[re.Pattern[str], str]]
"""What finds a name, and the word for it."""

_SHORT: Final = 2
"""A name of fewer characters is in every word, and hides nothing."""


def bug_report(
    folders: ProfileFolders,
    findings: Sequence[Finding],
    status: StatusAnswer | None,
    settings: Sequence[str],
    others: Sequence[str] | None = None,
) -> str:
    """Return a report as text. No node is no status.

    `settings` are the names of what is set, and `others` those of people and groups, which are cut
    out; None: nobody knows them, and the report says so.
    """
    hidden = patterns_of(hidden_words(folders, status, others or ()))
    lines = [
        *([_NAMES_UNKNOWN, ""] if others is None else ()),
        f"mesh {release()}, Python {platform.python_version()}, {platform.system()}, "
        f"{platform.machine()}",
        f"set: {', '.join(settings) or 'nothing'}",
        "",
        *status_lines(status),
        "",
        *(f"{each.level:4}  {each.check}: {cleaned(each.found, hidden)}" for each in findings),
        "",
        *(told_line(line, hidden) for line in log_lines(folders)),
    ]
    return "\n".join([*lines, ""])


def hidden_words(
    folders: ProfileFolders, status: StatusAnswer | None, others: Sequence[str]
) -> dict[str, str]:
    """Return the names that are cut out, each with the word for it; longer ones come first."""
    names = dict.fromkeys(others, "[name]")
    names |= {str(Path.home()): "[home]", socket.gethostname(): "[computer]"}
    with suppress(KeyError, OSError):
        names[getpass.getuser()] = "[user]"
    for folder in (folders.config, folders.data, folders.state):
        names[str(folder)] = "[folder]"
    if status is not None:
        names |= {status.name: "[name]", status.mesh: "[mesh]"}
    names[folders.name] = "[profile]"
    ours = {"default", "mesh", "root"}
    told = {name: word for name, word in names.items() if len(name) > _SHORT and name not in ours}
    return dict(sorted(told.items(), key=lambda each: -len(each[0])))


def patterns_of(hidden: Mapping[str, str]) -> Patterns:
    """Return what finds the names, made once: a group has more than `re` would remember."""
    return [
        (re.compile(re.escape(unicodedata.normalize("NFC", name)), re.IGNORECASE), word)
        for name, word in hidden.items()
    ]


def cleaned(line: str, hidden: Patterns) -> str:
    """Return a line without names, addresses and keys."""
    # Some systems write a letter and its accent as two.
    line = unicodedata.normalize("NFC", line)
    for pattern, word in hidden:
        line = pattern.sub(word, line)
    return redacted(_PATH.sub("[path]", _ERROR_WORDS.sub(r"\1", line)))


def told_line(line: str, hidden: Patterns) -> str:
    """Return a line of the log, of which only what is known by its name is told."""
    try:
        fields = json.loads(line)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        return "[no line of the log]"
    told: dict[str, object] = {}
    for name, value in fields.items():
        if name in _WORDS or name in _OUR_FIELDS:
            told[name] = cleaned(str(value), hidden)
        elif name == "exception":
            places = [":".join(place) for place in _ERROR_PLACE.findall(str(value))]
            told[name] = [*_ERROR_TYPE.findall(str(value)), *places]
        elif isinstance(value, int | float):
            told[name] = value
    return json.dumps(told, ensure_ascii=False)


def status_lines(status: StatusAnswer | None) -> list[str]:
    """Return what is told of a status."""
    if status is None:
        return ["the node does not answer"]
    lines = [f"{name}: {getattr(status, name)}" for name in NUMBERS]
    lines += [f"refused, {reason}: {count}" for reason, count in sorted(status.refused.items())]
    return lines + [f"{name}: {count}" for name, count in sorted(status.counters.items())]


def log_lines(folders: ProfileFolders) -> list[str]:
    """Return the end of the log; it was redacted when it was written."""
    try:
        with (folders.state / "logs" / LOG_FILE).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - BUG_REPORT_LOG_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return [json.dumps({"event": "there is no log"})]
    # The first one may be half a line.
    return lines[1:] if size > BUG_REPORT_LOG_BYTES else lines
