"""The words of texts that were erased are nowhere in the files, looked for without a key.

Words are drawn by chance: an index keeps of each what differs from the one before it, so the ends
are looked for. Whatever is looked for is first found.
"""

import random
import string
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from mesh.database import Connection
from mesh.storage.connection import checkpoint, transaction
from mesh.storage.vault.search import TEXT_INDEX, SearchRows
from tests.storage.plain import all_bytes, connect_plainly

WORD_LETTERS, END_LETTERS = 16, 9
WORDS = 6
"""Of each text."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "texts.db"


@pytest.fixture
def connection(file: Path) -> Iterator[Connection]:
    opened = connect_plainly(file)
    with transaction(opened):
        opened.execute("CREATE TABLE marks (name TEXT PRIMARY KEY, value INTEGER)")
        opened.execute("CREATE TABLE texts (entry INTEGER PRIMARY KEY, text TEXT NOT NULL)")
        for statement in TEXT_INDEX:
            opened.execute(statement)
    yield opened
    opened.close()


def drawn_texts(count: int, seed: int = 1) -> list[str]:
    """Return texts of words that nothing else holds."""
    drawn = random.Random(seed)
    return [
        " ".join(
            "".join(drawn.choices(string.ascii_lowercase, k=WORD_LETTERS)) for _ in range(WORDS)
        )
        for _ in range(count)
    ]


def add(connection: Connection, texts: Sequence[str]) -> None:
    for start in range(0, len(texts), 50):
        with transaction(connection):
            connection.executemany(
                "INSERT INTO texts (text) VALUES (?)",
                [(text,) for text in texts[start : start + 50]],
            )


def words_in(file: Path, texts: Sequence[str]) -> int:
    """Return how many words of these texts have left something in the file or its log."""
    held = all_bytes(file)
    words = [word for text in texts for word in text.split()]
    return sum(word[-END_LETTERS:].encode() in held for word in words)


def is_whole(connection: Connection) -> bool:
    """Say whether the index holds what the texts hold; the library raises if not."""
    with transaction(connection):
        connection.execute(
            "INSERT INTO text_index (text_index, rank) VALUES ('integrity-check', 1)"
        )
    return True


def found(connection: Connection, word: str) -> list[object]:
    rows = connection.execute(
        "SELECT rowid FROM text_index WHERE text_index MATCH ?", (f'"{word}"',)
    ).fetchall()
    return [number for (number,) in rows]


@pytest.mark.parametrize("step", [1, 2, 7])
def test_words_of_erased_texts_are_in_no_byte_of_file_and_log(
    connection: Connection, file: Path, step: int
) -> None:
    texts = drawn_texts(600)
    add(connection, texts)
    gone, kept = texts[::step], [text for n, text in enumerate(texts) if n % step]
    assert words_in(file, gone) == len(gone) * WORDS
    for start in range(0, 600, 100):
        with transaction(connection):
            connection.executemany(
                "DELETE FROM texts WHERE entry = ?",
                [(n + 1,) for n in range(start, start + 100) if n % step == 0],
            )
    assert checkpoint(connection)
    assert words_in(file, gone) == 0
    assert words_in(file, kept) == len(kept) * WORDS
    assert is_whole(connection)


def test_words_before_an_edit_are_gone_and_those_after_it_are_found(
    connection: Connection, file: Path
) -> None:
    before, after = drawn_texts(300), drawn_texts(300, seed=2)
    add(connection, before)
    for number, text in enumerate(after, 1):
        with transaction(connection):
            connection.execute(
                "INSERT INTO texts VALUES (?1, ?2) ON CONFLICT (entry) DO UPDATE SET text = ?2",
                (number, text),
            )
    assert checkpoint(connection)
    assert words_in(file, before) == 0
    assert found(connection, after[8].split()[0]) == [9]
    assert is_whole(connection)


@pytest.mark.parametrize("gone_count", [15, 570])
def test_where_much_goes_at_once_nothing_of_it_is_left(
    connection: Connection, file: Path, gone_count: int
) -> None:
    texts = drawn_texts(600)
    add(connection, texts)
    with transaction(connection), SearchRows(connection).going(gone_count):
        connection.execute("DELETE FROM texts WHERE entry <= ?", (gone_count,))
    assert checkpoint(connection)
    assert words_in(file, texts[:gone_count]) == 0
    assert connection.execute("SELECT count(*) FROM marks").fetchone() == (0,)
    assert found(connection, texts[-1].split()[0]) == [600]
    assert is_whole(connection)
    # And from then on one by one again.
    with transaction(connection):
        connection.execute("DELETE FROM texts WHERE entry = 600")
    assert checkpoint(connection)
    assert words_in(file, texts[-1:]) == 0
    assert found(connection, texts[-1].split()[0]) == []
