"""The names of people and of conversations, where items of several are shown together."""

from typing import NamedTuple

from mesh.cli.names import Names
from mesh.cli.sanitise import clean_line
from mesh.client import Client
from mesh.commands.conversations import AskConversation, ConversationAnswer
from mesh.commands.items import ItemAnswer
from mesh.errors import UserError

NOT_NOW = ("not-running", "stopping", "busy", "locked")
"""The daemon stops, or it was started and is not unlocked yet: it can be asked again."""

OF_PEOPLE = ("direct", "self")
"""Kinds of conversations that are told by who is in them."""


class Said(NamedTuple):
    """The name of who else is in the conversation of an item, and its own if that must be told.

    Both are made safe. A direct one that somebody else writes in is told by who does, and the notes
    by that it is only oneself.
    """

    name: str
    chat: str


class Chats:
    """The conversations that are no contact's, each asked for once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[int, ConversationAnswer] = {}

    def said(self, item: ItemAnswer, names: Names) -> Said:
        """Return by whom and where an item was said."""
        name = names.of_item(item)
        if item.conversation in names:
            return Said(name, name if item.author.is_mine else "")
        found = self._find(item.conversation)
        is_told = found is None or found.kind not in OF_PEOPLE
        return Said(name, clean_line(self.title(item.conversation)) if is_told else "")

    def title(self, number: int) -> str:
        """Return the title of one, as it is called, or its number where that is not to be had."""
        found = self._find(number)
        return f"chat {number}" if found is None else found.title

    def forget(self) -> None:
        """A conversation may have another title now."""
        self._known.clear()

    def _find(self, number: int) -> ConversationAnswer | None:
        if number not in self._known:
            try:
                found = self._client.ask(AskConversation(number), ConversationAnswer)
            except UserError as error:
                if error.kind not in ("not-found", *NOT_NOW):
                    raise
                return None
            self._known[number] = found
        return self._known[number]
