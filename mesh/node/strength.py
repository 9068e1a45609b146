"""Estimates how many guesses a passphrase withstands, by a library.

An estimate is told and never blocks: who chooses knows what the passphrase protects from whom. As
a program (`python -m mesh.node.strength`) it reads one from its standard input: a daemon asks
that, so that neither the library's lists of words nor the passphrase stay in its memory.
"""

import sys
import unicodedata
from collections.abc import Sequence

import msgspec

from mesh.limits.passphrase import (
    PASSPHRASE_ESTIMATED_CHARACTERS,
    PASSPHRASE_GUESSES_MIN,
    PASSPHRASE_GUESSES_PER_SECOND,
)

_SECONDS_MAX = 2**53 - 1
"""The largest number that every reader of JSON takes as it is."""


def guesses_of(passphrase: str, known: Sequence[str] = ()) -> int:
    """Return how many guesses somebody needs who knows how people choose, and these words."""
    # Its lists of words are only loaded where a passphrase is chosen.
    from zxcvbn import zxcvbn

    text = unicodedata.normalize("NFC", passphrase)[:PASSPHRASE_ESTIMATED_CHARACTERS]
    return int(zxcvbn(text, user_inputs=list(known))["guesses"]) if text else 0


def main() -> None:
    """Answer the one question on standard input."""
    passphrase, known = msgspec.json.decode(sys.stdin.buffer.read(), type=tuple[str, list[str]])
    guesses = guesses_of(passphrase, known)
    told = {
        "is_weak": guesses < PASSPHRASE_GUESSES_MIN,
        "guesses_log10": len(str(guesses)) - 1,
        "seconds": min(guesses // PASSPHRASE_GUESSES_PER_SECOND, _SECONDS_MAX),
    }
    sys.stdout.buffer.write(msgspec.json.encode(told))


if __name__ == "__main__":
    main()
