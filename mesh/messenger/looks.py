"""Looks of texts: the plainest letters that a reader would take them for.

Implements `docs/protocol/trust.md`, section "Names that look alike". Two names look alike if they
have a form in common: the form of what is written, or that of its lower case. A form is a skeleton
after Unicode Technical Standard 39: decomposed for compatibility, without Latin diacritics and
invisible characters, each character replaced by the plainest one that looks like it.
"""

import unicodedata
from functools import lru_cache

from mesh.limits.contacts import LOOKS_KEPT_MAX
from mesh.messenger.confusables import LOOKS

# Blocks of combining marks that stand on Latin, Greek and Cyrillic letters. Marks of other scripts
# are vowels, which make other names.
_DIACRITICS = (
    range(0x0300, 0x0370),
    range(0x1AB0, 0x1B00),
    range(0x1DC0, 0x1E00),
    range(0x20D0, 0x2100),
    range(0xFE20, 0xFE30),
)
# Selectors and fillers that show nothing, beside those of category Cf.
_INVISIBLE = (
    range(0x115F, 0x1161),
    range(0x17B4, 0x17B6),
    range(0x180B, 0x1810),
    range(0x2800, 0x2801),
    range(0x3164, 0x3165),
    range(0xFE00, 0xFE10),
    range(0xFFA0, 0xFFA1),
    range(0xE0100, 0xE01F0),
)


@lru_cache(maxsize=LOOKS_KEPT_MAX)
def looks_of(name: str) -> tuple[str, str]:
    """The two forms of a name: as it is written, and in lower case."""
    return find_looks(name)


def find_looks(text: str) -> tuple[str, str]:
    """The same of a text that is no name, and perhaps a long one: nothing of it is kept."""
    return _skeleton(text), _skeleton(text.casefold()).casefold()


def is_alike(one: str, other: str) -> bool:
    """Say whether a reader could mistake one name for the other."""
    forms = looks_of(one)
    return any(form in forms for form in looks_of(other))


def _skeleton(text: str) -> str:
    looks = _plain(_plain(text).translate(LOOKS))
    return " ".join(looks.split())


def _plain(text: str) -> str:
    """Decomposed for compatibility, without what shows nothing or only adorns a letter."""
    return "".join(
        letter for letter in unicodedata.normalize("NFKD", text) if not _is_left_out(letter)
    )


def _is_left_out(letter: str) -> bool:
    point = ord(letter)
    if point < _DIACRITICS[0].start:
        return False
    return (
        any(point in block for block in _DIACRITICS)
        or any(point in block for block in _INVISIBLE)
        or unicodedata.category(letter) == "Cf"
    )
