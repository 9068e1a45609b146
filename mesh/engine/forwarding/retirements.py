"""Retirements: from a peer's word, or our own, until they stand and the body is gone.

Joins `Retiring`, which holds them back, to the store, the links and what is known of envelopes. A
retirement is checked against the header of its envelope when both are here, and takes effect in
the batch in which it is due.
"""

from collections.abc import Sequence

from mesh.engine.counters import Counters
from mesh.engine.forwarding.envelope_buffer import EnvelopeBuffer
from mesh.errors import PeerError
from mesh.ids import EnvelopeId, Instant, LinkId
from mesh.replication.replicator import Replicator
from mesh.replication.retiring import Retiring
from mesh.wire.envelope import Header, Stub
from mesh.wire.frames import Retired
from mesh.wire.retirement import (
    RETIREMENT_SIZE_CLASS,
    Retirement,
    is_token_of,
    split_retirements,
)


class Retirements:
    """The results of a node's retirements."""

    def __init__(
        self,
        buffer: EnvelopeBuffer,
        retiring: Retiring,
        counters: Counters,
        replicator: Replicator,
    ) -> None:
        self._buffer = buffer
        self._retiring = retiring
        self._counters = counters
        self._replicator = replicator

    def __len__(self) -> int:
        """Retirements that everybody may know."""
        return len(self._retiring)

    def load(self) -> None:
        """Take those of the store at start, once their envelopes are known."""
        for retirement in self._buffer.store.retirements():
            self._retiring.add(retirement)
            envelope = self._replicator.sets.element(retirement.envelope)
            element = envelope._replace(size_class=RETIREMENT_SIZE_CLASS)
            self._replicator.sets.add(retirement.element, element)

    def came(self, link: LinkId, frame: Retired, now: Instant) -> None:
        """A peer told of retirements; PeerError if one is forged."""
        retirements = split_retirements(frame.entries)
        headers = self._headers([envelope for envelope, _ in retirements])
        for retirement in retirements:
            header = headers.get(retirement.envelope)
            if header is not None:
                self._take(link, retirement, header, now)
                continue
            self._counters.count("retirements_orphaned")
            self._replicator.held_back(retirement.element, link, now)
            self._replicator.forget(self._retiring.orphaned(retirement))

    def came_with(self, link: LinkId, stub: Stub, tokens: Sequence[bytes], now: Instant) -> None:
        """A peer gave a known stub with these tokens; PeerError if one is forged."""
        for token in tokens:
            self._take(link, Retirement(stub.id, token), stub.header, now)

    def carried(self, retirement: Retirement, now: Instant) -> bool | None:
        """A true one came by hand: hold it back like any other.

        None if it is known, False without room.
        """
        if self._retiring.is_known(retirement.element):
            return None
        if not self._retiring.hold(retirement, now):
            return False
        self._replicator.held_back(retirement.element, None, now)
        self._replicator.body_unwelcome(retirement.envelope, now)
        return True

    def ours(self, retirements: Sequence[Retirement], now: Instant) -> None:
        """Tokens of our own, which have waited enough: what they do not retire is passed over."""
        if not retirements:
            return
        headers = self._headers([envelope for envelope, _ in retirements])
        for retirement in retirements:
            header = headers.get(retirement.envelope)
            if header is None or not is_token_of(header, retirement.token):
                self._counters.count("retirements_void")
            else:
                self._stand(retirement, now)

    def envelope_came(self, envelope_id: EnvelopeId, header: Header, now: Instant) -> None:
        """Judge those that came before their envelope. Whoever told a false one may be gone."""
        for retirement in self._retiring.take_orphans(envelope_id):
            if not is_token_of(header, retirement.token):
                self._counters.count("retirements_void")
                self._replicator.forget([retirement.element])
            elif self._retiring.hold(retirement, now):
                self._replicator.body_unwelcome(envelope_id, now)
            else:
                self._counters.count("retirements_dropped")
                self._replicator.forget([retirement.element])

    def forget_envelope(self, envelope_id: EnvelopeId) -> None:
        """An envelope goes wholly, and its retirements with it."""
        self._replicator.forget([envelope_id, *self._retiring.forget(envelope_id)])

    def tend(self, now: Instant) -> None:
        """Let those take effect that were held back for long enough."""
        for retirement in self._retiring.take_due(now):
            if retirement.envelope in self._replicator.sets:
                self._stand(retirement, now)
            else:
                self._replicator.forget([retirement.element])

    def _take(self, link: LinkId, retirement: Retirement, header: Header, now: Instant) -> None:
        """A peer told of the retirement of a known envelope: hold it back for a while."""
        element = retirement.element
        if self._retiring.is_known(element):
            self._replicator.settled(element, now)
            return
        if not is_token_of(header, retirement.token):
            self._counters.count("retirements_forged")
            raise PeerError("forged retirement")
        if not self._retiring.hold(retirement, now):
            self._counters.count("retirements_dropped")
            self._replicator.settled(element, now)
            self._replicator.dropped(link)
            return
        self._replicator.held_back(element, link, now)
        self._replicator.body_unwelcome(retirement.envelope, now)

    def _stand(self, retirement: Retirement, now: Instant) -> None:
        """From now on everybody may know it, and there is no body here any more."""
        envelope_id = retirement.envelope
        if self._retiring.find_envelope(retirement.element) is not None:
            return
        self._retiring.add(retirement)
        self._buffer.retire(retirement)
        self._replicator.body_unwelcome(envelope_id, now)
        self._replicator.outgoing.body_gone(envelope_id)
        envelope = self._replicator.sets.element(envelope_id)
        element = envelope._replace(size_class=RETIREMENT_SIZE_CLASS)
        self._replicator.retired(retirement.element, element, now)

    def _headers(self, ids: Sequence[EnvelopeId]) -> dict[EnvelopeId, Header]:
        """The headers of those of the given envelopes that are known."""
        known = [id_ for id_ in ids if id_ in self._replicator.sets]
        return self._buffer.headers(known) if known else {}
