"""The people of a conversation: who wrote what, and what each is called here."""

from collections.abc import Sequence

from mesh.commands.items import PersonAnswer
from mesh.commands.messages import AuthorAnswer
from mesh.content.entry import OperationId
from mesh.ids import ConversationId, UnixSeconds, VerifyKey
from mesh.limits.api import PEOPLE_NAMED_MAX
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import KEY_PREFIX_DIGITS_MIN, Contacts
from mesh.messenger.conversations.rules import RulesBook
from mesh.storage.vault.rows import OURSELVES, EntryRow


class Labels:
    """Names people by their keys."""

    def __init__(self, account: Account, contacts: Contacts, rules: RulesBook) -> None:
        self._people = account.vault.contacts
        self._conversations = account.vault.conversations
        self._exchanges = account.vault.exchanges
        self._members = account.vault.group_people
        self._identity = account.identity
        self._contacts = contacts
        self._rules = rules

    def author(self, row: EntryRow) -> AuthorAnswer:
        """Return who wrote an entry."""
        key = self._rules.of(row.conversation).key_of(row.author)
        label = self._identity.name if row.is_mine else self.label(row.conversation, key)
        mark = "" if row.is_mine else self.mark(row.conversation, key)
        return AuthorAnswer(key=key.hex(), label=label, mark=mark, is_mine=row.is_mine)

    def members(
        self, conversation: ConversationId, ops: Sequence[OperationId] = ()
    ) -> list[VerifyKey]:
        """Return who is in a conversation, oneself first; with `ops` who was, at these."""
        return self._rules.of(conversation).people(ops)

    def me(self, conversation: ConversationId) -> VerifyKey:
        """Return our own key in a conversation."""
        return self._rules.of(conversation).key_of(OURSELVES)

    def is_me(self, conversation: ConversationId, key: bytes) -> bool:
        """Say whether a key is our own in a conversation."""
        return key == self.me(conversation)

    def few(self, conversation: ConversationId, keys: Sequence[VerifyKey]) -> list[VerifyKey]:
        """Return the first of these, as many as an item names; oneself is left out for no other."""
        first = list(keys[:PEOPLE_NAMED_MAX])
        me = self.me(conversation)
        if me not in first and me in keys:
            first[-1] = me
        return first

    def named(self, conversation: ConversationId, keys: Sequence[VerifyKey]) -> list[str]:
        """Return what a few of these are called."""
        return [self.label(conversation, key) for key in self.few(conversation, keys)]

    def heard(self, conversation: ConversationId) -> dict[VerifyKey, UnixSeconds]:
        """Return when something of each of the others was last opened here, where that is known."""
        if self._rules.find_group(conversation) is not None:
            return {row.member: row.heard for row in self._members.members(conversation)}
        contact = self._conversations.conversation(conversation).contact
        if contact is None:
            return {}
        heard = UnixSeconds(self._exchanges.exchange(contact).heard)
        return {VerifyKey(self._people.contact(contact).verify_key): heard}

    def find(self, conversation: ConversationId, key: bytes) -> str | None:
        """Return what somebody is called who is in the conversation, or was in the group; None: the
        key is of nobody there.
        """
        if self.is_me(conversation, key):
            return self._identity.name
        group = self._rules.find_group(conversation)
        if group is not None:
            return group.find_name(VerifyKey(key))
        contact = self._conversations.conversation(conversation).contact
        if contact is None or self._people.contact(contact).verify_key != key:
            return None
        return self._contacts.label(contact)

    def mark(self, conversation: ConversationId, key: bytes) -> str:
        """Return the digits that are shown beside somebody's name, where they could be taken for
        another; else nothing.
        """
        group = self._rules.find_group(conversation)
        return "" if group is None else group.mark(VerifyKey(key))

    def person(self, conversation: ConversationId, key: bytes) -> PersonAnswer:
        """Return what is told of somebody who is named."""
        return PersonAnswer(
            key=key.hex(),
            label=self.label(conversation, key),
            mark=self.mark(conversation, key),
            is_me=self.is_me(conversation, key),
        )

    def label(self, conversation: ConversationId, key: bytes) -> str:
        """Return what somebody is called, or the beginning of their key."""
        return self.find(conversation, key) or key.hex()[:KEY_PREFIX_DIGITS_MIN]
