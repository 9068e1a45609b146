"""A line is words for the others, or a command; nothing that looks like a command is sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.cli.chat.words import Typed, find_number, number_of, taken_apart
from mesh.errors import UserError


def test_a_line_without_a_slash_is_sent_as_it_is() -> None:
    assert taken_apart(" a line /help ") == Typed("", " a line /help ")


def test_two_slashes_begin_a_text_that_begins_with_one() -> None:
    assert taken_apart("//etc/hosts") == Typed("", "/etc/hosts")


def test_a_command_is_taken_apart() -> None:
    assert taken_apart("/Info  41 ") == Typed("info", "41")


@given(st.text().filter(lambda rest: not rest.startswith("/")))
def test_what_begins_with_a_slash_is_never_sent(rest: str) -> None:
    assert name_or_problem(f"/{rest}")


def name_or_problem(line: str) -> str:
    try:
        return taken_apart(line).name
    except UserError as error:
        return error.kind


@pytest.mark.parametrize(
    "rest, found",
    [
        ("41", (41, "")),
        ("#41 see you", (41, "see you")),
        ("see 41", (None, "see 41")),
        ("", (None, "")),
    ],
)
def test_a_number_stands_at_the_beginning(rest: str, found: tuple[int | None, str]) -> None:
    assert find_number(rest) == found


@pytest.mark.parametrize("rest", ["", "x", "41 42", "-1", "9" * 30])
def test_a_command_about_a_message_says_which(rest: str) -> None:
    with pytest.raises(UserError, match="/info 41"):
        number_of(Typed("info", rest))
