"""Makes words of other people safe to draw.

Names, labels and messages come from strangers. A terminal obeys control characters, and a reader
is deceived by characters that turn or hide text, so whatever is not plainly visible is drawn as
what it is: `<U+202E>`. Emoji and their joiners stay.
"""

import re
import unicodedata

JOINERS = "\u200c\u200d"
"""They are invisible, but emoji and several scripts are spelled with them."""

# Controls, formats (bidi overrides, tags, zero-width marks), surrogates, private use, line and
# paragraph separators; and characters that are drawn as nothing though they are called letters.
HIDDEN_CATEGORIES = frozenset(("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))
HIDDEN_LETTERS = "\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5"

LINE_ENDS = re.compile("\r\n|[\n\r\v\f\x85\u2028\u2029]")
TAB = "    "

COMBINING_MAX = 4
"""Marks on one letter; scripts need up to three or four, more of them climb over other lines."""


def clean_line(text: str) -> str:
    """Return text as one line: line ends become spaces, hidden characters are named."""
    return clean(LINE_ENDS.sub(" ", text)).strip() or "<nothing>"


def clean_block(text: str, *, indent: str) -> str:
    """Return text whose further lines are indented, so that none can pass for one of ours."""
    return f"\n{indent}".join(clean(line) for line in LINE_ENDS.split(text))


def clean(text: str) -> str:
    """Return a line with its hidden characters named and its marks bounded."""
    if text.isascii() and text.isprintable():
        return text
    pieces = []
    marks_count = 0
    for character in text:
        marks_count = marks_count + 1 if unicodedata.combining(character) else 0
        if character == "\t":
            pieces.append(TAB)
        elif is_hidden(character):
            pieces.append(f"<U+{ord(character):04X}>")
        elif marks_count <= COMBINING_MAX:
            pieces.append(character)
    return "".join(pieces)


def is_hidden(character: str) -> bool:
    """Say whether a character commands, turns or hides instead of being seen."""
    if character in JOINERS:
        return False
    return character in HIDDEN_LETTERS or unicodedata.category(character) in HIDDEN_CATEGORIES


def clean_json(encoded: str) -> str:
    """Return JSON that means the same, with every hidden character escaped."""
    if encoded.isascii() and encoded.isprintable():
        return encoded
    return "".join(
        json_escape(character) if is_hidden(character) else character for character in encoded
    )


def json_escape(character: str) -> str:
    """Return a character as JSON spells it in ASCII."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
