"""The events that a person or a program is told. These structs are also the event stream's
JSON; `type` is the tag.
"""

import msgspec

from mesh.commands.contacts import ContactAnswer, NoteAnswer
from mesh.commands.conversations import ConversationAnswer
from mesh.commands.introductions import IntroductionAnswer
from mesh.commands.invites import InviteAnswer
from mesh.commands.messages import MessageAnswer
from mesh.commands.nearby import NearbyPersonAnswer
from mesh.commands.verification import ComparisonAnswer


class MessageReceived(msgspec.Struct, frozen=True, tag="message-received", tag_field="type"):
    """A message of a contact was opened and is durable here."""

    message: MessageAnswer


class MessageSent(msgspec.Struct, frozen=True, tag="message-sent", tag_field="type"):
    """A message written here is durable here."""

    message: MessageAnswer


class MessageStateChanged(msgspec.Struct, frozen=True, tag="message-state", tag_field="type"):
    """More (or less) is known of a message written here."""

    message: MessageAnswer


class InviteChanged(msgspec.Struct, frozen=True, tag="invite-changed", tag_field="type"):
    """An invite of ours was made, used or revoked. Its link is not told: ask for the invites."""

    invite: InviteAnswer


class ContactAdded(msgspec.Struct, frozen=True, tag="contact-added", tag_field="type"):
    """Somebody used an invite of ours, or we used theirs."""

    contact: ContactAnswer


class ContactChanged(msgspec.Struct, frozen=True, tag="contact-changed", tag_field="type"):
    """A contact's name, label or state changed."""

    contact: ContactAnswer


class ConversationChanged(
    msgspec.Struct, frozen=True, tag="conversation-changed", tag_field="type"
):
    """Settings or the draft of a conversation changed."""

    conversation: ConversationAnswer


class ContactRemoved(msgspec.Struct, frozen=True, tag="contact-removed", tag_field="type"):
    """A contact was forgotten."""

    id: int
    label: str


class ContactNoted(msgspec.Struct, frozen=True, tag="contact-noted", tag_field="type"):
    """Something happened to a contact that a person should know."""

    contact: ContactAnswer
    note: NoteAnswer


class ComparisonChanged(msgspec.Struct, frozen=True, tag="comparison-changed", tag_field="type"):
    """A live comparison went a step further."""

    comparison: ComparisonAnswer


class IntroductionChanged(
    msgspec.Struct, frozen=True, tag="introduction-changed", tag_field="type"
):
    """Somebody introduced somebody, or it went a step further."""

    introduction: IntroductionAnswer


class NearbyChanged(msgspec.Struct, frozen=True, tag="nearby-changed", tag_field="type"):
    """Somebody near offered a card, or a comparison with them went a step further."""

    person: NearbyPersonAnswer


class LinkOpened(msgspec.Struct, frozen=True, tag="link-opened", tag_field="type"):
    """An encrypted link to a peer stands."""

    address: str
    links_count: int


class LinkClosed(msgspec.Struct, frozen=True, tag="link-closed", tag_field="type"):
    """A link to a peer ended."""

    address: str
    reason: str
    links_count: int


class VaultLocked(msgspec.Struct, frozen=True, tag="vault-locked", tag_field="type"):
    """The vault is closed: mail waits until it is opened again."""


class VaultUnlocked(msgspec.Struct, frozen=True, tag="vault-unlocked", tag_field="type"):
    """The vault is open; what came meanwhile is being opened."""


class NoticeRaised(msgspec.Struct, frozen=True, tag="notice", tag_field="type"):
    """Something that a person should know, in one sentence."""

    sentence: str


Event = (
    MessageReceived
    | MessageSent
    | MessageStateChanged
    | InviteChanged
    | ContactAdded
    | ContactChanged
    | ConversationChanged
    | ContactRemoved
    | ContactNoted
    | ComparisonChanged
    | IntroductionChanged
    | NearbyChanged
    | LinkOpened
    | LinkClosed
    | VaultLocked
    | VaultUnlocked
    | NoticeRaised
)
