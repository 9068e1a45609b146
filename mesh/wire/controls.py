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

UNOPENED: Final = 5
"""The first 8 bytes of ids of envelopes (at most 512) that the author holds and can never open."""

RESTORED: Final = 6
"""Empty: the author's vault was made of a backup, and opens nothing that was sealed before."""

KEYS_TAKEN: Final = 7
"""The `from` (4 bytes) of the newest prekeys of the reader that the author has."""

BEGUN: Final = 8
"""The id of the session (16 bytes) that the author has begun in place of the one it came on."""

FILE_WANTED: Final = 9
"""Blocks of a file that the author misses (`wire/file_controls.py`)."""

FILE_POSTED: Final = 10
"""Blocks of a file that the author has posted again (`wire/file_controls.py`)."""

COMPARE_COMMIT: Final = 16
COMPARE_ANSWER: Final = 17
COMPARE_REVEAL: Final = 18
COMPARE_VERDICT: Final = 19
"""The steps of a live comparison."""

INTRODUCE_ASK: Final = 32
INTRODUCE_GRANT: Final = 33
INTRODUCE: Final = 34
"""The steps of an introduction."""

GROUP_INVITE: Final = 48
GROUP_ACCEPT: Final = 49
GROUP_WELCOME: Final = 50
"""The steps by which a contact comes into a group (`mesh/group/inviting.py`)."""

GROUP_MEMBER: Final = 53
"""The author says which member of a group he is (`mesh/group/member_letters.py`)."""
