"""Words for the estimate of a passphrase, where it is weak."""

from collections.abc import Sequence

from mesh.cli.layout import plural
from mesh.limits.passphrase import PASSPHRASE_GUESSES_MIN, PASSPHRASE_GUESSES_PER_SECOND
from mesh.node.strength import guesses_of

LARGE = ((10**9, "billion"), (10**6, "million"), (10**3, "thousand"))
TIMES = ((31_557_600, "year"), (86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def find_warning(
    passphrase: str, known: Sequence[str] = (), *, protects: str = "this disk"
) -> str | None:
    """Say that a passphrase is weak; None if it is not, or if there is none."""
    if not passphrase:
        return None
    guesses = guesses_of(passphrase, known)
    if guesses >= PASSPHRASE_GUESSES_MIN:
        return None
    return (
        f"This passphrase is weak: about {amount(guesses)} find it, by an estimate. Who has a copy "
        f"of {protects} needs {lasting_at_most(guesses)} with one graphics card. Four or more "
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
