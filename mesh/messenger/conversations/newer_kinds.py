"""Kinds of a newer version: what came when this Mesh did not know them is judged when it does.

Implements `docs/protocol/entries.md`, section "Validity". A release that knows more kinds looks
through all entries once, some at a time.
"""

from typing import Final

from mesh.content.kinds import KINDS
from mesh.ids import Instant
from mesh.limits.messages import JUDGED_AGAIN_PER_CHORE
from mesh.messenger.account import Account
from mesh.messenger.conversations.entries import Entries
from mesh.messenger.feature import Chore, Feature

_JUDGED_MARK: Final = "kinds judged"
"""How many kinds the release knew that last looked through all entries; there are only more."""


class NewerKinds:
    """Judges what could not be judged before."""

    def __init__(self, account: Account, entries: Entries) -> None:
        self._vault = account.vault
        self._changes = account.vault.changes
        self._entries = entries
        self._is_over = self._vault.mark(_JUDGED_MARK) == len(KINDS)
        self._after = 0

    def feature(self) -> Feature:
        """Return the one chore."""
        return Feature(chores=[Chore(self._judge_some)])

    def _judge_some(self, now: Instant) -> bool:
        """Go on by one step; return whether there is more to be judged."""
        if self._is_over:
            return False
        to = self._after + JUDGED_AGAIN_PER_CHORE
        for number in self._changes.unknown(self._after, to):
            self._entries.judge_again(number, now)
        self._after = to
        self._is_over = to >= self._changes.newest()
        if self._is_over:
            self._vault.set_mark(_JUDGED_MARK, len(KINDS))
        return not self._is_over
