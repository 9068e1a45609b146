"""The kinds of controls that a payload carries beside its text.

Implements `docs/protocol/first-contact.md`, section "Controls". A kind that is not known is passed
over, so later versions may add some. What a control says stands inside the encryption of a
session, so it is authentic; whether it is welcome is decided by who handles its kind.
"""

from typing import Final

KEYS: Final = 1
"""The author's newest prekeys (1,288 bytes), to which a renewal of the session is sealed."""

READ: Final = 2
"""Ids of messages (32 bytes each, at most 100) that the author's person has read."""

OVER: Final = 3
"""Ids of sessions (16 bytes each, at most 8) on which the author writes no more."""

POSTING_KEYS: Final = 4
"""The author's posting keys of the next two weeks, for contacts (`wire/posting_key_lists.py`)."""

COMPARE_COMMIT: Final = 16
COMPARE_ANSWER: Final = 17
COMPARE_REVEAL: Final = 18
COMPARE_VERDICT: Final = 19
"""The steps of a live comparison."""

INTRODUCE_ASK: Final = 32
INTRODUCE_GRANT: Final = 33
INTRODUCE: Final = 34
"""The steps of an introduction."""
