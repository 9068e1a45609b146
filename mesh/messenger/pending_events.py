"""The effects and events that the messenger asks for after the vault has committed."""

from collections.abc import Sequence

from mesh.commands.contacts import NoteAnswer
from mesh.effects import Effect, Emit, MintStamp
from mesh.events import Event
from mesh.ids import ContactId, PostingKey


class PendingEvents:
    """Gathers effects. Changes of one message or contact within a batch are told once."""

    def __init__(self) -> None:
        self._effects: list[Effect] = []
        self._changed_messages: dict[int, None] = {}
        self._changed_contacts: dict[ContactId, None] = {}
        self._changed_introductions: dict[int, None] = {}
        self._notes: list[tuple[ContactId, NoteAnswer]] = []

    def tell(self, event: Event) -> None:
        """Tell whoever listens."""
        self._effects.append(Emit(event))

    def mint(self, posting_key: PostingKey, day: int, bits: int) -> None:
        """Ask for a stamp."""
        self._effects.append(MintStamp(posting_key, day, bits))

    def message_changed(self, number: int) -> None:
        """More is known of a message written here."""
        self._changed_messages[number] = None

    def contact_changed(self, contact: ContactId) -> None:
        """A contact's name, label or state changed."""
        self._changed_contacts[contact] = None

    def introduction_changed(self, number: int) -> None:
        """An introduction came, or went a step further."""
        self._changed_introductions[number] = None

    def noted(self, contact: ContactId, note: NoteAnswer) -> None:
        """Something happened to a contact; it is told with what is known of them afterwards."""
        self._notes.append((contact, note))

    def forget_contact(self, contact: ContactId, messages: Sequence[int]) -> None:
        """A contact is gone with these messages: nothing is left to be told of them."""
        self._changed_contacts.pop(contact, None)
        self._notes = [one for one in self._notes if one[0] != contact]
        for number in messages:
            self._changed_messages.pop(number, None)

    @property
    def has_changes(self) -> bool:
        """Say whether something changed of which the words are still to be found."""
        changed = self._changed_messages or self._changed_contacts or self._changed_introductions
        return bool(changed or self._notes)

    def take_changed_messages(self) -> list[int]:
        """Numbers of messages that changed, each once."""
        taken, self._changed_messages = list(self._changed_messages), {}
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
