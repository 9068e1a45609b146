"""Words of a search, as the index takes them, and their places in a text."""

import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.database import Connection
from mesh.errors import UserError
from mesh.limits.search import SEARCH_CHARACTERS_MAX, SEARCH_WORDS_MAX, SPANS_PER_HIT_MAX
from mesh.messenger.conversations.search_terms import terms_of
from mesh.storage.connection import connect, transaction
from mesh.storage.vault.search import TEXT_INDEX

SYNTAX = ('"', "*", "^", "(", ")", "{", "}", "+", "-", ":", "AND", "OR", "NOT", "NEAR", "text:")
"""What means something to the parser of FTS5."""


def index_of(*texts: str) -> Connection:
    """Return a database with the index of the vault over some texts."""
    connection = connect(None, None)
    with transaction(connection):
        connection.execute("CREATE TABLE marks (name TEXT, value INTEGER)")
        connection.execute("CREATE TABLE texts (entry INTEGER PRIMARY KEY, text TEXT NOT NULL)")
        for statement in TEXT_INDEX:
            connection.execute(statement)
        connection.executemany("INSERT INTO texts (text) VALUES (?)", [(text,) for text in texts])
    return connection


def found(connection: Connection, typed: str) -> list[int]:
    """Return what the index finds of the words of a search."""
    expression = terms_of(typed).expression
    rows = connection.execute(
        "SELECT rowid FROM text_index WHERE text_index MATCH ? ORDER BY rowid", (expression,)
    ).fetchall()
    return [number for (number,) in rows if isinstance(number, int)]


def marked(typed: str, text: str) -> str:
    """Return a text with brackets around what was found."""
    for start, length in reversed(terms_of(typed).spans(text)):
        text = f"{text[:start]}[{text[start : start + length]}]{text[start + length :]}"
    return text


@pytest.mark.parametrize(
    "typed, text, expected",
    [
        ("ferry", "The ferry leaves. FERRY!", "The [ferry] leaves. [FERRY]!"),
        ("ferr", "The ferry, the ferryman", "The [ferry], the [ferryman]"),
        ("erry", "The ferry", "The ferry"),
        ("the fer", "The ferry, there", "[The] [ferry], there"),
        ("CAFE", "Café, cafe\u0301 and CAFÉS", "[Café], [cafe\u0301] and [CAFÉS]"),
        ("e-mail", "An e-mail, an e mail, email", "An [e-mail], an [e mail], email"),
        ("straße", "Die Straße", "Die [Straße]"),
        ("İstanbul", "İstanbul calls", "[İstanbul] calls"),
        ("हिन्दी", "यह हिन्दी है", "यह [हिन्दी] है"),
        ("京タ", "東京タワーへ", "東[京タ]ワーへ"),
        ("ดี", "สวัสดีครับ", "สวัส[ดี]ครับ"),
        ("학교", "우리 학교에서", "우리 [학교]에서"),
        ("👍🏽", "so 👍🏽 then", "so [👍🏽] then"),
        ("IPhone東", "my iphone東京", "my [iphone東]京"),
        ("a a", "a aa", "[a] [aa]"),
    ],
)
def test_words_are_marked_where_they_stand(typed: str, text: str, expected: str) -> None:
    assert marked(typed, text) == expected


def test_all_words_must_be_there_and_the_last_one_may_go_on() -> None:
    index = index_of("red boat", "red boats", "a boat", "boat, red")
    assert found(index, "red boat") == [1, 2, 4]
    assert found(index, "boat red") == [1, 4]


@pytest.mark.parametrize("typed", ["", "  ", "\n"])
def test_nothing_is_no_search(typed: str) -> None:
    with pytest.raises(UserError) as refused:
        terms_of(typed)
    assert refused.value.kind == "empty"


@pytest.mark.parametrize(
    "typed", ["x" * (SEARCH_CHARACTERS_MAX + 1), "a " * (SEARCH_WORDS_MAX + 1)]
)
def test_a_search_has_bounds(typed: str) -> None:
    with pytest.raises(UserError) as refused:
        terms_of(typed)
    assert refused.value.kind == "too-large"


def test_half_a_character_is_no_text() -> None:
    with pytest.raises(UserError) as refused:
        terms_of("a\ud800")
    assert refused.value.kind == "bad-text"


def test_places_in_one_text_have_a_bound() -> None:
    assert len(terms_of("a").spans("a " * 1000)) == SPANS_PER_HIT_MAX


@pytest.mark.parametrize("syntax", SYNTAX)
def test_what_means_something_to_the_index_means_itself(syntax: str) -> None:
    index = index_of("one two", f"one {syntax} two", "three")
    for typed in (syntax, f"one {syntax} two", f"{syntax}one", f"one{syntax}", syntax * 3):
        terms = terms_of(typed)
        if not terms.expression:
            assert terms.pieces == (typed.lower(),)
            continue
        assert 3 not in found(index, typed) or "three".startswith(typed.lower())


LETTERS = st.sampled_from(
    [*string.printable, *"éèñüßÅİıςΣжЙйё़िदहिकשלאعمّ👍\u0301\u0308\u200d", "\0", *SYNTAX]
) | st.characters(exclude_categories=["Cs"])
TYPED = st.lists(LETTERS, max_size=12).map("".join)


@settings(max_examples=400, deadline=None)
@given(TYPED, st.lists(LETTERS, max_size=30).map("".join), st.data())
def test_whatever_is_typed_is_taken_and_what_is_found_is_marked(
    typed: str, text: str, data: st.DataObject
) -> None:
    if text and data.draw(st.booleans()):
        start = data.draw(st.integers(0, len(text) - 1))
        typed = text[start : start + data.draw(st.integers(1, 8))]
    try:
        terms = terms_of(typed)
    except UserError:
        return
    spans = terms.spans(text)
    assert all(start >= 0 and start + length <= len(text) and length for start, length in spans)
    if terms.expression and found(index_of(text), typed):
        assert spans


def test_a_long_hostile_text_is_looked_through_in_no_time() -> None:
    drawn = random.Random(1)
    text = "".join(drawn.choice("a a\u0301-") for _ in range(60_000))
    assert len(terms_of("a a-a a").spans(text)) == SPANS_PER_HIT_MAX
