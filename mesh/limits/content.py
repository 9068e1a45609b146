"""Bounds of entries and their contents.

Those of a kind never change: other bounds are another kind, so that "invalid" is final in every
version. Texts are counted in bytes of UTF-8.
"""

ENTRY_PARENTS_MAX = 4
"""Heads that one entry names: with `ops` and `over` at most sixteen small rows besides its own."""

ENTRY_OPS_MAX = 4
"""Heads of the membership operations that its author knew."""

OVER_MAX = 8
"""Values that one change replaces; who has more to replace writes several."""

HIDDEN_KEPT_SECONDS = 7 * 86_400
"""What an admin hides is erased after a week: until then his removal, which comes late, may bring
it back."""

TIMER_SECONDS_MAX = 366 * 86_400
"""A year: what should disappear later is kept."""

CLOCK_BITS = 62
"""A hybrid clock lies below 2^62, which leaves room for what follows it."""

MARKS_MAX = 200
"""Spans of one text: more than a page of it needs."""

MENTIONS_MAX = 16
"""People whom one text calls by name; who means more means everybody."""

FILES_MAX = 16
"""Files of one text: their descriptions, without previews, fit 4 KiB."""

FORWARDED_BYTES_MAX = 64
"""The name of whom a forwarded text is from, as long as any name."""

POLL_QUESTION_BYTES_MAX = 1_000
"""A question is a short text; with all options it fits 4 KiB."""

POLL_OPTIONS = (2, 12)
"""One option is no choice, and more than a dozen fit no screen."""

POLL_OPTION_BYTES_MAX = 200
"""An option is a line."""

CHECK_IN_QUESTION_BYTES_MAX = 1_000
"""As that of a poll."""

CHECK_IN_ANSWERS = (1, 6)
"""So many buttons fit a small screen."""

CHECK_IN_ANSWER_BYTES_MAX = 64
"""The words on a button."""

CHECK_IN_ASKED_MAX = 64
"""People who are asked by name: their keys take 2 KiB. Who asks more asks everybody."""

CHECK_IN_OLD_SECONDS = 21_600
"""Six hours: an answer that is older says little of how somebody is."""

CHECK_INS_COUNTED_MAX = 8
"""The answered check-ins of a conversation in which calls for help are counted for a list, one of
each author before a second of any: more at a time than people keep, and of a thousand members each
takes tens of milliseconds."""

ANSWER_NOTE_BYTES_MAX = 1_000
"""A few sentences about how somebody is; with its place an answer fits 4 KiB."""

ANSWER_PLACE_BYTES_MAX = 200
"""A place in words."""

TASK_TITLE_BYTES_MAX = 500
"""A title is a line or two."""

TASK_NOTES_BYTES_MAX = 4_000
"""A page of notes; what is longer is a file."""

TASK_FOR_MAX = 8
"""People whose task it is."""

NOTICE_BYTES_MAX = 2_000
"""What stands on top of a conversation is read at a glance."""

EMOJI_MAX = 3
"""Reactions of one author to one object."""

EMOJI_BYTES_MAX = 32
"""The longest emoji of today, families with skin tones, take 25."""

FILE_BYTES_MAX = 1 << 31
"""2 GiB: the largest file that two nodes give each other."""

TIMER_GAPS_MAX = 256
"""Gaps that are looked at for the timer under which their objects were written: their author can
make any number, and an honest one leaves a few."""

FORMER_VERSIONS_MAX = 15
"""Edits of a text that others of its author replace and whose words stay: nobody reads more."""

FILE_TYPE_BYTES_MAX = 64
"""A media type."""

FILE_NAME_BYTES_MAX = 255
"""As file systems have it."""

FILE_HINT_BYTES_MAX = 64
"""The blurred colours of a picture take 28, the waveform of a voice note 64."""

FILE_PREVIEW_BYTES_MAX = 3_000
"""A preview that fits 4 KiB with its text."""
