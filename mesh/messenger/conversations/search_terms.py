"""Terms of a search: words, and where they stand in a text.

All words must be there, in any order; the last one may be the beginning of a word. Words are found
by the index (`text_index` of the vault, FTS5 with `unicode61`): whole, without regard to case and
diacritics. Where a script has no spaces between words, and for what is no word at all (an emoji),
the letters are looked for anywhere in the texts instead.

Nothing of what was typed reaches the parser of FTS5 but letters and digits inside quotes. Where
words stand is found here and not there, by the same rules, so that it is one way for both kinds.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Final

from mesh.errors import UserError
from mesh.limits.search import SEARCH_CHARACTERS_MAX, SEARCH_WORDS_MAX, SPANS_PER_HIT_MAX

WORD_CATEGORIES: Final = ("L", "N", "Co", "Mn", "Mc")
"""The general categories whose characters make words, here and in the index."""

_WITHOUT_SPACES: Final = re.compile(
    "["
    "\u0e00-\u0eff"  # Thai, Lao
    "\u0f00-\u0fff"  # Tibetan
    "\u1000-\u109f"  # Myanmar
    "\u1780-\u17ff"  # Khmer
    "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff"  # Hangul: particles follow a word
    "\u2e80-\u312f\u31a0-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uffdc"  # Han, kana, bopomofo
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff"
    "]"
)
_ASCII_LOWER: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


@dataclass(frozen=True, slots=True)
class Terms:
    """The words of one search.

    `phrases` are what the index finds: each one word, or the parts of one that are written with
    signs between them. `pieces` are looked for anywhere, without regard to the case of ASCII.
    """

    phrases: tuple[tuple[str, ...], ...]
    pieces: tuple[str, ...]
    has_open_end: bool
    """Whether the last of the phrases may be the beginning of a word."""

    _patterns: tuple[re.Pattern[str], ...] = field(compare=False, repr=False)

    @property
    def expression(self) -> str:
        """The phrases as FTS5 takes them; empty if there are none."""
        told = [f'"{" ".join(words)}"' for words in self.phrases]
        return " AND ".join(told) + (" *" if told and self.has_open_end else "")

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return where the words stand in a text: start and length in code points, in order."""
        found = sorted([*self._of_phrases(text), *self._of_pieces(text)])
        merged: list[tuple[int, int]] = []
        for start, end in found:
            if merged and start <= merged[-1][1]:
                merged[-1] = merged[-1][0], max(end, merged[-1][1])
            else:
                merged.append((start, end))
        return [(start, end - start) for start, end in merged[:SPANS_PER_HIT_MAX]]

    def _of_phrases(self, text: str) -> Iterator[tuple[int, int]]:
        if not self._patterns:
            return
        folded = [_folded(character) for character in text]
        line = "".join(folded)
        # Where each character of the line is from. A diacritic belongs to what it stands on.
        origins = [index for index, each in enumerate(folded) for _ in each]
        origins.append(len(text))
        for pattern in self._patterns:
            for found in islice(pattern.finditer(line), SPANS_PER_HIT_MAX):
                yield origins[found.start()], origins[found.end()]

    def _of_pieces(self, text: str) -> Iterator[tuple[int, int]]:
        if not self.pieces:
            return
        line = lowered(text)
        for piece in self.pieces:
            for found in islice(re.finditer(re.escape(piece), line), SPANS_PER_HIT_MAX):
                yield found.span()


def terms_of(typed: str) -> Terms:
    """Return what is to be searched; UserError if that is nothing, or too much."""
    try:
        typed.encode()
    except UnicodeEncodeError as error:
        raise UserError("bad-text", "What is searched is not valid Unicode text.") from error
    if len(typed) > SEARCH_CHARACTERS_MAX:
        raise UserError(
            "too-large",
            f"A search has at most {SEARCH_CHARACTERS_MAX} characters; search for less of it.",
        )
    written = typed.split()
    if not written:
        raise UserError("empty", "There is nothing to search for; write a word.")
    if len(written) > SEARCH_WORDS_MAX:
        raise UserError("too-large", f"A search has at most {SEARCH_WORDS_MAX} words.")
    phrases, pieces = [], []
    has_open_end = False
    for word in written:
        parts = tuple("".join(map(_kept, word)).split())
        # A lone accent is no word to the index.
        is_word = any(_folded(character).strip() for character in word)
        has_open_end = is_word and not _WITHOUT_SPACES.search(word)
        if has_open_end:
            phrases.append(parts)
        else:
            pieces.append(lowered(word))
    patterns = tuple(
        _pattern(parts, is_open=has_open_end and index == len(phrases) - 1)
        for index, parts in enumerate(phrases)
    )
    return Terms(tuple(phrases), tuple(pieces), has_open_end, patterns)


def lowered(text: str) -> str:
    """Return a text with the letters A to Z made small, as the database does it."""
    return text.translate(_ASCII_LOWER)


def _pattern(parts: tuple[str, ...], *, is_open: bool) -> re.Pattern[str]:
    """Return what finds a phrase in a folded line, in which words stand between spaces."""
    folded = "".join(map(_folded, " ".join(parts))).split()
    words = " +".join(map(re.escape, folded))
    return re.compile(f"(?<![^ ]){words}{'[^ ]*' if is_open else '(?![^ ])'}")


def _kept(character: str) -> str:
    """A character of a word as it is; a space for any other."""
    return character if _is_of_word(character) else " "


@lru_cache(maxsize=4_096)
def _folded(character: str) -> str:
    """A character of a word without case and diacritics; a space for any other."""
    if not _is_of_word(character):
        return " "
    plain = "".join(
        each for each in unicodedata.normalize("NFD", character) if not "\u0300" <= each <= "\u036f"
    )
    return plain.casefold()


def _is_of_word(character: str) -> bool:
    return unicodedata.category(character).startswith(WORD_CATEGORIES)
