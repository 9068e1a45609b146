"""The rules of a conversation: who is in it, what each may, and what ids of its entries bind.

Two people may all that there is, and so may who talks to themselves. What members of a group may is
said by its operations (`group_rules.py`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from mesh.content.entry import OperationId, Scope, direct_scope
from mesh.content.kinds import Place
from mesh.group.rights import Deed, Standing
from mesh.ids import ConversationId, Instant, VerifyKey
from mesh.messenger.account import Account
from mesh.messenger.conversations.group_rules import GroupRules
from mesh.storage.vault.rows import EntryRow


class Rules(Protocol):
    """The rules of one conversation."""

    @property
    def place(self) -> Place:
        """The kind of conversation, which says what may be said in it."""

    @property
    def scope(self) -> Scope:
        """The scope that ids of its entries bind."""

    def key_of(self, author: int) -> VerifyKey:
        """Return the key of an author."""

    def people(self, ops: Sequence[OperationId] = ()) -> list[VerifyKey]:
        """Return who is in it, oneself first; with `ops` who was, at operations that are here."""

    def waits_for(self, row: EntryRow, now: Instant) -> bytes | None:
        """Return what an entry has to wait for before its rights can be judged."""

    def standing(self, row: EntryRow, deed: Deed | None, *, is_twin: bool) -> Standing:
        """Say whether an entry counts that waits for nothing. *Invalid* and its contrary are final.

        `deed`: None of a kind of a newer version. `is_twin`: its author used its number twice.
        """


@dataclass(frozen=True, slots=True)
class RulesOfTwo:
    """The rules of two, or of one: nobody stands above anybody, and there are no operations."""

    place: Place
    keys: tuple[VerifyKey, ...]
    """Oneself, and the other side if there is one: by their numbers as authors."""

    scope: Scope
    """The same for both."""

    def key_of(self, author: int) -> VerifyKey:
        """Return the key of an author."""
        return self.keys[author]

    def people(self, ops: Sequence[OperationId] = ()) -> list[VerifyKey]:
        """Return both, oneself first."""
        return list(self.keys)

    def waits_for(self, row: EntryRow, now: Instant) -> bytes | None:
        """Wait for nothing."""
        return None

    def standing(self, row: EntryRow, deed: Deed | None, *, is_twin: bool) -> Standing:
        """Both may everything; who names operations where there are no members breaks a bound."""
        return "invalid" if row.ops else "counts"


class RulesBook:
    """The rules of all conversations of this profile."""

    def __init__(self, account: Account) -> None:
        self._vault = account.vault
        self._conversations = account.vault.conversations
        self._people = account.vault.contacts
        self._me = account.identity.keys.verify_key
        # Of conversations without members, in one piece of work: each is asked for a dozen times.
        self._of_two: dict[ConversationId, RulesOfTwo] = {}
        self._work = 0
        self.of_group: Callable[[ConversationId], GroupRules] = _no_group
        """The rules of a group whose beginning is here; LookupError of another one."""

        self.name_until_then: Callable[[ConversationId], str] = lambda _: ""
        """The name that an invite gave to a group whose beginning is not here."""

    def of(self, conversation: ConversationId) -> Rules:
        """Return the rules of a conversation."""
        return self._find_of_two(conversation) or self.of_group(conversation)

    def is_of_two(self, conversation: ConversationId) -> bool:
        """Say whether a conversation is one with a contact."""
        rules = self._find_of_two(conversation)
        return rules is not None and rules.place is Place.DIRECT

    def find_group(self, conversation: ConversationId) -> GroupRules | None:
        """Return the rules of a group, if a conversation is one and its beginning is here."""
        if self._find_of_two(conversation) is not None:
            return None
        try:
            return self.of_group(conversation)
        except LookupError:
            return None

    def title(self, conversation: ConversationId) -> str:
        """Return the name of a group."""
        group = self.find_group(conversation)
        return self.name_until_then(conversation) if group is None else group.name

    def _find_of_two(self, conversation: ConversationId) -> RulesOfTwo | None:
        """Return the rules of a conversation that is no group."""
        if self._work != self._vault.work:
            self._work = self._vault.work
            self._of_two.clear()
        rules = self._of_two.get(conversation)
        if rules is not None:
            return rules
        row = self._conversations.conversation(conversation)
        if row.kind == "group":
            return None
        place = Place.NOTE_TO_SELF
        keys: tuple[VerifyKey, ...] = (self._me,)
        if row.contact is not None:
            place, keys = Place.DIRECT, (self._me, self._people.contact(row.contact).verify_key)
        rules = RulesOfTwo(place, keys, direct_scope(self._me, keys[-1]))
        self._of_two[conversation] = rules
        return rules


def _no_group(conversation: ConversationId) -> GroupRules:
    raise LookupError(f"no rules of group {conversation}")
