"""Objects at hand in a conversation, those that stand open and those that are pinned, kept up."""

from typing import Final

from mesh.content.check_in import CheckIn
from mesh.content.kinds import Content, Field
from mesh.content.notice import Notice
from mesh.content.poll import Close, Poll, clock_of
from mesh.content.retraction import Hide
from mesh.content.settings import Pin
from mesh.content.task import Change, State, Task
from mesh.content.task import Field as TaskField
from mesh.ids import Instant
from mesh.limits.messages import JUDGED_AGAIN_PER_CHORE
from mesh.messenger.account import Account
from mesh.messenger.conversations.kept_entries import KeptEntries
from mesh.messenger.feature import Chore, Feature
from mesh.storage.vault.at_hand import NEVER, AtHandRow
from mesh.storage.vault.rows import EntryRow

_CLOSED: Final = 0


class AtHand:
    """Notes of each object how it stands whenever that may have changed."""

    def __init__(self, account: Account, *, kept: KeptEntries) -> None:
        self._rows = account.vault.at_hand
        self._registers = account.vault.registers
        self._kept = kept

    def feature(self) -> Feature:
        """See once how what was here before stands."""
        return Feature(chores=[Chore(self._see_some)])

    def see(self, row: EntryRow) -> None:
        """Note how an object stands now."""
        is_shown = row.place and not row.gone and self._kept.find_hidden(row) is None
        ends = self._ends(row) if is_shown else _CLOSED
        is_pinned = bool(is_shown) and self._kept.is_pinned(row)
        self._rows.put(AtHandRow(row.number, row.conversation, ends, is_pinned))

    def _ends(self, row: EntryRow) -> int:
        """Return the clock until which an object is open."""
        match content := self._kept.content(row):
            case Poll():
                ends = self._registers.find_ends(row.number)
                return NEVER if ends is None else ends
            case CheckIn() | Notice():
                return clock_of(content.until) if content.until else NEVER
            case Task():
                return _CLOSED if self._is_done(row) else NEVER
            case _:
                return _CLOSED

    def _is_done(self, task: EntryRow) -> bool:
        field = bytes([TaskField.STATE])
        shown = self._kept.find_shown(task.conversation, task.id, Field.TASK, field)
        return (
            shown is not None
            and isinstance(change := shown.value, Change)
            and change.read() is State.DONE
        )

    def _see_some(self, now: Instant) -> bool:
        """Go on by one step; return whether there is more to be seen."""
        rows = self._rows.unseen(JUDGED_AGAIN_PER_CHORE)
        for row in rows:
            self.see(row)
        return bool(rows)


def moves(content: Content) -> bool:
    """Say whether a change may let its object be open, over, or pinned."""
    if isinstance(content, Change):
        return content.field is TaskField.STATE
    return isinstance(content, Pin | Hide | Close)
