"""Names and labels: short lines of text that a screen can show without surprise."""

import unicodedata
from collections.abc import Callable

from mesh.errors import UserError
from mesh.limits.contacts import NAME_BYTES_MAX

# Categories that hold what must not stand in a name: controls, invisible and bidirectional
# formatting, surrogates, private use, unassigned, and separators of lines and paragraphs.
_FORBIDDEN_CATEGORIES = frozenset(["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"])
# Letters and marks that show nothing: fillers of Hangul, vowels of Khmer that are no longer
# written, a joiner of marks, and a cell of Braille without a dot.
_FORBIDDEN_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


def is_name(text: str) -> bool:
    """Say whether a text can be a name: not empty, not too long, and nothing hidden in it."""
    return (
        bool(text)
        and text == text.strip()
        and len(text.encode("utf-8", "surrogatepass")) <= NAME_BYTES_MAX
        and not any(_is_hidden(letter) for letter in text)
    )


def checked_name(text: str, what: str) -> str:
    """The name in normal form; UserError with `what` it was meant to be."""
    name = unicodedata.normalize("NFC", text.strip())
    if not name:
        raise UserError("bad-name", f"{what} is empty; give at least one letter.")
    if len(name.encode("utf-8", "surrogatepass")) > NAME_BYTES_MAX:
        raise UserError("bad-name", f"{what} is longer than {NAME_BYTES_MAX} bytes; shorten it.")
    if not is_name(name):
        raise UserError(
            "bad-name", f"{what} holds control or invisible characters; leave them out."
        )
    return name


def normalized(text: str) -> str:
    """The text as most keyboards write it; only a form that fits where it did is another one."""
    composed = unicodedata.normalize("NFC", text)
    return composed if is_name(composed) else text


def free_label(wanted: str, is_taken: Callable[[str], bool]) -> str:
    """The wanted label, or with the first number behind it that makes it unique."""
    label, number = wanted, 1
    while is_taken(label):
        number += 1
        ending = f" {number}"
        label = _cut(wanted, NAME_BYTES_MAX - len(ending)) + ending
    return label


def _is_hidden(letter: str) -> bool:
    return letter in _FORBIDDEN_LETTERS or unicodedata.category(letter) in _FORBIDDEN_CATEGORIES


def _cut(text: str, bytes_max: int) -> str:
    """The beginning of a text that fits, without half a letter at its end."""
    return text.encode()[:bytes_max].decode(errors="ignore").rstrip()
