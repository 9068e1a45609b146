"""The part of the screen that shows the history: it stays at the end, or where one scrolled to."""

import time
from collections.abc import Callable
from typing import Final, NamedTuple

from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout.controls import UIContent, UIControl
from prompt_toolkit.utils import get_cwidth

from mesh.cli.chat.room import Room, name_in
from mesh.cli.chat.wrapping import wrapped
from mesh.cli.items import Line, Style, lines_of
from mesh.commands.items import ItemAnswer

STYLES: Final[dict[Style, str]] = {
    "plain": "",
    "dim": "ansibrightblack",
    "mine": "ansicyan",
    "theirs": "ansigreen bold",
    "warn": "ansiyellow",
}

RowName = tuple[int, int]
"""The number of an item, and which of its rows."""


class HistoryPane(UIControl):
    """Draws rows of the history, or the sheet that covers it."""

    def __init__(self, room: Room, want_older: Callable[[], None]) -> None:
        self._room = room
        self._want_older = want_older
        self._rows: dict[int, tuple[ItemAnswer, _Shape, list[Line]]] = {}
        self._bottom: RowName | None = None
        """The row at the bottom, while one has scrolled away from the end."""

        self._scroll_by = 0
        self._sheet_top = 0

    @property
    def is_at_end(self) -> bool:
        """Say whether the newest row is seen."""
        return self._bottom is None

    def scroll(self, pages: int) -> None:
        """Go back (below 0) or on by half a screen each; it shows with the next drawing."""
        self._scroll_by += pages

    def follow_end(self) -> None:
        """Show the newest, and what comes."""
        self._bottom = None
        self._sheet_top = 0

    def is_focusable(self) -> bool:
        return False

    def create_content(self, width: int, height: int) -> UIContent:
        """Return the rows that fit, those of the history at the bottom."""
        by, self._scroll_by = self._scroll_by * max(1, height // 2), 0
        sheet = self._room.sheet
        shown = (
            self._sheet_rows(sheet, width, height, by)
            if sheet
            else self._history_rows(width, height, by)
        )
        return UIContent(
            get_line=lambda at: fragments_of(shown[at]), line_count=len(shown), show_cursor=False
        )

    def _sheet_rows(self, sheet: tuple[Line, ...], width: int, height: int, by: int) -> list[Line]:
        rows = [row for line in sheet for row in wrapped(line, width, get_cwidth)]
        self._sheet_top = max(0, min(self._sheet_top + by, len(rows) - height))
        return rows[self._sheet_top : self._sheet_top + height]

    def _history_rows(self, width: int, height: int, by: int) -> list[Line]:
        self._sheet_top = 0
        shape = _Shape(width, self._room.name, time.localtime().tm_yday)
        named = [
            ((item.number, at), row)
            for item in self._room.history.items
            for at, row in enumerate(self._rows_of(item, shape))
        ]
        names = [name for name, _ in named]
        last = len(named) - 1
        bottom = names.index(self._bottom) if self._bottom in names else last
        bottom = max(min(bottom + by, last), min(height - 1, last))
        self._bottom = None if bottom >= last else names[bottom]
        if by < 0 and bottom < height and self._room.history.has_older:
            self._want_older()
        shown = [row for _, row in named[max(0, bottom + 1 - height) : bottom + 1]]
        return [*[()] * (height - len(shown)), *shown]

    def _rows_of(self, item: ItemAnswer, shape: "_Shape") -> list[Line]:
        known = self._rows.get(item.number)
        if known is not None and known[0] is item and known[1] == shape:
            return known[2]
        rows = [
            row
            for line in lines_of(item, name_in(self._room, item))
            for row in wrapped(line, shape.width, get_cwidth)
        ]
        self._rows[item.number] = (item, shape, rows)
        return rows


class _Shape(NamedTuple):
    """All that the rows of an item depend on beside it; the day, because times are told by it."""

    width: int
    name: str
    day: int


def fragments_of(row: Line) -> StyleAndTextTuples:
    """Return a row as the library draws it."""
    return [(STYLES[run.style], run.text) for run in row]
