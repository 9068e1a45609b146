"""The kinds of fields that commands have, each with its bounds.

The local API refuses what is beyond them, and its OpenAPI document tells them: both read this.
A bound that stands in `extra_json_schema` is told, and kept further down, where a better sentence
is said of it.
"""

from typing import Annotated, Literal

from msgspec import Meta

from mesh.limits.api import NUMBER_MAX
from mesh.limits.contacts import NAME_BYTES_MAX
from mesh.limits.invites import (
    ADDRESS_HINT_BYTES_MAX,
    INVITE_ADDRESSES_MAX,
    INVITE_LIFETIME_SECONDS_MAX,
    INVITE_TEXT_CHARACTERS_MAX,
    INVITE_USES_MAX,
)
from mesh.limits.messages import (
    DRAFT_BYTES_MAX,
    IDEMPOTENCY_KEY_BYTES_MAX,
    MESSAGES_PER_PAGE_MAX,
    MOMENT_MAX,
    TEXT_BYTES_MAX,
)
from mesh.limits.passphrase import PASSPHRASE_BYTES_MAX

_PORT = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_HOST = r"(\[[0-9A-Fa-f:.]+(%[0-9]+)?\]|[0-9A-Za-z._-]+)"
_HIDDEN = (
    r"\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f"
    r"\u2028-\u202e\u2060-\u206f\u2800\u3164\ue000-\uf8ff\ufeff\uffa0\ufff0-\uffff"
)
_NAME_WORDS = f"At most {NAME_BYTES_MAX} bytes in UTF-8, all of it letters that a screen shows."
_NAME = rf"[^{_HIDDEN}]*[^\s{_HIDDEN}][^{_HIDDEN}]*"

Number = Annotated[int, Meta(ge=0, le=NUMBER_MAX)]
"""What names a thing of this profile, or counts."""

Cursor = Annotated[
    int,
    Meta(
        ge=0,
        le=NUMBER_MAX,
        description="The number of a message; 0 stands before all messages.",
    ),
]
"""A place in an order of messages: that of one, by its number; 0 stands before all of them."""

KeepFor = Literal["1d", "7d", "30d", "until-delivered"]
"""For how long, from writing on, a message is sealed and posted again whenever it lapses."""

PageLimit = Annotated[int, Meta(ge=1, le=MESSAGES_PER_PAGE_MAX)]
"""How many messages a page may hold."""

Contact = Annotated[str, Meta(description="A label, or the beginning of a key.")] | Number
"""A contact: their label, their number as events tell it, or the beginning of their key.

A number may come as text too: no label consists of digits.
"""

Conversation = Contact
"""A conversation: a contact as above, its own number, or `me` or 0 for that with oneself."""

Name = Annotated[
    str,
    Meta(
        description=_NAME_WORDS,
        extra_json_schema={
            "minLength": 1,
            "maxLength": NAME_BYTES_MAX,
            "pattern": f"^{_NAME}$",
        },
    ),
]
"""What somebody is called."""

NameOrEmpty = Annotated[
    str,
    Meta(
        description=_NAME_WORDS,
        extra_json_schema={"maxLength": NAME_BYTES_MAX, "pattern": f"^({_NAME})?$"},
    ),
]
"""The same, or nothing."""

Text = Annotated[
    str,
    Meta(
        description=f"At most {TEXT_BYTES_MAX} bytes in UTF-8.",
        extra_json_schema={"minLength": 1, "maxLength": TEXT_BYTES_MAX},
    ),
]
"""What a person wrote."""

Draft = Annotated[
    str,
    Meta(
        description=f"At most {DRAFT_BYTES_MAX} bytes in UTF-8.",
        extra_json_schema={"maxLength": DRAFT_BYTES_MAX},
    ),
]
"""What was begun to be written."""

SendKey = Annotated[
    str,
    Meta(
        extra_json_schema={
            "maxLength": IDEMPOTENCY_KEY_BYTES_MAX,
            "pattern": "^([!-~]([ -~]*[!-~])?)?$",
        }
    ),
]
"""A caller's key that makes a repeated send one message. It may stand in a header."""

Moment = Annotated[int, Meta(ge=0, le=MOMENT_MAX)]
"""Unix seconds."""

InviteUses = Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": INVITE_USES_MAX})]
"""How many may use an invite."""

InviteLifetime = Annotated[
    int, Meta(extra_json_schema={"minimum": 1, "maximum": INVITE_LIFETIME_SECONDS_MAX})
]
"""For how many seconds an invite can be used."""

InviteText = Annotated[
    str,
    Meta(
        description="A link or the text of a QR code; its end is a checksum.",
        extra_json_schema={
            "maxLength": INVITE_TEXT_CHARACTERS_MAX,
            "pattern": "^([Mm][Ee][Ss][Hh]:[Ii][Nn][Vv][Ii][Tt][Ee]/[A-Za-z0-9_-]+"
            "|[Mm][Ee][Ss][Hh]:[Ii]/[A-Za-z2-7]+)$",
        },
    ),
]
"""What lets somebody in."""

AddressHint = Annotated[
    str,
    Meta(
        extra_json_schema={
            "maxLength": ADDRESS_HINT_BYTES_MAX,
            "pattern": f"^({_HOST}:{_PORT}( {_HOST}:{_PORT}){{0,{INVITE_ADDRESSES_MAX - 1}}})?$",
        }
    ),
]
"""Where whoever is invited may find this node, or nothing."""

HostAndPortOrEmpty = Annotated[
    str, Meta(extra_json_schema={"maxLength": 255, "pattern": f"^({_HOST}:{_PORT})?$"})
]

HostAndPort = Annotated[
    str, Meta(extra_json_schema={"maxLength": 255, "pattern": f"^{_HOST}:{_PORT}$"})
]
"""An address to dial."""

Passphrase = Annotated[
    str,
    Meta(
        description=f"At most {PASSPHRASE_BYTES_MAX} bytes in UTF-8.",
        extra_json_schema={"maxLength": PASSPHRASE_BYTES_MAX},
    ),
]
"""What opens the vault."""
