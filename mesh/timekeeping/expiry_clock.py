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
away for so long, is no witness: then the past alone counts. A contact's word may make it one again.
But that contact may have had its time from this very node, so it outweighs no neighbours: once all
who vouch, or a majority, said that it is more than a day earlier, the calendar is held against what
was known without contacts, until a neighbour vouches for it.

Nothing lapses before the clock was *steady*: on for an hour without a jump. That goes on over
restarts, as long as the calendar does too; else a node that is never on for an hour would erase
nothing. What has to be remembered is 24 bytes, written once an hour, and every five minutes until
the clock is steady.
"""

from collections.abc import Sequence
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

_KEPT: Final = 6

_KEPT_BEFORE: Final = 4
"""So many words were kept by releases that held no word of a contact against neighbours."""


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
        decoded = _decoded(kept, released)
        past, self._steady_s, self._seen_s, self._steady_for_s, self._firm_s, refuted = decoded
        self._steady_s = self._steady_s or newest
        # The last steady reading that hangs on no word of a contact.
        self._firm_s = self._firm_s or newest
        self._is_refuted = bool(refuted)
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
        own, past = now.unix_seconds, self._past_s + _steady_seconds(now)
        is_firm = self._is_within(own, self._firm_s, past)
        self._is_plausible = is_firm or (
            not self._is_refuted and self._is_within(own, self._steady_s, past, self._newest_s)
        )
        read = past
        if self._is_plausible:
            # A contact's word counts as far as the own calendar goes.
            read = sorted((own, mesh_now, max(past, min(self._newest_s, own))))[1]
            if self.is_steady(now):
                self._note_steady(own, read, sorted((own, mesh_now, past))[1], is_firm=is_firm)
        self._seen_s = now.unix_seconds
        return UnixSeconds(read)

    def _note_steady(self, own: int, read: int, without: int, *, is_firm: bool) -> None:
        """Note a steady reading. `without`: what it would be without contacts."""
        if is_firm:
            # Neighbours who hold back make it no earlier than it was.
            self._firm_s = self._steady_s = max(min(self._firm_s, own), without, 1)
        else:
            # By the day, since it is kept: when a contact wrote is nobody's affair.
            self._steady_s = -(-read // 86_400) * 86_400

    def jumped(self, now: Instant) -> None:
        """The calendar was set, or the steady clock stood still: nothing lapses for an hour."""
        self._steady_from = self._keep_at = now.monotonic

    def agreed(self, now: Instant) -> None:
        """A majority of neighbours says what the own calendar says."""
        if now.unix_seconds >= self._released:
            self._past_s = now.unix_seconds - _steady_seconds(now)
            self._steady_s = max(self._steady_s, now.unix_seconds)
            self._firm_s = max(self._firm_s, now.unix_seconds)

    def judged(self, now: Instant, *, is_refuted: bool, is_sure: bool = False) -> None:
        """Neighbours who vouch for their time say a much earlier one, or that of the calendar; so
        all of them if that `is_sure`.
        """
        if is_sure and self._is_plausible and self.is_steady(now):
            # Who never has three links would else stay for ever who was once away for too long.
            self._firm_s = max(self._firm_s, now.unix_seconds)
        if is_refuted != self._is_refuted:
            self._is_refuted = is_refuted
            # The next run may be alone with the contact whose word was refuted.
            self._keep_at = now.monotonic

    def opened(self, created: UnixSeconds) -> None:
        """Something was opened here that a contact made in this second of their mesh time."""
        self._newest_s = max(self._newest_s, created)

    def proven(self, created: UnixSeconds) -> UnixSeconds:
        """Return which time has certainly come if an envelope of this second is in the store."""
        # One that is later by more than anybody is away came in while neighbours told a wrong time.
        # Below that it may be our own clock that stood still.
        is_strange = self._firm_s and created > self._firm_s + AWAY_SECONDS_MAX
        return UnixSeconds(self._firm_s if is_strange else created)

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
        since = self._firm_s if self._is_refuted else self._steady_s
        years, days = divmod((now.unix_seconds - since) // 86_400, 365)
        lasting = f"{years} years" if years > 1 else f"{years * 365 + days} days"
        if self._is_refuted:
            return (
                f"This computer's clock is {lasting} later than when it was last sure, and"
                " neighbours say otherwise. If it is wrong, set its date. Nothing lapses by it"
                " until neighbours say the same."
            )
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
        past = self._past_s + _steady_seconds(now)
        kept = (
            past,
            self._steady_s,
            self._seen_s,
            steady_for_s,
            self._firm_s,
            int(self._is_refuted),
        )
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

    def _is_within(self, own: UnixSeconds, firm: int, *others: int) -> bool:
        """Say whether somebody may have been away for so long; without a steady reading there is
        no bound.
        """
        latest = max(firm, *others) + AWAY_SECONDS_MAX if firm else 1 << 62
        return self._released <= own <= latest


def _steady_seconds(now: Instant) -> int:
    return now.monotonic // 1_000_000


def _decoded(kept: bytes | None, released: UnixSeconds) -> Sequence[int]:
    """Return the past, the last steady reading, the last reading, how long it was steady, the last
    reading without contacts, and whether neighbours refuted the calendar.
    """
    lengths = _KEPT_BEFORE * _WORD_BYTES, _KEPT * _WORD_BYTES
    if kept is None or len(kept) not in lengths:
        return released, 0, 0, 0, 0, 0
    words = [int.from_bytes(kept[at : at + _WORD_BYTES]) for at in range(0, len(kept), _WORD_BYTES)]
    return words if len(words) == _KEPT else [*words, words[1], 0]
