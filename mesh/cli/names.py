"""The names of people, wherever one is shown.

A label is what we call somebody, or what they called themselves; a stranger chooses it freely and
may choose one that looks like a friend's. So whoever could be mistaken for another contact is
shown with the beginning of their key, which nobody can choose.
"""

import re
import unicodedata
from collections.abc import Sequence

from mesh.cli.sanitise import clean_line
from mesh.client import Client
from mesh.commands.contacts import AskContacts, ContactAnswer, ContactsAnswer
from mesh.commands.introductions import IntroductionAnswer
from mesh.commands.items import ItemAnswer
from mesh.commands.messages import MessageAnswer

KEY_DIGITS_SHOWN = 8
"""Enough to tell two contacts apart, and enough to name one of them to any command."""

LIKE_OURS = re.compile(r"\b[0-9a-fA-F]{8}\b|→")
"""A label that holds such digits could pass for one that we marked; one with an arrow, for what
stands before a message of our own."""


def shown(contact: ContactAnswer) -> str:
    """Return a contact's name for people."""
    return marked(contact.label, contact.key, is_alike=bool(contact.looks_like))


def shown_introduced(introduction: IntroductionAnswer) -> str:
    """Return the name of somebody whom a contact introduces."""
    is_alike = bool(introduction.looks_like)
    return marked(introduction.name, introduction.key, is_alike=is_alike)


def marked(name: str, key: str, *, is_alike: bool) -> str:
    """Return a name, with the beginning of the key if it could be mistaken for another.
    It is for people to read: no command takes what it returns for the name of anybody.
    """
    cleaned = clean_line(name)
    if is_alike or LIKE_OURS.search(cleaned):
        return f"{cleaned} [{key[:KEY_DIGITS_SHOWN]}]"
    return cleaned


class Names:
    """The names of all contacts as they were when it was made, and who of them waits apart."""

    def __init__(self, contacts: Sequence[ContactAnswer]) -> None:
        self._contacts = {contact.id: contact for contact in contacts}

    @classmethod
    def ask(cls, client: Client) -> "Names":
        """Ask the node for all of them."""
        return cls(client.ask(AskContacts(), ContactsAnswer).contacts)

    def __contains__(self, contact: int) -> bool:
        return contact in self._contacts

    def of(self, message: MessageAnswer) -> str:
        """Return who is at the other end of a message."""
        return self.name(message.contact, message.label)

    def of_item(self, item: ItemAnswer) -> str:
        """Return who else is in the conversation of an item; in a group, who wrote it."""
        # A direct conversation bears the number of its contact.
        if item.conversation in self:
            return self.name(item.conversation, item.author.label)
        return marked(item.author.label, item.author.key, is_alike=bool(item.author.mark))

    def name(self, contact: int, label: str) -> str:
        """Return the name of a contact of which only the label may be known."""
        known = self._contacts.get(contact)
        return clean_line(label) if known is None else shown(known)

    def find_number(self, contact: int) -> ContactAnswer | None:
        """Return the contact of a number."""
        return self._contacts.get(contact)

    def called(self, named: str) -> str:
        """Return the name of whom a person named in a command."""
        found = self.find(named)
        return clean_line(named) if found is None else shown(found)

    def is_request(self, contact: int) -> bool:
        """Say whether somebody waits apart."""
        known = self._contacts.get(contact)
        return known is not None and known.is_request

    def requests(self) -> list[ContactAnswer]:
        """Return who waits apart."""
        return [each for each in self._contacts.values() if each.is_request and not each.is_blocked]

    def find(self, named: str) -> ContactAnswer | None:
        """Return the contact of a label, a number or the beginning of a key, as the node does."""
        named = unicodedata.normalize("NFC", named.strip())
        everybody = list(self._contacts.values())
        for contact in everybody:
            if named == contact.label:
                return contact
        for contact in everybody:
            if named == str(contact.id):
                return contact
        if len(named) >= KEY_DIGITS_SHOWN:
            found = [each for each in everybody if each.key.startswith(named.lower())]
            if found:
                return found[0] if len(found) == 1 else None
        for contact in everybody:
            if named.casefold() == contact.label.casefold():
                return contact
        return None
