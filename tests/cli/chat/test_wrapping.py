"""Lines are broken to the width of a screen, and nothing of them is lost."""

from hypothesis import given
from hypothesis import strategies as st

from mesh.cli.chat.wrapping import wrapped
from mesh.cli.items import Line, Run, Style
from mesh.cli.layout import cells, width
from mesh.cli.messages import INDENT

WIDTH_MIN = len(INDENT) + 2
STYLES: tuple[Style, ...] = ("plain", "dim", "mine", "theirs", "warn")
WORDS = st.text(st.sampled_from("ab 漢😀\u0301-"), max_size=60)
LINES = st.lists(st.builds(Run, st.sampled_from(STYLES), WORDS), max_size=5).map(tuple)


def text_of(line: Line) -> str:
    return "".join(run.text for run in line)


def in_rows(text: str, columns: int) -> list[str]:
    return [text_of(row) for row in wrapped((Run("plain", text),), columns, cells)]


@given(LINES, st.integers(min_value=WIDTH_MIN, max_value=40))
def test_no_row_is_wider_than_the_screen_and_no_word_is_lost(line: Line, columns: int) -> None:
    rows = [text_of(row) for row in wrapped(line, columns, cells)]
    assert all(width(row) <= columns for row in rows)
    assert all(row.startswith(INDENT) for row in rows[1:])
    inside = [rows[0], *(row.removeprefix(INDENT) for row in rows[1:])]
    assert "".join(inside).replace(" ", "") == text_of(line).replace(" ", "")


def test_a_row_ends_between_words() -> None:
    assert in_rows("one two three", 9) == ["one two ", "    three"]


def test_a_word_that_is_longer_than_a_row_is_broken() -> None:
    assert in_rows("a 123456789012", 8) == ["a 123456", "    7890", "    12"]


def test_a_screen_of_no_width_is_drawn_on_all_the_same() -> None:
    assert in_rows("ab", 0) == ["ab"]


def test_each_run_keeps_its_style() -> None:
    (row,) = wrapped((Run("mine", "me"), Run("plain", ": a")), 20, cells)
    assert row == (Run("mine", "me"), Run("plain", ": a"))
