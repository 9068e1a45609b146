"""Breaks lines of runs to the width of a screen, between words where that is possible."""

import re
from collections.abc import Callable
from typing import Final

from mesh.cli.items import Line, Run, Style
from mesh.cli.messages import INDENT

_WORDS: Final = re.compile(r"\s+|\S+")


def wrapped(line: Line, width: int, cells: Callable[[str], int]) -> list[Line]:
    """Return a line as rows of at most `width` cells; further rows are indented.

    `cells` says how many cells of the screen one character takes.
    """
    rows = _Rows(max(width, len(INDENT) + 2))
    for run in line:
        for found in _WORDS.finditer(run.text):
            word = found[0]
            sizes = [cells(character) for character in word]
            if sum(sizes) <= rows.left:
                rows.add(run.style, word, sum(sizes))
            elif not word.isspace():
                rows.add_long(run.style, word, sizes)
    return rows.ended()


class _Rows:
    """Rows that are being filled."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._rows: list[Line] = []
        self._row: list[Run] = []
        self.left = width

    def add(self, style: Style, text: str, size: int) -> None:
        """Put into the row what has room there."""
        if self._row and self._row[-1].style == style:
            self._row[-1] = Run(style, self._row[-1].text + text)
        else:
            self._row.append(Run(style, text))
        self.left -= size

    def add_long(self, style: Style, word: str, sizes: list[int]) -> None:
        """Put a word into the next row, or break it where it is longer than a row."""
        if sum(sizes) <= self._width - len(INDENT):
            self._begin_row()
        for character, size in zip(word, sizes, strict=True):
            if size > self.left:
                self._begin_row()
            self.add(style, character, size)

    def ended(self) -> list[Line]:
        """Return all rows; there is at least one."""
        return [*self._rows, tuple(self._row)]

    def _begin_row(self) -> None:
        self._rows.append(tuple(self._row))
        self._row = [Run("plain", INDENT)]
        self.left = self._width - len(INDENT)
