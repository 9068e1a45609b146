"""What a person or a program may ask of a node, and the answers.

Each command is answered by one `Reply` that carries the answer named beside it, or a
`UserError`. Times are Unix seconds unless a name says otherwise. These structs are also the
JSON of the local API, so bytes stand as lower-case hexadecimal text.
"""

from dataclasses import dataclass
from typing import Literal

import msgspec

MessageState = Literal[
    "received",
    "kept",
    "awaiting-key",
    "queued",
    "carried",
    "delivered",
    "read",
    "expired",
    "withdrawn",
    "delivered-then-withdrawn",
]
"""What is known of a message, and never more than there is evidence for.

`received` is said of what others wrote, `kept` of what a person wrote to themselves, all else of
what was written here for others. `carried` comes with the count of peers that said so after
their commit; `delivered` stands on a token that only who opened the message can make; `read` on
their word inside the encryption; `expired` means without proof of delivery.
"""

ConversationKind = Literal["direct", "self"]
"""With a contact, or of a person with themselves; further kinds may come."""

Trust = Literal["first seen", "known", "verified"]

NoteKind = Literal[
    "identity changed",
    "session renewed",
    "verified",
    "comparison failed",
    "introduced",
    "looks alike",
]


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
    is_request: bool = False
    """Somebody unknown who came by an open invite: waits apart until accepted."""

    is_blocked: bool = False
    introduced_by: str = ""
    """The label of the contact who vouched for them, if they came that way."""

    looks_like: list[str] = []
    """Labels of other contacts that a reader could mistake for this one."""

    sends_read_receipts: bool = False
    """Whether we tell them when we have read what they wrote."""

    identity_changed: int = 0
    """When their keys were last replaced by others (0: never)."""


class ContactsAnswer(Answer, frozen=True, kw_only=True):
    """All contacts, by label."""

    contacts: list[ContactAnswer]


class MessageAnswer(Answer, frozen=True, kw_only=True):
    """A message of a conversation. `number` is this profile's own, rising as messages come.

    `contact` and `label` are the other side; 0 and the title for what was written to oneself.
    """

    number: int
    id: str
    conversation: int
    contact: int
    label: str
    is_mine: bool
    text: str
    sent: int
    received: int
    state: str
    """A short code: one of `MessageState`, or one that a later release made."""

    carriers: int
    is_late: bool = False
    """It came after something below it was read."""

    missing_count: int = 0
    """Earlier messages that it answers to and that are not here."""

    clock: Literal["", "ahead", "behind"] = ""
    """Whether its author's clock was wrong beyond doubt."""


class MessagesAnswer(Answer, frozen=True, kw_only=True):
    """A page of messages in the order of the conversation, and whether older ones exist."""

    messages: list[MessageAnswer]
    has_more: bool


class AuthorAnswer(Answer, frozen=True, kw_only=True):
    """Who wrote an item. `key` is their identity key."""

    key: str
    label: str
    is_mine: bool


class ItemAnswer(Answer, frozen=True, kw_only=True):
    """Something in a conversation; so far only texts. Its number is that of the message."""

    number: int
    conversation: int
    id: str
    kind: str
    author: AuthorAnswer
    sent: int
    received: int
    state: str
    """A short code: one of `MessageState`, or one that a later release made."""

    carriers: int
    is_late: bool
    missing_count: int
    clock: Literal["", "ahead", "behind"]
    text: str


class ItemsAnswer(Answer, frozen=True, kw_only=True):
    """A page of one conversation in its order, and whether there is more in either direction."""

    items: list[ItemAnswer]
    has_older: bool
    has_newer: bool


class ConversationAnswer(Answer, frozen=True, kw_only=True):
    """A conversation, with what a list shows of it.

    `contact` is the other side of a direct one, else 0. `muted_until` is in Unix seconds (0: not
    muted). The settings and the draft never leave this profile.
    """

    number: int
    kind: str
    """One of `ConversationKind`, or one that a later release made."""

    title: str
    contact: int
    last_item: ItemAnswer | None
    unread_count: int
    is_marked_unread: bool
    muted_until: int
    is_pinned: bool
    is_archived: bool
    draft: str
    is_request: bool
    is_blocked: bool


