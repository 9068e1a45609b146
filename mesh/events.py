"""The events that a person or a program is told. These structs are also the event stream's
JSON; `type` is the tag.
"""

import msgspec

from mesh.commands.contacts import ContactAnswer, NoteAnswer
from mesh.commands.conversations import ConversationAnswer
from mesh.commands.files import FileAnswer
from mesh.commands.group_links import KnockAnswer
from mesh.commands.groups import GroupAnswer, MembershipAnswer
from mesh.commands.identity import IdentityAnswer
from mesh.commands.introductions import IntroductionAnswer
from mesh.commands.invites import InviteAnswer
from mesh.commands.items import Gone, ItemAnswer
from mesh.commands.member_letters import MemberLetterAnswer
from mesh.commands.messages import MessageAnswer
from mesh.commands.nearby import NearbyPersonAnswer
from mesh.commands.scheduled import ScheduledAnswer
from mesh.commands.status import Disk
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


class ItemAdded(msgspec.Struct, frozen=True, tag="item-added", tag_field="type"):
    """An item of a conversation was written here, or came, and is durable here."""

    item: ItemAnswer


class ItemChanged(msgspec.Struct, frozen=True, tag="item-changed", tag_field="type"):
    """An item shows something else than before: this is the whole of it."""

    item: ItemAnswer


class ItemGone(msgspec.Struct, frozen=True, tag="item-gone", tag_field="type"):
    """The words of an item are gone; `gone` says why."""

    conversation: int
    number: int
    gone: Gone


class FileChanged(msgspec.Struct, frozen=True, tag="file-changed", tag_field="type"):
    """More of a file is here, or was opened by its reader, or it is fetched, paused or cancelled.

    Of a file of which more came at once one event is told.
    """

    file: FileAnswer


class ScheduledChanged(msgspec.Struct, frozen=True, tag="scheduled-changed", tag_field="type"):
    """A text that is to be sent later was made or changed, or could not be sent.

    `is_over`: it waits no longer, since it was sent or cancelled.
    """

    scheduled: ScheduledAnswer
    is_over: bool = False


class InviteChanged(msgspec.Struct, frozen=True, tag="invite-changed", tag_field="type"):
    """An invite of ours was made, used or revoked. Its link is not told: ask for the invites."""

    invite: InviteAnswer


class ContactAdded(msgspec.Struct, frozen=True, tag="contact-added", tag_field="type"):
    """Somebody used an invite of ours, or we used theirs."""

    contact: ContactAnswer


class ContactChanged(msgspec.Struct, frozen=True, tag="contact-changed", tag_field="type"):
    """A contact's name, label or state changed."""

    contact: ContactAnswer


class IdentityChanged(msgspec.Struct, frozen=True, tag="identity-changed", tag_field="type"):
    """Our own name changed."""

    identity: IdentityAnswer


class ConversationChanged(
    msgspec.Struct, frozen=True, tag="conversation-changed", tag_field="type"
):
    """Settings or the draft of a conversation changed."""

    conversation: ConversationAnswer


class ConversationEmptied(
    msgspec.Struct, frozen=True, tag="conversation-emptied", tag_field="type"
):
    """All that was in a conversation was deleted here, but for what is on its way."""

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


class GroupInvited(msgspec.Struct, frozen=True, tag="group-invited", tag_field="type"):
    """A contact asks our person into a group."""

    group: GroupAnswer


class GroupAdded(msgspec.Struct, frozen=True, tag="group-added", tag_field="type"):
    """Our person is in a group from now on, or again."""

    group: GroupAnswer


class GroupLeft(msgspec.Struct, frozen=True, tag="group-left", tag_field="type"):
    """Our person is in a group no longer: they left it, or were removed."""

    group: GroupAnswer


class GroupChanged(msgspec.Struct, frozen=True, tag="group-changed", tag_field="type"):
    """Members, settings or state of a group are others: this is the whole of it."""

    group: GroupAnswer


class GroupNoted(msgspec.Struct, frozen=True, tag="group-noted", tag_field="type"):
    """An operation that counted here does not count any more, as others knew something else."""

    group: GroupAnswer
    operation: MembershipAnswer


class GroupKnocked(msgspec.Struct, frozen=True, tag="group-knock", tag_field="type"):
    """Somebody stands at a link into a group, and waits to be admitted or refused."""

    group: GroupAnswer
    knock: KnockAnswer


class MemberWrote(msgspec.Struct, frozen=True, tag="group-letter", tag_field="type"):
    """A member of a group who is no contact asks our person to become one."""

    group: GroupAnswer
    letter: MemberLetterAnswer


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


class DiskChanged(msgspec.Struct, frozen=True, tag="disk-changed", tag_field="type"):
    """There is less room on the disk, or there is room again: `sentence` says what that means."""

    disk: Disk
    sentence: str


class NoticeRaised(msgspec.Struct, frozen=True, tag="notice", tag_field="type"):
    """Something that a person should know, in one sentence."""

    sentence: str
    lasts: bool = False
    """The status tells it as well (`notices`), for as long as it holds."""


Event = (
    MessageReceived
    | MessageSent
    | MessageStateChanged
    | ItemAdded
    | ItemChanged
    | ItemGone
    | FileChanged
    | ScheduledChanged
    | InviteChanged
    | ContactAdded
    | ContactChanged
    | IdentityChanged
    | ConversationChanged
    | ConversationEmptied
    | ContactRemoved
    | ContactNoted
    | ComparisonChanged
    | IntroductionChanged
    | NearbyChanged
    | GroupInvited
    | GroupAdded
    | GroupLeft
    | GroupChanged
    | GroupNoted
    | GroupKnocked
    | MemberWrote
    | LinkOpened
    | LinkClosed
    | VaultLocked
    | VaultUnlocked
    | DiskChanged
    | NoticeRaised
)
