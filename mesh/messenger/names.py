"""Names and labels: short lines of text that a screen can show without surprise."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final

from mesh.errors import UserError
from mesh.limits.contacts import NAME_BYTES_MAX, NAMES_JUDGED_MAX
from mesh.messenger.looks import find_looks, looks_of

# Categories that hold what must not stand in a name: controls, invisible and bidirectional
# formatting, surrogates, private use, unassigned, and separators of lines and paragraphs.
_FORBIDDEN_CATEGORIES = frozenset(["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"])
# Letters and marks that show nothing: fillers of Hangul, vowels of Khmer that are no longer
# written, a joiner of marks, and a cell of Braille without a dot.
_FORBIDDEN_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")

# What a screen shows beside a name to say how sure it is: ticks, crosses, locks, shields, keys and
# warnings, as letters and as emoji.
_MARKS: Final = frozenset(
    "\u2611\u2612\u2613\u2705\u2713\u2714\u2715\u2716\u2717\u2718\u274c\u274e\u237b\u2bb1\u2bbd"
    "\U0001f5f4\U0001f5f5\U0001f5f6\U0001f5f7\U0001f5f8\U0001f5f9\U0001fbb1\u221a\u221b\u221c"
    "\U00010102\u26bf\u26e8\U0001f512\U0001f513\U0001f50f\U0001f510\U0001f511\U0001f5dd\U0001f6e1\u26a0\u26d4\U0001f6ab"
)
# Letters of the alphabet in other dress, which neither decompose nor stand among the confusables:
# small capitals, squared and circled ones, flags.
_DRESSED: Final = re.compile(
    r"(?:(?:[A-Z]+ )*LATIN (?:[A-Z ]* )?LETTER (?:[A-Z ]* )?|REGIONAL INDICATOR SYMBOL LETTER )"
    r"([A-Z])(?: WITH .*)?"
)
# It passes for an f, and stands among no confusables as one.
_AS_F: Final = str.maketrans("\u0493\u0492", "fF")
# What differs by a stroke at most.
_STROKES: Final = str.maketrans("l1|!", "iiii")
_SEPARATORS: Final = re.compile(r"[\W_]+")

_KEY_DIGITS: Final = 8
"""So many of a key or an id stand in the place of a name; as many name a contact."""

_HEX_DIGITS: Final = frozenset("0123456789abcdef")
# The same as they look, in both forms of a name, with and without what differs by a stroke.
_LIKE_DIGITS: Final = frozenset("".join(looks_of("0123456789abcdef") + looks_of("ABCDEF")) + "i")


def is_fair_name(text: str) -> bool:
    """Say whether somebody may be shown by this name: it is one, and imitates no mark of ours."""
    return is_name(text) and not _name_imitates_mark(text)


def member_name(name: str, key: bytes) -> str:
    """Return by what a member is shown who calls himself so: an admin may let in any name."""
    return name if is_fair_name(name) else key.hex()[:_KEY_DIGITS]


def group_name(name: str, gid: bytes) -> str:
    """Return by what a group is shown that others, or who gave a link to it, called so."""
    return name if is_fair_name(name) else f"Group {gid.hex()[:_KEY_DIGITS]}"


def shown_about(text: str) -> str:
    """Return what a group is said to be for, as it is shown: without letters that hide something;
    nothing where it imitates a mark of ours.
    """
    shown = "".join(letter for letter in text if letter == "\n" or not _is_hidden(letter)).strip()
    return "" if imitates_mark(shown) else shown


def checked_about(text: str) -> str:
    """Return what a group is for; UserError where it would not be shown so."""
    about = unicodedata.normalize("NFC", text.strip())
    if shown_about(about) != about:
        raise UserError(
            "bad-content",
            "What the group is for holds control or invisible characters, or a mark which only "
            "Mesh sets; leave them out.",
        )
    return about


def is_like_number_or_key(text: str) -> bool:
    """Say whether a text that names somebody could be a number, or the beginning of a key."""
    if not text.isascii():
        return False
    return text.isdigit() or (len(text) >= _KEY_DIGITS and set(text.lower()) <= _HEX_DIGITS)


def holds_like_key(name: str) -> bool:
    """Say whether something in a name could pass for the beginning of a key, with which those are
    told apart who could be taken for one another: 8 digits, or twice 4, between other signs.
    """
    # A stroke may be read as a digit, or as a sign that parts.
    forms = [each for form in looks_of(name) for each in (form, form.translate(_STROKES))]
    return any(_holds_digits(_SEPARATORS.split(form)) for form in forms)


def _holds_digits(parts: Sequence[str]) -> bool:
    half = _KEY_DIGITS // 2
    counts = [len(part) if set(part) <= _LIKE_DIGITS else 0 for part in parts]
    return _KEY_DIGITS in counts or (half, half) in pairwise(counts)


def imitates_mark(text: str) -> bool:
    """Say whether a text holds what only Mesh says of somebody: that they are verified, and such.

    It is no promise: a word in another language is none that a screen of ours would show.
    """
    if any(letter in _MARKS for letter in text):
        return True
    return any(_is_word_of_marks(form) for form in _plainest(text))


@lru_cache(maxsize=NAMES_JUDGED_MAX)
def _name_imitates_mark(name: str) -> bool:
    return imitates_mark(name)


def is_name(text: str) -> bool:
    """Say whether a text can be a name: not empty, not too long, and nothing hidden in it."""
    return (
        bool(text)
        and text == text.strip()
        and len(text.encode("utf-8", "surrogatepass")) <= NAME_BYTES_MAX
        and not _hides(text)
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
    if imitates_mark(name):
        raise UserError(
            "bad-name",
            f"{what} holds a mark, such as a tick or (verified), which only Mesh sets; leave it "
            "out.",
        )
    return name


def normalized(text: str) -> str:
    """The text as most keyboards write it; only a form that fits where it did is another one."""
    if text.isascii():
        return text
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


def _plainest(text: str) -> tuple[str, str]:
    """Return what a reader may take a text for, as it is and in lower case: a line of small letters
    with brackets of one kind.
    """
    plain = unicodedata.normalize("NFKD", text).translate(_AS_F)
    forms = find_looks("".join(map(_undressed, plain)))
    one, other = ("".join(map(_bracketed, form)).casefold().translate(_STROKES) for form in forms)
    return one, other


def _undressed(letter: str) -> str:
    if letter.isascii():
        return letter
    dressed = _DRESSED.fullmatch(unicodedata.name(letter, ""))
    if dressed is None:
        return letter
    return dressed[1] if letter.isupper() else dressed[1].lower()


def _bracketed(letter: str) -> str:
    match unicodedata.category(letter):
        case "Ps" | "Pi":
            return "("
        case "Pe" | "Pf":
            return ")"
        case _:
            return {"<": "(", ">": ")"}.get(letter, letter)


def _is_word_of_marks(form: str) -> bool:
    if _VERIFIED.search(form):
        return True
    inner = (_SEPARATORS.sub("", part.partition(")")[0]) for part in form.split("(")[1:])
    return any(word in _SET_APART for word in inner)


# The words of marks. The first is one wherever it stands, the others where they are set apart.
_VERIFIED: Final = re.compile(rf"(?<![a-z]){_plainest('verified')[1]}(?![a-z])")
_SET_APART: Final = frozenset(
    _plainest(word)[1]
    for word in ("verified", "known", "firstseen", "request", "blocked", "newkeys")
)


def _hides(text: str) -> bool:
    """Say whether a text holds what no screen shows; of ASCII that is what is not printable."""
    if text.isascii():
        return not text.isprintable()
    return any(_is_hidden(letter) for letter in text)


def _is_hidden(letter: str) -> bool:
    return letter in _FORBIDDEN_LETTERS or unicodedata.category(letter) in _FORBIDDEN_CATEGORIES


def _cut(text: str, bytes_max: int) -> str:
    """The beginning of a text that fits, without half a letter at its end."""
    return text.encode()[:bytes_max].decode(errors="ignore").rstrip()