class ConversationsAnswer(Answer, frozen=True, kw_only=True):
    """All conversations: pinned ones first, then by their last item, archived ones at the end."""

    conversations: list[ConversationAnswer]


class NoteAnswer(Answer, frozen=True, kw_only=True):
    """Something that happened to a contact and that a person should know, in one sentence."""

    at: int
    kind: NoteKind
    sentence: str


class ContactDetailsAnswer(Answer, frozen=True, kw_only=True):
    """All that is told of one contact. `safety_number`: 60 digits, or empty before both are known.

    `comparison` is the live comparison under way with them.
    """

    contact: ContactAnswer
    safety_number: str
    notes: list[NoteAnswer]
    comparison: "ComparisonAnswer"


class ComparisonAnswer(Answer, frozen=True, kw_only=True):
    """A live comparison: both persons look whether they see the same emoji or numbers.

    `emoji` and `numbers` are empty before both sides are committed. `emoji` holds seven pairs of
    a picture and its name.
    """

    contact: int
    label: str
    state: Literal["none", "asked by us", "asked by them", "compare", "matched", "failed"]
    emoji: list[tuple[str, str]] = []
    numbers: list[int] = []


class IntroductionAnswer(Answer, frozen=True, kw_only=True):
    """One contact wishes that we know another one. `by` is the label of who vouches."""

    id: int
    by: str
    name: str
    key: str
    state: Literal["waiting", "accepted", "declined", "done"]
    looks_like: list[str] = []
    """Labels of other contacts that a reader could mistake for who is introduced."""


class IntroductionsAnswer(Answer, frozen=True, kw_only=True):
    """All introductions, newest first."""

    introductions: list[IntroductionAnswer]


class InviteContentsAnswer(Answer, frozen=True, kw_only=True):
    """What an invite text would do, in words, before it does it."""

    name: str
    key: str
    expires: int
    address_hint: str
    is_usable: bool
    sentence: str


class NearbyPersonAnswer(Answer, frozen=True, kw_only=True):
    """Somebody near who offers a card. `id` holds as long as this node runs."""

    id: int
    name: str
    state: Literal["seen", "asked by us", "asked by them", "compare", "matched", "failed"]
    emoji: list[tuple[str, str]] = []
    numbers: list[int] = []
    contact: int = 0
    """The contact that came of it, once both have confirmed."""

    looks_like: list[str] = []
    """Contacts, and others nearby, whose names could be mistaken for theirs; it may be them."""


class NearbyAnswer(Answer, frozen=True, kw_only=True):
    """People nearby; `is_on` says whether we offer a card ourselves."""

    is_on: bool
    people: list[NearbyPersonAnswer]


class PeerAnswer(Answer, frozen=True, kw_only=True):
    """A peer, a candidate or a configured address."""

    address: str
    state: Literal["linked", "connecting", "seen", "waiting"]
    is_configured: bool
    is_dialled_by_us: bool
    connected_seconds: int
    bytes_received: int
    bytes_sent: int
    interface: str = ""
    """Over which of our interfaces a link goes; empty if that is not known."""

    contact: str = ""
    """Who has proved inside the link to be this contact; empty while the vault is locked."""


class PeersAnswer(Answer, frozen=True, kw_only=True):
    """Links first, then the addresses without one."""

    peers: list[PeerAnswer]


class CarriedAnswer(Answer, frozen=True, kw_only=True):
    """For whom how many envelopes are kept whole, and the bytes of their bodies.

    `share_bytes`: what nobody further away can push out; of own mail it is what may be written, and
    more is refused (`no-room`).
    """

    whom: Literal["own", "contacts", "friends of contacts", "strangers"]
    envelopes_count: int
    bytes: int
    share_bytes: int


