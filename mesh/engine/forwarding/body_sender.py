"""The frames for a link that has room: announcements, bodies, and what there is in their place.

Which ids, and in which order, is decided in `mesh/replication`; here they are read from the store.
"""

from collections.abc import Callable
from typing import Final

from mesh.engine.counters import Counters
from mesh.engine.forwarding.envelope_buffer import EnvelopeBuffer
from mesh.engine.forwarding.given_bodies import GivenBodies
from mesh.ids import EnvelopeId, LinkId
from mesh.limits.replication import SEND_BODIES_PER_BATCH_BYTES_MAX
from mesh.replication.fair_queue import ANY_FLOW, Flow
from mesh.replication.outgoing import Outgoing
from mesh.replication.retiring import Retiring
from mesh.wire.frames import Frame, Push, Retired, Stem, Stubs, encode_frame
from mesh.wire.retirement import Retirement, join_retirements

_BODIES_PER_READ: Final = 16


class BodySender:
    """Reads what peers are given."""

    def __init__(
        self,
        buffer: EnvelopeBuffer,
        retiring: Retiring,
        given: GivenBodies,
        is_body_hidden: Callable[[EnvelopeId], bool],
        counters: Counters,
    ) -> None:
        """`is_body_hidden`: whether peers are given the stub of an envelope, body or not."""
        self._buffer = buffer
        self._is_body_hidden = is_body_hidden
        self._given = given
        self._retiring = retiring
        self._counters = counters

    def frames(self, outgoing: Outgoing, link: LinkId, room_bytes: int) -> list[Frame]:
        """The next bodies and announcements of a link, as many as it has room for in one batch."""
        room_bytes = min(room_bytes, SEND_BODIES_PER_BATCH_BYTES_MAX)
        frames: list[Frame] = []
        while room_bytes > 0 and outgoing.has_more(link):
            announcement = outgoing.take_announcement(link)
            if announcement is not None:
                frames.append(announcement)
                room_bytes -= len(announcement.entries)
            ids = outgoing.take_bodies(link, _BODIES_PER_READ)
            stems = [id_ for id_ in ids if outgoing.take_stem(link, id_)]
            # A retirement has no body to look for.
            found = self._buffer.bodies(
                [
                    id_
                    for id_ in ids
                    if self._retiring.find_envelope(id_) is None
                    and (id_ in stems or not self._is_body_hidden(id_))
                ]
            )
            for id_, body in found.items():
                frames.append(Stem(body) if id_ in stems else Push(body))
                room_bytes -= len(body)
            self._given.gave(link, found)
            self._counters.count("bodies_sent", len(found))
            bodiless = [id_ for id_ in ids if id_ not in found and id_ not in stems]
            instead = self._without_bodies(outgoing, link, bodiless)
            frames += instead
            room_bytes -= sum(len(encode_frame(frame)) for frame in instead)
        return frames

    def _without_bodies(
        self, outgoing: Outgoing, link: LinkId, ids: list[EnvelopeId]
    ) -> list[Frame]:
        """Return what there is to give in place of bodies: stubs with their tokens, or
        retirements.
        """
        if not ids:
            return []
        elements = {id_: self._retiring.find_envelope(id_) for id_ in ids}
        retired = [envelope for envelope in elements.values() if envelope is not None]
        wanted = [id_ for id_ in ids if elements[id_] is None]
        tokens: dict[EnvelopeId, list[bytes]] = {}
        told: list[Retirement] = []
        for retirement in self._buffer.store.retirements_of([*wanted, *retired]):
            tokens.setdefault(retirement.envelope, []).append(retirement.token)
            if retirement.element in elements:
                told.append(retirement)
        stubs = self._buffer.store.stubs(wanted)
        entries = [(stubs[id_], b"".join(tokens.get(id_, ()))) for id_ in wanted if id_ in stubs]
        answered = {*stubs, *(retirement.element for retirement in told)}
        for id_ in ids:
            if id_ not in answered:
                outgoing.body_missing(link, id_)
        frames: list[Frame] = []
        if entries:
            frames.append(Stubs(entries))
        if told:
            frames.append(Retired(join_retirements(told)))
        return frames

    def flow_of(self, id_: EnvelopeId) -> Flow:
        """Return what a body is fair to when it leaves."""
        place = self._buffer.eviction.place_of(id_)
        if place is None or self._is_body_hidden(id_):
            return ANY_FLOW
        _, peer, posting_key = place
        return Flow(peer, posting_key)
