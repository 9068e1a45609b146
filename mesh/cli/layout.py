"""Times, sizes and tables as a person reads them."""

import time
import unicodedata
from collections.abc import Sequence

MINUTE, HOUR, DAY = 60, 3_600, 86_400


def when(unix_seconds: int) -> str:
    """Return a moment: the time of day if it is today's, else the date as well."""
    moment = time.localtime(clamped(unix_seconds))
    today = time.localtime()
    if (moment.tm_year, moment.tm_yday) == (today.tm_year, today.tm_yday):
        return time.strftime("%H:%M", moment)
    return time.strftime("%Y-%m-%d %H:%M", moment)


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
