"""Replicas of one group: vaults that get the same entries and operations, each in its own order."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import msgspec

from mesh.commands.item_commands import AskItems
from mesh.content.entry import Entry, EntryId, Scope, entry_id
from mesh.crypto.signing import SigningKey
from mesh.database import Connection
from mesh.group.membership import Membership
from mesh.group.operations import Operation
from mesh.ids import MessageId, VerifyKey
from mesh.messenger.account import Account
from mesh.messenger.conversations.entries import Entries
from mesh.messenger.conversations.erasing import Erasing
from mesh.messenger.conversations.files import Files
from mesh.messenger.conversations.group_entries import GroupEntries
from mesh.messenger.conversations.group_rules import GroupRules
from mesh.messenger.conversations.history import Ancestry, History, row_of_own
from mesh.messenger.conversations.item_answers import ItemAnswers
from mesh.messenger.conversations.item_people import ItemPeople
from mesh.messenger.conversations.judging import NewEntry
from mesh.messenger.conversations.member_names import MemberNames
from mesh.messenger.conversations.message_pages import MessagePages
from mesh.messenger.pending_events import PendingEvents
from mesh.storage.connection import transaction
from mesh.storage.vault.rows import EntryRow
from mesh.storage.vault.vault import Vault
from tests.messenger.people import Clock, Person
from tests.messenger.replicas import LOCAL, OF_READER


@dataclass(frozen=True, slots=True)
class SaidInGroup:
    """An entry and who made it."""

    author: VerifyKey
    entry: Entry

    def id(self, group: bytes) -> EntryId:
        """Return its id in a group."""
        return entry_id(Scope(group), self.author, self.entry.encode())


Thing = Operation | SaidInGroup
"""Whatever comes to a member."""


@cache
def _somebody() -> tuple[Person, Connection]:
    person = Person("Me", Clock())
    return person, person.backup()


class GroupReplica:
    """One member's node, as far as entries go: `key` is theirs, the first operation the *create*.

    An operation whose parents are missing waits for them, as the keeper of a group lets it.
    """

    def __init__(
        self, create: Operation, key: VerifyKey, signing: SigningKey | None = None
    ) -> None:
        person, backup = _somebody()
        person.restore(backup)
        self.person, self.me = person, key
        self.connection = person.connection
        vault = Vault(self.connection)
        parts = person.messenger.parts
        assert person.messenger.person is not None
        account = Account(
            vault=vault,
            identity=person.messenger.person.identity,
            parameters=person.parameters,
            entropy=person.entropy,
            kem=person.kem,
            pending_events=PendingEvents(),
        )
        self.vault, self.events = vault, account.pending_events
        self.history = History(vault)
        files = Files(
            account,
            tag_index=parts.tag_index,
            transit=parts.transit,
            retirements=parts.retirements,
        )
        erasing = Erasing(account, parts.transit, files)
        self.entries = Entries(account, history=self.history, erasing=erasing)
        self.answers = ItemAnswers(account, contacts=parts.contacts, entries=self.entries)
        self.answers.now = person.now
        self.pages = MessagePages(account, self.answers)
        self.item_people = ItemPeople(account, entries=self.entries, answers=self.answers)
        with transaction(self.connection):
            self.conversation = vault.conversations.add_group()
        self.rules = GroupRules(
            conversation=self.conversation,
            membership=Membership(create),
            signing=signing or SigningKey(key, b""),
            authors=vault.authors,
            names=MemberNames(vault.member_names, vault.authors),
        )
        self.entries.rules.of_group = lambda conversation: self.rules
        self.groups = GroupEntries(
            account, history=self.history, entries=self.entries, message_pages=self.pages
        )
        self._operations: list[Operation] = []

    def take(self, things: Iterable[Thing]) -> None:
        """Operations and entries come, in this order; each may come again."""
        for one in things:
            with transaction(self.connection):
                if isinstance(one, Operation):
                    self._operations.append(one)
                    self._enter_operations()
                else:
                    self._enter(one)
        while self.history.is_behind:
            with transaction(self.connection):
                self.history.move_down()

    def _enter_operations(self) -> None:
        graph = self.rules.membership.graph
        while True:
            ready = [one for one in self._operations if not graph.missing(one.parents)]
            if not ready:
                return
            self._operations = [one for one in self._operations if one not in ready]
            for one in ready:
                if one.id not in graph:
                    change = self.rules.membership.add(one)
                    self.groups.operations_came(
                        self.conversation, [one.id], change, self.person.now
                    )

    def _enter(self, said: SaidInGroup) -> None:
        is_mine = said.author == self.me
        row = msgspec.structs.replace(
            row_of_own(self.conversation, Ancestry([], 0), self.person.now),
            is_mine=is_mine,
            is_read=is_mine,
            author=self.rules.number_of(said.author),
            state="received",
        )
        self.add(self.entries.received(said.entry.encode(), row))

    def add(self, new: NewEntry) -> None:
        """An entry enters, if it is new."""
        if not self.history.has(self.conversation, new.row.id):
            self.entries.add(new, self.person.now)

    def row(self, id_: bytes) -> EntryRow:
        """The row of an entry that is here."""
        row = self.vault.entries.find_by_id(self.conversation, MessageId(id_))
        assert row is not None
        return row

    def is_marked_well(self) -> bool:
        """Say whether the last word of each author is marked in each register, and no other."""
        rows = self.connection.execute(
            "SELECT is_last, entry = (SELECT entry FROM register_values AS other WHERE "
            "(other.conversation, other.target, other.field, other.holder, other.author) = "
            "(one.conversation, one.target, one.field, one.holder, one.author) "
            "AND is_own_named = 0 ORDER BY clock DESC, id DESC LIMIT 1) FROM register_values AS one"
        ).fetchall()
        return all(row[0] == row[1] for row in rows)

    def items(self) -> list[dict[str, object]]:
        """Return what is shown of the group, as one who is in it sees it."""
        page = self.pages.items(AskItems(self.conversation, limit=1_000), self.conversation)
        return [msgspec.to_builtins(item) for item in page.items]

    def shown(self) -> list[object]:
        """Return the same without what is of this member alone."""
        return [
            {
                name: _for_anybody(value)
                for name, value in item.items()
                if name not in (*LOCAL, *OF_READER, "devices")
            }
            for item in self.items()
        ]


def _for_anybody(value: object) -> object:
    """Return a value as it is for all. Whoever looks stands first among people, and has another
    label for himself: so they are sorted by what is left, and labels go.
    """
    match value:
        case dict():
            return {
                name: _for_anybody(each)
                for name, each in value.items()
                if name not in (*OF_READER, "by_label", "who", "by")
            }
        case list():
            found = [_for_anybody(each) for each in value]
            if found and isinstance(found[0], dict) and "answer" in found[0]:
                found.sort(key=lambda each: str(each["key"]) if isinstance(each, dict) else "")
            return found
        case _:
            return value
