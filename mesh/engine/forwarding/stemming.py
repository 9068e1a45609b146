"""Stems: what is passed on over one link and kept, until it spreads from here or is heard of.

Implements `docs/protocol/stems.md`. Joins the machine `mesh.replication.stems` to the store and to
what spreads. Of an envelope that is here as a stem the replicator knows nothing until it spreads:
so nothing that peers ask or compare shows it.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from mesh.engine.counters import Counters
from mesh.engine.forwarding.envelope_buffer import EnvelopeBuffer
from mesh.engine.forwarding.retirement_stems import RetirementStems
from mesh.ids import EnvelopeId, Instant, LinkId, LinkKey, Monotonic
from mesh.limits.replication import LIVE_SECONDS_MAX
from mesh.limits.stems import STEM_AUTHOR_MEAN_MS
from mesh.replication.replicator import Replicator
from mesh.replication.seen_sets import Element
from mesh.replication.stem_paths import ENVELOPES
from mesh.replication.stems import Stems, Step, longest_pause_ms
from mesh.storage.store.stem_rows import StemRow
from mesh.wire.envelope import Envelope, Header
from mesh.wire.frames import IHave, split_entries
from mesh.wire.retirement import Retirement


class _Retirements(Protocol):
    """The part of the retirements of a node that stems call."""

    def stem_spread(self, envelope_id: EnvelopeId, now: Instant) -> None: ...
    def spread_stem(self, retirement: Retirement, now: Instant) -> None: ...


class Stemming:
    """The stems of this node. `retirements` are given once they are made."""

    def __init__(
        self, stems: Stems, buffer: EnvelopeBuffer, replicator: Replicator, counters: Counters
    ) -> None:
        self.stems: Final = stems
        self.retirement_stems: Final = RetirementStems(stems, buffer)
        self.retirements: _Retirements | None = None
        self._buffer = buffer
        self._replicator = replicator
        self._counters = counters
        # What the sets will know of the envelopes.
        self._elements: dict[EnvelopeId, Element] = {}
        # A peer brought the stub of these: they stand in the sets, and their bodies do not show.
        self._bodies_hidden: dict[EnvelopeId, None] = {}

    def __contains__(self, envelope: EnvelopeId) -> bool:
        """Say whether an envelope is here as a stem."""
        return envelope in self._elements

    def element(self, id_: EnvelopeId) -> Element:
        """Return what the sets will know of an envelope that is here as a stem."""
        return self._elements[id_]

    def is_body_hidden(self, id_: EnvelopeId) -> bool:
        """Say whether peers are given no more than the stub of an envelope, though its body is
        here.
        """
        return id_ in self._bodies_hidden

    def hide_body(self, id_: EnvelopeId) -> None:
        """From now on peers know an envelope as a stub here, as they would without the stem.

        After a restart it is mail like any other: as a stem, it would be gone for whoever brought
        the stub.
        """
        self._bodies_hidden[id_] = None
        self._buffer.stems.end(id_)

    def load(self, now: Instant) -> None:
        """Take what is on its stem in the store, at start; `load_element` follows for each."""
        for row, posting_key in self._buffer.store.stems.all():
            if row.token:
                self.retirement_stems.load(row, posting_key, now)
                continue
            # A clock that was set meanwhile may not hold it for years.
            longest_ms = longest_pause_ms(STEM_AUTHOR_MEAN_MS)
            pause_ms = min(max(row.due_ms - now.mesh_ms, 0), longest_ms) if row.is_given else None
            self.stems.load(row.envelope, posting_key, ENVELOPES, pause_ms, now)

    def load_element(self, id_: EnvelopeId, element: Element) -> None:
        """This is known of an envelope that was loaded."""
        self._elements[id_] = element

    # --- Links --------------------------------------------------------------------------------

    def link_up(self, link: LinkId, key: LinkKey, now: Instant, *, is_able: bool) -> None:
        """A link is ready: what was made while there was none goes over it."""
        self._follow(self.stems.link_up(link, key, now, is_able=is_able), now)

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link is gone, and what was given to it takes another one. Before it is forgotten."""
        self.retirement_stems.link_down(link)
        self._follow(self.stems.link_down(link, now), now)

    # --- Envelopes ----------------------------------------------------------------------------

    def begin(self, envelope: Envelope, now: Instant) -> None:
        """An envelope was made here, and is in the buffer."""
        self._elements[envelope.id] = element_of(envelope.header)
        step = self.stems.begin(envelope.id, envelope.header.posting_key, ENVELOPES, now)
        self._take_step(envelope.id, step, (), now)

    def came(self, link: LinkId, envelope: Envelope, now: Instant) -> None:
        """A link brought an envelope as a stem, and it is in the buffer."""
        self._elements[envelope.id] = element_of(envelope.header)
        posting_key = envelope.header.posting_key
        step = self.stems.came(envelope.id, posting_key, ENVELOPES, link, now)
        self._take_step(envelope.id, step, (link,), now)

    def came_again(self, link: LinkId, id_: EnvelopeId, now: Instant) -> None:
        """The path of an envelope leads back to here."""
        step = self.stems.came_again(id_, link, now)
        self._take_step(id_, step, (link,), now)

    def announced(self, link: LinkId, frame: IHave, now: Instant) -> None:
        """A link announces: an envelope spreads, if its other end knows that it is here as a stem.

        All others are asked for the body, as by a node that has not got it.
        """
        for id_, _ in split_entries(frame.entries) if self._elements else ():
            if id_ in self._elements and self.stems.knows(id_, link):
                self.spread(id_, link, now, is_announced=True)

    def spread(
        self, id_: EnvelopeId, link: LinkId | None, now: Instant, *, is_announced: bool = False
    ) -> None:
        """An envelope has spread, as a link or a file shows: it is mail like any other."""
        self._enter_sets(id_, self.stems.take(id_), now, link=link, is_announced=is_announced)

    def evicted(self, id_: EnvelopeId) -> None:
        """There was no room for its body: it is known like any stub, and nobody is told of it."""
        self._replicator.sets.add(id_, self._elements[id_])
        self._buffer.stems.end(id_)
        self.forget([id_])

    def forget(self, ids: Iterable[EnvelopeId]) -> None:
        """These envelopes are here no longer, or not as stems."""
        for id_ in ids:
            self.stems.forget([id_])
            self._elements.pop(id_, None)
            self._bodies_hidden.pop(id_, None)

    # --- Time ---------------------------------------------------------------------------------

    def deadline(self) -> Monotonic | None:
        """Return when `tend` wants to be called."""
        return self.stems.deadline()

    def tend(self, now: Instant) -> None:
        """Let spread what was not heard of in time."""
        assert self.retirements is not None
        for item, label in self.stems.take_due(now):
            self._counters.count("stems_unheard")
            if label == ENVELOPES:
                self._enter_sets(item, self.stems.take(item, is_heard=False), now)
            else:
                self.retirements.spread_stem(self.retirement_stems.retirement(item), now)

    def _follow(self, steps: Sequence[tuple[EnvelopeId, bytes, Step]], now: Instant) -> None:
        """Let go on what waited for a link, or was given to one that ended."""
        assert self.retirements is not None
        for item, label, step in steps:
            if label == ENVELOPES:
                self._take_step(item, step, (), now)
            elif not self.retirement_stems.take_step(item, step, now):
                self.retirements.spread_stem(self.retirement_stems.retirement(item), now)

    def _take_step(
        self, id_: EnvelopeId, step: Step, came_by: Sequence[LinkId], now: Instant
    ) -> None:
        if step.next is not None:
            self._counters.count("stems_passed_on")
            outgoing = self._replicator.outgoing
            is_taken = outgoing.pass_on(step.next, id_, self._elements[id_])
            # A link that has no room for it, or is spared it, is no reason to wait.
            step = step if is_taken else step._replace(spreads=True)
        if step.spreads:
            known = self.stems.take(id_, is_heard=False) if id_ in self.stems else {}
            self._enter_sets(id_, [*known, *came_by], now)
        elif id_ not in self._bodies_hidden and (step.next is None or step.pause_ms is not None):
            is_given = step.next is not None
            due_ms = now.mesh_ms + (step.pause_ms or 0) if is_given else 0
            self._buffer.stems.put(StemRow(id_, b"", is_given=is_given, due_ms=due_ms))

    def _enter_sets(
        self,
        id_: EnvelopeId,
        passed: Iterable[LinkId],
        now: Instant,
        *,
        link: LinkId | None = None,
        is_announced: bool = False,
    ) -> None:
        """From now on an envelope is mail like any other; it went over `passed` as a stem."""
        assert self.retirements is not None
        outgoing, element = self._replicator.outgoing, self._elements.pop(id_)
        self._buffer.stems.end(id_)
        stem_links = [one for one in passed if not outgoing.call_back(one, id_)]
        if id_ in self._bodies_hidden:
            # One that is about to be retired gets no body any more.
            if self._replicator.is_body_welcome(id_):
                del self._bodies_hidden[id_]
                self._replicator.body_filled(id_, link, now)
            return
        self._replicator.accepted(
            id_,
            element,
            link,
            now,
            is_new=now.mesh - element.created <= LIVE_SECONDS_MAX,
            stem_links=stem_links,
            is_announced=is_announced,
        )
        self.retirements.stem_spread(id_, now)


def element_of(header: Header) -> Element:
    """Return what the sets know of an envelope."""
    return Element(header.created, header.size_class, header.lifetime_class)
