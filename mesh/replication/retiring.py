"""The retired envelopes, and the retirements that a node keeps to itself for a while.

Implements `docs/protocol/spreading.md`, section "Retirements". A live machine beside `Replicator`:
it knows ids of envelopes and of retirements (elements), and no links. That a token is true was
checked before it comes here.

Theory of operation. A retirement that a peer told is held back for a time of chance. Until
then this node behaves as if it had not heard of it; only it does not ask for it again. Times end
together, every few seconds: what was held back enters the store in one transaction, is announced
by one frame to each peer, and asked for by one. What is
held back is in memory alone: after a crash it is told again. A retirement that came before its
envelope cannot be checked yet: it is kept until the envelope is here, and told to nobody.
"""

from collections.abc import Iterable
from heapq import heappop, heappush

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.ids import EnvelopeId, Instant, Monotonic
from mesh.limits.retirements import (
    ORPHANED_RETIREMENTS_MAX,
    RETIREMENTS_GATHERED_MS,
    RETIREMENTS_PENDING_MAX,
)
from mesh.wire.retirement import RETIREMENTS_PER_ENVELOPE_MAX, Retirement


def gathered_after(pause_ms: int, pause_ms_max: int, now: Instant) -> Monotonic:
    """The end of a pause, put off to the next instant at which this node tells of retirements."""
    # Who sets the longest pause to nothing wants nothing to wait.
    gathered_us = max(min(RETIREMENTS_GATHERED_MS, pause_ms_max) * 1000, 1)
    due_us = now.after(pause_ms)
    return Monotonic(-(-due_us // gathered_us) * gathered_us)


class Retiring:
    """The retirements of one node."""

    def __init__(self, *, delay_ms_max: int, entropy: Entropy) -> None:
        self.delay_ms_max = delay_ms_max
        self._entropy = entropy
        self._envelopes: dict[EnvelopeId, EnvelopeId] = {}
        self._elements: dict[EnvelopeId, tuple[EnvelopeId, ...]] = {}
        self._held: dict[EnvelopeId, Retirement] = {}
        # Due times; the number keeps those of one instant in order. What left `_held` otherwise
        # is passed over.
        self._queue: list[tuple[Monotonic, int, EnvelopeId]] = []
        self._queued_count = 0
        # Of envelopes that are not here, with the oldest first; there may be false ones among them.
        self._orphans: dict[EnvelopeId, tuple[Retirement, ...]] = {}

    def __len__(self) -> int:
        return len(self._envelopes)

    def load(self, known: Iterable[Retirement]) -> None:
        """Take the retirements of the store at start."""
        for retirement in known:
            self.add(retirement)

    def is_known(self, element: EnvelopeId) -> bool:
        """Say whether a retirement need not be asked for."""
        return element in self._envelopes or element in self._held

    def is_retired(self, envelope: EnvelopeId) -> bool:
        """Say whether an envelope has lost its body to a retirement."""
        return envelope in self._elements

    def find_envelope(self, element: EnvelopeId) -> EnvelopeId | None:
        """Return whose retirement an element is, if it is one that others may know."""
        return self._envelopes.get(element)

    def elements_of(self, envelope: EnvelopeId) -> tuple[EnvelopeId, ...]:
        """The elements of an envelope's retirements."""
        return self._elements.get(envelope, ())

    def add(self, retirement: Retirement) -> None:
        """From now on everybody may know it."""
        element = retirement.element
        self._held.pop(element, None)
        if element not in self._envelopes:
            elements = (*self._elements.get(retirement.envelope, ()), element)
            assert len(elements) <= RETIREMENTS_PER_ENVELOPE_MAX, "a header has two hashes"
            self._envelopes[element] = retirement.envelope
            self._elements[retirement.envelope] = elements

    def forget(self, envelope: EnvelopeId) -> tuple[EnvelopeId, ...]:
        """An envelope is gone, and with it these elements."""
        elements = self._elements.pop(envelope, ())
        for element in elements:
            del self._envelopes[element]
        return elements

    def hold(self, retirement: Retirement, now: Instant, *, is_delayed: bool = True) -> bool:
        """Keep a retirement back for a while; False if there is no room for more of them.

        One that `is_delayed` no more waits only for the next instant at which others are told.
        """
        if len(self._held) >= RETIREMENTS_PENDING_MAX:
            return False
        pause_ms = uniform_below(self._entropy, self.delay_ms_max + 1) if is_delayed else 0
        due = gathered_after(pause_ms, self.delay_ms_max, now)
        element = retirement.element
        self._held[element] = retirement
        heappush(self._queue, (due, self._queued_count, element))
        self._queued_count += 1
        return True

    def take_due(self, now: Instant) -> list[Retirement]:
        """Return what was held back for long enough."""
        due: list[Retirement] = []
        while self._queue and self._queue[0][0] <= now.monotonic:
            retirement = self._held.pop(heappop(self._queue)[2], None)
            if retirement is not None:
                due.append(retirement)
        return due

    def deadline(self) -> Monotonic | None:
        """Return when `take_due` has something to give."""
        return self._queue[0][0] if self._queue else None

    def orphaned(self, retirement: Retirement) -> list[EnvelopeId]:
        """A retirement came before its envelope: keep it; the elements that made room for it."""
        known = self._orphans.pop(retirement.envelope, ())
        kept = (*(one for one in known if one != retirement), retirement)
        dropped = kept[:-RETIREMENTS_PER_ENVELOPE_MAX]
        self._orphans[retirement.envelope] = kept[-RETIREMENTS_PER_ENVELOPE_MAX:]
        if len(self._orphans) > ORPHANED_RETIREMENTS_MAX:
            dropped += self._orphans.pop(next(iter(self._orphans)))
        return [one.element for one in dropped]

    def has_orphans_of(self, envelope: EnvelopeId) -> bool:
        """Say whether any came before their envelope."""
        return envelope in self._orphans

    def take_orphans(self, envelope: EnvelopeId) -> tuple[Retirement, ...]:
        """The envelope is here: these can be checked."""
        return self._orphans.pop(envelope, ()) if self._orphans else ()
