"""Mail of ours that is here, and of which peers are told that it is not.

Implements `docs/protocol/storage.md`, section "Apart". Whether a body is taken or has to go is
decided without a look at whose it is; what of it bears a tag of ours is kept here until it is
opened. It is in memory alone, as the store says of nothing that it is ours.
"""

from collections.abc import Container, Sequence
from typing import Protocol

from mesh.ids import EnvelopeId, Tag
from mesh.limits.retention import APART_BYTES_MAX
from mesh.storage.store.store import Store
from mesh.wire.envelope import Envelope, decode_envelope


class IsOurs(Protocol):
    """A test whether an envelope is for us and still to be opened. `is_new`: it was not tried."""

    def __call__(self, envelope_id: EnvelopeId, tag: Tag, *, is_new: bool) -> bool: ...


class Apart:
    """The sealed envelopes for us outside everything that peers can ask."""

    def __init__(self, store: Store, is_ours: IsOurs) -> None:
        self._store = store
        self._is_ours = is_ours
        self._kept: dict[EnvelopeId, Envelope] = {}
        self._bytes = 0
        # What came since they were last taken.
        self._new: list[Envelope] = []

    def __contains__(self, envelope_id: EnvelopeId) -> bool:
        return envelope_id in self._kept

    def refused(self, envelope: Envelope) -> None:
        """The body of a new envelope is not taken: keep it if it is ours."""
        if self._is_ours(envelope.id, envelope.header.tag, is_new=True):
            self._keep(envelope)

    def going(self, ids: Sequence[EnvelopeId], new: Container[EnvelopeId] = ()) -> None:
        """The bodies of these leave the store, for want of room: keep what of them is ours."""
        ours = [
            id_
            for id_, tag in self._store.tags(ids).items()
            if self._is_ours(id_, tag, is_new=id_ in new)
        ]
        for data in self._store.envelopes_bytes(ours).values():
            self._keep(decode_envelope(data))

    def drop(self, envelope_id: EnvelopeId) -> None:
        """It is opened, retired, or of no use."""
        envelope = self._kept.pop(envelope_id, None)
        if envelope is not None:
            self._bytes -= len(envelope.data)

    def take_new(self) -> list[Envelope]:
        """Return what was put here since the last call and is here still."""
        taken, self._new = self._new, []
        return [one for one in taken if one.id in self._kept]

    def all(self) -> list[Envelope]:
        """Return everything, the oldest first."""
        return list(self._kept.values())

    def sealed(self, ids: Sequence[EnvelopeId]) -> dict[EnvelopeId, Envelope]:
        """Return those of the given envelopes whose bodies are here or in the store."""
        stored = self._store.envelopes_bytes([id_ for id_ in ids if id_ not in self._kept])
        found = {id_: decode_envelope(data) for id_, data in stored.items()}
        return found | {id_: self._kept[id_] for id_ in ids if id_ in self._kept}

    def sealed_under(self, tags: Sequence[Tag]) -> list[Envelope]:
        """Return the envelopes under these tags whose bodies are in the store or here."""
        wanted = dict.fromkeys(tags)
        stored = [decode_envelope(data) for data in self._store.scans.by_tags(tags)]
        return [*stored, *(one for one in self._kept.values() if one.header.tag in wanted)]

    def has_sealed_under(self, tag: Tag) -> bool:
        """Say whether there is one of those."""
        is_here = any(one.header.tag == tag for one in self._kept.values())
        return is_here or self._store.scans.has_body_of(tag)

    def _keep(self, envelope: Envelope) -> None:
        """Keep what is ours; the oldest makes room."""
        if envelope.id in self._kept:
            return
        self._kept[envelope.id] = envelope
        self._bytes += len(envelope.data)
        self._new.append(envelope)
        while self._bytes > APART_BYTES_MAX:
            self.drop(next(iter(self._kept)))
