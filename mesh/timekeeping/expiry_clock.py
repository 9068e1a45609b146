"""Expiry time: the clock by which things lapse here and are erased.

Implements `docs/protocol/posting.md`, section "Expiry time". What is made here bears mesh time,
which the neighbours may move to any year: mail that bears a wrong time is sealed again, and nothing
is lost. What is erased is lost; so no witness alone may bring that about. There are three: the own
calendar, mesh time, and the *past*, which is the last time at which a majority of neighbours and
the own calendar agreed (or a contact wrote something that was opened here, as far as the calendar
says so too), carried on by the steady clock. Expiry time is the middle one of them. The past never
runs ahead, so neighbours can hold expiry time back as far as the past and move it on no further
than the own calendar; and a calendar that is wrong moves it no further than neighbours say.

A calendar before the release, or so far beyond the last steady reading that nobody would have been
away for so long, is no witness: then the past alone counts.

Nothing lapses before the clock was *steady*: on for an hour without a jump. That goes on over
restarts, as long as the calendar does too; else a node that is never on for an hour would erase
nothing. What has to be remembered is 16 bytes, written once an hour, and every five minutes until
the clock is steady.
"""

from typing import Final

from mesh.ids import Instant, Monotonic, UnixSeconds
from mesh.limits.timekeeping import (
    AWAY_SECONDS_MAX,
    EXPIRY_CLOCK_KEPT_MS,
    EXPIRY_CLOCK_KEPT_UNSTEADY_MS,
    STEADY_MS,
    STEADY_RESTART_GAP_SECONDS_MAX,
    STEADY_RESTARTED_MS,
)

RELEASED: Final = UnixSeconds(1_790_000_000)
"""A clock that is earlier than this release is certainly wrong."""

DRIFT_TOLERATED_SECONDS: Final = 60
"""A calendar that moved more against the steady clock has jumped."""

_WORD_BYTES: Final = 4


class ExpiryClock:
    """One node's time for what lapses.

    `kept`: what `take_kept` returned in an earlier run. `newest`: when the newest envelope was made
    that is here, for a node that was never steady.
    """

    def __init__(
        self,
        kept: bytes | None = None,
        released: UnixSeconds = RELEASED,
        *,
        newest: int = 0,
    ) -> None:
        past, self._steady_s, self._seen_s, self._steady_for_s = _decoded(kept, released)
        self._steady_s = self._steady_s or newest
        self._released = released
        # The past less the steady clock, once that is known.
        self._past_s = past
        self._started: Monotonic | None = None
        self._steady_from: Monotonic = Monotonic(0)
        self._newest_s = 0
        self._is_plausible = True
        self._keep_at = Monotonic(0)

    def read(self, now: Instant, mesh_now: UnixSeconds) -> UnixSeconds:
        """Return expiry time. `mesh_now`: what the mesh says that it is."""
        if self._started is None:
            self._start(now)
        past = self._past(now)
        self._is_plausible = self._released <= now.unix_seconds <= self._latest(now)
        read = sorted((now.unix_seconds, mesh_now, past))[1] if self._is_plausible else past
        if self._is_plausible and self.is_steady(now):
            self._steady_s = max(read, 1)
        self._seen_s = now.unix_seconds
        return UnixSeconds(read)

    def jumped(self, now: Instant) -> None:
        """The calendar was set, or the steady clock stood still: nothing lapses for an hour."""
        self._steady_from = self._keep_at = now.monotonic

    def agreed(self, now: Instant) -> None:
        """A majority of neighbours says what the own calendar says."""
        if now.unix_seconds >= self._released:
            self._past_s = now.unix_seconds - _steady_seconds(now)
            self._steady_s = max(self._steady_s, now.unix_seconds)

    def opened(self, created: UnixSeconds) -> None:
        """Something was opened here that a contact made in this second of their mesh time."""
        self._newest_s = max(self._newest_s, created)

    def is_steady(self, now: Instant) -> bool:
        """Say whether the calendar has gone on for an hour, over restarts, without a jump."""
        if self._started is None:
            return False
        passed_us = now.monotonic - self._steady_from
        # Neighbours need a moment after a start, to say that the calendar is wrong.
        is_settled = now.monotonic - self._started >= STEADY_RESTARTED_MS * 1000
        return is_settled and passed_us >= STEADY_MS * 1000

    def find_doubt(self, now: Instant) -> str | None:
        """Say in a sentence why the calendar is not believed; None if it is."""
        if self._is_plausible:
            return None
        if now.unix_seconds < self._released:
            return (
                "This computer's clock is earlier than this Mesh; set its date. Until then what"
                " lapses goes by the time that has passed since the clock was right."
            )
        years, days = divmod((now.unix_seconds - self._steady_s) // 86_400, 365)
        lasting = f"{years} years" if years > 1 else f"{years * 365 + days} days"
        return (
            f"This computer's clock is {lasting} later than when this node was last on. If it is"
            " wrong, set its date. Nothing lapses by it until a contact's message or most"
            " neighbours say the same."
        )

    def is_due_to_keep(self, now: Instant) -> bool:
        """Say whether `take_kept` has something."""
        return self._started is not None and now.monotonic >= self._keep_at

    def take_kept(self, now: Instant) -> bytes | None:
        """Return what is to be remembered over a restart, when it is time to write that."""
        if not self.is_due_to_keep(now):
            return None
        is_steady = now.monotonic - self._steady_from >= STEADY_MS * 1000
        pause_ms = EXPIRY_CLOCK_KEPT_MS if is_steady else EXPIRY_CLOCK_KEPT_UNSTEADY_MS
        self._keep_at = now.after(pause_ms)
        steady_for_s = min((now.monotonic - self._steady_from) // 1_000_000, STEADY_MS // 1000)
        kept = (self._past(now), self._steady_s, self._seen_s, steady_for_s)
        return b"".join(min(max(each, 0), (1 << 32) - 1).to_bytes(_WORD_BYTES) for each in kept)

    def _start(self, now: Instant) -> None:
        """Read both clocks for the first time."""
        self._started = now.monotonic
        self._past_s -= _steady_seconds(now)
        gap_s = now.unix_seconds - self._seen_s
        if not -DRIFT_TOLERATED_SECONDS <= gap_s <= STEADY_RESTART_GAP_SECONDS_MAX:
            self._steady_for_s = 0
        self._steady_from = Monotonic(now.monotonic - self._steady_for_s * 1_000_000)
        self._keep_at = now.after(EXPIRY_CLOCK_KEPT_UNSTEADY_MS)

    def _past(self, now: Instant) -> int:
        past = self._past_s + _steady_seconds(now)
        # A contact's word counts as far as the own calendar goes.
        return max(past, min(self._newest_s, now.unix_seconds))

    def _latest(self, now: Instant) -> int:
        """The latest that the own calendar may say; a node that was never steady has no bound."""
        if not self._steady_s:
            return 1 << 62
        reached = max(self._steady_s, self._past_s + _steady_seconds(now), self._newest_s)
        return reached + AWAY_SECONDS_MAX


def _steady_seconds(now: Instant) -> int:
    return now.monotonic // 1_000_000


def _decoded(kept: bytes | None, released: UnixSeconds) -> tuple[int, int, int, int]:
    """Return the past, the last steady reading, the last reading, and how long it was steady."""
    if kept is None or len(kept) != 4 * _WORD_BYTES:
        return released, 0, 0, 0
    words = [int.from_bytes(kept[at : at + _WORD_BYTES]) for at in range(0, len(kept), _WORD_BYTES)]
    return words[0], words[1], words[2], words[3]
