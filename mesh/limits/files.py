"""Bounds of files that are carried as envelopes (`docs/protocol/files.md`)."""

FILE_BLOCK_BYTES = 65_000
"""With its path, the largest block that an envelope of 64 KiB holds."""

CARRIED_BLOCKS_MAX = 15
"""Blocks of a carried file, and what one posting key signs of them on a day: of a stranger's key
and day a crowded node keeps 1 MiB, and 15 bodies leave room in it for 82 short messages."""

CARRIED_BYTES_MAX = FILE_BLOCK_BYTES * CARRIED_BLOCKS_MAX
"""975,000 bytes: what is larger is not carried."""

FILES_EXPECTED_MAX = 256
"""Unfinished files of which blocks are expected: at most 3,840 tags in memory. Of large files,
which come from node to node and have no tags, as many beside them."""

FILES_EXPECTED_OF_CONVERSATION_MAX = 64
"""Of one conversation; further files wait until a person asks for them."""

FILES_EXPECTED_OF_AUTHOR_MAX = 32
"""Of one member of a group, two texts full of files: one alone shuts no group for all others."""

FILES_FETCHED_KIB_PER_DAY_MAX = 16 << 10
"""KiB of files of one author that are fetched by themselves in a day: 16 MiB, 17 of the largest.
Who wants more says so, file by file: what a vault holds is not for others to decide."""

FILE_WANTED_AFTER_SECONDS = 86_400
"""What is missing of a file is asked for after a day, and then a day after each time."""

FILE_WANTED_MAX = 3
"""Times that a node asks by itself; who was away for so long is asked by a person."""

FILE_GIVEN_UP_SECONDS = 31 * 86_400
"""A file of which nothing came for so long after it was last asked for is paused: the last question
lives for 30 days. Else what never comes would hold the place of others for ever."""

FILE_POST_RETRY_MS = 60_000
"""Between two looks for blocks that wait for their text or a stamp to be posted."""

UPLOADS_KEPT_SECONDS = 86_400
"""A file that was handed over and stands in no message is forgotten after a day."""

FILE_ITEMS_PER_PAGE_MAX = 100
"""Items with files that are told at once: their texts and what is known of each file, 7 MB."""

UPLOADS_MAX = 64
"""Such files at a time: 62 MB at most."""

REPOSTED_BLOCKS_PER_DAY_MAX = 60
"""Blocks that one contact has us post again in a day: four whole files, 4 MiB."""

MEMBER_POSTINGS_MAX = 4
"""Postings of one file by members of a group, each by another, whose blocks are expected beside
those of its text: 60 tags more. The oldest gives way, so who lies has to lie again and again."""

FILE_GATHER_SECONDS = 60
"""An author in a group waits so long for others who miss the same, before anything is posted."""

FILE_SPREAD_SECONDS_MIN = 600
"""Members who could do the same draw their pause within so long at least: the first one's word is
to reach the others before their turn."""

FILE_SPREAD_SECONDS_PER_MEMBER = 20
"""The same for each member of a large group, of whom many may have a file or miss it."""

REPOSTED_BLOCKS_OF_GROUP_PER_DAY_MAX = 240
"""Blocks that a node posts again in one group in a day, for all members together: 16 MiB."""
