"""Erasing: words that their author takes back, that disappear, or that a person deletes here.

Implements `docs/protocol/entries.md`, sections "Retraction" and "Disappearing". Whatever the
reason, the words of an object go with those of every change about it, and what of them waits to be
sealed. Rows with id, author and place stay: nothing of it comes back when it comes again.
"""

from mesh.events import ItemGone
from mesh.ids import Instant, Monotonic, UnixSeconds
from mesh.limits.messages import EXPIRED_PER_CHORE
from mesh.messenger.account import Account
from mesh.messenger.conversations.files import Files
from mesh.messenger.conversations.running_timers import RunningTimers
from mesh.messenger.sessions.transit import ON_ITS_WAY, Transit
from mesh.storage.vault.rows import EntryGone, EntryRow


class Erasing:
    """Lets words go, and runs the timers after which some do by themselves."""

    def __init__(self, account: Account, transit: Transit, files: Files) -> None:
        self._contents = account.vault.contents
        self._changes = account.vault.changes
        self._timers = account.vault.timers
        self._conversations = account.vault.conversations
        self._people = account.vault.contacts
        self._pending_events = account.pending_events
        self._entries = account.vault.entries
        self._transit = transit
        self.files = files
        self._running = RunningTimers(account.vault)

    def retract(self, target: EntryRow, now: Instant, *, but: int = 0) -> None:
        """Its author takes an object back: what of it is on its way is withdrawn as well.

        `but`: the entry that says so, which goes on. It has no words; in a group it is kept, to be
        handed to who lacks it.
        """
        for row in (target, *self._changes.of_object(target.conversation, target.id)):
            if row.number != but and row.is_mine and row.state in ON_ITS_WAY:
                self._transit.withdraw(row.number, now=now)
        self.files.withdraw(target.number, now)
        self._erase(target, "retracted", but=but if target.ops else 0)

    def hide(self, target: EntryRow) -> None:
        """An admin has hidden an object for long enough."""
        self._erase(target, "hidden")

    def forget(self, target: EntryRow) -> None:
        """Our person deletes an object here alone. What is on its way stays so."""
        self._erase(target, "forgotten")

    def start_timers(self, now: Instant) -> bool:
        """Let the time of what was sealed or read run; return whether there was something."""
        self._running.follow_clock(now)
        started = self._timers.to_start()
        for row in started:
            self._running.start(row, now)
            self._pending_events.item_changed(row.number)
        return bool(started)

    def shown_end(self, row: EntryRow, now: Instant) -> UnixSeconds:
        """Return when an object disappears, as a person reads it; 0: its time does not run."""
        return self._running.shown_end(row, now)

    def next_end(self, now: Instant, *, is_clock_steady: bool) -> Monotonic | None:
        """Return when the next object disappears, as far as that is known."""
        found = self._running.next_end()
        ends = [] if found is None else [found]
        if is_clock_steady and (end := self._timers.next_end()):
            ends.append(now.after(max(0, end - now.expiry) * 1_000))
        return min(ends, default=None)

    def expire_running(self, now: Instant) -> None:
        """Erase what is over by the time for which the node has been on, whatever clocks say."""
        for number in self._running.take_over(now):
            row = self._entries.find(number)
            if row is not None and not row.gone:
                self._expire(row)

    def expire(self, now: Instant) -> bool:
        """Erase what is over, by a steady clock; return whether there may be more of it."""
        self._running.follow_clock(now, is_steady=True)
        due = self._timers.due(now.expiry, EXPIRED_PER_CHORE)
        for row in due:
            if self._running.is_over(row.number, now):
                self._expire(row)
        return len(due) == EXPIRED_PER_CHORE

    def _expire(self, row: EntryRow) -> None:
        for one in (row, *self._changes.of_object(row.conversation, row.id)):
            self._never_again(one)
        self._erase(row, "expired")

    def _never_again(self, row: EntryRow) -> None:
        """It is not sealed again: what is sealed lives to its end, and what waits never is."""
        if row.is_mine and row.state in ON_ITS_WAY:
            self._transit.payloads.drop_of_message(row.number)
            if row.lapses is None:
                self._transit.settle(row.number, "expired")

    def _erase(self, target: EntryRow, gone: EntryGone, *, but: int = 0) -> None:
        if target.gone:
            return
        self.files.erase(target.number)
        self._contents.erase(target.number, target.conversation, target.id, gone, but=but)
        contact = self._conversations.conversation(target.conversation).contact
        is_apart = contact is not None and self._people.contact(contact).is_request
        if target.place and not is_apart:
            event = ItemGone(target.conversation, target.number, gone)
            self._pending_events.tell(event)
