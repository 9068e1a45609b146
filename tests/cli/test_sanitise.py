"""No text of a stranger commands a terminal or deceives its reader."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.cli.sanitise import (
    COMBINING_MAX,
    HIDDEN_CATEGORIES,
    JOINERS,
    clean_block,
    clean_json,
    clean_line,
)

ANYTHING = st.text(st.characters() | st.sampled_from("\x1b\x07\x9b\u202e\u2066\u200f\n\r\t\u2028"))


@given(ANYTHING)
def test_a_line_is_one_line_without_hidden_characters(text: str) -> None:
    line = clean_line(text)
    assert len(line.splitlines()) == 1
    for character in line:
        assert character in JOINERS or unicodedata.category(character) not in HIDDEN_CATEGORIES


@given(ANYTHING)
def test_every_further_line_of_a_block_is_indented(text: str) -> None:
    first, *rest = clean_block(text, indent="    ").split("\n")
    assert "\r" not in first
    assert all(line.startswith("    ") for line in rest)


@given(st.recursive(ANYTHING, lambda inner: st.lists(inner) | st.dictionaries(ANYTHING, inner)))
def test_cleaned_json_means_the_same(value: object) -> None:
    cleaned = clean_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(cleaned) == value
    assert not any(unicodedata.category(each) in ("Cc", "Cf") for each in cleaned.strip(JOINERS))


@pytest.mark.parametrize(
    "text, shown",
    [
        ("\x1b[2J", "<U+001B>[2J"),
        ("\u202egnp.exe", "<U+202E>gnp.exe"),
        ("a\u200bb", "a<U+200B>b"),
        ("Ben\nme: pay him", "Ben me: pay him"),
        ("\ud800", "<U+D800>"),
        ("\U000e0041", "<U+E0041>"),
        ("\u3164", "<U+3164>"),
        ("", "<nothing>"),
        ("  \n ", "<nothing>"),
    ],
)
def test_what_is_hidden_is_named(text: str, shown: str) -> None:
    assert clean_line(text) == shown


@pytest.mark.parametrize("text", ["Grüße", "日本語", "👩‍👩‍👧‍👦", "می‌خواهم", "नमस्ते", "❤️"])
def test_every_script_and_emoji_stays(text: str) -> None:
    assert clean_line(text) == text


def test_marks_do_not_pile_up() -> None:
    piled = "e" + "\u0301" * 100
    assert clean_line(piled) == "e" + "\u0301" * COMBINING_MAX
