"""Timers that run: when what was sealed or read here is over, whatever is done to clocks.

Implements `docs/protocol/entries.md`, section "Disappearing". What began to run in this run of the
node ends by the steady clock alone. When a timer ends stands in the vault, so that it goes on over
restarts, by a time of its own: that is expiry time once the clock is steady, and until then it goes
on from where it was last, as if the node had not been off. The vault keeps which began meanwhile:
for these the time off does not count, in whichever run it becomes known. A clock that is set back
while the node runs is in doubt until it is steady again: it may be right at the next start.
"""

from mesh.ids import Instant, Monotonic, UnixSeconds
from mesh.limits.messages import TIMERS_IN_MEMORY_MAX, TIMERS_NOTED_SECONDS
from mesh.limits.timekeeping import CLOCK_JUMP_SECONDS
from mesh.messenger.sessions.lapsing import CLOCK_MARK
from mesh.storage.vault.rows import EntryRow
from mesh.storage.vault.vault import Vault

_TIME_MARK = "time of timers"
"""Under this name the vault keeps how late it was when that was last noted."""


class RunningTimers:
    """The ends of timers by the steady clock, and the same in the vault by the time of timers."""

    def __init__(self, vault: Vault) -> None:
        self._rows = vault.timers
        self._marks = vault
        self._ends: dict[int, Monotonic] = {}
        # Of what began before this run: when it is over even if nothing passed while it was off.
        self._at_latest: dict[int, Monotonic] = {}
        # The time of timers less the steady clock, as it was last set; None until it was asked for.
        self._ahead_s: int | None = None
        self._is_believed = False
        self._noted = UnixSeconds(0)
        # So much of what the clock says counts as the time for which the node was off; None until
        # the clock was steady in this run.
        self._off_s: int | None = None

    def start(self, row: EntryRow, now: Instant) -> None:
        """The time of one runs since now."""
        end = UnixSeconds(self._time(now) + row.timer)
        self._rows.start(row.number, end, is_early=not self._is_believed)
        self._note(now)
        if len(self._ends) < TIMERS_IN_MEMORY_MAX:
            self._ends[row.number] = now.after(row.timer * 1_000)

    def next_end(self) -> Monotonic | None:
        """Return when the next one is over by the steady clock; sooner where it is to be noted
        before how late it is: of a run that ends before its clock is steady only that counts.
        """
        ends = [*self._ends.values(), *self._at_latest.values()]
        if ends and not self._is_believed and self._ahead_s is not None:
            note_s = self._noted + TIMERS_NOTED_SECONDS - self._ahead_s
            ends.append(Monotonic(note_s * 1_000_000))
        return min(ends, default=None)

    def shown_end(self, row: EntryRow, now: Instant) -> UnixSeconds:
        """Return when one is over, as a person reads it. Before the clock is steady the vault has
        that by a time that may be long ago; 0: its time does not run.
        """
        if not row.disappears or self._ahead_s is None:
            return row.disappears
        return UnixSeconds(row.disappears + now.expiry - self._time(now))

    def take_over(self, now: Instant) -> list[int]:
        """Return those that are over by the steady clock, once. A chore: none is done while the
        disk is full, so it is here that is noted how late it is.
        """
        self._note(now)
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

    def follow_clock(self, now: Instant, *, is_steady: bool = False) -> None:
        """Let the ends in the vault move along if expiry time was set; to be told once it is
        steady, since nobody knows before then what it says is true.
        """
        ahead_s = now.expiry - now.monotonic // 1_000_000
        if self._ahead_s is None:
            self._begin(now)
        assert self._ahead_s is not None
        moved_s = ahead_s - self._ahead_s
        if self._is_believed:
            if moved_s < -CLOCK_JUMP_SECONDS and not is_steady:
                self._doubt(moved_s, now)
            elif abs(moved_s) > CLOCK_JUMP_SECONDS:
                self._move(moved_s, now)
        elif is_steady:
            self._is_believed = True
            off_s = 0
            if self._off_s is None:
                # That it is later than the node knows of is the time for which it was off.
                off_s = self._off_s = max(0, moved_s)
                self._ahead_s += off_s
            # What began before it was known, here or in a run of before, is older by none of that.
            self._rows.settle(off_s)
            self._move(moved_s - off_s, now)

    def _begin(self, now: Instant) -> None:
        """Take over what ran before this run. It is over when the node has been on for as long as
        was left; what was over already, after its whole time, unless the clock is steady before.
        """
        # Nothing is written: a vault opens on a disk that is full.
        self._noted = UnixSeconds(self._marks.mark(_TIME_MARK))
        seen = self._noted or self._marks.mark(CLOCK_MARK) or now.expiry
        self._ahead_s = seen - now.monotonic // 1_000_000
        for number, timer, end in self._rows.running(TIMERS_IN_MEMORY_MAX):
            left_s = end - seen if 0 < end - seen < timer else timer
            self._at_latest[number] = now.after(left_s * 1_000)

    def _doubt(self, moved_s: int, now: Instant) -> None:
        """The clock was set back, and nobody knows yet whether that is right. If the ends went back
        with it now, and it is right again at the next start, that would be taken for a time off. It
        takes back at once what it said of the time off: by that things go later.
        """
        assert self._off_s is not None
        self._is_believed = False
        self._move(max(moved_s, -self._off_s), now)

    def _move(self, moved_s: int, now: Instant) -> None:
        """The clock is elsewhere, and no time has passed by that."""
        assert self._ahead_s is not None
        assert self._off_s is not None
        self._ahead_s += moved_s
        # A clock that is set back takes back first what it said of the time off.
        false_s = min(self._off_s, max(0, -moved_s))
        self._off_s -= false_s
        # A clock in doubt may have been right: then more of the time off came before these began.
        is_early = moved_s < 0 and not self._is_believed
        self._rows.move(moved_s + false_s, self._time(now), is_early=is_early)
        for number in self._ends:
            self._write(number, now, is_early=is_early)
        self._note(now)

    def _time(self, now: Instant) -> UnixSeconds:
        if self._is_believed:
            return now.expiry
        assert self._ahead_s is not None
        return UnixSeconds(now.monotonic // 1_000_000 + self._ahead_s)

    def _note(self, now: Instant) -> None:
        """Write down how late it is, unless that was done lately."""
        time = self._time(now)
        if not 0 <= time - self._noted < TIMERS_NOTED_SECONDS:
            self._noted = time
            self._marks.set_mark(_TIME_MARK, time)

    def _write(self, number: int, now: Instant, *, is_early: bool = False) -> None:
        left_s = -((now.monotonic - self._ends[number]) // 1_000_000)
        end = UnixSeconds(self._time(now) + max(left_s, 1))
        self._rows.start(number, end, is_early=is_early)
