"""Lengths of time as people write them on the command line: 30m, 12h, 7d, 2w."""

import re
import time
from typing import Final

import click

from mesh.cli.layout import DAY, HOUR, MINUTE
from mesh.errors import UserError

UNITS: Final = {"m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
EXAMPLES: Final = "such as 30m, 12h, 7d or 2w"


def find_seconds(text: str) -> int | None:
    """Return a length of time in seconds; None if it is none."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})([mhdw])", text.strip().lower())
    return None if match is None else int(match[1]) * UNITS[match[2]]


def timer_of(text: str) -> int:
    """Return the seconds of a timer, 0 for `off`; UserError if it is none."""
    seconds = 0 if text.strip().lower() == "off" else find_seconds(text)
    if seconds is None:
        raise UserError("usage", f"{text!r} is no length of time {EXAMPLES}; off ends it.")
    return seconds


class Lifetime(click.ParamType[int, object]):
    """A length of time such as 7d or 12h, in seconds."""

    name = "lifetime"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        if isinstance(value, int):
            return value
        seconds = find_seconds(str(value))
        if seconds is None:
            self.fail(f"{value!r} is no length of time {EXAMPLES}.", param, ctx)
        return seconds


def moment_in(seconds: int | None) -> int:
    """Return the moment that is so far ahead, in Unix seconds; 0 (never) for None."""
    return 0 if seconds is None else int(time.time()) + seconds
