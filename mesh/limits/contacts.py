"""Bounds of contacts and what is kept of them."""

NAME_BYTES_MAX = 64
"""A person's name or a contact's label, in UTF-8."""

LOOKS_KEPT_MAX = 4_096
"""Names of which it is remembered what they look like: 2 MB at most, with both forms of 64 bytes
each. With each author that is shown the names of all contacts and of all in a group are compared.
"""

NAMES_JUDGED_MAX = 4_096
"""Names of which it is remembered whether they imitate a mark: 1 MB. A name that is made for it
costs milliseconds, and all members of a group are shown at once.
"""

CONTACTS_MAX = 5_000
"""Contacts of one profile; each costs 256 tags in memory."""

COMPARISON_SECONDS_MAX = 86_400
"""A live comparison ends after a day: nobody remembers what was on the screen before."""

NOTES_OF_KIND_MAX = 20
"""What happened to one contact, of each of some ten kinds; the oldest of a kind go, as nobody reads
more. Each kind for itself: who changes his name a hundred times takes no word of keys away."""

RENAMED_TOLD_SECONDS = 86_400
"""Of who changes his name again within a day of when it was told, that is only noted."""

SAFETY_NUMBERS_CACHED = 64
"""Halves of safety numbers in memory: each takes milliseconds, and few are looked at twice."""

INTRODUCTION_SECONDS = 30 * 86_400
"""How long an introduction waits for an answer, and an invite that was given for one lives."""

INTRODUCTIONS_PER_CONTACT_MAX = 16
"""People whom one contact may introduce to us within that time; more would be a flood."""

INTRODUCTIONS_MADE_MAX = 256
"""Pairs of contacts that we introduce to each other within that time."""

REQUEST_MESSAGES_MAX = 20
"""Messages that are opened of somebody who waits apart: enough to see who it is, and why."""

REQUEST_BYTES_MAX = 64 * 1024
"""Bytes that are opened of them: what a stranger can make a person's vault keep."""

REQUEST_EMPTY_BYTES = 1_024
"""A payload without a text costs them so many of these bytes: opening it is work, and shows
nothing."""

OPENED_BYTES_PER_DAY_MAX = 16 * 1024 * 1024
"""Bytes of payloads that are opened of one contact in a day: a book each hour, and what a contact
who means harm can make a vault grow by. The rest stays sealed until the day is over, or our person
asks for it."""

SEALED_PER_CONTACT_MAX = 1_024
"""Messages of one contact that stay sealed and are found again; four windows of tags."""
