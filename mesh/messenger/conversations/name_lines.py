"""The lines of names: of each member the last name that counts stands in the stream, and no other.

Implements `docs/protocol/groups.md`, section "Names". Nobody can hide a name or take it back, so
whoever may not write, or writes too much, has one line by it, however often he calls himself anew.
"""

from mesh.events import ItemGone
from mesh.messenger.account import Account
from mesh.messenger.conversations.rules import RulesBook
from mesh.storage.vault.rows import EntryRow


class NameLines:
    """Lets names stand in the stream, and leave it."""

    def __init__(self, account: Account, rules: RulesBook) -> None:
        self._rows = account.vault.member_names
        self._pending_events = account.pending_events
        self._rules = rules

    def find_last(self, row: EntryRow) -> int | None:
        """Return the entry in which the author of a name named himself last."""
        bearer = self._rules.of(row.conversation).key_of(row.author)
        last = self._rows.find(row.conversation, bearer)
        return None if last is None else last.entry

    def leave(self, row: EntryRow) -> None:
        """A name came that does not count."""
        self._rows.set_placed(row.number, is_placed=False)

    def settle(self, row: EntryRow, before: int | None) -> None:
        """A name came to count, or does so no more. `before`: the last one of its author till
        then. Where that is it still, nothing moves: our person may have emptied the stream.
        """
        self._rows.drop(row.conversation)
        last = self.find_last(row)
        if row.number != last and row.number != before:
            self.leave(row)
        if last == before:
            return
        if before is not None and self._rows.set_placed(before, is_placed=False):
            self._pending_events.tell(ItemGone(row.conversation, before, "forgotten"))
        if last is not None and self._rows.set_placed(last, is_placed=True):
            self._pending_events.item_changed(last)
