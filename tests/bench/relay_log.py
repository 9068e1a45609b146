"""The log of a relay, and what it tells of groups to whoever takes it.

`docs/protocol/groups.md` says what a relay may learn: what a key of a day posts, and its sizes. Its
log may tell less: that it runs, and whom it is linked with. All beyond that is found here: a line
of a part that handles mail, which by its time alone would tell when somebody posted, and a name,
a word, an id, a tag or a key of what passed, in any of the letters in which such things are shown.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mesh.node.logs import LOG_FILE
from mesh.wire.envelope import Envelope

MAY_SPEAK: Final = (
    "mesh.daemon",
    "mesh.discovery",
    "mesh.machine",
    "mesh.network",
    "mesh.node",
    "mesh.waking",
)
"""The loggers of the parts that tell of the machine, of its networks and of the daemon, and see no
mail."""

DIGITS_COUNT: Final = 6
"""So much of a long number is left in a log (`mesh/node/logs.py`), and tells it from others."""

_HEXADECIMAL: Final = re.compile(rf"[0-9a-f]{{{DIGITS_COUNT},}}")


@dataclass(frozen=True, slots=True)
class Passed:
    """All that passed a relay and must not stand in its log, by what it is."""

    numbers: Mapping[str, Iterable[bytes]] = field(default_factory=dict)
    """Ids, tags and keys."""

    words: Iterable[str] = ()

    @classmethod
    def of(cls, envelopes: Iterable[Envelope], words: Iterable[str]) -> "Passed":
        """Return what stands in these envelopes for everybody to see, and some words."""
        kept = list(envelopes)
        numbers: dict[str, Iterable[bytes]] = {
            "id": [one.id for one in kept],
            "tag": [one.header.tag for one in kept],
            "posting key": [one.header.posting_key for one in kept],
            "read hash": [one.header.read_hash for one in kept],
            "withdraw hash": [one.header.withdraw_hash for one in kept],
        }
        return cls(numbers, words)


def lines_of(folder: Path) -> list[dict[str, str]]:
    """Return the lines of the log files in a folder, as they were written."""
    files = sorted(folder.rglob(f"{LOG_FILE}*"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def faults(lines: Sequence[Mapping[str, str]], passed: Passed) -> list[str]:
    """Return what these lines tell beyond what a log may."""
    return list(dict.fromkeys((*_of_mail(lines), *_named(lines, passed))))


def _of_mail(lines: Sequence[Mapping[str, str]]) -> Iterator[str]:
    for line in lines:
        name = line["logger"]
        if not any(name == one or name.startswith(f"{one}.") for one in MAY_SPEAK):
            yield f"a line of {name}"


def _named(lines: Sequence[Mapping[str, str]], passed: Passed) -> Iterator[str]:
    # The time of a line is no number of anything.
    told = [
        " ".join(str(value) for name, value in line.items() if name != "timestamp")
        for line in lines
    ]
    text = "\n".join(told).lower()
    shown = {found[:DIGITS_COUNT] for found in _HEXADECIMAL.findall(text)}
    for what, numbers in passed.numbers.items():
        for number in numbers:
            if number.hex()[:DIGITS_COUNT] in shown or _is_in_letters(number, text):
                yield f"a {what}"
    for word in passed.words:
        if word.lower() in text:
            yield f"the word {word!r}"


def _is_in_letters(number: bytes, text: str) -> bool:
    """Say whether a number begins so in the letters of Base32 or Base64."""
    ways = base64.b32encode(number), base64.urlsafe_b64encode(number), base64.b64encode(number)
    return any(way[: DIGITS_COUNT * 2].decode().lower() in text for way in ways)
