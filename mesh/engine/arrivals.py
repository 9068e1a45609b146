"""Mail of ours on its way from the store to our person: what is opened when, and in which order.

What a batch stores is opened in the next one, when the answers to peers have left: so they leave
at the same time whose ever a body is. What came while the vault was closed is looked for in the
store, a piece in each batch; what comes as backlog waits for the rest of it (`held_back.py`).
"""

from collections.abc import Sequence
from functools import partial

from mesh.engine.forwarding.forwarder import Forwarder
from mesh.engine.held_back import HeldBack, Sealed
from mesh.ids import EnvelopeId, Instant, Monotonic, Tag, earliest
from mesh.limits.engine import ARRIVALS_PER_BATCH
from mesh.messenger.messenger import Messenger
from mesh.wire.envelope import Envelope


class Arrivals:
    """The mail that is to be opened while a vault is open.

    A crash repeats it: the vault's read mark stays below what waits.
    """

    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder = forwarder
        self.is_behind = False
        """Whether the store is still looked through for what came while the vault was closed."""
        # Stored in the batch before: which of it came as backlog, and up to which arrival.
        self._new: dict[EnvelopeId, Envelope] = {}
        self._backlog: dict[EnvelopeId, None] = {}
        self._stored_to = forwarder.buffer.last_arrival
        self._held_back = HeldBack()
        # So far the store was looked through since the vault was opened.
        self._looked_to = 0
        # Whether it was in this batch: what is new in it was seen there.
        self._has_looked = False

    def is_untried(self, envelope_id: EnvelopeId) -> bool:
        """Say whether an envelope may not have been tried yet."""
        return self.is_behind or envelope_id in self._new

    def is_waiting(self, envelope_id: EnvelopeId) -> bool:
        """Say whether an envelope waits for its order."""
        return envelope_id in self._held_back

    def unlocked(self, messenger: Messenger, now: Instant) -> None:
        """The vault is open: look for what came meanwhile."""
        self.is_behind = True
        # A mark beyond all that the store has given is that of a store which is no more.
        is_of_store = messenger.read_mark <= self._forwarder.buffer.last_arrival
        self._looked_to = messenger.read_mark if is_of_store else 0
        for envelope in self._forwarder.buffer.apart.all():
            self._hold_back(messenger, envelope.id, envelope.header.tag, now)

    def locked(self) -> None:
        """The vault is closed: the store has all of it, or it is apart."""
        self._held_back.clear()
        self._new, self._backlog = {}, {}

    def stored(self, messenger: Messenger | None, added: Sequence[Envelope]) -> None:
        """The store has committed these: they are for the next batch."""
        backlog = self._forwarder.intake.take_backlog()
        apart = self._forwarder.buffer.apart.take_new()
        self._stored_to = self._forwarder.buffer.last_arrival
        if messenger is None:
            return
        for envelope in apart if self._has_looked else (*added, *apart):
            if envelope.header.tag in messenger.parts.tag_index:
                self._new[envelope.id] = envelope
                if envelope.id in backlog:
                    self._backlog[envelope.id] = None

    def deadline(self) -> Monotonic | None:
        """Return when something is to be opened, or looked for."""
        if self.is_behind or self._new:
            return Monotonic(0)
        return earliest((self._held_back.deadline(),))

    def take_live(self, messenger: Messenger, now: Instant) -> list[Envelope]:
        """Return what of the new is opened in this batch; let wait what comes as backlog.

        What comes live waits only behind backlog of the same author.
        """
        live: list[Envelope] = []
        apart = self._forwarder.buffer.apart
        self._has_looked = self.is_behind
        for envelope in self._new.values():
            tag = envelope.header.tag
            if self.is_behind:
                # It stands in the store behind what came while the vault was closed, or apart.
                if envelope.id in apart:
                    self._hold_back(messenger, envelope.id, tag, now)
                continue
            author = messenger.find_author(tag)
            if envelope.id in self._backlog or self._held_back.has_of(author):
                self._held_back.add(Sealed(envelope.id, tag, author), now)
            else:
                live.append(envelope)
        self._new, self._backlog = {}, {}
        return live

    def is_order_known(self, now: Instant) -> bool:
        """Say whether the backlog is here as far as it is waited for."""
        is_more_owed = (
            bool(self._held_back) and self._forwarder.replicator.want_list.is_backlog_owed
        )
        return self._held_back.tend(now, is_more_owed=is_more_owed)

    def open_due(self, messenger: Messenger, live: Sequence[Envelope], now: Instant) -> None:
        """Open what came now, and what waited for its order; all of it is told together."""
        apart, tag_index = self._forwarder.buffer.apart, messenger.parts.tag_index
        if self.is_behind:
            self._look_for_more(messenger, now)
        self._open(messenger, live, now)
        if self.is_order_known(now):
            ids = self._held_back.take(ARRIVALS_PER_BATCH, partial(self._rank, messenger))
            found = apart.sealed(ids)
            self._open(messenger, [found[id_] for id_ in ids if id_ in found], now)
        while tags := tag_index.take_wanted():
            self._open(messenger, apart.sealed_under(tags), now)
        messenger.add_opened(now)
        if not self._held_back:
            messenger.set_read_mark(self._looked_to if self.is_behind else self._stored_to)

    def _open(self, messenger: Messenger, sealed: Sequence[Envelope], now: Instant) -> None:
        if not sealed:
            return
        messenger.open_arrived(sealed, now=now)
        for envelope in sealed:
            if not messenger.parts.sessions.tags.is_awaiting(envelope.header.tag):
                self._forwarder.buffer.apart.drop(envelope.id)

    def _look_for_more(self, messenger: Messenger, now: Instant) -> None:
        """Look through what came while the vault was closed, a piece in each batch."""
        if self._held_back.is_full:
            return
        rows = self._forwarder.store.scans.arrived_tags(self._looked_to, ARRIVALS_PER_BATCH)
        for row in rows:
            self._hold_back(messenger, row.id, row.tag, now)
        self.is_behind = bool(rows)
        self._looked_to = rows[-1].arrival if rows else self._looked_to
        if not self.is_behind:
            self._held_back.all_came(now)

    def _hold_back(
        self, messenger: Messenger, envelope_id: EnvelopeId, tag: Tag, now: Instant
    ) -> None:
        if tag in messenger.parts.tag_index:
            self._held_back.add(Sealed(envelope_id, tag, messenger.find_author(tag)), now)

    def _rank(self, messenger: Messenger, envelope_id: EnvelopeId, tag: Tag) -> tuple[int, ...]:
        """By when it says that it was made, which is rounded, then as its author sealed it."""
        place = messenger.parts.tag_index.find(tag)
        is_here = envelope_id in self._forwarder.replicator.sets
        is_here |= envelope_id in self._forwarder.stemming
        created = self._forwarder.created_of(envelope_id) if is_here else 0
        return created, 0 if place is None else place[1]
