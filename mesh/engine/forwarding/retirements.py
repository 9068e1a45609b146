"""Retirements: from a peer's word, or our own, until they stand and the body is gone.

Joins `Retiring`, which holds them back, to the store, the links and what is known of envelopes. A
retirement is checked against the header of its envelope when both are here, and takes effect in
the batch in which it is due.
"""

from collections.abc import Sequence

from mesh.engine.counters import Counters
from mesh.engine.forwarding.envelope_buffer import EnvelopeBuffer
from mesh.engine.forwarding.stemming import Stemming
from mesh.errors import PeerError
from mesh.ids import EnvelopeId, Instant, LinkId
from mesh.replication.replicator import Replicator
from mesh.replication.retiring import Retiring
from mesh.wire.envelope import Header, Stub
from mesh.wire.frames import Retired, StemRetired
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
        stemming: Stemming,
    ) -> None:
        self._buffer = buffer
        self._stemming = stemming
        self._retiring = retiring
        self._counters = counters
        self._replicator = replicator

    def __len__(self) -> int:
        """Retirements that everybody may know."""
        return len(self._retiring)

    def stands_for(self, envelope_id: EnvelopeId) -> bool:
        """Say whether everybody may know that an envelope is retired."""
        return self._retiring.is_retired(envelope_id)

    def load(self) -> None:
        """Take those of the store at start, once their envelopes are known."""
        for retirement in self._buffer.store.retirements():
            self._retiring.add(retirement)
            envelope = self._replicator.sets.element(retirement.envelope)
            element = envelope._replace(size_class=RETIREMENT_SIZE_CLASS)
            self._replicator.sets.add(retirement.element, element)

    def came(self, link: LinkId, frame: Retired, now: Instant) -> None:
        """A peer told of retirements; PeerError if one is forged."""
        retirements = self._new_ones(split_retirements(frame.entries), now)
        headers = self._told_headers(retirements)
        for retirement in retirements:
            header = headers.get(retirement.envelope)
            if header is not None:
                self._take(link, retirement, header, now)
            else:
                self._keep_orphan(link, retirement, now)

    def stem_came(self, link: LinkId, frame: StemRetired, now: Instant) -> None:
        """A peer passed retirements on that do not spread yet; PeerError if one is forged."""
        retirements = self._new_ones(split_retirements(frame.entries), now)
        headers = self._told_headers(retirements)
        for retirement in retirements:
            header = headers.get(retirement.envelope)
            if header is None:
                # Nobody can say whose path it is to take: who gave it has it in the end.
                self._keep_orphan(link, retirement, now)
            elif not is_token_of(header, retirement.token):
                self._counters.count("retirements_forged")
                raise PeerError("forged retirement")
            elif not self._retiring.is_known(
                retirement.element
            ) and not self._stemming.retirement_stems.came(link, retirement, header, now):
                self.spread_stem(retirement, now)

    def stand_waiting(self, now: Instant) -> None:
        """Let stand what waits for a link: it is to go by hand."""
        for retirement in self._stemming.retirement_stems.waiting():
            if self._is_here(retirement.envelope):
                self._stand(retirement, now)
            else:
                self._stemming.retirement_stems.stands(retirement)

    def spread_stem(self, retirement: Retirement, now: Instant) -> None:
        """The stem of a true one ends here: it stands when others are told."""
        if not self._is_here(retirement.envelope):
            self._stemming.retirement_stems.stands(retirement)
            return
        self._stemming.retirement_stems.heard(retirement.element)
        is_known = self._retiring.is_known(retirement.element)
        if not is_known and not self._retiring.hold(retirement, now, is_delayed=False):
            self._stand(retirement, now)

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
            elif self._retiring.is_known(retirement.element):
                continue
            elif self._stemming.stems.is_waiting(
                retirement.envelope
            ) or not self._stemming.retirement_stems.begin(retirement, header, now):
                # What was taken back before anybody had it never leaves.
                self._stand(retirement, now)

    def envelope_came(self, envelope_id: EnvelopeId, header: Header, now: Instant) -> None:
        """Judge those that came before their envelope. Whoever told a false one may be gone."""
        for retirement in self._retiring.take_orphans(envelope_id):
            if not is_token_of(header, retirement.token):
                self._counters.count("retirements_void")
                self._replicator.forget([retirement.element])
            elif self._retiring.is_known(retirement.element):
                continue
            elif self._retiring.hold(retirement, now):
                self._stemming.retirement_stems.heard(retirement.element)
                self._replicator.body_unwelcome(envelope_id, now)
            else:
                self._counters.count("retirements_dropped")
                self._replicator.forget([retirement.element])

    def stem_spread(self, envelope_id: EnvelopeId, now: Instant) -> None:
        """The same, where it was here as a stem until now: its header is read if any came."""
        if self._retiring.has_orphans_of(envelope_id):
            self.envelope_came(envelope_id, self._buffer.headers([envelope_id])[envelope_id], now)

    def forget_envelope(self, envelope_id: EnvelopeId) -> None:
        """An envelope goes wholly, and its retirements with it."""
        self._stemming.forget([envelope_id])
        self._stemming.retirement_stems.forget_envelope(envelope_id)
        self._replicator.forget([envelope_id, *self._retiring.forget(envelope_id)])

    def tend(self, now: Instant) -> None:
        """Let those take effect that were held back for long enough."""
        for retirement in self._retiring.take_due(now):
            if self._is_here(retirement.envelope):
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
        self._stemming.retirement_stems.heard(element)
        self._replicator.held_back(element, link, now)
        self._replicator.body_unwelcome(retirement.envelope, now)

    def _keep_orphan(self, link: LinkId, retirement: Retirement, now: Instant) -> None:
        """It cannot be checked before its envelope is here."""
        self._counters.count("retirements_orphaned")
        self._replicator.held_back(retirement.element, link, now)
        self._replicator.forget(self._retiring.orphaned(retirement))

    def _stand(self, retirement: Retirement, now: Instant) -> None:
        """From now on everybody may know it, and there is no body here any more."""
        envelope_id = retirement.envelope
        self._stemming.retirement_stems.stands(retirement)
        if envelope_id in self._stemming:
            self._stemming.spread(envelope_id, None, now)
        self._stemming.forget([envelope_id])
        if self._retiring.find_envelope(retirement.element) is not None:
            return
        self._retiring.add(retirement)
        self._buffer.retire(retirement)
        self._replicator.body_unwelcome(envelope_id, now)
        self._replicator.outgoing.body_gone(envelope_id)
        envelope = self._replicator.sets.element(envelope_id)
        element = envelope._replace(size_class=RETIREMENT_SIZE_CLASS)
        self._replicator.retired(retirement.element, element, now)

    def _new_ones(self, told: Sequence[Retirement], now: Instant) -> list[Retirement]:
        """Those that are to be judged: for a known one no header is read."""
        new: list[Retirement] = []
        for retirement in told:
            is_here = retirement.envelope in self._replicator.sets
            if is_here and self._retiring.is_known(retirement.element):
                self._replicator.settled(retirement.element, now)
            else:
                new.append(retirement)
        return new

    def _told_headers(self, retirements: Sequence[Retirement]) -> dict[EnvelopeId, Header]:
        """The headers by which a peer's word is judged: none of a stem, or it could ask for it."""
        sets = self._replicator.sets
        return self._headers([one.envelope for one in retirements if one.envelope in sets])

    def _headers(self, ids: Sequence[EnvelopeId]) -> dict[EnvelopeId, Header]:
        """The headers of those of the given envelopes that are known."""
        known = [id_ for id_ in ids if self._is_here(id_)]
        return self._buffer.headers(known) if known else {}

    def _is_here(self, envelope_id: EnvelopeId) -> bool:
        return envelope_id in self._replicator.sets or envelope_id in self._stemming