class KnownKeysAnswer(Answer, frozen=True, kw_only=True):
    """Of how many posting keys of today it is known that somebody answers for them."""

    contacts: int
    friends_of_contacts: int
    further: int


class StatusAnswer(Answer, frozen=True, kw_only=True):
    """The node in one look. `counters` are the engine's metrics by name.

    `refused` counts since the start what did not enter, or only without its body, by the reason.
    """

    name: str
    vault: Literal["open", "locked", "none", "empty"]
    mesh: str
    is_closed: bool
    links_count: int
    links_by_interface: dict[str, int] = {}
    contact_links_count: int = 0
    """How many of the links lead to contacts, as far as these have proved it."""

    envelopes_count: int
    """Envelopes known, with or without their bodies; those with bodies are counted in `carried`."""
    stored_bytes: int
    """The bodies in `carried`, and `headers_bytes`."""
    headers_bytes: int = 0
    """What the headers and proofs of all envelopes known take."""
    stored_bytes_max: int
    contacts_count: int
    requests_count: int = 0
    """Who waits apart to be let in, and is no contact yet."""
    outbox_count: int
    stamp: Literal["not needed", "ready", "being made"]
    clock_offset_seconds: int
    notices: list[str]
    counters: dict[str, int]
    locked_since: int = 0
    """Since when the vault is locked (0: it is not)."""
    carried: list[CarriedAnswer] = []
    refused: dict[str, int] = {}
    limits: list[str] = []
    """Why this node does less for others than it was set to, in sentences."""
    known_keys: KnownKeysAnswer | None = None
    """None: since its start the vault was never open, so nobody's mail is known from other mail."""


class ImportedAnswer(Answer, frozen=True, kw_only=True):
    """What became of what a carry file holds. `refused`: how many for which reason.

    Of one block, or, as the API answers, of a whole file.
    """

    envelopes_count: int
    retirements_count: int
    known_count: int
    refused: dict[str, int]
    damaged_count: int = 0
    """Places of the file where something is unreadable or missing."""

    is_complete: bool = True
    """Whether all of the file was there and readable."""


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
class AskContact:
    """Answer: ContactDetailsAnswer."""

    contact: str


@dataclass(frozen=True, slots=True)
class VerifyContact:
    """Say that their safety number was compared, or take it back. Answer: ContactAnswer."""

    contact: str
    is_verified: bool = True


@dataclass(frozen=True, slots=True)
class BlockContact:
    """Open nothing of theirs and send nothing to them, or again. Answer: ContactAnswer."""

    contact: str
    is_blocked: bool = True


@dataclass(frozen=True, slots=True)
class AcceptRequest:
    """Let somebody who waits apart become a contact. Answer: ContactAnswer."""

    contact: str


@dataclass(frozen=True, slots=True)
class RemoveContact:
    """Forget a contact with all messages and keys. Answer: Done."""

    contact: str


@dataclass(frozen=True, slots=True)
class ReplaceIdentity:
    """`contact` has a new identity, which is known here as the contact `by`. Answer: ContactAnswer.

    The conversation goes on under the new keys; trust begins again at *first seen*.
    """

    contact: str
    by: str


@dataclass(frozen=True, slots=True)
class RenewSession:
    """Begin new keys with a contact who no longer opens what is sent. Answer: ContactAnswer."""

    contact: str


@dataclass(frozen=True, slots=True)
class SetReadReceipts:
    """Whether this contact is told what we have read. Answer: ContactAnswer."""

    contact: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class Compare:
    """Begin a live comparison, or take up theirs. Answer: ComparisonAnswer."""

    contact: str


@dataclass(frozen=True, slots=True)
class ConfirmComparison:
    """Say whether both sides show the same. Answer: ComparisonAnswer."""

    contact: str
    is_equal: bool


