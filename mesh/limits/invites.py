"""Bounds of invites."""

INVITES_MAX = 64
"""Live invites; each costs 4,096 tags in memory."""

INVITE_TAGS = 4_096
"""Tags of one invite."""

INVITE_BUNDLE_POSTS_MAX = 64
"""How often an invite's bundle may be posted on the mesh."""

INVITE_TEXT_CHARACTERS_MAX = 4_096
"""A link has about 2,000 characters; a mistaken file is not decoded."""

ADDRESS_HINT_BYTES_MAX = 255
"""HOST:PORT of an invite, or several; a host name has at most 253 characters, and a hint's length
is one byte."""

INVITE_ADDRESSES_MAX = 4
"""Addresses of an invite: a laptop is on Wi-Fi and cable, each with IPv4 and IPv6. Whoever adds the
invite dials them all."""

INVITE_USES_MAX = 1_000
"""The largest use count of one invite."""

INVITE_KEPT_SECONDS = 30 * 86_400
"""How long private halves outlive an invite: mail on its way may take that long."""

UNANSWERED_AFTER_SECONDS = 86_400
"""After so long without an answer a person is told that their invite may be closed; before, whoever
invited them is more likely asleep."""

CLOSED_ANSWERS_MAX = 8
"""Answers to who came by one closed invite, on their way at a time: each costs a stamp, and a link
that was passed on brings any number of people."""

INVITE_LIFETIME_SECONDS_MAX = 365 * 86_400
"""The longest life of an invite; its bundle can be posted 64 times meanwhile."""

INVITE_FOR_MANY_SECONDS_MAX = 30 * 86_400
"""The longest life of an invite for more than one: whoever steals its private halves opens all
first contacts that were sealed to them, and they live as long, and 30 days."""
