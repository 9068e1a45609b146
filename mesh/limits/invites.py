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
"""HOST:PORT of an invite; a host name has at most 253 characters, a hint's length is one byte."""

INVITE_USES_MAX = 1_000
"""The largest use count of one invite."""

INVITE_KEPT_SECONDS = 30 * 86_400
"""How long private halves outlive an invite: mail on its way may take that long."""

INVITE_LIFETIME_SECONDS_MAX = 365 * 86_400
"""The longest life of an invite; its bundle can be posted 64 times meanwhile."""