@dataclass(frozen=True, slots=True)
class Introduce:
    """Introduce two contacts to each other; both are told who vouches. Answer: Done."""

    contact: str
    to: str


@dataclass(frozen=True, slots=True)
class AskIntroductions:
    """Answer: IntroductionsAnswer."""


@dataclass(frozen=True, slots=True)
class AnswerIntroduction:
    """Accept or decline an introduction. Answer: IntroductionAnswer."""

    introduction: int
    is_accepted: bool


@dataclass(frozen=True, slots=True)
class InspectInvite:
    """Say what an invite text would do. Answer: InviteContentsAnswer."""

    link: str


@dataclass(frozen=True, slots=True)
class WithdrawMessage:
    """Take back a message of ours that is on its way. Answer: MessageAnswer. `message`: number."""

    message: int


@dataclass(frozen=True, slots=True)
class SetNearby:
    """Offer a card to nodes around, or stop it. Answer: NearbyAnswer."""

    is_on: bool


@dataclass(frozen=True, slots=True)
class AskNearby:
    """Ask the nodes around for their cards. Answer: NearbyAnswer, with those that came so far."""


@dataclass(frozen=True, slots=True)
class CompareNearby:
    """Begin a comparison with somebody near, or take up theirs. Answer: NearbyPersonAnswer."""

    person: int


@dataclass(frozen=True, slots=True)
class ConfirmNearby:
    """Say whether both sides show the same. Answer: NearbyPersonAnswer."""

    person: int
    is_equal: bool


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Answer: MessageAnswer, given only when the message is durable here.

    `contact` names a conversation: a contact's label, number, or the beginning of a key; or `me`,
    for what is kept here and sent to nobody. The same `idempotency_key` (if not empty) again gives
    the first message again; with another text or contact it is refused (`key-reused`).
    """

    contact: str
    text: str
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True)
class AskConversations:
    """Answer: ConversationsAnswer."""


@dataclass(frozen=True, slots=True)
class AskConversation:
    """Answer: ConversationAnswer. `conversation` names one as `SendMessage.contact` does."""

    conversation: str


@dataclass(frozen=True, slots=True)
class ChangeConversation:
    """Change local settings of a conversation; what is None stays. Answer: ConversationAnswer.

    `muted_until` is in Unix seconds; an empty `draft` forgets it.
    """

    conversation: str
    muted_until: int | None = None
    is_pinned: bool | None = None
    is_archived: bool | None = None
    is_marked_unread: bool | None = None
    draft: str | None = None


@dataclass(frozen=True, slots=True)
class AskItems:
    """Answer: ItemsAnswer, without marking anything as read.

    `before`, `after` and `around` name an item by its number and go by its place in the
    conversation; without them the page holds the newest. Only one of them may be given.
    """

    conversation: str
    before: int | None = None
    after: int | None = None
    around: int | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class AskMessages:
    """Answer: MessagesAnswer. Empty `contact`: all direct conversations in order of arrival.

    `after` is a message number (0: from the start of the page); `limit` counts from the newest
    unless `after` is given.
    """

    contact: str = ""
    after: int = 0
    limit: int = 50
    mark_read: bool = False
    unread_only: bool = False
    requests: bool = False
    """Of those who wait apart, instead of the contacts; they are never mixed."""


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
    | AskContact
    | VerifyContact
    | BlockContact
    | AcceptRequest
    | RemoveContact
    | ReplaceIdentity
    | RenewSession
    | SetReadReceipts
    | Compare
    | ConfirmComparison
    | Introduce
    | AskIntroductions
    | AnswerIntroduction
    | InspectInvite
    | WithdrawMessage
    | SetNearby
    | AskNearby
    | CompareNearby
    | ConfirmNearby
    | SendMessage
    | AskMessages
    | AskConversations
    | AskConversation
    | ChangeConversation
    | AskItems
    | AskPeers
    | AddPeer
    | RemovePeer
)
