"""Estimates how many guesses a passphrase withstands, by a library.

An estimate is told and never blocks: who chooses knows what the passphrase protects from whom.
"""

import unicodedata
from collections.abc import Sequence

from mesh.cli.layout import plural
from mesh.limits.passphrase import (
    PASSPHRASE_ESTIMATED_CHARACTERS,
    PASSPHRASE_GUESSES_MIN,
    PASSPHRASE_GUESSES_PER_SECOND,
)

LARGE = ((10**9, "billion"), (10**6, "million"), (10**3, "thousand"))
TIMES = ((31_557_600, "year"), (86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def guesses_of(passphrase: str, known: Sequence[str] = ()) -> int:
    """Return how many guesses somebody needs who knows how people choose, and these words."""
    # Its lists of words are only loaded where a passphrase is chosen.
    from zxcvbn import zxcvbn

    text = unicodedata.normalize("NFC", passphrase)[:PASSPHRASE_ESTIMATED_CHARACTERS]
    return int(zxcvbn(text, user_inputs=list(known))["guesses"]) if text else 0


def find_warning(passphrase: str, known: Sequence[str] = ()) -> str | None:
    """Say that a passphrase is weak; None if it is not, or if there is none."""
    if not passphrase:
        return None
    guesses = guesses_of(passphrase, known)
    if guesses >= PASSPHRASE_GUESSES_MIN:
        return None
    return (
        f"This passphrase is weak: about {amount(guesses)} find it, by an estimate. Who has a copy "
        f"of this disk needs {lasting_at_most(guesses)} with one graphics card. Four or more "
        "random words are better."
    )


def amount(guesses: int) -> str:
    """Return a number of guesses, as one speaks of it."""
    for size, word in LARGE:
        if guesses >= size:
            return f"{guesses // size} {word} guesses"
    return plural(guesses, "guess", "guesses")


def lasting_at_most(guesses: int) -> str:
    """Return how long so many guesses take, in its largest unit."""
    seconds = guesses // PASSPHRASE_GUESSES_PER_SECOND
    for size, word in TIMES:
        if seconds >= size:
            return f"at most {plural(seconds // size, word)}"
    return "less than a second"
