"""Contacts, what is known of them, and every change of them."""

from dataclasses import dataclass
from typing import Literal

from mesh.commands.answer import Answer
from mesh.commands.verification import ComparisonAnswer

Trust = Literal["first seen", "known", "verified"]

NoteKind = Literal[
    "identity changed",
    "session renewed",
    "verified",
    "comparison failed",
    "introduced",
    "looks alike",
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
    """Tell this contact what we have read, or not. Answer: ContactAnswer."""

    contact: str
    is_on: bool
