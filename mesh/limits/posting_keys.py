"""Bounds of our posting keys, and of telling contacts of them."""

POSTING_KEYS_PER_DAY = 4
"""For contacts: who writes to few people has a key for each of them. The hashes of
those of two weeks fit a hello of 1 KiB beside what else it says."""

POSTING_DAYS_AHEAD = 3
"""Stamps are made so many days in advance."""

STAMP_BITS_WANTED_MAX = 9
"""Each stamp of a key is worth twice the one before, up to so many bits: who writes little works
little, and of what a day costs the last stamp is half."""

FILE_STAMP_BITS_MIN = 9
"""Blocks of files need a stamp of so many bits: of one a crowded node keeps 1 MiB, which is 15
blocks of 64 KiB; of one of 6 bits it keeps two."""

STAMP_TRY_MS = 10
"""One try of a stamp on a laptop of today, for telling how long a stamp takes."""

POSTING_DAYS_TOLD = 14
"""Contacts are told our posting keys of so many days, today's first: who was away for
a week knows them still, and who is blocked knows them no longer than this."""

POSTING_KEYS_TOLD_MAX = 64
"""Keys in one telling: four a day, and more on days on which an author needs more."""

POSTING_KEYS_FRESH_DAYS = 10
"""Where a contact knows our keys of fewer days ahead, the next payload tells them again if it grows
into no larger envelope for it: at most every fourth day, and nobody sees it."""

POSTING_KEYS_SCARCE_DAYS = 4
"""Where they know fewer, any payload tells them; where nothing is written for days, one of its own
does, on a day and hour of chance."""

POSTING_KEYS_PER_CHORE = 16
"""Contacts who are sent our keys for their own sake within an hour: for a thousand silent contacts
four in an hour suffice, and what they cost stays below a posting key's quota."""

POSTING_KEYS_UNHEARD_DAYS = 30
"""Who was sent our keys and was not heard since is sent them for their own sake after so long:
people who are gone cost an envelope a month."""
