"""Entries that were opened in one transaction, until all of them enter the history.

They are numbered together, each behind those that it answers to, and told after all of them are
here: what came shuffled has no gaps, and programs get it in the order in which it was written.
"""

from heapq import heapify, heappop, heappush

from mesh.ids import ConversationId, Instant, MessageId
from mesh.messenger.account import Account
from mesh.messenger.conversations.entries import Entries
from mesh.messenger.conversations.history import History, split_parents
from mesh.messenger.conversations.judging import NewEntry
from mesh.messenger.conversations.message_pages import MessagePages
from mesh.storage.vault.rows import EntryRow

_Key = tuple[ConversationId, MessageId]


class OpenedMessages:
    """The entries of this transaction that were opened and are not in the history yet."""

    def __init__(
        self, account: Account, *, history: History, entries: Entries, message_pages: MessagePages
    ) -> None:
        self._people = account.vault.contacts
        self._conversations = account.vault.conversations
        self._rows = account.vault.entries
        self._pending_events = account.pending_events
        self._history = history
        self.entries = entries
        self._message_pages = message_pages
        self._opened: list[NewEntry] = []
        self._opened_keys: set[_Key] = set()

    def note(self, new: NewEntry) -> None:
        """An entry was opened, perhaps not for the first time."""
        self._opened.append(new)
        self._opened_keys.add((new.row.conversation, new.row.id))

    def has(self, new: NewEntry) -> bool:
        """Say whether an entry is here already, or was opened in this transaction."""
        key = new.row.conversation, new.row.id
        return key in self._opened_keys or self._history.has(*key)

    def add_all(self, now: Instant) -> None:
        """Add what is new to the history, in causal order, then tell it."""
        opened, self._opened, self._opened_keys = self._opened, [], set()
        stirred_count = self.entries.stirred_count
        added = [
            self.entries.add(new, now)
            for new in in_causal_order(opened)
            if not self._history.has(new.row.conversation, new.row.id)
        ]
        # Those that came behind one may have moved it, or be about it.
        is_stirred = len(added) > 1 and self.entries.stirred_count != stirred_count
        for row in added:
            self._tell_received(self._rows.message(row.number) if is_stirred else row)

    def _tell_received(self, row: EntryRow) -> None:
        contact = self._conversations.conversation(row.conversation).contact
        if contact is not None and self._people.contact(contact).is_request:
            # They wait apart: that their count has risen is all that is told.
            self._pending_events.contact_changed(contact)
        elif row.place:
            # Of changes their items are told.
            self._message_pages.tell_added(row)


def in_causal_order(entries: list[NewEntry]) -> list[NewEntry]:
    """Return each of these once, behind its parents among them; else by their clocks."""
    by_key: dict[_Key, NewEntry] = {(one.row.conversation, one.row.id): one for one in entries}
    children: dict[_Key, list[_Key]] = {}
    parents_count = dict.fromkeys(by_key, 0)
    for key, new in by_key.items():
        for parent in dict.fromkeys(split_parents(new.row.parents)):
            if (new.row.conversation, parent) in by_key:
                children.setdefault((new.row.conversation, parent), []).append(key)
                parents_count[key] += 1
    ready = [(by_key[key].row.clock, key) for key, count in parents_count.items() if count == 0]
    heapify(ready)
    ordered: list[NewEntry] = []
    while ready:
        _, key = heappop(ready)
        ordered.append(by_key[key])
        for child in children.get(key, []):
            parents_count[child] -= 1
            if parents_count[child] == 0:
                heappush(ready, (by_key[child].row.clock, child))
    return ordered
