"""The effects and events that the messenger asks for after the vault has committed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mesh.commands.contacts import NoteAnswer
from mesh.effects import Effect, Emit, MintStamp
from mesh.events import Event
from mesh.ids import ContactId, ConversationId, PostingKey, direct_conversation


@dataclass(frozen=True, slots=True)
class GroupNews:
    """Something that happened in a group, beside its being another one now."""

    kind: Literal["invited", "added", "left", "noted", "knock"]
    operation: bytes = b""
    number: int = 0
    """Of a knock."""


class PendingEvents:
    """Gathers effects. Changes of one message or contact within a batch are told once."""

    def __init__(self) -> None:
        self._effects: list[Effect] = []
        self._changed_messages: dict[int, None] = {}
        self._changed_items: dict[int, None] = {}
        self._changed_files: dict[int, None] = {}
        self._changed_conversations: dict[ConversationId, None] = {}
        self._changed_contacts: dict[ContactId, None] = {}
        self._changed_introductions: dict[int, None] = {}
        self._notes: list[tuple[ContactId, NoteAnswer]] = []
        self._changed_groups: dict[ConversationId, None] = {}
        self._of_groups: list[tuple[ConversationId, GroupNews]] = []

    def tell(self, event: Event) -> None:
        """Tell whoever listens."""
        self._effects.append(Emit(event))

    def mint(self, posting_key: PostingKey, day: int, bits: int) -> None:
        """Ask for a stamp."""
        self._effects.append(MintStamp(posting_key, day, bits))

    def message_changed(self, number: int) -> None:
        """More is known of a message written here."""
        self._changed_messages[number] = None

    def item_changed(self, number: int) -> None:
        """An item shows something else than before."""
        self._changed_items[number] = None

    def file_changed(self, number: int) -> None:
        """More, or less, is here or known of a file."""
        self._changed_files[number] = None

    def conversation_changed(self, conversation: ConversationId) -> None:
        """Something that holds for all of it changed: its timer, or what the other side reads."""
        self._changed_conversations[conversation] = None

    def contact_changed(self, contact: ContactId) -> None:
        """A contact's name, label or state changed."""
        self._changed_contacts[contact] = None

    def introduction_changed(self, number: int) -> None:
        """An introduction came, or went a step further."""
        self._changed_introductions[number] = None

    def noted(self, contact: ContactId, note: NoteAnswer) -> None:
        """Something happened to a contact; it is told with what is known of them afterwards."""
        self._notes.append((contact, note))

    def group_changed(self, conversation: ConversationId, news: GroupNews | None = None) -> None:
        """A group's members, settings or state are others. `news`: something happened in it, which
        is told with what the group is afterwards.
        """
        if news is None:
            self._changed_groups[conversation] = None
        else:
            self._of_groups.append((conversation, news))

    def forget_group(self, conversation: ConversationId) -> None:
        """A group is gone here: nothing is left to be told of it."""
        self._changed_groups.pop(conversation, None)
        self._changed_conversations.pop(conversation, None)
        self._of_groups = [one for one in self._of_groups if one[0] != conversation]

    def take_groups(self) -> tuple[list[tuple[ConversationId, GroupNews]], list[ConversationId]]:
        """Return what happened in groups, in order, and those that changed, each once."""
        taken = self._of_groups, list(self._changed_groups)
        self._of_groups, self._changed_groups = [], {}
        return taken

    def forget_messages(self, messages: Sequence[int]) -> None:
        """These messages are gone: nothing is left to be told of them."""
        for number in messages:
            self._changed_messages.pop(number, None)
            self._changed_items.pop(number, None)

    def forget_contact(self, contact: ContactId, messages: Sequence[int]) -> None:
        """A contact is gone with these messages: nothing is left to be told of them."""
        self._changed_contacts.pop(contact, None)
        self._changed_conversations.pop(direct_conversation(contact), None)
        self._notes = [one for one in self._notes if one[0] != contact]
        self.forget_messages(messages)

    @property
    def has_changes(self) -> bool:
        """Say whether something changed of which the words are still to be found."""
        changed = self._changed_messages or self._changed_contacts or self._changed_introductions
        of_talk = self._changed_items or self._changed_conversations or self._changed_files
        of_groups = self._changed_groups or self._of_groups
        return bool(changed or of_talk or self._notes or of_groups)

    @property
    def changed_messages(self) -> list[int]:
        """Numbers of messages that changed so far."""
        return list(self._changed_messages)

    def take_changed_messages(self) -> list[int]:
        """Numbers of messages that changed, each once."""
        taken, self._changed_messages = list(self._changed_messages), {}
        return taken

    def take_changed_items(self) -> list[int]:
        """Numbers of items that changed, each once."""
        taken, self._changed_items = list(self._changed_items), {}
        return taken

    def take_changed_files(self) -> list[int]:
        """Files that changed, each once."""
        taken, self._changed_files = list(self._changed_files), {}
        return taken

    def take_changed_conversations(self) -> list[ConversationId]:
        """Conversations that changed, each once."""
        taken, self._changed_conversations = list(self._changed_conversations), {}
        return taken

    def take_changed_contacts(self) -> list[ContactId]:
        """Contacts that changed, each once."""
        taken, self._changed_contacts = list(self._changed_contacts), {}
        return taken

    def take_changed_introductions(self) -> list[int]:
        """Numbers of introductions that changed, each once."""
        taken, self._changed_introductions = list(self._changed_introductions), {}
        return taken

    def take_notes(self) -> list[tuple[ContactId, NoteAnswer]]:
        """Notes on contacts, in order."""
        taken, self._notes = self._notes, []
        return taken

    def take(self) -> list[Effect]:
        """All effects that were gathered, in order."""
        taken, self._effects = self._effects, []
        return taken
