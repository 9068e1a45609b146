"""Bounds of searching, of exports, and of what is to be sent later."""

SEARCH_CHARACTERS_MAX = 200
"""What a person types to find something; each word costs a look into the index."""

SEARCH_WORDS_MAX = 16
"""Words of one search, all of which must be there."""

HITS_PER_PAGE_MAX = 100
"""Items found at once: their whole texts are told, and are looked through for the words."""

SPANS_PER_HIT_MAX = 64
"""Places of one text that are told; a page marks no more of them."""

EXPORT_ITEMS_PER_PIECE = 100
"""Items of an export that are in memory at once: 6 MB of text at most."""

EXPORTED_FILES_MAX = 10_000
"""Files beside an export: what a folder still shows in a moment."""

SCHEDULED_MAX = 250
"""What may wait to be sent: all of it is told at once, and is 15 MB at most."""

SCHEDULED_FILES_MAX = 64
"""Files of what waits to be sent, as many as may be handed over for nothing else."""

SCHEDULED_AHEAD_SECONDS_MAX = 366 * 86_400
"""A year: what is later is for a calendar."""
