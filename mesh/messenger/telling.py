"""What the engine is to do and tell after the vault has committed."""

from mesh.effects import Effect, Emit, MintStamp
from mesh.events import Event
from mesh.ids import ContactId, PostingKey


class Telling:
    """Gathers effects. Changes of one message or contact within a batch are told once."""

    def __init__(self) -> None:
        self._effects: list[Effect] = []
        self._changed_messages: dict[int, None] = {}
        self._changed_contacts: dict[ContactId, None] = {}

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

    def take_changed_messages(self) -> list[int]:
        """Numbers of messages that changed, each once."""
        taken, self._changed_messages = list(self._changed_messages), {}
        return taken

    def take_changed_contacts(self) -> list[ContactId]:
        """Contacts that changed, each once."""
        taken, self._changed_contacts = list(self._changed_contacts), {}
        return taken

    def take(self) -> list[Effect]:
        """All effects that were gathered, in order."""
        taken, self._effects = self._effects, []
        return taken
