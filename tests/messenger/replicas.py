"""Replicas of one conversation: vaults that get the same entries, each in an order of its own."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from mesh.commands.item_commands import AskBoard, AskItems, AskPins
from mesh.commands.items import BoardAnswer, ItemAnswer, ItemsAnswer
from mesh.content.entry import Entry, EntryId, direct_scope, entry_id
from mesh.database import Connection
from mesh.ids import VerifyKey
from mesh.messenger.account import Account
from mesh.messenger.conversations.entries import Entries
from mesh.messenger.conversations.erasing import Erasing
from mesh.messenger.conversations.files import Files
from mesh.messenger.conversations.history import Ancestry, History, row_of_own
from mesh.messenger.pending_events import PendingEvents
from mesh.storage.connection import transaction
from mesh.storage.vault.vault import Vault
from tests.messenger.people import Person

LOCAL = (
    *("conversation", "received", "state", "carriers", "exported", "is_late", "clock"),
    *("missing_count", "kept_until", "posts_count", "disappears", "retraction"),
    *("unanswered_since", "is_invite_closed"),
)
"""Fields of an item that say how it is here, and not what both show."""

OF_READER = ("number", "is_mine", "is_me", "label", "heard", "received")
"""Fields anywhere in it that depend on who looks."""


@dataclass(frozen=True, slots=True)
class Said:
    """An entry and who made it."""

    author: VerifyKey
    entry: Entry

    def id(self, other: VerifyKey) -> EntryId:
        """Return its id in the conversation of its author with another one."""
        data = self.entry.encode()
        return entry_id(direct_scope(self.author, other), self.author, data)


class Replica:
    """One side of a conversation, over a copy of a vault."""

    def __init__(self, person: Person, backup: Connection, other: str) -> None:
        person.restore(backup)
        self.person, self.other = person, other
        vault = Vault(person.connection)
        account = Account(
            vault=vault,
            identity=person.wired.identity,
            parameters=person.parameters,
            entropy=person.entropy,
            kem=person.kem,
            pending_events=PendingEvents(),
        )
        self.me = account.identity.keys.verify_key
        self.history = History(vault)
        parts = person.messenger.parts
        files = Files(
            account,
            tag_index=parts.tag_index,
            transit=parts.transit,
            retirements=parts.retirements,
        )
        erasing = Erasing(account, parts.transit, files)
        self.entries = Entries(account, history=self.history, erasing=erasing)
        contact = person.messenger.parts.contacts.contact(other)
        self.conversation = vault.conversations.conversation(contact.id).number  # type: ignore[arg-type]  # a direct one bears its contact's number

    def take(self, said: Iterable[Said]) -> None:
        """Entries come, in this order; each may come again."""
        for one in said:
            self.take_bytes(one.entry.encode(), is_mine=one.author == self.me)
        while self.history.is_behind:
            with transaction(self.person.connection):
                self.history.move_down()

    def take_bytes(self, data: bytes, *, is_mine: bool = False) -> None:
        """Bytes come that are perhaps an entry; PeerError if they are none."""
        with transaction(self.person.connection):
            row = row_of_own(self.conversation, Ancestry([], 0), self.person.now)
            new = self.entries.received(data, replace(row, is_mine=is_mine, state="received"))
            if not self.history.has(self.conversation, new.row.id):
                self.entries.add(new, self.person.now)

    def check_at_hand(self) -> None:
        """Hold what is found to be open or pinned to what each item says of itself."""
        page = self.person.ask(AskItems(self.other, limit=1_000))
        board = self.person.ask(AskBoard(self.other))
        pins = self.person.ask(AskPins(self.other))
        assert isinstance(page, ItemsAnswer)
        assert isinstance(board, BoardAnswer)
        assert isinstance(pins, BoardAnswer)
        now = self.person.now.mesh
        opened = [one.number for one in page.items if not one.gone and is_open(one, now)]
        pinned = [one.number for one in page.items if one.is_pinned]
        assert [one.number for one in board.items] == opened[::-1]
        assert [one.number for one in pins.items] == pinned[::-1]

    def shown(self) -> list[object]:
        """Return what is shown of the conversation, without what is of this side alone."""
        page = self.person.ask(AskItems(self.other, limit=1_000))
        assert isinstance(page, ItemsAnswer)
        return [
            {
                name: _for_anybody(value)
                for name, value in msgspec.to_builtins(item).items()
                if name not in (*LOCAL, *OF_READER)
            }
            for item in page.items
        ]


def _for_anybody(value: object) -> object:
    """Return a value as it is for all. Whoever looks stands first among people, and has another
    label for himself.
    """
    match value:
        case dict():
            return {
                name: _for_anybody(each)
                for name, each in value.items()
                if name not in (*OF_READER, "by_label")
            }
        case list():
            found = [_for_anybody(each) for each in value]
            if found and isinstance(found[0], dict) and "answer" in found[0]:
                found.sort(key=lambda each: str(each["key"]) if isinstance(each, dict) else "")
            return found
        case _:
            return value


def is_open(item: ItemAnswer, now: int) -> bool:
    """Say whether an item stands on the board, by what is told of it."""
    if item.poll is not None:
        return not item.poll.is_closed
    if item.check_in is not None:
        return not 0 < item.check_in.until <= now
    if item.task is not None:
        return item.task.state != "done"
    return item.notice is not None and not item.notice.is_over
