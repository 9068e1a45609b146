"""Times, sizes and tables as a person reads them."""

import re
import time
import unicodedata
from collections.abc import Sequence

_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY_FACTORS = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}

MINUTE, HOUR, DAY = 60, 3_600, 86_400
DAYS_BY_NAME = 6
"""The weekday of a moment that is longer ago may be today's."""


def when(unix_seconds: int) -> str:
    """Return a moment: the time of day if it is today's, else the date as well."""
    moment = time.localtime(clamped(unix_seconds))
    today = time.localtime()
    if (moment.tm_year, moment.tm_yday) == (today.tm_year, today.tm_yday):
        return time.strftime("%H:%M", moment)
    return time.strftime("%Y-%m-%d %H:%M", moment)


def day(unix_seconds: int) -> str:
    """Return a moment by its day: the time if it is today's, the weekday if it is this week's."""
    moment, today = time.localtime(clamped(unix_seconds)), time.localtime()
    days_ago = (time.mktime(today) - time.mktime(moment)) / DAY
    if (moment.tm_year, moment.tm_yday) == (today.tm_year, today.tm_yday):
        return time.strftime("%H:%M", moment)
    return time.strftime("%A" if 0 <= days_ago < DAYS_BY_NAME else "%Y-%m-%d", moment)


def clamped(unix_seconds: int) -> int:
    """Return a moment that every system's calendar can show; others' clocks may say anything."""
    return max(0, min(unix_seconds, 2**32 - 1))


def lasting(seconds: int) -> str:
    """Return a length of time in its two largest units."""
    if seconds < MINUTE:
        return f"{max(0, seconds)} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE} min"
    if seconds < DAY:
        return f"{seconds // HOUR} h {seconds % HOUR // MINUTE} min"
    return f"{seconds // DAY} d {seconds % DAY // HOUR} h"


def size(count: int) -> str:
    """Return a number of bytes with three digits at most."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if amount >= 10 or unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.0f} TiB"


def find_bytes(text: str) -> int | None:
    """Return the bytes of a size as people and the makers of disks write it; None if it is none."""
    found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,3})?) ?([kmgt]?)(i?)b?", text.lower())
    if found is None or (found[3] and not found[2]):
        return None
    factor = _BINARY_FACTORS[found[2]] if found[3] else _FACTORS[found[2]]
    return int(float(found[1]) * factor)


def plural(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines with aligned columns; the last column is as long as it is."""
    widths = [max(width(row[i]) for row in rows) for i in range(len(rows[0]) - 1)] if rows else []
    lines = []
    for row in rows:
        cells = [cell + " " * (widths[i] - width(cell)) for i, cell in enumerate(row[:-1])]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return lines


def width(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    return sum(cells(character) for character in text)


def cells(character: str) -> int:
    """Return how many cells of a terminal a character takes."""
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Me", "Mn"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
