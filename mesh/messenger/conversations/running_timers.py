"""Timers that run: when what was sealed or read here is over, whatever is done to clocks.

Implements `docs/protocol/entries.md`, section "Disappearing". What began to run in this run of the
node ends by the steady clock alone. When a timer ends stands in the vault in expiry time, so that
it goes on over restarts, and moves along when the clock is set.
"""

from mesh.ids import Instant, Monotonic, UnixSeconds
from mesh.limits.messages import TIMERS_IN_MEMORY_MAX
from mesh.limits.timekeeping import CLOCK_JUMP_SECONDS, STEADY_MS
from mesh.messenger.sessions.lapsing import CLOCK_MARK
from mesh.storage.vault.rows import EntryRow
from mesh.storage.vault.vault import Vault


class RunningTimers:
    """The ends of timers by the steady clock, and the same in the vault by expiry time."""

    def __init__(self, vault: Vault) -> None:
        self._rows = vault.timers
        self._marks = vault
        self._ends: dict[int, Monotonic] = {}
        # Of what began before this run: when it is over even if nothing passed while it was off.
        self._at_latest: dict[int, Monotonic] = {}
        self._started = Monotonic(0)
        # Expiry time less the steady clock, when it was last set.
        self._ahead_s: int | None = None
        # So much of what the clock says counts as the time for which the node was off.
        self._off_s = 0

    def start(self, row: EntryRow, now: Instant) -> None:
        """The time of one runs since now."""
        self._rows.start(row.number, UnixSeconds(now.expiry + row.timer))
        if len(self._ends) < TIMERS_IN_MEMORY_MAX:
            self._ends[row.number] = now.after(row.timer * 1_000)

    def next_end(self) -> Monotonic | None:
        """Return when the next one is over by the steady clock."""
        ends = (*self._ends.values(), *self._at_latest.values())
        return min(ends, default=None)

    def take_over(self, now: Instant) -> list[int]:
        """Return those that are over by the steady clock, once."""
        over = []
        for ends in (self._ends, self._at_latest):
            for number, end in list(ends.items()):
                if end <= now.monotonic:
                    del ends[number]
                    over.append(number)
        return over

    def is_over(self, number: int, now: Instant) -> bool:
        """Say whether one that is due by expiry time is over. One of this run is not before the
        steady clock says so; its end is written down anew.
        """
        if number in self._ends:
            self._write(number, now)
            return False
        self._at_latest.pop(number, None)
        return True

    def follow_clock(self, now: Instant) -> None:
        """Let the ends in the vault move along if expiry time was set."""
        ahead_s = now.expiry - now.monotonic // 1_000_000
        if self._ahead_s is None:
            self._ahead_s = ahead_s
            self._begin(now)
            return
        moved_s = ahead_s - self._ahead_s
        if abs(moved_s) <= CLOCK_JUMP_SECONDS:
            return
        self._ahead_s = ahead_s
        # Soon after a start it may be the first to say how long the node was off.
        is_begun = now.monotonic - self._started >= STEADY_MS * 1_000
        self._move(moved_s, now, is_off=moved_s > 0 and not is_begun)
        for number in self._ends:
            self._write(number, now)

    def _begin(self, now: Instant) -> None:
        """Take over what ran before this run. Nobody knows yet what the clock says is true, so it
        is over when the node has been on for as long as was left; what was over already, after
        its whole time, unless the clock is steady before.
        """
        self._started = now.monotonic
        seen = self._marks.mark(CLOCK_MARK) or now.expiry
        for number, timer, end in self._rows.running(TIMERS_IN_MEMORY_MAX):
            left_s = end - seen if 0 < end - seen < timer else timer
            self._at_latest[number] = now.after(left_s * 1_000)
        moved_s = now.expiry - seen
        if moved_s < -CLOCK_JUMP_SECONDS or moved_s > 0:
            self._move(moved_s, now, is_off=moved_s > 0)

    def _move(self, moved_s: int, now: Instant, *, is_off: bool) -> None:
        if is_off:
            self._off_s += moved_s
            moved_s = 0
        elif moved_s < 0:
            # A clock that is set back takes back first what it said of the time off.
            false_s = min(self._off_s, -moved_s)
            self._off_s -= false_s
            moved_s += false_s
        self._rows.move(moved_s, now.expiry)

    def _write(self, number: int, now: Instant) -> None:
        left_s = -((now.monotonic - self._ends[number]) // 1_000_000)
        self._rows.start(number, UnixSeconds(now.expiry + max(left_s, 1)))
