"""The debts of one peer: what it was asked for, and how long that is waited for.

Implements `docs/protocol/spreading.md`, section "Asking". By the deadline a peer must bring a
body that it was asked for, or all that it owes is asked of others. Asking for more does not move
it: who withholds would be given time by every question.
"""

from dataclasses import dataclass
from itertools import takewhile

from mesh.ids import EnvelopeId, Instant, Monotonic
from mesh.limits.replication import (
    ASKED_IN_VAIN_MS,
    WANT_TIMEOUT_MS,
    WANTS_PER_LINK_BYTES_MAX,
    WANTS_PER_LINK_MAX,
)
from mesh.replication.throughput import Throughput


@dataclass(frozen=True, slots=True)
class _Request:
    """A body that is owed."""

    size_bytes: int
    asked_at: Monotonic


class Requests:
    """The requests to one peer. `broken_count`: how often it broke its word, of late."""

    def __init__(self, round_trip_ms: int) -> None:
        self.throughput = Throughput(round_trip_ms)
        self.broken_count = 0
        self.deadline: Monotonic | None = None
        self._owed: dict[EnvelopeId, _Request] = {}
        self._owed_bytes = 0
        # What it need not give any more, or did not give in time, and since when.
        self._asked_lately: dict[EnvelopeId, Monotonic] = {}

    def __len__(self) -> int:
        return len(self._owed)

    def __contains__(self, id_: EnvelopeId) -> bool:
        return id_ in self._owed

    def ids(self) -> list[EnvelopeId]:
        """All that is owed, in the order in which it was asked for."""
        return list(self._owed)

    def was_asked(self, id_: EnvelopeId) -> bool:
        """Say whether the peer was asked for this, also if it came from elsewhere meanwhile."""
        return id_ in self._owed or id_ in self._asked_lately

    def was_asked_in_vain(self, id_: EnvelopeId, now: Instant) -> bool:
        """Say whether the peer need not give this any more for a while already."""
        late = now.monotonic - ASKED_IN_VAIN_MS * 1000
        return self._asked_lately.get(id_, late) < late

    @property
    def patience(self) -> tuple[int, int]:
        """Return who is asked first: those that keep their word, and of them those that answer
        soon.
        """
        return self.broken_count, self.throughput.round_trip_ms

    def has_room_for(self, size_bytes: int) -> bool:
        """Say whether the peer may be asked for another body of this size."""
        owed_bytes = self._owed_bytes + size_bytes
        return len(self._owed) < WANTS_PER_LINK_MAX and owed_bytes <= WANTS_PER_LINK_BYTES_MAX

    def ask(self, id_: EnvelopeId, size_bytes: int, now: Instant) -> None:
        """The peer is asked."""
        if not self._owed:
            self.throughput.asked(now)
            self.deadline = now.after(WANT_TIMEOUT_MS)
        self._owed[id_] = _Request(size_bytes, now.monotonic)
        self._owed_bytes += size_bytes

    def brought(self, id_: EnvelopeId, now: Instant) -> bool:
        """The peer brought a body; False if it was not asked for it.

        Only what was asked for buys patience for the rest: who withholds one body must not hold on
        to it by pushing others.
        """
        request = self._owed.get(id_)
        if request is None:
            return False
        self.throughput.brought(request.size_bytes, now)
        self.broken_count = max(self.broken_count - 1, 0)
        self.deadline = now.after(WANT_TIMEOUT_MS)
        return True

    def settle(self, id_: EnvelopeId, now: Instant) -> None:
        """The peer need not give this any more."""
        request = self._owed.pop(id_, None)
        if request is None:
            return
        self._owed_bytes -= request.size_bytes
        self._asked_lately.setdefault(id_, now.monotonic)
        if len(self._asked_lately) > WANTS_PER_LINK_MAX:
            del self._asked_lately[next(iter(self._asked_lately))]
        if not self._owed:
            self.deadline = None
            return
        # The oldest that it owes now may have been asked for later, and has its time.
        oldest = next(iter(self._owed.values()))
        ends = Monotonic(oldest.asked_at + WANT_TIMEOUT_MS * 1000)
        self.deadline = max(self.deadline or ends, ends)

    def is_silent(self, now: Instant) -> bool:
        """Say whether the peer has brought nothing by its deadline."""
        return self.deadline is not None and now.monotonic >= self.deadline

    def overdue(self, now: Instant) -> list[EnvelopeId]:
        """Return what has been owed for long, though the peer may bring the rest."""
        latest = now.monotonic - WANT_TIMEOUT_MS * 1000
        owed = self._owed.items()
        return [id_ for id_, _ in takewhile(lambda one: one[1].asked_at <= latest, owed)]
