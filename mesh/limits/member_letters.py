"""Bounds of letters by which a member writes to one who is no contact of his."""

from typing import Final

MEMBER_LETTER_SECONDS: Final = 30 * 86_400
"""The life of the invite in a letter, and how long a letter waits for a word: as long as the
envelope that brings it, so who was away for as long as mail lives answers in time."""

MEMBER_LETTERS_PER_DAY_MAX: Final = 8
"""Letters that a person writes in a day, in all groups together. Each costs a stamp, and an invite
of 4,096 tags; who writes to all of a group wants a group."""

MEMBER_LETTERS_OPEN_MAX: Final = 24
"""Invites in letters that are open: three days of letters, each a way in until it is answered."""

MEMBER_LETTERS_KEPT_MAX: Final = 40
"""Invites in letters whose keys are here, 30 days longer than they are open: of `INVITES_MAX` the
other 24 stay for those that our person gives away."""

MEMBER_LETTER_PAUSE_SECONDS: Final = 7 * 86_400
"""So long after a letter to a member there is no other one to him: one that was lost is written
again, and nobody is pressed."""

MEMBER_LETTER_HEARD_SECONDS: Final = 86_400
"""A letter by a member replaces one of his that waits after so long; what comes sooner is dropped,
or each would be told to our person."""

MEMBER_LETTERS_WAITING_MAX: Final = 64
"""Letters of members of a group that wait for a word of our person, those of former ones counted:
who adds and removes a thousand keys fills this and no more. For a further one the first of a former
member goes; where there is none it is dropped."""

MEMBER_LETTERS_EARLY_MAX: Final = 8
"""Letters kept by whom no operation names that is here yet: of who came in just now the letter may
be here before the word that he is in. Of more the first goes; they are shown to nobody."""

MEMBER_LETTERS_DECLINED_MAX: Final = 1_000
"""Members of a group of whom it is kept that our person wants no letter: as many as a group has.
Of more the first is forgotten."""

LETTER_INVITE_BYTES_MAX: Final = 2_048
"""An invite in a letter, without an address: 1,600 bytes with a name of 64 and a pre-shared key."""
