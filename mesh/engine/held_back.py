"""Envelopes of ours that came as backlog, still sealed, until the rest of it is here.

After a cut, mail comes in no order that means anything: opened as it comes, it would be numbered
and told shuffled, each message with gaps above it that close a moment later. So it waits here while
a backlog comes in, and is opened together. Only ids are kept, and nothing of it survives a crash:
the vault's read mark stays below what waits, and the store is read from there.
"""

from collections.abc import Callable
from dataclasses import dataclass

from mesh.ids import ContactId, EnvelopeId, Instant, Monotonic, Tag
from mesh.limits.engine import BACKLOG_QUIET_MS, BACKLOG_WAIT_MS_MAX, HELD_BACK_MAX

Rank = Callable[[EnvelopeId, Tag], tuple[int, ...]]
"""The moment at which an envelope was made, as far as its outside tells: the lowest comes first."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """An envelope that waits, and whose it is; None if its author is not known before."""

    id: EnvelopeId
    tag: Tag
    author: ContactId | None


class HeldBack:
    """The envelopes that wait. Once they are due, all are taken, at most so many a batch."""

    def __init__(self) -> None:
        self._waiting: dict[EnvelopeId, Sealed] = {}
        self._quiet_at = Monotonic(0)
        self._ends_at = Monotonic(0)
        self._is_due = False

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, envelope_id: EnvelopeId) -> bool:
        return envelope_id in self._waiting

    @property
    def is_full(self) -> bool:
        """Say whether no more may wait."""
        return len(self._waiting) >= HELD_BACK_MAX

    def has_of(self, author: ContactId | None) -> bool:
        """Say whether something by an author waits; what they wrote since must not overtake it."""
        return author is not None and any(
            sealed.author == author for sealed in self._waiting.values()
        )

    def add(self, sealed: Sealed, now: Instant) -> None:
        """Let an envelope wait, at least for a little while: more may follow."""
        if not self._waiting:
            self._ends_at = now.after(BACKLOG_WAIT_MS_MAX)
        self._waiting[sealed.id] = sealed
        self._quiet_at = max(self._quiet_at, now.after(BACKLOG_QUIET_MS))

    def all_came(self, now: Instant) -> None:
        """All that came while the vault was closed is here: it waits only for what links owe."""
        self._quiet_at = now.monotonic

    def tend(self, now: Instant, *, is_more_owed: bool) -> bool:
        """Say whether what waits is to be opened now. `is_more_owed`: links owe backlog."""
        if not self._waiting:
            self._is_due = False
            return False
        if is_more_owed:
            self._quiet_at = max(self._quiet_at, now.after(BACKLOG_QUIET_MS))
        # Once begun it goes on to the end.
        self._is_due |= self.is_full or now.monotonic >= min(self._quiet_at, self._ends_at)
        return self._is_due

    def deadline(self) -> Monotonic | None:
        """Return when `tend` wants to be called."""
        if not self._waiting:
            return None
        return Monotonic(0) if self._is_due else min(self._quiet_at, self._ends_at)

    def take(self, count_max: int, rank: Rank) -> list[EnvelopeId]:
        """Take those that were made first."""
        ranked = sorted(self._waiting.values(), key=lambda one: (*rank(one.id, one.tag), one.id))
        taken = [sealed.id for sealed in ranked[:count_max]]
        for envelope_id in taken:
            del self._waiting[envelope_id]
        return taken

    def clear(self) -> None:
        """The vault is closed; the store has all of it."""
        self._waiting.clear()
        self._is_due = False
