"""Contacts, what is known of them, and every change of them."""

from dataclasses import dataclass
from typing import Literal

from mesh.commands.answer import Answer
from mesh.commands.fields import Contact, InviteText, Name, NameOrEmpty
from mesh.commands.verification import ComparisonAnswer

Trust = Literal["first seen", "known", "verified"]

NoteKind = Literal[
    "identity changed",
    "keys unconfirmed",
    "out of reach",
    "session renewed",
    "verified",
    "comparison failed",
    "introduced",
    "looks alike",
    "renamed",
    "not answered",
    "invite closed",
]


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
    """Somebody unknown who came by an open invite: waits apart until accepted. Whoever is blocked
    waits for nothing."""

    is_blocked: bool = False
    """Nothing of theirs is opened, counted or shown."""

    sealed_count: int = 0
    """Messages that came and are not opened: of who waits apart, beyond the first ones; of who was
    blocked, what came meanwhile; of anybody, what is too much for a day."""

    sealed_until: int = 0
    """They wrote more than is opened in a day: the rest opens by itself then, in Unix seconds; 0:
    they did not."""

    introduced_by: str = ""
    """The label of the contact who vouched for them, if they came that way."""

    looks_like: list[str] = []
    """Labels of other contacts that a reader could mistake for this one."""

    sends_read_receipts: bool = False
    """Whether we tell them when we have read what they wrote."""

    identity_changed: int = 0
    """When their keys were last replaced by others (0: never)."""

    unconfirmed: int = 0
    """Since when nothing of before confirms the new keys of somebody who is verified: it may be a
    thief of their keys or of ours (0: never, or they are confirmed)."""

    unreached: int = 0
    """Since when this profile is known to be older than what was written with it: they may be out
    of its reach until they get a new invite (0: never, or they answered)."""

    heard: int = 0
    """When they wrote the newest of theirs that was opened here, a sign that is no message among
    it (0: nothing was). It says nothing of what came and waits, and is told without an event."""

    unanswered_since: int = 0
    """Since when their invite is used, if no answer came within a day: it may be used up or taken
    back. 0: they have answered, or may still."""

    is_invite_closed: bool = False
    """Their node said that it is: nothing is sent until a newer invite of theirs is added."""


class ContactsAnswer(Answer, frozen=True, kw_only=True):
    """All contacts, by label."""

    contacts: list[ContactAnswer]


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
    comparison: ComparisonAnswer


@dataclass(frozen=True, slots=True)
class AddContact:
    """Add the author of an invite link or QR text. Answer: ContactAnswer.

    `label` empty: the name in the link, made unique.
    """

    link: InviteText
    label: NameOrEmpty = ""


@dataclass(frozen=True, slots=True)
class AskContacts:
    """Answer: ContactsAnswer."""


@dataclass(frozen=True, slots=True)
class RenameContact:
    """Answer: ContactAnswer. `contact` is a label, an id, or the beginning of a key."""

    contact: Contact
    label: Name


@dataclass(frozen=True, slots=True)
class AskContact:
    """Answer: ContactDetailsAnswer."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class VerifyContact:
    """Say that their safety number was compared, or take it back. Answer: ContactAnswer."""

    contact: Contact
    is_verified: bool = True


@dataclass(frozen=True, slots=True)
class BlockContact:
    """Open nothing of theirs and send nothing to them, or again. Answer: ContactAnswer.

    What came while they were blocked stays sealed after it (`sealed_count`), until it is asked for
    with `opens_sealed`, then or later.
    """

    contact: Contact
    is_blocked: bool = True
    opens_sealed: bool = False


@dataclass(frozen=True, slots=True)
class AcceptRequest:
    """Let somebody who waits apart become a contact. Answer: ContactAnswer."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class RemoveContact:
    """Forget a contact with all messages and keys. Answer: Done."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class ReplaceIdentity:
    """`contact` has a new identity, which is known here as the contact `by`. Answer: ContactAnswer.

    The conversation goes on under the new keys; trust begins again at *first seen*.
    """

    contact: Contact
    by: Contact


@dataclass(frozen=True, slots=True)
class RenewSession:
    """Begin new keys with a contact who no longer opens what is sent. Answer: ContactAnswer."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class SetReadReceipts:
    """Tell this contact what we have read, or not. Answer: ContactAnswer."""

    contact: Contact
    is_on: bool
