"""Bounds of people nearby."""

NEARBY_PEOPLE_MAX = 64
"""People who offer a card at once: as many as there are links, since each link has one."""

NEARBY_ASK_INTERVAL_MS = 60_000
"""Between two questions for cards over one link; a person who looks again has them already."""

NEARBY_ANSWERS_PER_MINUTE = 4
"""Cards given over one link; an honest peer asks for one."""

NEARBY_STEPS_PER_MINUTE = 32
"""Sealed steps of one link that are opened, each for a key agreement; a comparison takes seven."""

NEARBY_BOX_BYTES_MAX = 4_096
"""One sealed step; the longest holds the link of an invite."""

NEARBY_LINK_CHARACTERS_MAX = 3_072
"""The link of an invite inside a step: about 2,100, with room for two layers of sealing."""

NEARBY_KEY_MS = 3_600_000
"""The life of a card's key: who is met again in the next hour is not recognised by it."""

NEARBY_CARD_KEPT_MS = 3_600_000
"""Whose link ended is remembered for so long; by then their card bears another key."""

NEARBY_WAIT_MS = 180_000
"""How long a comparison waits for the other person to take it up."""

NEARBY_COMPARE_MS = 300_000
"""How long two people may look at what is to be compared."""

NEARBY_STEP_MS = 15_000
"""How long an answer that no person has to give may take over an open link."""

NEARBY_INVITE_SECONDS = 86_400
"""The life of the invite that follows a comparison: it is used within a second, or never."""
