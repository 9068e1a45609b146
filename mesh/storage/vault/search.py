"""Rows of the vault by the words that they show, and the index of these words.

The index (`text_index`, FTS5 over `texts`) is kept by triggers, and made so that what is erased is
overwritten in it too. That costs a third of a millisecond a text; so where much goes at once it is
made anew instead.
"""

import contextlib
import re
from collections.abc import Iterator
from typing import Final

from mesh.database import Connection
from mesh.ids import ConversationId
from mesh.storage.vault.rows import integer, integers

TEXT_INDEX: Final = (
    # A letter with its marks is one word in every script. Nothing is ranked, so no lengths are
    # kept of texts.
    """
    CREATE VIRTUAL TABLE text_index USING fts5(
        text, content = 'texts', content_rowid = 'entry', columnsize = 0,
        tokenize = "unicode61 remove_diacritics 2 categories 'L* N* Co Mn Mc'"
    )
    """,
    # Without it the words of a deleted text stay in the index, whatever SQLite overwrites.
    "INSERT INTO text_index (text_index, rank) VALUES ('secure-delete', 1)",
    "INSERT INTO text_index (text_index) VALUES ('rebuild')",
    """
    CREATE TRIGGER texts_added AFTER INSERT ON texts BEGIN
        INSERT INTO text_index (rowid, text) VALUES (new.entry, new.text);
    END
    """,
    """
    CREATE TRIGGER texts_deleted AFTER DELETE ON texts
    WHEN NOT EXISTS (SELECT 1 FROM marks WHERE name = 'texts go') BEGIN
        INSERT INTO text_index (text_index, rowid, text) VALUES ('delete', old.entry, old.text);
    END
    """,
    """
    CREATE TRIGGER texts_changed AFTER UPDATE ON texts BEGIN
        INSERT INTO text_index (text_index, rowid, text) VALUES ('delete', old.entry, old.text);
        INSERT INTO text_index (rowid, text) VALUES (new.entry, new.text);
    END
    """,
)
"""The statements that make the index. They are part of a migration, and so never change."""

_SHARE_REBUILT: Final = 32
"""If more than one of so many texts goes at once, the index is made anew: that costs a fortieth."""

# Of an entry its number alone is looked at, in lists that are made once: rows are large. The plus
# keeps the lists from leading the search.
_IN_CONVERSATION: Final = (
    " AND (?2 IS NULL OR +{0} IN (SELECT number FROM entries WHERE conversation = ?2))"
)
# Nothing of people who are blocked or wait apart is found.
_NOT_APART: Final = (
    " AND +{0} NOT IN (SELECT number FROM entries WHERE conversation IN "
    "(SELECT id FROM contacts WHERE is_request OR is_blocked))"
)
_LETTER: Final = re.compile("[a-z]")


class SearchRows:
    """The texts as they are shown now."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(
        self,
        expression: str,
        pieces: tuple[str, ...],
        *,
        conversation: ConversationId | None,
        before: int,
        limit: int,
    ) -> list[int]:
        """Numbers of entries below one that show the words, the highest first.

        `expression` is what the index is asked (empty: nothing), and each of `pieces` stands
        somewhere in the text, whatever the case of A to Z.
        """
        parameters: list[object] = [before, conversation, limit]
        source, number = "texts WHERE texts.entry < ?1", "texts.entry"
        if expression:
            parameters.append(expression)
            number = "text_index.rowid"
            texts = " JOIN texts ON texts.entry = text_index.rowid" if pieces else ""
            source = f"text_index{texts} WHERE text_index MATCH ?4 AND {number} < ?1"
        sql = f"SELECT {number} FROM {source}{_IN_CONVERSATION.format(number)}"
        for piece in pieces:
            parameters.append(piece)
            # Half of a scan would be copies of texts in which nothing is to be made small.
            text = "lower(texts.text)" if _LETTER.search(piece) else "texts.text"
            sql += f" AND instr({text}, ?{len(parameters)})"
        # Last: few of the texts that a scan looks at are hits.
        sql += f"{_NOT_APART.format(number)} ORDER BY {number} DESC LIMIT ?3"
        return integers(self._connection.execute(sql, parameters))

    @contextlib.contextmanager
    def going(self, texts_count: int) -> Iterator[None]:
        """Inside, so many texts are deleted."""
        is_rebuilt = texts_count * _SHARE_REBUILT > integer(
            self._connection.execute("SELECT count(*) FROM texts")
        )
        if is_rebuilt:
            self._connection.execute("INSERT INTO marks (name, value) VALUES ('texts go', 1)")
        yield
        if is_rebuilt:
            self._connection.execute("DELETE FROM marks WHERE name = 'texts go'")
            self._connection.execute("INSERT INTO text_index (text_index) VALUES ('rebuild')")
