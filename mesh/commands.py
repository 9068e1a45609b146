"""What a person or a program may ask of a node, and the answers.

Each command is answered by one `Reply` that carries the answer named beside it, or a
`UserError`. Times are Unix seconds unless a name says otherwise. These structs are also the
JSON of the local API, so bytes stand as lower-case hexadecimal text.
"""

from dataclasses import dataclass
from typing import Literal

import msgspec

MessageState = Literal["received", "waiting for their key", "queued here", "carried", "expired"]
"""What is known of a message; `carried` comes with the count of neighbours that said so."""

Trust = Literal["first seen", "known", "verified"]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The root of all answers."""


class Done(Answer, frozen=True, kw_only=True):
    """It is done and there is nothing more to say."""


class IdentityAnswer(Answer, frozen=True, kw_only=True):
    """Who this profile is."""

    name: str
    key: str


class InviteAnswer(Answer, frozen=True, kw_only=True):
    """An invite. `link` carries the whole key bundle; `qr` only its hash, for a QR code.

    Both are empty where the secret is no longer at hand (a used-up or revoked invite).
    """

    id: int
    label: str
    link: str
    qr: str
    expires: int
    uses: int
    uses_max: int
    state: Literal["open", "used up", "expired", "revoked"]


class InvitesAnswer(Answer, frozen=True, kw_only=True):
    """All invites, newest first."""

    invites: list[InviteAnswer]


class ContactAnswer(Answer, frozen=True, kw_only=True):
    """A contact. `label` is unique in the profile; `name` is what they call themselves."""

    id: int
    label: str
    name: str
    key: str
    trust: Trust
    state: Literal["waiting for their key", "invited", "answered"]
    messages_count: int
    unread_count: int


class ContactsAnswer(Answer, frozen=True, kw_only=True):
    """All contacts, by label."""

    contacts: list[ContactAnswer]


class MessageAnswer(Answer, frozen=True, kw_only=True):
    """A message of a conversation. `number` is this profile's own, rising as messages come."""

    number: int
    id: str
    contact: int
    label: str
    is_mine: bool
    text: str
    sent: int
    received: int
    state: MessageState
    carriers: int
    is_late: bool = False


class MessagesAnswer(Answer, frozen=True, kw_only=True):
    """A page of messages in the order of the conversation, and whether older ones exist."""

    messages: list[MessageAnswer]
    has_more: bool


class PeerAnswer(Answer, frozen=True, kw_only=True):
    """A neighbour, a candidate or a configured address."""

    address: str
    state: Literal["linked", "connecting", "seen", "waiting"]
    is_configured: bool
    is_dialled_by_us: bool
    connected_seconds: int
    bytes_received: int
    bytes_sent: int


class PeersAnswer(Answer, frozen=True, kw_only=True):
    """Links first, then the addresses without one."""

    peers: list[PeerAnswer]


class StatusAnswer(Answer, frozen=True, kw_only=True):
    """The node in one look. `counters` are the engine's metrics by name."""

    name: str
    vault: Literal["open", "locked", "none", "empty"]
    mesh: str
    is_closed: bool
    links_count: int
    envelopes_count: int
    stored_bytes: int
    stored_bytes_max: int
    contacts_count: int
    outbox_count: int
    stamp: Literal["not needed", "ready", "being made"]
    clock_offset_seconds: int
    notices: list[str]
    counters: dict[str, int]


@dataclass(frozen=True, slots=True)
class CreateIdentity:
    """First run: make this profile's identity. Answer: IdentityAnswer."""

    name: str


@dataclass(frozen=True, slots=True)
class AskIdentity:
    """Answer: IdentityAnswer."""


@dataclass(frozen=True, slots=True)
class AskStatus:
    """Answer: StatusAnswer; works while locked."""


@dataclass(frozen=True, slots=True)
class CreateInvite:
    """Answer: InviteAnswer. `address_hint` is HOST:PORT or empty; `lifetime_s` at most 365 d."""

    label: str = ""
    uses_max: int = 1
    lifetime_s: int = 7 * 86_400
    address_hint: str = ""


@dataclass(frozen=True, slots=True)
class AskInvites:
    """Answer: InvitesAnswer."""


@dataclass(frozen=True, slots=True)
class RevokeInvite:
    """Answer: InviteAnswer."""

    invite: int


@dataclass(frozen=True, slots=True)
class AddContact:
    """Add the author of an invite link or QR text. Answer: ContactAnswer.

    `label` empty: the name in the link, made unique.
    """

    link: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class AskContacts:
    """Answer: ContactsAnswer."""


@dataclass(frozen=True, slots=True)
class RenameContact:
    """Answer: ContactAnswer. `contact` is a label, an id, or the beginning of a key."""

    contact: str
    label: str


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Answer: MessageAnswer, given only when the message is durable here.

    The same `idempotency_key` (if not empty) again gives the first message again; with another
    text or contact it is refused (`key-reused`).
    """

    contact: str
    text: str
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True)
class AskMessages:
    """Answer: MessagesAnswer. Empty `contact`: all conversations in order of arrival.

    `after` is a message number (0: from the start of the page); `limit` counts from the newest
    unless `after` is given.
    """

    contact: str = ""
    after: int = 0
    limit: int = 50
    mark_read: bool = False
    unread_only: bool = False


@dataclass(frozen=True, slots=True)
class AskPeers:
    """Answer: PeersAnswer."""


@dataclass(frozen=True, slots=True)
class AddPeer:
    """Remember an address to dial. Answer: Done. `address` is HOST:PORT or [IPv6]:PORT."""

    address: str


@dataclass(frozen=True, slots=True)
class RemovePeer:
    """Answer: Done."""

    address: str


Command = (
    CreateIdentity
    | AskIdentity
    | AskStatus
    | CreateInvite
    | AskInvites
    | RevokeInvite
    | AddContact
    | AskContacts
    | RenameContact
    | SendMessage
    | AskMessages
    | AskPeers
    | AddPeer
    | RemovePeer
)
