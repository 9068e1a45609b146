"""The frames for a link that has room: announcements, bodies, and what there is in their place.

Which ids, and in which order, is decided in `mesh/replication`; here they are read from the store.
"""

from typing import Final

from mesh.engine.counters import Counters
from mesh.engine.forwarding.envelope_buffer import EnvelopeBuffer
from mesh.ids import EnvelopeId, LinkId
from mesh.limits.replication import SEND_BODIES_PER_BATCH_BYTES_MAX
from mesh.replication.fair_queue import ANY_FLOW, Flow, Group
from mesh.replication.outgoing import Outgoing
from mesh.replication.retiring import Retiring
from mesh.trust.distance import Depth
from mesh.wire.frames import Frame, Push, Retired, Stubs, encode_frame
from mesh.wire.retirement import Retirement, join_retirements

_BODIES_PER_READ: Final = 16

_GROUP_OF: Final = {
    Depth.OWN: Group.NEAR,
    Depth.CONTACT: Group.NEAR,
    Depth.VOUCHED: Group.FRIENDS,
    Depth.FAR: Group.FRIENDS,
    Depth.STRANGER: Group.STRANGERS,
}


class BodySender:
    """Reads what peers are given."""

    def __init__(self, buffer: EnvelopeBuffer, retiring: Retiring, counters: Counters) -> None:
        self._buffer = buffer
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
            # A retirement has no body to look for.
            found = self._buffer.bodies(
                [id_ for id_ in ids if self._retiring.find_envelope(id_) is None]
            )
            for body in found.values():
                frames.append(Push(body))
                room_bytes -= len(body)
            self._counters.count("bodies_sent", len(found))
            instead = self._without_bodies(outgoing, link, [id_ for id_ in ids if id_ not in found])
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
        """Return what a body is fair to when it leaves; what we wrote leaves like our contacts'
        mail.
        """
        place = self._buffer.eviction.place_of(id_)
        if place is None:
            return ANY_FLOW
        depth, peer, posting_key = place
        return Flow(_GROUP_OF[depth], peer, posting_key)
